"""What was edited into a request before it went on."""

from msgspec import Struct

from proxy.providers.endpoint import UsageSplice


class Splices(Struct, frozen=True):
    """The usage option that was set, and the output limit in tokens that was put in; None where nothing was.

    `limit_at` are the keys of the limit's place, in the spelling of the body.
    """

    usage: UsageSplice | None = None
    limit: int | None = None
    limit_at: tuple[str, ...] = ()
