import pytest
from msgspec import Struct

from proxy.errors import InvariantBroken
from proxy.web.operator.doors import Visit
from proxy.web.operator.route import Route


class Asked(Struct):
    n: int = 0


class Told(Struct):
    n: int


async def show(visit: Visit, key: str, query: Asked) -> Told:
    return Told(query.n)


async def make(visit: Visit, body: Asked) -> Told:
    return Told(body.n)


def test_the_handler_says_what_it_takes() -> None:
    read = Route("GET", "/keys/{key}", show)
    assert (read.signature.path, read.signature.query, read.signature.body) == (("key",), Asked, None)
    assert read.signature.answer is Told
    assert (read.name, read.changes) == ("show", False)
    written = Route("POST", "/keys", make, alias="post")
    assert (written.signature.path, written.signature.query, written.signature.body) == ((), None, Asked)
    assert (written.name, written.changes) == ("post", True)


@pytest.mark.parametrize("path", ["/keys", "/keys/{tenant}", "/keys/{key}/{tenant}"])
def test_a_path_that_does_not_fit_its_handler(path: str) -> None:
    with pytest.raises(InvariantBroken, match="show takes"):
        _ = Route("GET", path, show).signature
