"""Turns as values. Their life, and their money, is in `test_session.py`."""

from doubles.acme import make_hold, make_permit, make_route
from doubles.conversation import SPOKEN, TURNS

from proxy.bounds.turns import Flow
from proxy.call import Call
from proxy.calls.head import WEBSOCKET, Head
from proxy.steps.follow import Followed
from proxy.turns import Silent, Turn, parameters_of
from proxy.usage.reader import Reader
from proxy.wire.framing import Framing


def make_turn() -> Turn:
    call = Call("call_1", Head(WEBSOCKET, "/", "localhost", []), Silent(), 0, 0.0)
    return Turn(call, make_permit(), make_hold(), Followed(Reader(SPOKEN, Framing.JSON)), Flow(), "")


def test_a_turn_is_under_way_once_it_is_asked_for_or_begun() -> None:
    turn = make_turn()
    assert not turn.under_way
    turn.asked = True
    assert turn.under_way
    turn.asked, turn.begun = False, True
    assert turn.under_way


def test_parameters_are_those_of_the_url_as_sent() -> None:
    assert parameters_of(make_route(query="model=m-1&x&y=a=b")) == {"model": "m-1", "x": "", "y": "a=b"}
    assert parameters_of(make_route()) == {}


async def test_a_turn_has_no_answer_of_its_own() -> None:
    sink = Silent()
    assert sink.started
    assert not sink.gone
    assert await sink.read_body() == b""
    assert await sink.upgrade([], "") is None
    assert TURNS.asks
