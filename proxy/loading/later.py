"""What a provider's file says of work that finishes later and of many requests as one, made into values and checked."""

from collections.abc import Callable, Iterator
from string import Formatter
from typing import Any, Literal

from proxy.errors import BadConfig
from proxy.loading.provider_file import EndpointFile
from proxy.providers.endpoint import Endpoint
from proxy.providers.later import Later, Results
from proxy.providers.many import Many

Section = Literal["reader", "bound"]
Find = Callable[[Section, str], Any]
"""Finds a reader or a bound by its name, None for no name. Raises BadConfig."""


def make_later(endpoint: EndpointFile, find: Find) -> Later | None:
    """Return what a route says of work that finishes later. Raises BadConfig."""
    said = endpoint.later
    if said is None:
        return None
    reader = said.reader or endpoint.reader
    if not reader:
        raise BadConfig("later: nothing reads how the work is; name a reader")
    results = None
    if said.results is not None:
        read = said.results
        results = Results(read.path, find("reader", read.reader), read.framing, read.pages)
    return Later(
        kind=said.kind,
        look=said.look,
        reader=find("reader", reader),
        done=said.done,
        failed=said.failed,
        deadline_s=said.deadline_s,
        when=said.when,
        headers=said.headers,
        results=results,
        tier=said.tier,
        look_s_most=said.look_s_most,
        asked=said.asked,
        at=said.at,
    )


def make_many(endpoint: EndpointFile, find: Find) -> Many | None:
    """Return where a route has many requests. Raises BadConfig."""
    said = endpoint.many
    if said is None:
        return None
    return Many(
        list=said.list,
        request=said.request,
        model=said.model,
        bound=find("bound", said.bound),
        file=said.file,
        upload=said.upload,
        where=said.where,
        url=said.url,
        urls=said.urls,
        shared_model=said.shared_model,
        tiers=said.tiers,
    )


def later_faults(endpoint: Endpoint) -> Iterator[str]:
    """Yield what is wrong: work that nobody can look after would hold its money for days."""
    later = endpoint.later
    if later is None:
        return
    if endpoint.free:
        yield "later: the route is free, so nothing is held that could end later; leave out free, or later"
    named = {each.kind for each in endpoint.reader.objects} if endpoint.reader is not None else set()
    if not later.at and later.kind not in named:
        yield f"later.kind: the route's reader finds no object of the kind {later.kind!r}; add it to its objects"
    if not later.done:
        yield "later.done: no word says that the work is done; list the provider's"
    if not later.reader.state:
        yield "later: its reader has no state, so the work would never be over; add state: [PATH]"
    here = set(endpoint.template.pattern.groupindex)
    yield from _unknown("at", later.at, here)
    yield from _lost("look", later.look, named | here | {"id"})
    if later.results is not None:
        found = {each.kind for each in later.reader.objects}
        yield from _lost("results.path", later.results.path, named | here | found | {"id"})
        if later.results.pages and not later.results.reader.next_page:
            yield "later.results.pages: its reader finds no next page; add next_page: PATH"


def _lost(where: str, path: str, known: set[str]) -> Iterator[str]:
    if not path.startswith("/"):
        yield f"later.{where}: {path!r} is no path; it begins with /"
    yield from _unknown(where, path, known)


def _unknown(where: str, path: str, known: set[str]) -> Iterator[str]:
    for _, name, _, _ in Formatter().parse(path):
        if name and name not in known:
            yield f"later.{where}: {{{name}}} is unknown; use one of {', '.join(sorted(known))}"


def many_faults(endpoint: Endpoint) -> Iterator[str]:
    """Yield what is wrong: requests that nobody finds would be free."""
    many = endpoint.many
    if many is None:
        return
    if sum(bool(each) for each in (many.list, many.file, many.upload)) != 1:
        yield "many: it does not say where the requests are; set exactly one of list, file and upload"
    if many.list and (many.bound is None) is not bool(many.url):
        yield "many.bound: requests in the body need a bound; name one, or the url at which their route is told"
    if many.upload and not (many.url and many.request):
        yield "many: nothing says what a line of an upload asks for; set url (its route) and request (what to send)"
    if bool(many.upload) != endpoint.free:
        yield "many: an upload is a free route, many requests at once are none; correct free"
