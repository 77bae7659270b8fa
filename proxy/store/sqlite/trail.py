"""The audit log: one row a deed, written in the deed's own transaction."""

from collections.abc import Mapping

from msgspec import Struct, json

from proxy.clock import timestamp
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.statements import REGISTRY
from proxy.tenants.actor import Actor
from proxy.tenants.key import Key

Facts = Mapping[str, object]


class Change(Struct, frozen=True):
    """What a deed changed; None where there was nothing before, or is nothing after."""

    action: str
    tenant: str | None
    target: str
    before: Facts | None
    after: Facts | None


def note(batch: Batch, by: Actor, at: int, change: Change) -> None:
    """Write a deed down."""
    values = (change.action, change.tenant, change.target, _text(change.before), _text(change.after))
    batch.connection.execute(REGISTRY.insert_audit, (at, by.who, by.via, by.address, *values))


def key_facts(key: Key) -> Facts:
    """Return what the log says of a key: nothing of its secret, not even the hint."""
    return {
        "id": key.id,
        "app": key.app,
        "scopes": key.scopes,
        "expires_at": when(key.expires_at),
        "integrations": key.integrations,
        "models": key.models,
        "networks": key.networks,
    }


def when(micros: int | None) -> str | None:
    """Write a time that may not be set."""
    return None if micros is None else timestamp(micros)


def _text(facts: Facts | None) -> str:
    return "" if facts is None else json.encode(facts).decode()
