"""Authorize: may this key make this call? Tenant state, scope, model, price, objects. Money is not looked at here."""

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.bounds.references import references
from proxy.bounds.search import Search
from proxy.calls.head import Head
from proxy.errors import Refusal, refuse
from proxy.pricing.card import ModelRates
from proxy.pricing.formula import Prices
from proxy.providers.endpoint import fill
from proxy.providers.json_path import look, matches
from proxy.providers.permit import FreeRoute, Permit
from proxy.providers.request import Takes, read_request
from proxy.providers.route import Route, query_values
from proxy.store.doors import Directory
from proxy.tenants.key import KeyHolder
from proxy.tenants.tenant import TenantState
from proxy.wire.strict_json import parse_object

MODEL_LENGTH_MAX = 200


def admit_holder(route: Route, holder: KeyHolder) -> None:
    """Refuse what needs no body to be refused: suspended, key_scope, model_not_allowed for a whole integration."""
    if holder.tenant.state is TenantState.SUSPENDED:
        refuse(Refusal.SUSPENDED, "This account is suspended by its operator. Ask the operator.")
    if not holder.key.allows("proxy"):
        refuse(Refusal.KEY_SCOPE, "This key may not call providers: it lacks the scope 'proxy'.")
    allowed = holder.key.integrations
    if allowed and route.integration.name not in allowed:
        refuse(Refusal.KEY_SCOPE, f"This key may not call {route.integration.name}.")


async def authorize(
    route: Route, holder: KeyHolder, raw: bytes, directory: Directory, head: Head | None = None
) -> Permit:
    """Return the call's permit; without a head the body is taken for JSON.

    Raises Refused: malformed_request, model_not_allowed, unpriced_model, not_found.
    """
    endpoint = route.endpoint
    if endpoint.takes is None:
        parsed = endpoint.json_body and (endpoint.method == "POST" or (raw and endpoint.session))
        text, body = raw, _parse(raw) if parsed else {}
    else:
        body, text = _read(endpoint.takes, route, raw, head)
    for rule in endpoint.refuse:
        if matches(body, rule.when):
            refuse(Refusal.MALFORMED_REQUEST, rule.say)
    search = Search(text) if endpoint.bound is not None else None
    named = _named(route, body, search)
    known = await _known(route, holder, named, directory) if named else {}
    if endpoint.many is not None:  # what the requests are is found out by the survey
        return Permit(route, holder, raw, body, search, "", False, None, _prices(route, holder, directory), known)
    if endpoint.free:
        return Permit(route, holder, raw, body, search, "", False, None, None, known)
    asked = _model(route, body)
    if not holder.key.allows_model(asked):
        refuse(Refusal.MODEL_NOT_ALLOWED, f"This key may not use the model {asked!r}.")
    model = route.integration.policy.models.get(asked, asked)
    prices = _prices(route, holder, directory)
    rates = _rates(prices, model, endpoint.unpriced)
    return Permit(route, holder, raw, body, search, model, _streamed(route, body), rates, prices, known, route.region)


def free_token(permit: Permit) -> FreeRoute:
    """Return the leave to send without a hold, for a free endpoint only."""
    if not permit.route.endpoint.free:
        refuse(Refusal.INTERNAL_ERROR, "A metered route was about to be sent without a hold.")
    return FreeRoute(permit.route.endpoint.name)


def _parse(raw: bytes) -> Mapping[str, Any]:
    try:
        return parse_object(raw)
    except ValueError as error:
        refuse(Refusal.MALFORMED_REQUEST, f"The request cannot be read: {error}.")


def _read(takes: Takes, route: Route, raw: bytes, head: Head | None) -> tuple[Mapping[str, Any], bytes]:
    try:
        headers = {name: head.value(name) for name in ("content-type", *takes.headers)} if head is not None else {}
        return read_request(takes, raw, headers.get("content-type", ""), route.query, headers)
    except ValueError as error:
        refuse(Refusal.MALFORMED_REQUEST, f"The request cannot be read: {error}.")


def _model(route: Route, body: Mapping[str, Any]) -> str:
    where = route.endpoint.model
    if where.path:
        model: object = fill(where.path, route.parameters)
    elif where.query:
        model = next(iter(query_values(route.query, where.query)), None)
    elif where.body:
        model = look(body, where.body)
        if model is None and where.other:
            model = look(body, where.other)
    else:
        model = where.fixed
    if model is None and where.fixed:
        model = where.fixed
    if not isinstance(model, str) or not model:
        refuse(Refusal.MALFORMED_REQUEST, f"{where.body or where.query or 'model'} must name a model as a string.")
    if where.after:
        model = model.rpartition(where.after)[2]
    if len(model) > MODEL_LENGTH_MAX or not model.isprintable() or not model.isascii():
        refuse(Refusal.MALFORMED_REQUEST, "The model's name is too long or holds characters that no model has.")
    return model


def _streamed(route: Route, body: Mapping[str, Any]) -> bool:
    endpoint = route.endpoint
    if not endpoint.stream:
        return endpoint.streams_always
    value = look(body, endpoint.stream)
    if value is not None and not isinstance(value, bool):
        refuse(Refusal.MALFORMED_REQUEST, f"{endpoint.stream} must be true or false.")
    return endpoint.streams_always if value is None else bool(value)


def _prices(route: Route, holder: KeyHolder, directory: Directory) -> Prices:
    return Prices(directory.rate_card(), directory.margins(), holder.tenant.id, route.integration.name)


def _rates(prices: Prices, model: str, unpriced: str) -> ModelRates:
    rates = prices.card.find(prices.integration, model)
    if rates is None and unpriced:
        refuse(Refusal.UNPRICED_MODEL, unpriced)
    if rates is None:
        refuse(
            Refusal.UNPRICED_MODEL,
            f"The model {model!r} of {prices.integration} has no price here, so it is not served. "
            "Check its name, or ask your operator to add a rate.",
        )
    return rates


def _named(route: Route, body: Mapping[str, Any], search: Search | None) -> list[str]:
    """Return the ids of the objects that the request names."""
    named = []
    if route.endpoint.objects.at:
        named.append(route.endpoint.objects.named_by(route.parameters))
    if route.endpoint.bound is not None and search is not None and body:
        named.extend([object_id for _, object_id in references(body, search, route.endpoint.bound)])
    return named


async def _known(route: Route, holder: KeyHolder, named: Iterable[str], directory: Directory) -> dict[str, int | None]:
    """Return the tokens behind each object that is named, all of which must be the tenant's own."""
    known: dict[str, int | None] = {}
    for object_id in named:
        owned = await directory.owned(route.integration.name, object_id)
        if owned is None and route.integration.policy.unowned_objects == "allow":
            known[object_id] = None
        elif owned is None or owned.tenant != holder.tenant.id:
            refuse(Refusal.NOT_FOUND, "The request names an object that this account did not create here.")
        else:
            known[object_id] = owned.tokens
    return known
