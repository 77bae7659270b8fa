import pytest

from proxy.errors import BadRequest
from proxy.tenants.actor import Actor
from proxy.web.operator.actors import actor_of


@pytest.mark.parametrize(
    ("headers", "actor"),
    [
        ({}, Actor("admin", "api", "::1")),
        ({"Faregate-Actor": "ann", "User-Agent": "curl/8"}, Actor("ann", "api", "::1")),
        ({"Faregate-Actor": "J%C3%B6rg%20B", "User-Agent": "faregate-cli/0.1.0"}, Actor("Jörg B", "cli", "::1")),
        ({"Faregate-Actor": " ", "User-Agent": "my faregate-cli/"}, Actor("admin", "api", "::1")),
    ],
)
def test_who_asks(headers: dict[str, str], actor: Actor) -> None:
    assert actor_of(headers, "::1") == actor


@pytest.mark.parametrize("name", ["a%0Ab", "x" * 101, "%1b[31m"])
def test_a_name_that_could_forge_a_line_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match="Faregate-Actor: at most 100 printable characters"):
        actor_of({"Faregate-Actor": name}, "")
