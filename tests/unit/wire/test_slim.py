"""Long base64 is cut to the same in any pieces; nothing else is touched."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire import slim
from proxy.wire.slim import RUN_BYTES_MAX, Slimmer


def slimmed(data: bytes, piece_bytes: int) -> bytes:
    slimmer = Slimmer()
    return b"".join(slimmer.feed(data[at : at + piece_bytes]) for at in range(0, len(data), piece_bytes))


@pytest.mark.parametrize("piece_bytes", [1_000, 65_536, 70_001, 10_000_000])
def test_a_picture_is_cut_and_what_surrounds_it_stays(piece_bytes: int) -> None:
    document = {"before": [1, 2], "data": "QUJD/+" * 100_000, "usage": {"output_tokens": 4160}}
    out = slimmed(json.dumps(document).encode(), piece_bytes)
    read = json.loads(out)
    assert read["usage"] == document["usage"]
    assert read["before"] == [1, 2]
    assert len(read["data"]) == RUN_BYTES_MAX


def test_numbers_and_text_stay() -> None:
    numbers = json.dumps([0.123456789] * 50_000).encode()
    text = json.dumps("a sentence, with blanks. " * 20_000).encode()
    for data in (numbers, text):
        assert slimmed(data, 4_096) == data


@given(
    st.lists(st.tuples(st.sampled_from([b"a", b",", b"Zz9", b'"', b" "]), st.integers(0, 30)), max_size=8), st.data()
)
def test_what_is_cut_depends_on_the_bytes_alone(runs: list[tuple[bytes, int]], data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slim, "RUN_BYTES_MAX", 16)
        stream = b"".join(text * times for text, times in runs)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
        slimmer = Slimmer()
        pieces = zip([0, *cuts], [*cuts, len(stream)], strict=True)
        assert b"".join(slimmer.feed(stream[start:end]) for start, end in pieces) == slimmed(stream, 1)
