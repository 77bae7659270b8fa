"""The audit log: what operators changed."""

from msgspec import Raw, Struct

from proxy.clock import timestamp
from proxy.store.doors import AuditRecord
from proxy.web.operator.documents.page import Time


class AuditDocument(Struct, frozen=True, kw_only=True):
    """One deed. `who` is the name that the client declared, or `admin`; `via` is `cli`, `api` or `house`.

    `action` is a noun and a verb, `target` the id of what was changed. `before` and `after` are what the deed
    changed; null where there was nothing. `seq` counts without gaps.
    """

    seq: int
    at: Time
    who: str
    via: str
    address: str
    action: str
    tenant: str | None
    target: str
    before: Raw | None
    after: Raw | None


class AuditList(Struct, frozen=True):
    """A page of deeds, newest first."""

    data: list[AuditDocument]
    has_more: bool


def audit_document(record: AuditRecord) -> AuditDocument:
    """Show a deed."""
    return AuditDocument(
        seq=record.seq,
        at=timestamp(record.at),
        who=record.by.who,
        via=record.by.via,
        address=record.by.address,
        action=record.action,
        tenant=record.tenant,
        target=record.target,
        before=_raw(record.before),
        after=_raw(record.after),
    )


def _raw(text: str) -> Raw | None:
    return Raw(text.encode()) if text else None
