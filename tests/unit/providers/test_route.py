"""Where a request goes: the place and the region that its endpoint, its path or the operator name."""

from doubles.acme import make_endpoint, make_integration, make_route

from proxy.providers.integration import Place, Regions
from proxy.providers.route import query_values, without_keys


def test_most_routes_are_at_the_usual_place_of_no_region() -> None:
    assert (make_route().place, make_route().region) == ("", None)


def test_a_service_has_its_own_place() -> None:
    acme = make_integration(places={"agents": Place("https://agents.test")}, region="here-1")
    agents = make_route(make_endpoint(service="agents"), integration=acme)
    assert (agents.place, agents.region) == ("agents", "here-1")
    assert make_route(make_endpoint(), integration=acme).place == ""


def test_a_region_of_the_path_is_the_place() -> None:
    acme = make_integration(places={"eu": Place("https://eu.test")}, regions=Regions(at="where"), region="us")
    route = make_route(make_endpoint(), integration=acme, where="eu")
    assert (route.place, route.region) == ("eu", "eu")
    other = make_route(make_endpoint(), integration=acme, where="asia")
    assert (other.place, other.region) == ("", "asia")
    assert make_route(make_endpoint(), integration=acme).region == "us"


def test_query_values_are_decoded_and_kept_in_order() -> None:
    assert query_values("key=a+b&x=1&%6Bey=%2F&key&keys=no", "key") == ["a b", "/", ""]
    assert query_values("", "key") == []


def test_parameters_that_hold_a_key_are_dropped_and_the_rest_stays_as_sent() -> None:
    assert without_keys("a=%20&key=x&b", ["bearer", "query:key"]) == "a=%20&b"
    assert without_keys("a=fg-secret&b=1", ["bearer"]) == "b=1"
    assert without_keys("", ["query:key"]) == ""
