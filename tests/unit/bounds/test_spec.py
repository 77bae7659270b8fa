import msgspec
import pytest

from proxy.bounds.spec import BoundSpec, Kind, Media, Reference, Tool


def test_a_bound_is_converted_strictly() -> None:
    data = {
        "input": [{"unit": "input_tokens"}],
        "output": {"units": [{"unit": "output_tokens"}], "maximum": ["max_tokens"], "times": ["n"]},
        "tools": [{"at": "tools.*", "where": {"type": "web_*"}, "per_use": {"web_searches": 1}}],
    }
    spec = msgspec.convert(data, BoundSpec, strict=True)
    assert spec.output is not None
    assert spec.output.maximum == ("max_tokens",)
    assert spec.tools[0].passes == 1
    with pytest.raises(msgspec.ValidationError, match="unknown field `maximun`"):
        msgspec.convert({**data, "maximun": 1}, BoundSpec, strict=True)


def test_marks_are_a_value_wanted_or_the_last_keys() -> None:
    kinds = (Kind(by="item"),)
    assert Media("a.*", kinds, {"type": "image"}, data=("source.data",)).marks == (b'"image"',)
    assert Media("a.*", kinds, data=("inlineData|inline_data.data",), id=("f.id|key",)).marks == (
        b'"data"',
        b'"id"',
        b'"key"',
    )
    assert Media("a.*", kinds, {"type": "ima*"}, data=("d",)).marks == (b'"d"',)
    assert Reference("file", "tools.*.file_ids.*").marks == (b'"file_ids"',)
    assert Reference("conversation", "conversation", "id").marks == (b'"id"',)
    assert Tool("tools.*.search|find").marks == (b'"search"', b'"find"')
    assert Tool("").marks == ()
