"""The caps in force, as the writer remembers them: calls of tenants without caps cost one look into a dictionary."""

import sqlite3

from proxy.ledger.cap import Cap
from proxy.store.sqlite.rows import to_cap
from proxy.store.sqlite.statements import CAPS


class CapBook:
    """Tenants' caps in force, each read when it is first asked for.

    Only the writer changes caps, and says so here; whoever rolls back forgets what may have been read in between.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._caps: dict[str, tuple[Cap, ...]] = {}

    def of(self, tenant: str) -> tuple[Cap, ...]:
        """Return a tenant's caps in force, mostly none."""
        known = self._caps.get(tenant)
        if known is None:
            known = self._caps[tenant] = tuple(map(to_cap, self._connection.execute(CAPS.in_force, (tenant,))))
        return known

    def forget(self, tenant: str) -> None:
        """A tenant's caps, or the keys that they name, were changed."""
        self._caps.pop(tenant, None)

    def forget_all(self) -> None:
        """What was read may not be so."""
        self._caps.clear()
