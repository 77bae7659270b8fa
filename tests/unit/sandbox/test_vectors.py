import base64
import math
import struct

import pytest

from proxy.sandbox.shapes import Vectors
from proxy.sandbox.vectors import as_base64, embed, vector


def test_a_vector_has_length_one_and_belongs_to_its_text() -> None:
    first = vector("a cat", 64)
    assert len(first) == 64
    assert math.hypot(*first) == pytest.approx(1, abs=1e-6)
    assert first == vector("a cat", 64)
    assert first != vector("a dog", 64)


def test_base64_is_little_endian_float32() -> None:
    numbers = vector("x", 5)
    assert struct.unpack("<5f", base64.b64decode(as_base64(numbers))) == pytest.approx(numbers, abs=1e-6)


@pytest.mark.parametrize(
    ("body", "length"),
    [({}, 10), ({"size": 4}, 4), ({"size": 0}, 10), ({"size": "4"}, 10), ({"size": 10**9}, 4096)],
)
def test_dimensions_are_asked_for_or_usual(body: dict[str, object], length: int) -> None:
    spec = Vectors(dimensions=("size",), by_model={"big": 20}, otherwise=10)
    assert len(embed(spec, body, "small", ["t"])[0]["vector"]) == length


def test_each_text_gets_one() -> None:
    spec = Vectors(by_model={"big": 20}, base64="form")
    found = embed(spec, {"form": "float"}, "big", ["a", "b"])
    assert [(one["index"], len(one["vector"])) for one in found] == [(0, 20), (1, 20)]
    packed = embed(spec, {"form": "base64"}, "big", ["a"])[0]["vector"]
    assert len(base64.b64decode(packed)) == 80
