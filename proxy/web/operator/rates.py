"""The rate card in force, read: the whole of it, or one model with what a tenant pays."""

from difflib import get_close_matches

from msgspec import Struct

from proxy.clock import date_of
from proxy.errors import BadRequest
from proxy.pricing.card import RateCard
from proxy.pricing.formula import Prices
from proxy.web.operator.documents.rates import (
    ModelPricesDocument,
    RateCardDocument,
    RatesSync,
    model_document,
    rates_documents,
)
from proxy.web.operator.doors import Visit


class RatesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Of one integration or of all; of one model, by exact name, if named."""

    integration: str = ""
    model: str = ""


class PricesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose margins; without a tenant those of one that has none of its own."""

    tenant: str = ""


async def list_rates(visit: Visit, query: RatesQuery) -> RateCardDocument:
    """List models and their rates."""
    card = visit.doors.store.rate_card()
    if query.integration:
        must_know(card, query.integration)
    if query.model and not query.integration:
        raise BadRequest("model: name its integration too")
    if query.model:
        found = card.find(query.integration, query.model)
        data = rates_documents(query.integration, [found] if found else [])
    else:
        names = [query.integration] if query.integration else sorted(card.integrations)
        data = [document for name in names for document in rates_documents(name, card.integrations[name])]
    return RateCardDocument(card.version, data)


async def show_rates(visit: Visit, integration: str, model: str, query: PricesQuery) -> ModelPricesDocument:
    """Show one model's rates: what each unit costs under which conditions, since when, and what a tenant pays for it.

    The model is found as a call's is: by exact name, else by the closest pattern.
    """
    store = visit.doors.store
    card = store.rate_card()
    must_know(card, integration)
    found = card.find(integration, model)
    if found is None:
        raise unpriced(card, integration, model)
    tenant = (await store.find_tenant(query.tenant)).id if query.tenant else None
    prices = Prices(card, store.margins(), tenant or "", integration)
    return model_document(prices, model, found, date_of(visit.doors.clock.now()), tenant)


class SyncOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether to `write` what is accepted, and put it in force."""

    write: bool = False


async def sync_rates(visit: Visit, body: SyncOrder) -> RatesSync:
    """Hold the rates in force against two price lists, and tell what both ask that is not ours.

    With `write` it is written into rates_dir with today's date, and in force for calls that begin from now on; prices
    that want a person's eye are in quarantine, and never written.
    """
    return await visit.doors.sync(visit.by, body.write)


def must_know(card: RateCard, integration: str) -> None:
    """Raise BadRequest for an integration without rates."""
    if integration not in card.integrations:
        known = ", ".join(sorted(card.integrations))
        raise BadRequest(f"integration: {integration!r} has no rates; known here: {known}")


def unpriced(card: RateCard, integration: str, model: str) -> BadRequest:
    """Make the error that says that a model has no rates, with the names that are close to it."""
    names = [name for each in card.integrations[integration] for name in each.match]
    close = get_close_matches(model, names, 3)
    hint = f"; did you mean {' or '.join(close)}?" if close else f"; `faregate rates list --integration {integration}`"
    return BadRequest(f"model: {integration} has no rates for {model!r}{hint}", code="not_found", status=404)
