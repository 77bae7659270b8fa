"""Work that finishes later: the object at a provider that a call's hold belongs to, until the work is over.

A batch, a background answer, a video: the call that made it is answered at once, its usage is known hours later.
"""

from collections.abc import Mapping

from msgspec import Struct, json

from proxy.ledger.hold import Hold
from proxy.money import Quantity


class Work(Struct, frozen=True):
    """What was made, by which call, and when the provider will have ended it at the latest.

    `object` is the provider's id. `endpoint` is the route that made it: its data say how to look after the work, and
    `facts` (a `Facts`, as JSON) what must be known of the request for that.
    """

    call: str
    tenant: str
    integration: str
    object: str
    kind: str
    endpoint: str
    created_at: int
    deadline_at: int
    facts: str = "{}"


class Facts(Struct, frozen=True, omit_defaults=True):
    """What a request said. `names` fill the paths that are looked at. `asked` is usage that only the request states.

    `beside` are units that are billed as much as another one, which they name. `tier` and `region` price it, unless an
    answer names others.
    """

    names: Mapping[str, str] = {}
    asked: Mapping[str, Quantity] = {}
    beside: Mapping[str, str] = {}
    tier: str | None = None
    region: str | None = None


def write_facts(facts: Facts) -> str:
    """Return facts as they are kept."""
    return _ENCODER.encode(facts).decode()


def read_facts(text: str) -> Facts:
    """Read facts."""
    return json.decode(text, type=Facts)


_ENCODER = json.Encoder(decimal_format="number")


class OpenWork(Struct, frozen=True):
    """Work that is not over, and the hold that ends with it."""

    work: Work
    hold: Hold
