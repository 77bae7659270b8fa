import pytest


async def test_credit_then_balance(api, tenant: str) -> None:
    written = await api.done("POST", "/credits", {"tenant": "Acme", "amount_usd": "2.500000001", "reference": "inv 7"})
    assert written == {
        "id": written["id"],
        "kind": "credit",
        "amount_nanos": 2_500_000_001,
        "waived_nanos": 0,
        "balance_after_nanos": 12_500_000_001,
        "created_at": "2026-11-18T11:06:40.000000Z",
        "period": "2026-11-18",
        "tenant": tenant,
        "reference": "inv 7",
        "already": False,
        "credits_remaining_micros": 12_500_000,
        "credits_held_micros": 0,
        "balance_usd": "12.500000001",
        "held_usd": "0",
        "minimum_usd": "0",
    }
    assert await api.done("GET", f"/balances/{tenant}") == {
        "tenant": tenant,
        "name": "Acme",
        "credits_remaining_micros": 12_500_000,
        "credits_held_micros": 0,
        "balance_usd": "12.500000001",
        "held_usd": "0",
        "minimum_usd": "0",
    }


async def test_what_is_on_hold_does_not_remain(api, tenant: str) -> None:
    await api.hold(tenant, 3_000_000_001)
    balance = await api.done("GET", "/balances/Acme")
    assert balance["credits_remaining_micros"] == 6_999_999
    assert balance["credits_held_micros"] == 3_000_000
    assert (balance["balance_usd"], balance["held_usd"]) == ("10", "3.000000001")


async def test_amounts_may_be_numbers_and_are_read_exactly(api, tenant: str) -> None:
    response = await api.client.post(
        "/admin/v1/credits",
        data=b'{"tenant": "Acme", "amount_usd": 0.1}',
        headers={"Authorization": "Bearer the-admin-token"},
    )
    assert (await response.json())["amount_nanos"] == 100_000_000


async def test_a_negative_amount_is_an_adjustment_within_what_is_free(api, tenant: str) -> None:
    await api.hold(tenant, 4_000_000_000)
    taken = await api.done("POST", "/credits", {"tenant": tenant, "amount_usd": "-6"})
    assert (taken["kind"], taken["amount_nanos"], taken["balance_usd"]) == ("adjustment", -6_000_000_000, "4")
    status, code, message = await api.refused("POST", "/credits", {"tenant": tenant, "amount_usd": "-1"})
    assert (status, code) == (409, "balance_exhausted")
    assert message == "only 0 USD can be taken (4 USD are on hold); force it to go below"


async def test_force_goes_below_and_nothing_remains(api, tenant: str) -> None:
    await api.done("POST", "/credits", {"tenant": tenant, "amount_usd": "-15", "force": True})
    balance = await api.done("GET", f"/balances/{tenant}")
    assert (balance["credits_remaining_micros"], balance["balance_usd"]) == (0, "-5")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"amount_usd": "0"}, "amount_usd: an amount of zero"),
        ({"amount_usd": "1.0000000001"}, "amount_usd: '1.0000000001' has more than nine"),
        ({"amount_usd": "100000001"}, "amount_usd: '100000001' is beyond"),
        ({"amount_usd": "ten"}, "the body: "),
        ({"amount_usd": True}, "the body: expected `decimal`, got `bool`"),
        ({"amount_usd": "1", "reference": "a\nb"}, "reference: "),
        ({"amount_usd": "1", "reference": "x" * 201}, "reference: "),
        ({"amount": "1"}, "the body: object contains unknown field `amount`"),
    ],
)
async def test_refusals(api, tenant: str, body: dict[str, object], why: str) -> None:
    status, _, message = await api.refused("POST", "/credits", {"tenant": tenant} | body)
    assert status == 400
    assert message.startswith(why)
    assert (await api.done("GET", f"/balances/{tenant}"))["balance_usd"] == "10"


async def test_unknown_tenants(api) -> None:
    assert (await api.refused("POST", "/credits", {"tenant": "nobody", "amount_usd": "1"}))[0] == 404
    assert (await api.refused("GET", "/balances/nobody"))[0] == 404


async def test_a_reference_names_one_credit(api, tenant: str) -> None:
    body = {"tenant": tenant, "amount_usd": "5", "reference": "inv 8"}
    first = await api.done("POST", "/credits", body)
    again = await api.done("POST", "/credits", body)
    assert (again["id"], again["already"], again["balance_usd"]) == (first["id"], True, "15")
    status, code, message = await api.refused("POST", "/credits", body | {"amount_usd": "6"})
    assert (status, code) == (409, "conflict")
    assert message == (
        f"the reference 'inv 8' names {first['id']} of 5 USD, not 6; give this one a reference of its own"
    )
    other = (await api.done("POST", "/tenants", {"name": "Other"}))["id"]
    assert (await api.done("POST", "/credits", body | {"tenant": other}))["already"] is False
    for _ in range(2):
        assert (await api.done("POST", "/credits", {"tenant": tenant, "amount_usd": "1"}))["already"] is False
    assert (await api.done("GET", f"/balances/{tenant}"))["balance_usd"] == "17"
