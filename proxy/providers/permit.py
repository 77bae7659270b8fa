"""What authorization leaves for the steps after it: who calls what, at which prices; or that the route is free."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from proxy.bounds.search import Search
from proxy.pricing.card import ModelRates
from proxy.pricing.formula import Prices
from proxy.providers.route import Route
from proxy.tenants.key import KeyHolder


class Permit(Struct, frozen=True):
    """A call that may go on. `body` is the parsed request, empty where the route takes none, and `search` looks
    through its text where the route has a bound.

    `known` maps each object that the request continues from to the tokens it stands for, None if unknown.
    `region` is the one that serves the call, where the request or the operator names one and prices may differ by it.
    `model` is empty and `rates` and `prices` are None on free routes only.
    """

    route: Route
    holder: KeyHolder
    raw: bytes
    body: Mapping[str, Any]
    search: Search | None
    model: str
    streamed: bool
    rates: ModelRates | None
    prices: Prices | None
    known: Mapping[str, int | None]
    region: str | None = None


class FreeRoute(Struct, frozen=True):
    """Leave to send without a hold. Only `steps/authorize.py` makes one, for endpoints that are marked free."""

    endpoint: str
