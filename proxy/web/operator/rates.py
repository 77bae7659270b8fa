"""The rate card in force, read."""

from msgspec import Struct

from proxy.errors import BadRequest
from proxy.web.operator.documents.rates import RateCardDocument, rates_documents
from proxy.web.operator.doors import Visit


class RatesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Of one integration or of all; of one model, by exact name, if named."""

    integration: str = ""
    model: str = ""


async def list_rates(visit: Visit, query: RatesQuery) -> RateCardDocument:
    """List models and their rates."""
    card = visit.doors.store.rate_card()
    if query.integration and query.integration not in card.integrations:
        known = ", ".join(sorted(card.integrations))
        raise BadRequest(f"integration: {query.integration!r} has no rates; known here: {known}")
    if query.model and not query.integration:
        raise BadRequest("model: name its integration too")
    if query.model:
        found = card.find(query.integration, query.model)
        data = rates_documents(query.integration, [found] if found else [])
    else:
        names = [query.integration] if query.integration else sorted(card.integrations)
        data = [document for name in names for document in rates_documents(name, card.integrations[name])]
    return RateCardDocument(card.version, data)
