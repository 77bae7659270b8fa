"""What verification found."""

from msgspec import Struct

from proxy.store.doors import Fault, Verdict


class VerdictDocument(Struct, frozen=True):
    """What verification found; `ok` decides. A fault's `entry` is an entry or a call; empty: the wallet."""

    ok: bool
    wallets: int
    entries: int
    open_holds: int
    faults: tuple[Fault, ...]


def verdict_document(verdict: Verdict) -> VerdictDocument:
    """Show a verdict."""
    return VerdictDocument(verdict.ok, verdict.wallets, verdict.entries, verdict.open_holds, verdict.faults)
