import inspect
from collections import Counter

import pytest

from proxy.web.operator.openapi import openapi
from proxy.web.operator.route import Route
from proxy.web.operator.routes import ROUTES


async def test_the_document_is_served(api) -> None:
    assert await api.done("GET", "/openapi.json") == openapi(ROUTES)


def test_names_are_unique() -> None:
    assert [name for name, times in Counter(route.name for route in ROUTES).items() if times > 1] == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_handler_says_what_it_does(route: Route) -> None:
    assert inspect.getdoc(route.handler)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_what_is_asked_is_read_strictly(route: Route) -> None:
    for asked in (route.signature.query, route.signature.body):
        assert asked is None or asked.__struct_config__.forbid_unknown_fields
