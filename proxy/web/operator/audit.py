"""The audit log, read."""

from msgspec import Struct

from proxy.store.doors import AuditFilter
from proxy.web.operator.documents.audit import AuditList, audit_document
from proxy.web.operator.documents.page import Limit, cut
from proxy.web.operator.doors import Visit
from proxy.web.operator.times import parse_past


class AuditPage(Struct, frozen=True, forbid_unknown_fields=True):
    """Which deeds; `before` is the last `seq` of the page before."""

    tenant: str = ""
    action: str = ""
    who: str = ""
    since: str = ""
    until: str = ""
    limit: Limit = 100
    before: int | None = None


async def list_audit(visit: Visit, query: AuditPage) -> AuditList:
    """List what operators changed, newest first. `since` is included and `until` is not.

    Both take a date, a time, `today`, `yesterday`, or how long ago (`36h`, `7d`); days are UTC. `action` is one such
    as `key.rotate`, or its noun alone.
    """
    store = visit.doors.store
    asked = AuditFilter(
        tenant=(await store.find_tenant(query.tenant)).id if query.tenant else None,
        who=query.who or None,
        action=query.action or None,
        since=parse_past("since", query.since, visit.now) if query.since else None,
        until=parse_past("until", query.until, visit.now) if query.until else None,
        before=query.before,
    )
    records = await store.audit(asked, query.limit + 1)
    return AuditList(*cut([audit_document(record) for record in records], query.limit))
