"""What an answer says about itself, as far as it was seen."""

from collections.abc import Mapping

from msgspec import Struct

from proxy.money import Quantity
from proxy.usage.certainty import Certainty


class Reading(Struct, frozen=True):
    """The usage of one answer in disjoint units, non-zero ones only, and how far it can be believed.

    `model` is the answer's own name for what produced it, "" if it has none; `other_models` are billed beside it.
    `tier` and `region` are what served it, where prices may differ by them. `state` is the answer's word for how far
    the work has come that it tells of; `next_page` asks for more of its results, "" at their end.
    `reported`: the provider's own usage was seen and is valid; `final`: it was the last word, even if the answer was
    cut after it; `complete`: the answer's end was seen. `failed`: the answer says that it failed. `invalid`: its usage
    is absurd, so nothing of it is believed. `unparsed`: some of its bytes could not be read. `output_bytes` is the
    UTF-8 length of visible output (text, tool arguments, summaries of thoughts), `output_events` how many documents
    carried some; `delivered`: sound, pictures or other bytes came that are no text. `object_ids` are (kind, id) of
    objects that may be read or continued later. `reported_cost` is the provider's own price, decimal USD.
    """

    model: str = ""
    usage: Mapping[str, Quantity] = {}
    other_models: Mapping[str, Mapping[str, Quantity]] = {}
    tier: str | None = None
    region: str | None = None
    reported: bool = False
    final: bool = False
    complete: bool = False
    failed: bool = False
    invalid: bool = False
    unparsed: bool = False
    output_bytes: int = 0
    output_events: int = 0
    object_ids: tuple[tuple[str, str], ...] = ()
    reported_cost: str = ""
    delivered: bool = False
    state: str = ""
    next_page: str = ""

    @property
    def certainty(self) -> Certainty:
        """How sure the usage is: reported to the end, reported or seen in part, to be estimated, nothing seen."""
        if self.reported:
            return Certainty.EXACT if self.complete or self.final else Certainty.AT_LEAST
        if not self.output_bytes and not self.usage:
            return Certainty.NONE
        return Certainty.ESTIMATED if self.complete else Certainty.AT_LEAST
