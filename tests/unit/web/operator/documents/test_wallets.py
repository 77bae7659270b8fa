from proxy.ledger.wallet import Wallet
from proxy.tenants.tenant import Tenant
from proxy.web.operator.documents.wallets import balance_document, wallet_fields


def test_a_wallet_never_promises_more_than_there_is() -> None:
    fields = wallet_fields(Wallet("t", balance=1_999, held=0, minimum=-5))
    assert (fields["credits_remaining_micros"], fields["balance_usd"]) == (1, "0.000001999")
    assert fields["minimum_usd"] == "-0.000000005"
    assert wallet_fields(Wallet("t", balance=-1))["credits_remaining_micros"] == 0
    assert wallet_fields(Wallet("t", balance=5_000, held=9_000))["credits_remaining_micros"] == 0


def test_the_minimum_is_not_taken_off() -> None:
    document = balance_document(Tenant("t", "acme"), Wallet("t", balance=5_000, minimum=4_000))
    assert (document.tenant, document.name, document.credits_remaining_micros) == ("t", "acme", 5)
