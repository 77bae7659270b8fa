"""A tenant's wallet, and the admission of a hold against it. All amounts are integers of nano-USD."""

from msgspec import Struct, structs

from proxy.errors import invariant
from proxy.money import NANOS_MAX


class Wallet(Struct, frozen=True):
    """The running sum of a tenant's entries. `head` is the hash of the last entry, empty before the first."""

    tenant: str
    balance: int = 0
    held: int = 0
    minimum: int = 0
    seq: int = 0
    head: str = ""

    @property
    def available(self) -> int:
        """What a new hold may take; negative when the wallet is below its minimum."""
        return self.balance - self.minimum - self.held


class Ask(Struct, frozen=True):
    """How much a call asks to hold: between `least` and `most`, and by what rule in between.

    `base` is the input's part, held in full. The wish is `base` and the larger of `floor` and one `share`-th
    of what is available, never above `most`.
    """

    base: int
    least: int
    most: int
    floor: int = 0
    share: int = 1


class Short(Struct, frozen=True):
    """There is not enough. `fits_unheld` tells that money on hold by running calls is what is missing."""

    balance: int
    held: int
    minimum: int
    needed: int


def grant(available: int, ask: Ask) -> int | None:
    """Return how much of `available` a call is given, or None if not even `least` fits.

    A call that states its maximum asks for exactly that (`least == most`). Otherwise it is given its input
    bound plus the larger of `floor` and one `share`-th of what is available, at most `most`; if that does
    not fit, all that is available.
    """
    if available < ask.least:
        return None
    wish = ask.base + max(ask.floor, available // ask.share)
    return max(ask.least, min(wish, ask.most, available))


def hold(wallet: Wallet, amount: int) -> Wallet:
    """Take `amount` out of what is available."""
    invariant(0 <= amount <= max(wallet.available, 0), "a hold must fit into what is available")
    return structs.replace(wallet, held=wallet.held + amount)


def unhold(wallet: Wallet, amount: int) -> Wallet:
    """Give a hold back."""
    invariant(0 <= amount <= wallet.held, "a hold that ends must have been held")
    return structs.replace(wallet, held=wallet.held - amount)


def post(wallet: Wallet, amount: int, head: str) -> Wallet:
    """Move the balance by an entry's amount; `head` is that entry's hash."""
    balance = wallet.balance + amount
    invariant(abs(balance) <= 10 * NANOS_MAX, "a balance beyond any sense")
    return structs.replace(wallet, balance=balance, seq=wallet.seq + 1, head=head)
