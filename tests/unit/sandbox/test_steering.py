import pytest

from proxy.sandbox import steering
from proxy.sandbox.pace import Pace
from proxy.sandbox.steering import PLAIN, Steering, read_steering


def test_nothing_steered_is_plain() -> None:
    assert read_steering({"accept": "*/*", "content-type": "x"}) is PLAIN


def test_headers_become_values() -> None:
    found = read_steering(
        {
            "x-sandbox-output-tokens": "12",
            "x-sandbox-drop-usage": "1",
            "x-sandbox-first-ms": "2.5",
            "x-sandbox-encoding": "br",
            "x-sandbox-usage": '{"output": 1e18}',
            "x-sandbox-cut": "reset",
        }
    )
    assert (found.output_tokens, found.drop_usage, found.first_ms, found.encoding) == (12, True, 2.5, "br")
    assert found.overrides() == {"output": 1e18}
    assert found.cut == "reset"


@pytest.mark.parametrize(
    ("name", "value"),
    [("chunks", "many"), ("speed", "1"), ("encoding", "lzw"), ("usage", "{"), ("usage", "3"), ("cut", "gently")],
)
def test_what_is_wrong_is_said(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="a x-sandbox- header is unknown or wrong"):
        read_steering({f"x-sandbox-{name}": value})


def test_pace_is_replaced_where_told() -> None:
    assert PLAIN.paced(Pace()) == Pace()
    assert Steering(first_ms=0, tps=0, chunk_ms=7).paced(Pace()) == Pace(0, 0, 7)


def test_every_header_is_documented() -> None:
    for name in Steering.__struct_encode_fields__:
        assert f"x-sandbox-{name}" in (steering.__doc__ or "")


@pytest.mark.parametrize("told", [Steering(split=1), Steering(close_delimited=True), Steering(cut_bytes=0)])
def test_some_cannot_go_out_whole(told: Steering) -> None:
    assert PLAIN.whole
    assert not told.whole
