import json
from typing import Any

from proxy.steps.follow import SWITCHED, Followed
from proxy.usage.certainty import Certainty
from proxy.usage.reader import Reader
from proxy.usage.spec import Another, ReaderSpec
from proxy.wire.framing import Framing

SPEC = ReaderSpec(
    source="made up",
    usage=("[type=done].usage",),
    units={"output_tokens": "out"},
    another=Another("[type=heard].usage", {"audio_seconds": "seconds"}, ("[type=hello].ears",), "ears-1"),
    output=("[type=part].text",),
    end=("[type=done]",),
    final=("[type=done]",),
)


def turn() -> Followed:
    return Followed(Reader(SPEC, Framing.JSON))


def say(**message: Any) -> bytes:
    return json.dumps(message).encode()


def test_a_turn_is_over_when_the_provider_says_so() -> None:
    followed = turn()
    followed.hear(say(type="part", text="Hi"))
    assert not followed.over
    followed.hear(say(type="done", usage={"out": 3}))
    assert followed.over
    assert followed.reading().usage == {"output_tokens": 3}
    assert followed.reading().certainty is Certainty.EXACT
    assert followed.status == SWITCHED


def test_a_turn_cut_short_shows_what_was_seen() -> None:
    followed = turn()
    followed.hear(say(type="part", text="Hi there"))
    assert followed.reading().certainty is Certainty.AT_LEAST
    assert followed.reading().output_bytes == 8


def test_news_are_told_once() -> None:
    followed = turn()
    assert followed.news() is None
    followed.hear(b"\0sound")
    assert followed.news() is not None
    assert followed.news() is None


def test_what_works_beside_the_model_is_added_up_under_its_own_name() -> None:
    followed = turn()
    followed.hear(say(type="heard", usage={"seconds": 3}))
    followed.hear(say(type="hello", ears="whisper"))
    followed.hear(say(type="heard", usage={"seconds": 4}))
    reading = followed.reading()
    assert reading.other_models == {"whisper": {"audio_seconds": 7}}
    assert reading.certainty is Certainty.EXACT


def test_what_was_counted_is_exact_if_that_is_sure() -> None:
    followed = Followed(None)
    assert followed.reading().certainty is Certainty.NONE
    followed = Followed(None)
    followed.count({"characters": 12}, sure=True)
    assert followed.news() is not None
    assert followed.reading().usage == {"characters": 12}
    assert followed.reading().certainty is Certainty.EXACT
    guess = Followed(None)
    guess.count({"audio_seconds": 12}, sure=False)
    assert guess.reading().certainty is Certainty.AT_LEAST
