from proxy.ledger.wallet import Wallet
from proxy.tenants.tenant import Tenant, TenantState
from proxy.web.operator.documents.tenants import tenant_account, tenant_document

TENANT = Tenant("tnt_1", "acme", TenantState.SUSPENDED, test=True)


def test_a_tenant_with_and_without_its_wallet() -> None:
    shown = tenant_document(TENANT)
    assert (shown.id, shown.state, shown.test) == ("tnt_1", "suspended", True)
    account = tenant_account(TENANT, Wallet("tnt_1", balance=2_000, held=1_000))
    assert (account.id, account.credits_remaining_micros, account.held_usd) == ("tnt_1", 1, "0.000001")
