"""A refusal in the provider's own shape, so that its SDK raises its own typed error."""

import json

import pytest

from proxy.errors import Refusal, Refused
from proxy.providers.envelope import Envelope
from proxy.wire.event_stream import FrameSplitter
from proxy.wire.framing import Framing
from proxy.wire.sse import SseSplitter

MONEY = Refused(Refusal.BALANCE_EXHAUSTED, "Top up {code}.", held="0.5", needed="1")
ENVELOPE = Envelope(
    body={
        "error": {"message": "{message}", "type": "{type}", "list": ["{status}", {"id": "{call_id}"}], "{facts}": True},
        "fixed": [None, 1, "text {code}"],
    },
    types={"suspended": "frozen", "402": "no_money", "429": "slow"},
    default_type="bad",
    stream={"type": "error", "error": {"message": "{message}", "code": "{code}"}},
    stream_event="error",
)


def test_places_are_filled_and_all_else_stays() -> None:
    assert json.loads(ENVELOPE.render(MONEY, "call_1")) == {
        "error": {
            "message": "Top up {code}.",
            "type": "no_money",
            "list": [402, {"id": "call_1"}],
            "held": "0.5",
            "needed": "1",
        },
        "fixed": [None, 1, "text {code}"],
    }


@pytest.mark.parametrize(
    ("refusal", "type_"),
    [
        (Refusal.SUSPENDED, "frozen"),  # its code comes before its status
        (Refusal.BALANCE_EXHAUSTED, "no_money"),
        (Refusal.SPEND_CAP_DAILY, "slow"),
        (Refusal.INVALID_KEY, "bad"),
    ],
)
def test_the_type_comes_from_code_then_status_then_default(refusal: Refusal, type_: str) -> None:
    assert json.loads(ENVELOPE.render(Refused(refusal, "x"), ""))["error"]["type"] == type_


def test_no_facts_without_a_place_for_them() -> None:
    bare = Envelope(body={"detail": "{message}"}, types={}, default_type="")
    assert json.loads(bare.render(MONEY, "")) == {"detail": "Top up {code}."}


def test_a_message_is_data_and_never_a_template() -> None:
    hostile = Refused(Refusal.MALFORMED_REQUEST, '{call_id}"}\n{facts}')
    assert json.loads(ENVELOPE.render(hostile, "call_1"))["error"]["message"] == '{call_id}"}\n{facts}'


def test_the_event_is_one_event() -> None:
    raw = ENVELOPE.event(Refused(Refusal.DRAINING, "line\n\nline"), "call_1")
    (event,) = SseSplitter().feed(raw)
    assert (event.raw, event.name) == (raw, "error")
    assert json.loads(event.data) == {"type": "error", "error": {"message": "line\n\nline", "code": "draining"}}


def test_events_without_a_name_and_providers_without_events() -> None:
    unnamed = Envelope(body={}, types={}, default_type="", stream={"code": "{code}"})
    assert unnamed.event(MONEY, "") == b'data: {"code":"balance_exhausted"}\n\n'
    assert Envelope(body={}, types={}, default_type="").event(MONEY, "") == b""


def test_rendering_leaves_the_template_as_it_was() -> None:
    first = ENVELOPE.render(MONEY, "call_1")
    ENVELOPE.render(Refused(Refusal.INVALID_KEY, "other", extra=1), "call_2")
    assert ENVELOPE.render(MONEY, "call_1") == first


def test_a_stream_of_frames_ends_with_an_exception() -> None:
    envelope = Envelope(body={}, types={}, default_type="", stream={"message": "{message}"}, stream_frame="internal")
    documents = FrameSplitter().feed(envelope.event(MONEY, "", Framing.FRAMES))
    assert documents == [b'{"exception":{"internal":{"message":"Top up {code}."}}}']
    assert ENVELOPE.event(MONEY, "", Framing.FRAMES) == b""


def test_headers_are_filled_like_the_body() -> None:
    envelope = Envelope(body={}, types={"402": "Quota"}, default_type="", headers={"x-errortype": "{type}", "x": "y"})
    assert envelope.heads(MONEY, "") == [("x-errortype", "Quota"), ("x", "y")]
    assert ENVELOPE.heads(MONEY, "") == []
