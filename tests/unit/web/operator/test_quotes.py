import json
from typing import Any

import pytest

ASK: dict[str, Any] = {"integration": "acme", "model": "small"}


async def test_what_tokens_would_cost(api, tenant: str) -> None:
    told = await api.done("POST", "/quote", ASK | {"input_tokens": 1001, "output_tokens": 10})
    cost = told["cost"]
    assert [(line["unit"], line["charge_nanos"]) for line in cost["lines"]] == [
        ("input_tokens", 1_201_200),
        ("output_tokens", 48_000),
    ]
    assert (cost["upstream_cost_nanos"], cost["charge_nanos"]) == (1_041_000, 1_249_200)
    assert (told["tenant"], told["rate_card"], told["margins"]) == (None, "card-1", 0)
    assert told["hold"] == {
        "endpoint": None,
        "least_nanos": 1_249_200,
        "most_nanos": 1_249_200,
        "upstream_cost_most_nanos": 1_041_000,
        "granted_nanos": None,
        "output_limit": None,
    }


async def test_a_quote_is_what_the_call_costs(api, tenant: str) -> None:
    await api.done("PUT", "/margins", {"pct": "12.345", "tenant": "Acme"})
    told = await api.done(
        "POST", "/quote", ASK | {"tenant": "Acme", "input_tokens": 1010, "usage": {"audio_seconds": "1.5"}}
    )
    call = await api.call(tenant, 1000)
    assert told["cost"]["charge_nanos"] == (await api.done("GET", f"/ledger/{call}"))["bill"]["charge_nanos"]
    assert told["hold"]["granted_nanos"] == told["hold"]["least_nanos"]
    assert told["hold"]["least_nanos"] - told["cost"]["charge_nanos"] in (0, 1), "a hold rounds up"


async def test_what_is_held_rounds_up(api) -> None:
    await api.done("PUT", "/margins", {"pct": "0.0333"})
    told = await api.done("POST", "/quote", ASK | {"input_tokens": 1})
    assert told["cost"]["exact_charge_nanos"] == "1000.333"
    assert (told["cost"]["charge_nanos"], told["hold"]["least_nanos"]) == (1000, 1001)


async def test_units_without_a_rate_are_told(api) -> None:
    told = await api.done("POST", "/quote", {"integration": "bolt", "model": "any", "usage": {"audio_seconds": 2}})
    assert told["cost"]["unpriced"] == [{"model": "any", "unit": "audio_seconds"}]
    assert told["cost"]["charge_nanos"] == 0


async def test_more_than_the_wallet_has_would_be_refused(api, tenant: str) -> None:
    told = await api.done("POST", "/quote", ASK | {"tenant": "Acme", "usage": {"audio_seconds": "10000"}})
    assert told["refusal"] == {
        "code": "balance_exhausted",
        "message": "the call may cost 72 USD, and 10 USD is available",
    }
    assert told["hold"]["granted_nanos"] is None


async def test_a_test_tenant_holds_nothing(api) -> None:
    await api.done("POST", "/tenants", {"name": "Trial", "test": True})
    told = await api.done("POST", "/quote", ASK | {"tenant": "Trial", "input_tokens": 10})
    assert (told["refusal"], told["hold"]["granted_nanos"], told["cost"]["charge_nanos"]) == (None, 0, 12_000)


async def test_a_request_and_its_quantities_together(api, tenant: str) -> None:
    body = json.dumps({"messages": [], "max_tokens": 10})
    told = await api.done(
        "POST", "/quote", ASK | {"tenant": "Acme", "endpoint": "chat", "body": body, "input_tokens": 1}
    )
    assert told["hold"]["endpoint"] == "chat"
    assert told["cost"]["charge_nanos"] == 1200
    assert told["hold"]["granted_nanos"] == told["hold"]["least_nanos"] == told["hold"]["most_nanos"] > 1200


