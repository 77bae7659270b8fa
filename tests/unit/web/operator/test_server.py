from doubles.desk import RELOADED
from msgspec import json

from proxy.errors import BadConfig
from proxy.web.operator.doors import Names


async def test_a_reload_tells_what_is_new(api) -> None:
    assert await api.done("POST", "/reload") == json.decode(json.encode(RELOADED))


async def test_a_reload_that_is_refused_says_why(api) -> None:
    api.reloads = BadConfig("rates.yaml: at models[0]: it is bad; mend it")
    assert await api.refused("POST", "/reload") == (
        409,
        "bad_config",
        "nothing was reloaded: rates.yaml: at models[0]: it is bad; mend it",
    )
    api.reloads = BadConfig("one; mend it", "two", "three")
    _, _, said = await api.refused("POST", "/reload")
    assert said == "nothing was reloaded: one; mend it (and 2 more: `faregate config check` tells all)"


async def test_names_that_a_reload_brings_can_be_spoken_of(api) -> None:
    assert (await api.refused("PUT", "/margins", {"pct": "5", "integration": "core"}))[0] == 400
    api.names = Names(frozenset({"core"}), frozenset())
    assert (await api.done("PUT", "/margins", {"pct": "5", "integration": "core"}))["integration"] == "core"
