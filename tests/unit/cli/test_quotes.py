import io
import sys

import pytest


@pytest.fixture(autouse=True)
def tenant(faregate) -> str:
    made = faregate.done("tenant", "create", "acme")["id"]
    faregate.done("credit", "acme", "10")
    return str(made)


def test_tokens(faregate, tenant: str) -> None:
    words = ("quote", "acme", "small", "--tenant", "acme", "--input-tokens", "1000", "--output-tokens", "10")
    document = faregate.done(*words)
    assert (document["cost"]["charge_nanos"], document["tenant"]) == (1_248_000, tenant)
    shown = faregate.shown(*words)
    assert "charge    0.001248 USD" in shown
    assert "granted now  0.001248 USD" in shown
    assert "20 % (global)" in shown


def test_any_unit(faregate) -> None:
    document = faregate.done("quote", "acme", "small", "--unit", "audio_seconds=0.5")
    assert document["cost"]["charge_nanos"] == 3_600_000
    assert "has no rate, so it would cost nothing" in faregate.shown("quote", "bolt", "x", "--unit", "audio_seconds=1")
    assert "is not UNIT=QUANTITY" in faregate.failed("quote", "acme", "small", "--unit", "audio_seconds", code=2)


def test_a_request_from_a_file_or_standard_input(faregate, tmp_path, monkeypatch) -> None:
    body = '{"messages": [{"role": "user", "content": "Why?"}], "max_tokens": 10}'
    (tmp_path / "request.json").write_text(body)
    words = ("quote", "acme", "small", "--endpoint", "chat", "--tenant", "acme", "--body")
    document = faregate.done(*words, "request.json")
    assert document["cost"] is None
    assert document["hold"]["granted_nanos"] == document["hold"]["most_nanos"] > 0
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO(body))
        assert faregate.done(*words, "-") == document
    assert "it would hold" in faregate.shown(*words, "request.json")


def test_what_would_be_refused(faregate) -> None:
    shown = faregate.shown("quote", "acme", "small", "--tenant", "acme", "--unit", "audio_seconds=1000000")
    assert "refusal  balance_exhausted" in shown
    (message,) = [line for line in shown.splitlines() if line.startswith("message")]
    assert message == "message  the call may cost 7200 USD, and 10 USD is available"


def test_what_is_no_question(faregate, tmp_path) -> None:
    assert "say what would be used" in faregate.failed("quote", "acme", "small")
    assert "acme has no rates for 'large'" in faregate.failed("quote", "acme", "large", "--input-tokens", "1")
    (tmp_path / "latin.json").write_bytes(b"\xff")
    assert "name a UTF-8 file" in faregate.failed("quote", "acme", "small", "--body", "latin.json")
    faregate.failed("quote", "acme", "small", "--body", "none.json", code=2)
