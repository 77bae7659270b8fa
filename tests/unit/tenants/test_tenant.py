"""A tenant begins active and real."""

from proxy.tenants.tenant import Tenant, TenantState


def test_defaults() -> None:
    tenant = Tenant("tnt_1", "acme")
    assert (tenant.state, tenant.test, tenant.created_at) == (TenantState.ACTIVE, False, 0)


def test_states_are_what_is_stored() -> None:
    assert [state.value for state in TenantState] == ["active", "suspended"]
