"""What every billable call of the corpus would have been held for, beside what it was charged."""

import json
from collections.abc import Iterator
from typing import Any

from doubles.recordings import (
    CARD,
    TABLE,
    Recording,
    asked,
    bound_named,
    exact,
    model_of,
    recordings,
    told,
)
from msgspec import Struct

from proxy.bounds.asking import need
from proxy.bounds.measures import variant
from proxy.bounds.search import Search
from proxy.bounds.size import measure
from proxy.bounds.spec import BoundSpec
from proxy.bounds.tools import tools
from proxy.bounds.worst import worst
from proxy.pricing.card import Conditions, ModelRates
from proxy.pricing.cascade import MarginTable
from proxy.pricing.formula import Prices, Used, price

DATE = "2026-11-21"

NO_REQUEST = "the request was not recorded"
ELIDED = "the prompt was shortened for the corpus"
SESSION = "a turn of a session, held turn by turn"
LATER = "an answer to work that was held when it was made"
NO_PRICE = "the model has no price any more"
SERVER_TOOLS = "tools ran at the provider"
STORED = "it reads what is stored at the provider"
UNKNOWN = "neither answer nor request tell what was used"


TEMPLATE = 100_000
"""An overhead that is larger stands for a prompt that is stored at the provider."""


class Held(Struct, frozen=True):
    """One billable recording: `apart` is why it is not judged, "" if it is; amounts are in nano-USD, at cost.

    `base` is what was held for all but output tokens, `most` for everything; `paid_in` and `paid` what it came to.
    """

    name: str
    provider: str
    apart: str
    base: int = 0
    most: int = 0
    paid_in: int = 0
    paid: int = 0


def holds() -> Iterator[Held]:
    """Yield every billable recording of the corpus."""
    for name, call in recordings():
        if call["billable"] is not False:
            yield _held(name, call)


def _held(name: str, call: Recording) -> Held:
    provider = call["provider"]
    why, spec = _why_not(call)
    if spec is None:
        return Held(name, provider, why)
    body, text = asked(call)
    model = model_of(call, body)
    rates = CARD.find(provider, model)
    if rates is None:
        return Held(name, provider, NO_PRICE if model in TABLE[provider].unpriced else f"NO RATE FOR {model}")
    prices = Prices(CARD, MarginTable(), "t", provider)
    search = Search(text)
    most = need(worst(body, search, spec, rates, prices, model, {}, date=DATE), "strict").ask
    used = _used(call, body, spec, rates, model)
    into = [Used(u.model, u.rates, _input(u.quantities), u.conditions) for u in used]
    if not why and any(use.tool.passes or use.tool.per_use for use in tools(body, search, spec, model)):
        why = SERVER_TOOLS
    if not why and (measure(body, search, spec, model, {}).unknown or spec.overhead > TEMPLATE):
        why = STORED
    paid, paid_in = price(prices, used).charge_nanos, price(prices, into).charge_nanos
    return Held(name, provider, why, most.base, most.most, paid_in, paid)


def _why_not(call: Recording) -> tuple[str, BoundSpec | None]:
    """Return why a recording is not judged, "" if it is, and its bound, None where none can be asked."""
    table, request, endpoint = TABLE[call["provider"]], call["request"], call["endpoint"]
    if call["framing"] in ("websocket", "grpc"):
        return SESSION, None
    bound = table.bounds.get(endpoint)
    if bound is None:
        not_read = table.not_read.get(endpoint)
        return table.no_route.get(endpoint) or (not_read.why if not_read else LATER), None
    if not request or (request.get("body") is None and "body_head_b64" not in request):
        return NO_REQUEST, None
    if "[elided " in json.dumps(request.get("body")):
        return ELIDED, None
    spec = bound_named(call["provider"], bound)
    return UNKNOWN if call["billable"] == "unknown" and not told(call) else "", spec


def _used(call: Recording, body: dict[str, Any], spec: BoundSpec, rates: ModelRates, model: str) -> list[Used]:
    """Return what the provider reported, or else what the request itself tells."""
    usage = {unit: exact(amount) for unit, amount in call["expected"].items() if unit != "model"}
    answered = call["expected"].get("model", model)
    tokens = sum(quantity for unit, quantity in usage.items() if unit.startswith(("input", "cache")))
    told_by = Conditions(variant(body, spec.variants, rates), int(tokens), DATE)
    every = [(answered, usage), *(call.get("expected_other_models") or {}).items()]
    return [Used(m, CARD.find(call["provider"], m) or rates, u, told_by) for m, u in every]


def _input(used: Any) -> dict[str, Any]:
    return {unit: quantity for unit, quantity in used.items() if not unit.startswith("output")}
