from msgspec import json

from proxy.store.doors import AuditRecord
from proxy.tenants.actor import Actor
from proxy.web.operator.documents.audit import audit_document


def test_a_deed_with_and_without_what_was_before() -> None:
    by = Actor("ann", "cli", "10.0.0.1")
    shown = audit_document(AuditRecord(7, 0, by, "key.revoke", "tnt_1", "key_1", '{"revoked_at":null}', ""))
    assert json.decode(json.encode(shown)) == {
        "seq": 7,
        "at": "1970-01-01T00:00:00.000000Z",
        "who": "ann",
        "via": "cli",
        "address": "10.0.0.1",
        "action": "key.revoke",
        "tenant": "tnt_1",
        "target": "key_1",
        "before": {"revoked_at": None},
        "after": None,
    }
