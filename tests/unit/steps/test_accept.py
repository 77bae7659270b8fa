"""From Host and raw path to integration and endpoint; everything else is refused before a byte of body is read."""

import pytest
from doubles.acme import make_endpoint, make_head, make_house, make_integration

from proxy.calls.head import Head
from proxy.errors import Refusal, Refused
from proxy.providers.integration import Regions
from proxy.providers.route import House, Route
from proxy.steps.accept import accept, locate


def route_of(head: Head, house: House) -> Route:
    return accept(head, locate(head, house))


ACME = make_integration()
OTHER = make_integration(make_endpoint("/models/{model}:run", name="run"), name="other")
TWIN = make_integration(make_endpoint("/twin"), name="acme-proxy")
HOUSE = make_house(ACME, OTHER)


@pytest.mark.parametrize(
    ("host", "target", "integration", "path"),
    [
        ("acme.faregate.test", "/v1/chat", "acme", "/v1/chat"),
        ("acme-proxy.faregate.test", "/v1/chat", "acme", "/v1/chat"),
        ("acme.faregate.test:8080", "/v1/chat", "acme", "/v1/chat"),
        ("ACME.Faregate.Test", "/v1/chat", "acme", "/v1/chat"),
        ("acme.faregate.test.", "/v1/chat", "acme", "/v1/chat"),
        ("acme.faregate.test.:8080", "/v1/chat", "acme", "/v1/chat"),
        # Any other host routes by the first segment of the path.
        ("localhost:8080", "/acme/v1/chat", "acme", "/v1/chat"),
        ("127.0.0.1:8080", "/acme/v1/chat", "acme", "/v1/chat"),
        ("[::1]:8080", "/acme/v1/chat", "acme", "/v1/chat"),
        ("faregate.test", "/acme/v1/chat", "acme", "/v1/chat"),
        ("", "/acme/v1/chat", "acme", "/v1/chat"),
        ("www.faregate.test", "/acme/v1/chat", "acme", "/v1/chat"),
        ("a.acme.faregate.test", "/acme/v1/chat", "acme", "/v1/chat"),
        ("acme.elsewhere.test", "/other/models/m:run", "other", "/models/m:run"),
        # A subdomain is the integration: what looks like a path form there is a path of the provider.
        ("other.faregate.test", "/models/m%2Fn:run", "other", "/models/m%2Fn:run"),
    ],
)
def test_finds_the_integration(host: str, target: str, integration: str, path: str) -> None:
    route = route_of(make_head(target, host=host), HOUSE)
    assert (route.integration.name, route.path) == (integration, path)


def test_an_exact_name_wins_over_the_suffix() -> None:
    route = route_of(make_head("/twin", host="acme-proxy.faregate.test"), make_house(ACME, TWIN))
    assert route.integration is TWIN
    route = route_of(make_head("/v1/chat", host="acme.faregate.test"), make_house(ACME, TWIN))
    assert route.integration is ACME


def test_keeps_path_query_and_parameters_as_they_were_sent() -> None:
    route = route_of(make_head("/other/models/a%2Fb:c:run?alt=sse&q=%20x"), HOUSE)
    assert (route.path, route.query, route.parameters) == (
        "/models/a%2Fb:c:run",
        "alt=sse&q=%20x",
        {"model": "a%2Fb:c"},
    )
    assert route.endpoint.name == "run"


