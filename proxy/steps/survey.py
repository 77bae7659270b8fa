"""Survey: what many requests, sent as one, can cost at most. Each is admitted and bounded as if it came by itself.

They stand in the body, or in a file that was uploaded here before: what that can cost was found out at its upload and
kept with it, because later only its id is seen.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from msgspec import Struct, json, structs

from proxy.bounds.asking import Need
from proxy.bounds.lot import Lot, Survey, need_of, read_lot, write_lot
from proxy.bounds.paths import first
from proxy.bounds.references import references
from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec
from proxy.calls.head import Head
from proxy.errors import Refusal, Refused, refuse
from proxy.providers.endpoint import Endpoint, fill
from proxy.providers.json_path import look, matches
from proxy.providers.many import Many
from proxy.providers.permit import Permit
from proxy.store.doors import Directory, OwnedObject
from proxy.wire.multipart import parse_multipart
from proxy.wire.strict_json import parse_object

AT_ONCE = 20
"""Requests that are bounded before other calls get their turn."""


class Surveyed(Struct, frozen=True):
    """The permit with the model of the first request, what is asked of the wallet, and what a file can cost.

    `need` is None for a file: it costs nothing until it is used. `lot` is empty unless it can be used as a batch.
    """

    permit: Permit
    need: Need | None
    lot: str = ""


async def survey(head: Head, permit: Permit, directory: Directory, date: str) -> Surveyed:
    """Return what the requests can cost. Raises Refused for any that could not be sent by itself, naming which."""
    many = permit.route.endpoint.many
    if many is None:
        refuse(Refusal.INTERNAL_ERROR, f"The endpoint {permit.route.endpoint.name} takes no batches.")
    surveyor = _Surveyor(permit, many, directory, date)
    if many.upload:
        return Surveyed(permit, None, await surveyor.upload(head))
    lot = await surveyor.of_file() if many.file else await surveyor.of_body()
    for model in lot.models if many.file else ():  # another key than now may have uploaded it
        surveyor.admit_model(model)
    model = lot.models[0]
    rates = surveyor.prices.card.find(permit.route.integration.name, model)
    return Surveyed(structs.replace(permit, model=model, rates=rates), need_of(lot, surveyor.prices, date))


class _Surveyor:
    """Looks through the requests of one call."""

    def __init__(self, permit: Permit, many: Many, directory: Directory, date: str) -> None:
        if permit.prices is None:
            refuse(Refusal.INTERNAL_ERROR, "A batch without prices cannot be bounded.")
        self.prices = permit.prices
        self._permit = permit
        self._many = many
        self._directory = directory
        self._survey = Survey(self.prices, frozenset(many.tiers), date)
        self._known: dict[str, int | None] = {}

    async def of_file(self) -> Lot:
        """Return what the file that the request names was found to cost at its upload."""
        name = look(self._permit.body, self._many.file)
        if not isinstance(name, str) or not name:
            refuse(Refusal.MALFORMED_REQUEST, f"{self._many.file} must name an uploaded file as a string.")
        owned = await self._owned(name)
        if owned is None or not owned.lot:
            refuse(
                Refusal.MALFORMED_REQUEST,
                f"What the file {name[:80]!r} can cost as a batch is not known here: it was uploaded for another "
                "purpose, or before Faregate could read it. Upload it again for a batch.",
            )
        return read_lot(owned.lot)

    async def of_body(self) -> Lot:
        """Bound the requests in the body."""
        many, body = self._many, self._permit.body
        requests = first(body, many.list)
        if not isinstance(requests, list) or not requests:
            refuse(Refusal.MALFORMED_REQUEST, f"{many.list} must be a list of at least one request.")
        shared = first(body, many.shared_model) if many.shared_model else None
        url = many.url if many.url.startswith("/") else look(body, many.url)
        for number, element in enumerate(requests, start=1):
            where, request = f"Request {number}", first(element, many.request)
            if not isinstance(request, dict):
                _wrong(where, f"{many.request or 'it'} must be an object")
            model = first(request, many.model) if many.model else self._model_of_route()
            if shared is not None and model not in (None, shared):
                _wrong(where, f"it names another model than {many.shared_model} of the batch")
            bound = self._bound(where, url, request) if many.url else many.bound
            if bound is None:
                refuse(Refusal.INTERNAL_ERROR, "The requests of this batch have no bound.")
            await self._add(where, request, json.encode(request), bound, model or shared)
        return self._survey.lot()

    async def upload(self, head: Head) -> str:
        """Bound the requests of a file; empty if it is uploaded for something else."""
        try:
            form = {part.name: part.data for part in parse_multipart(self._permit.raw, head.value("content-type"))}
        except ValueError as error:
            refuse(Refusal.MALFORMED_REQUEST, f"The upload cannot be read: {error}.")
        if any(form.get(name) != value.encode() for name, value in self._many.where.items()):
            return ""
        if self._many.upload not in form:
            refuse(Refusal.MALFORMED_REQUEST, f"The form has no field {self._many.upload!r} with the requests.")
        for number, line in _lines(form[self._many.upload]):
            await self._add_line(f"Line {number}", line)
        lot = self._survey.lot()
        if not lot.requests:
            refuse(Refusal.MALFORMED_REQUEST, "The file holds no requests: it must have one JSON object a line.")
        return write_lot(lot)

    async def _add_line(self, where: str, line: bytes) -> None:
        many = self._many
        try:
            said = parse_object(line)
        except ValueError as error:
            _wrong(where, str(error))
        url, request = look(said, many.url), first(said, many.request)
        if not isinstance(url, str) or not isinstance(request, dict):
            _wrong(where, f"it must have {many.url} (a path) and {many.request} (an object)")
        endpoint = self._endpoint(where, url)
        bound = self._bound(where, url, request)
        model = first(request, endpoint.model.body) if endpoint.model.body else None
        await self._add(where, request, json.encode(request), bound, model or endpoint.model.fixed)

    def _bound(self, where: str, url: Any, request: Mapping[str, Any]) -> BoundSpec:
        """Return what bounds a request for a route. Raises Refused for what cannot be asked for, or not in a batch."""
        endpoint = self._endpoint(where, url)
        for rule in endpoint.refuse:
            if matches(request, rule.when):
                _wrong(where, rule.say)
        later = endpoint.later
        if later is not None and (later.when is None or matches(request, later.when)):
            wish = later.when.path if later.when is not None else f"a {later.kind}"
            _wrong(where, f"a request of a batch cannot ask for {wish}")
        if endpoint.bound is None:
            refuse(Refusal.INTERNAL_ERROR, f"The endpoint {endpoint.name} is metered but has no bound.")
        return endpoint.bound

    def _endpoint(self, where: str, url: Any) -> Endpoint:
        """Return the metered route that a request is for. What many requests as one can ask for is a plain answer."""
        integration, urls = self._permit.route.integration, self._many.urls
        path = urls.get(url, "") if urls and isinstance(url, str) else url
        endpoint = next((e for e in integration.endpoints if e.method == "POST" and e.template.text == path), None)
        if endpoint is None or endpoint.free or endpoint.bound is None:
            _wrong(where, f"{str(url)[:80]!r} is no metered route of {integration.name} that a batch can use")
        return endpoint

    async def _add(self, where: str, body: Mapping[str, Any], raw: bytes, bound: BoundSpec, model: Any) -> None:
        if not isinstance(model, str) or not model:
            _wrong(where, "it must name a model as a string")
        search = Search(raw)
        known = {name: await self._tokens(name) for _, name in references(body, search, bound)}
        try:
            self.admit_model(model)
            model = self._permit.route.integration.policy.models.get(model, model)
            self._survey.add(body, search, bound, model, known)
        except Refused as refused:
            raise Refused(refused.refusal, f"{where}: {refused.message}", **refused.facts) from None
        if self._survey.requests % AT_ONCE == 0:
            await asyncio.sleep(0)

    def admit_model(self, model: str) -> None:
        """Refuse a model that the key may not use."""
        if not self._permit.holder.key.allows_model(model):
            refuse(Refusal.MODEL_NOT_ALLOWED, f"This key may not use the model {model[:200]!r}.")

    def _model_of_route(self) -> str:
        where = self._permit.route.endpoint.model
        return fill(where.path, self._permit.route.parameters) if where.path else where.fixed

    async def _tokens(self, name: str) -> int | None:
        if name not in self._known:
            owned = await self._owned(name)
            self._known[name] = owned.tokens if owned is not None else None
        return self._known[name]

    async def _owned(self, name: str) -> OwnedObject | None:
        """Return an object that a request names; not one that is another's, or nobody's unless the operator allows."""
        integration = self._permit.route.integration
        owned = await self._directory.owned(integration.name, name)
        if owned is None and integration.policy.unowned_objects == "allow":
            return None
        if owned is None or owned.tenant != self._permit.holder.tenant.id:
            refuse(Refusal.NOT_FOUND, "The request names an object that this account did not create here.")
        return owned


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not empty, with their numbers, one at a time: the file may be large."""
    start, number = 0, 0
    while start < len(content):
        stop = content.find(b"\n", start)
        stop = len(content) if stop < 0 else stop
        number += 1
        if line := content[start:stop].strip():
            yield number, line
        start = stop + 1


def _wrong(where: str, why: str) -> NoReturn:
    refuse(Refusal.MALFORMED_REQUEST, f"{where} of the batch cannot be taken: {why}.")
