"""What a tenant used, summed from its ledger."""

from proxy.ledger.report import By
from proxy.store.doors import Store
from proxy.web.operator.documents.usage import UsageDocument, usage_document
from proxy.web.operator.doors import Visit
from proxy.web.operator.spans import Since, read_span

_PAGE = 1000


class UsageQuery(Since, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose usage, grouped by what."""

    tenant: str
    by: By | None = None


async def show_usage(visit: Visit, query: UsageQuery) -> UsageDocument:
    """Sum what a tenant used: its totals and, if asked, groups that add up to them. To the nano it is the ledger's."""
    doors = visit.doors
    tenant = (await doors.store.find_tenant(query.tenant)).id
    span = read_span(query, doors.clock.now())
    report = await doors.books.usage(tenant, query.by, span)
    apps = await _apps(doors.store, tenant) if query.by is By.KEY else None
    return usage_document(tenant, query.by, span, report, apps)


async def _apps(store: Store, tenant: str) -> dict[str, str]:
    """Return the app of each of a tenant's keys."""
    found: dict[str, str] = {}
    after = ""
    while keys := await store.keys(tenant, _PAGE, after):
        found.update((key.id, key.app) for key in keys)
        after = keys[-1].id
    return found