async def test_nothing_is_held_by_a_quote(api, tenant: str) -> None:
    await api.done("POST", "/quote", ASK | {"tenant": "Acme", "endpoint": "chat", "body": '{"max_tokens": 10}'})
    assert (await api.done("GET", "/holds"))["data"] == []
    assert (await api.done("GET", "/balances/Acme"))["credits_held_micros"] == 0


@pytest.mark.parametrize(
    ("asked", "status", "message"),
    [
        ({}, 400, "say what would be used"),
        ({"integration": "nobody", "input_tokens": 1}, 400, "'nobody' has no rates"),
        ({"model": "large", "input_tokens": 1}, 404, "acme has no rates for 'large'"),
        ({"usage": {"moons": 1}}, 400, "usage: 'moons' is no unit; known are audio_seconds"),
        ({"usage": {"audio_seconds": "-1"}}, 400, "audio_seconds: -1 is not between 0 and"),
        ({"usage": {"audio_seconds": "NaN"}}, 400, "audio_seconds: NaN is not between"),
        ({"input_tokens": 1, "usage": {"input_tokens": 2}}, 400, "input_tokens is given twice"),
        ({"input_tokens": -1}, 400, "input_tokens"),
        ({"body": "{}"}, 400, "none is no metered endpoint of acme; name one of chat"),
        ({"input_tokens": 1, "tenant": "nobody"}, 404, "there is no tenant nobody"),
    ],
)
async def test_questions_that_have_no_answer(api, asked: dict[str, Any], status: int, message: str) -> None:
    found = await api.refused("POST", "/quote", ASK | asked)
    assert found[0] == status
    assert message in found[2]


async def test_what_a_cap_leaves_is_what_a_call_may_take(api, tenant: str) -> None:
    key = (await api.done("POST", "/keys", {"tenant": tenant, "app": "bot"}))["id"]
    asked = ASK | {"tenant": "Acme", "input_tokens": 1000}
    cap = {"limit_usd": "0.001", "window": "daily", "tenant": "Acme"}
    for narrowed, whose, code in (
        ({"app": "bot"}, {}, None),
        ({"app": "bot"}, {"key": key}, "spend_cap_daily"),
        ({"key": key, "window": "monthly"}, {"key": key}, "spend_cap_monthly"),
        ({"model": "small-*"}, {}, None),
        ({"model": "sm*"}, {}, "spend_cap_daily"),
    ):
        made = await api.done("PUT", "/caps", cap | narrowed)
        told = await api.done("POST", "/quote", asked | whose)
        assert (told["refusal"] and told["refusal"]["code"]) == code, narrowed
        assert told["hold"]["granted_nanos"] == (None if code else 1_200_000)
        place = "&".join(f"{n}={made[n]}" for n in ("window", "app", "key", "model") if made[n])
        await api.done("DELETE", f"/caps?tenant=Acme&{place}")
    assert told["refusal"]["message"] == (
        f"the call may cost 0.0012 USD, and the daily cap of {tenant}, model sm* of 0.001 USD leaves 0.001 USD"
    )


async def test_a_test_tenant_s_calls_are_under_caps_too(api) -> None:
    await api.done("POST", "/tenants", {"name": "Trial", "test": True})
    await api.done("PUT", "/caps", {"limit_usd": "0.01", "window": "daily", "tenant": "Trial"})
    for tokens, code in ((10, None), (10_000, "spend_cap_daily")):
        told = await api.done("POST", "/quote", ASK | {"tenant": "Trial", "input_tokens": tokens})
        assert (told["refusal"] and told["refusal"]["code"]) == code


async def test_a_key_is_its_tenant_s(api, tenant: str) -> None:
    assert (await api.refused("POST", "/quote", ASK | {"input_tokens": 1, "key": "key_1"}))[
        2
    ] == "key: name its tenant too"
    unknown = ASK | {"input_tokens": 1, "key": "key_1", "tenant": "Acme"}
    assert (await api.refused("POST", "/quote", unknown))[0] == 404
