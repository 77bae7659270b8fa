"""What the operator API is handed by `app.py`."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from msgspec import Struct
from prometheus_client import CollectorRegistry

from proxy.clock import Clock
from proxy.errors import invariant
from proxy.ids import Ids
from proxy.providers.route import House
from proxy.store.books import Books
from proxy.store.doors import Store
from proxy.tenants.actor import Actor
from proxy.web.operator.documents.rates import RatesSync
from proxy.web.operator.documents.reload import ReloadDocument
from proxy.web.ops import Readiness


class Names(Struct, frozen=True):
    """The names that a margin or a key may speak of."""

    integrations: frozenset[str]
    units: frozenset[str]


class OperatorDoors(Struct, frozen=True, kw_only=True):
    """Everything the handlers may reach. `make_secret` returns a fresh key as it is shown to its owner.

    `house` returns what is switched on now, `names` the names that are known, `reload` has the server read its
    files anew, and `sync` hold its rates against price lists.
    """

    store: Store
    books: Books
    house: Callable[[], House]
    clock: Clock
    ids: Ids
    make_secret: Callable[[], str]
    admin_token: str
    readiness: Readiness
    registry: CollectorRegistry
    names: Callable[[], Names]
    reload: Callable[[Actor], Awaitable[ReloadDocument]]
    sync: Callable[[Actor, bool], Awaitable[RatesSync]]

    @property
    def integrations(self) -> frozenset[str]:
        """The integrations that there are, on or off."""
        return self.names().integrations

    @property
    def units(self) -> frozenset[str]:
        """The units that there are."""
        return self.names().units

    def __post_init__(self) -> None:
        invariant(bool(self.admin_token), "the operator API never runs without a token")


DOORS = web.AppKey("doors", OperatorDoors)


class Visit(Struct, frozen=True):
    """One request: what its handler may reach, who asks, and when (wall time in microseconds)."""

    doors: OperatorDoors
    by: Actor
    now: int
