import json
from decimal import Decimal
from typing import Any

import pytest

from proxy.bounds.turns import Characters, Flow, Pictures, Sound, Text, TurnBound, Written
from proxy.providers.messages import UNLIMITED, Asked, Heard, ask, document, hear, opens
from proxy.providers.session import SessionSpec, Told, Unmetered

SPEC = SessionSpec(
    source="made up",
    bound=TurnBound(
        text=Text(("input_tokens",)),
        sound=Sound(8000, at=("audio",)),
        pictures=Pictures(("image",), 258, ("input_image_tokens",)),
        characters=Characters("characters", ("say",)),
        output=Written(("output_tokens",), maximum=("most",)),
    ),
    asks=("[type=go]",),
    feeds=("audio",),
    begins=("[type=begun]",),
    voids=("[type=error]",),
    told=(Told("[type=part]", "start + length"), Told("[type=end]", "length", last=True)),
    lane="stream",
    refuse=(Unmetered("later", "Not yet."),),
)


def asked(**message: Any) -> Asked:
    return ask(SPEC, json.dumps(message).encode(), binary=False)


def test_what_a_message_asks_for() -> None:
    assert asked(type="go", stream="b").asks
    assert asked(type="go", stream="b").lane == "b"
    assert asked(audio="AAAA").feeds
    assert not asked(type="other").asks
    assert not asked(audio="").feeds


def test_text_is_a_token_a_byte_less_what_is_base64() -> None:
    message = {"audio": "AAAAAAAA", "image": "BBBB", "say": "héllo", "type": "x"}
    raw = json.dumps(message).encode()
    flow = ask(SPEC, raw, binary=False).flow
    assert flow == Flow(text=len(raw) - 12, pictures=258, sound_bytes=6, characters=5)


def test_a_limit_that_is_no_number_is_none() -> None:
    assert asked(most=100).flow.maximum == 100
    assert asked(most="inf").flow.maximum == UNLIMITED
    assert asked(most=-1).flow.maximum == UNLIMITED
    assert asked(other=1).flow.maximum is None


def test_what_cannot_be_metered_is_said_so_unless_it_is_false() -> None:
    assert asked(later=True).unmetered == "Not yet."
    assert asked(later=False).unmetered == ""


def test_binary_messages_feed_and_are_sound_only_where_no_path_leads_to_it() -> None:
    assert ask(SPEC, b"\0\1", binary=True) == Asked(feeds=True, flow=Flow(text=2))
    spoken = SessionSpec(source="x", bound=TurnBound(sound=Sound(8000, seconds="audio_seconds")))
    assert ask(spoken, b"\0\1", binary=True) == Asked(flow=Flow(sound_bytes=2))
    assert ask(spoken, b"done", binary=False) == Asked(flow=Flow(text=4))


@pytest.mark.parametrize(
    ("sound", "size"), [("AAAA", 3), ("AAA=", 2), ("AA==", 1), ("AAA", 2), ("AAAA==", 4), ("=", 0), ("==", 1), ("", 0)]
)
def test_sound_is_as_long_as_its_base64_and_never_less(sound: str, size: int) -> None:
    spec = SessionSpec(source="x", bound=TurnBound(sound=Sound(8000, at=("sound",), seconds="audio_seconds")))
    assert ask(spec, json.dumps({"sound": sound}).encode(), binary=False).flow.sound_bytes == size


def test_what_a_provider_says() -> None:
    assert hear(SPEC, b'{"type": "begun", "stream": "b"}') == Heard(begins=True, lane="b")
    assert hear(SPEC, b'{"type": "error"}').voids
    assert hear(SPEC, b'{"type": "part", "start": 1.5, "length": 2}').seconds == Decimal("3.5")
    assert hear(SPEC, b'{"type": "end", "length": 4}') == Heard(seconds=4, last=True)
    assert hear(SPEC, b'{"type": "part", "start": "x", "length": 2}').seconds is None
    assert hear(SPEC, b"\0\0") == Heard()


def test_a_session_opens_with_what_names_its_model() -> None:
    named = SessionSpec(source="x", bound=TurnBound(), opening="setup.model")
    assert opens(named, b'{"setup": {"model": "m"}}')
    assert not opens(named, b'{"text": "m"}')
    assert not opens(named, b"m")


def test_a_document_may_begin_with_blanks_and_must_be_an_object() -> None:
    assert document(b'\n {"a": 1}') == {"a": 1}
    assert document(b"[1]") is None
    assert document(b"{broken") is None
    assert document(b'{"a": "\xff"}') is None
