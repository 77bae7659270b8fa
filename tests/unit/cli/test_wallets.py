import pytest


@pytest.fixture(autouse=True)
def tenant(faregate) -> str:
    return str(faregate.done("tenant", "create", "acme")["id"])


def test_credit_and_balance(faregate, live, tenant: str) -> None:
    written = faregate.done("credit", "acme", "10.000000001", "--reference", "invoice 7")
    assert (written["kind"], written["amount_nanos"], written["reference"]) == ("credit", 10_000_000_001, "invoice 7")
    live.wait(live.desk.hold(tenant, 3_000_000_000))
    balance = faregate.done("balance", tenant)
    assert balance["credits_remaining_micros"] == 7_000_000
    assert balance["credits_held_micros"] == 3_000_000
    assert balance["balance_usd"] == "10.000000001"


def test_a_negative_amount_needs_no_double_dash(faregate) -> None:
    faregate.done("credit", "acme", "10")
    assert faregate.done("credit", "acme", "-2.5")["balance_usd"] == "7.5"
    assert faregate.done("credit", "acme", "-.5", "--reference", "-x")["balance_usd"] == "7"
    assert "force it" in faregate.failed("credit", "acme", "-8")
    assert faregate.done("credit", "acme", "-8", "--force")["credits_remaining_micros"] == 0


def test_zero_and_unknown_tenants(faregate) -> None:
    assert "zero" in faregate.failed("credit", "acme", "0")
    assert faregate.failed("balance", "nobody") == "there is no tenant nobody"


def test_for_people(faregate) -> None:
    assert "balance_usd   10\n" in faregate.shown("credit", "acme", "10")
    assert faregate.shown("balance", "acme").splitlines()[1:] == [
        "name         acme",
        "balance_usd  10",
        "held_usd     0",
        "minimum_usd  0",
    ]


def test_a_reference_makes_a_credit_safe_to_repeat(faregate) -> None:
    faregate.done("credit", "acme", "10", "--reference", "inv 1")
    again = faregate.run("credit", "acme", "10", "--reference", "inv 1")
    assert again.err == "this reference was credited before; nothing was written now\n"
    assert "balance_usd   10\n" in again.out
    assert "give this one a reference of its own" in faregate.failed("credit", "acme", "11", "--reference", "inv 1")
