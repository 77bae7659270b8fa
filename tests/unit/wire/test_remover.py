"""Frames that we caused are taken out; every other byte passes as it came."""

import pytest

from proxy.wire.remover import FrameRemover

OURS = b'data: {"choices":[],"usage":{"total_tokens":3}}\n\n'
THEIRS = (
    b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n',
    b": a comment\n\n",
    b"event: ping\r\ndata: {}\r\n\r\n",
    b"data: [DONE]\n\n",
)


def added(data: bytes) -> bool:
    return data.startswith(b'{"choices":[],')


def removed(*pieces: bytes) -> bytes:
    remover = FrameRemover(added)
    return b"".join([*(remover.feed(piece) for piece in pieces), remover.finish()])


def test_nothing_is_taken_out_of_a_stream_without_our_frame() -> None:
    assert removed(b"".join(THEIRS)) == b"".join(THEIRS)


@pytest.mark.parametrize("place", range(len(THEIRS) + 1))
def test_our_frame_is_taken_out_wherever_it_stands(place: int) -> None:
    stream = b"".join([*THEIRS[:place], OURS, *THEIRS[place:]])
    assert removed(stream) == b"".join(THEIRS)


def test_every_single_cut_gives_the_same_bytes() -> None:
    stream = b"".join([*THEIRS[:3], OURS, THEIRS[3]])
    for cut in range(len(stream) + 1):
        assert removed(stream[:cut], stream[cut:]) == b"".join(THEIRS)
    assert removed(*(stream[i : i + 1] for i in range(len(stream)))) == b"".join(THEIRS)


def test_an_event_is_passed_on_with_its_last_byte() -> None:
    remover = FrameRemover(added)
    assert remover.feed(THEIRS[0][:-1]) == b""
    assert remover.feed(THEIRS[0][-1:] + OURS + b"data: [DO") == THEIRS[0]
    assert remover.feed(b"NE]\n\n") == b"data: [DONE]\n\n"
    assert remover.finish() == b""


def test_our_frame_is_also_known_without_its_blank_line() -> None:
    assert removed(THEIRS[0] + OURS[:-2]) == THEIRS[0]


def test_a_last_event_without_its_blank_line_still_passes() -> None:
    assert removed(THEIRS[0] + b"data: [DONE]") == THEIRS[0] + b"data: [DONE]"
    assert removed() == b""