@pytest.mark.parametrize(
    ("host", "target", "refusal", "said"),
    [
        (
            "x-proxy.faregate.test",
            "/acme/v1/chat",
            Refusal.UNKNOWN_INTEGRATION,
            "no integration 'x' here. Known: acme, other",
        ),
        ("localhost", "/nobody/v1/chat", Refusal.UNKNOWN_INTEGRATION, "no integration 'nobody' here"),
        ("localhost", "/v1/chat", Refusal.UNKNOWN_INTEGRATION, "no integration 'v1' here"),
        ("localhost", "/", Refusal.UNKNOWN_INTEGRATION, "The URL names no integration. Known: acme, other. "),
        (
            "localhost",
            "/ACME/v1/chat",
            Refusal.UNKNOWN_INTEGRATION,
            "The URL names no integration. Known: acme, other. ",
        ),
        ("localhost", "//acme/v1/chat", Refusal.UNKNOWN_INTEGRATION, "The URL names no integration"),
        (
            "elsewhere.test",
            "/v1/chat",
            Refusal.UNKNOWN_INTEGRATION,
            "The name stands first in the path (/acme/...), or in the host (acme-proxy.faregate.test).",
        ),
        ("localhost", "/acme/chat", Refusal.UNKNOWN_ENDPOINT, "POST /chat. The base URL lacks /v1 at its end."),
        (
            "localhost",
            "/acme/v1/v1/chat",
            Refusal.UNKNOWN_ENDPOINT,
            "The client adds /v1 by itself: leave it out",
        ),
        ("localhost", "/acme/v1/other", Refusal.UNKNOWN_ENDPOINT, "POST /v1/other. Check the base URL and the path."),
        ("localhost", "/acme", Refusal.UNKNOWN_ENDPOINT, "acme has no metered route POST "),
        ("localhost", "/acme/v1/chat/", Refusal.UNKNOWN_ENDPOINT, "no metered route POST /v1/chat/"),
        ("localhost", "/acme//v1/chat", Refusal.UNKNOWN_ENDPOINT, "no metered route POST //v1/chat"),
        ("localhost", "/acme/v1/%63hat", Refusal.UNKNOWN_ENDPOINT, "no metered route"),
        ("localhost", "/acme/v1/./chat", Refusal.UNKNOWN_ENDPOINT, "no metered route"),
        ("localhost", "/acme/v1/../v1/chat", Refusal.UNKNOWN_ENDPOINT, "no metered route"),
        ("localhost", "/acme/v1/models", Refusal.METHOD_NOT_ALLOWED, "/v1/models of acme takes GET, not POST"),
        ("localhost", "/other/models/..:run", Refusal.UNKNOWN_ENDPOINT, "no metered route"),
        ("localhost", "/other/models/%2e%2e:run", Refusal.UNKNOWN_ENDPOINT, "no metered route"),
        ("localhost", "http://evil.test/acme/v1/chat", Refusal.MALFORMED_REQUEST, "The request target"),
        ("localhost", "*", Refusal.MALFORMED_REQUEST, "The request target"),
        ("localhost", "", Refusal.MALFORMED_REQUEST, "The request target"),
        ("localhost", "/acme/v1/chat#fragment", Refusal.MALFORMED_REQUEST, "The request target"),
        ("localhost", "/acme/v1/chat\\x", Refusal.MALFORMED_REQUEST, "The request target"),
        ("localhost", "/acme/v1/chat\t", Refusal.MALFORMED_REQUEST, "The request target"),
        ("localhost", "/acme/v1/żółć", Refusal.MALFORMED_REQUEST, "The request target"),
        ("localhost", "/acme/v1/chat?q=\r\nx: y", Refusal.MALFORMED_REQUEST, "The request target"),
        ("localhost", "/acme/v1/chat?q=<script>", Refusal.MALFORMED_REQUEST, "The request target"),
    ],
)
def test_refuses_what_is_not_listed(host: str, target: str, refusal: Refusal, said: str) -> None:
    with pytest.raises(Refused) as caught:
        route_of(make_head(target, host=host), HOUSE)
    assert caught.value.refusal is refusal
    assert said in caught.value.message


def test_says_so_when_nothing_is_switched_on() -> None:
    with pytest.raises(Refused, match="Known: none is switched on"):
        route_of(make_head("/acme/v1/chat"), make_house().__class__("faregate.test", {}))


@pytest.mark.parametrize("target", ["/fg-secret/v1/chat", "/acme/v1/fg-secret", "/acme/v1/chat/fg-secret"])
def test_a_key_in_a_path_is_not_repeated(target: str) -> None:
    with pytest.raises(Refused) as caught:
        route_of(make_head(target), HOUSE)
    assert "fg-secret" not in caught.value.message


def placed(path: str) -> Route:
    endpoint = make_endpoint("/projects/{project}/places/{place}/chat", name="chat")
    express = make_endpoint("/chat", name="express")
    regions = Regions(at="place", names=("eu", "us"))
    acme = make_integration(endpoint, express, regions=regions, fixed={"project": "ours"}, region="eu")
    return route_of(make_head("/acme" + path), make_house(acme))


@pytest.mark.parametrize(
    ("path", "region"),
    [("/projects/ours/places/us/chat", "us"), ("/projects/ours/places/eu/chat", "eu"), ("/chat", "eu")],
)
def test_a_path_may_name_a_region(path: str, region: str) -> None:
    assert placed(path).region == region


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/projects/theirs/places/us/chat", "acme is served in the project ours only: name it."),
        ("/projects/ours/places/mars/chat", "acme has no such place here."),
    ],
)
def test_another_project_or_region_is_no_route(path: str, told: str) -> None:
    with pytest.raises(Refused) as refused:
        placed(path)
    assert (refused.value.refusal, refused.value.message) == (Refusal.UNKNOWN_ENDPOINT, told)
