"""Embeddings: unit vectors that depend on the text alone, so equal texts are equal and others are not."""

import base64
import math
from array import array
from hashlib import shake_256
from sys import byteorder
from typing import Any

from proxy.sandbox.paths import pick, pick_first
from proxy.sandbox.shapes import Vectors

DIMENSIONS_MOST = 4096


def embed(spec: Vectors, body: Any, model: str, texts: list[str]) -> list[dict[str, Any]]:
    """Return `index` and `vector` of every text, as base64 if the request asks for that."""
    wanted = pick_first(body, spec.dimensions)
    usual = spec.by_model.get(model, spec.otherwise)
    dimensions = min(wanted, DIMENSIONS_MOST) if isinstance(wanted, int) and wanted > 0 else usual
    packed = bool(spec.base64) and pick(body, spec.base64) == "base64"
    vectors = (vector(text, dimensions) for text in texts)
    return [
        {"index": index, "vector": as_base64(numbers) if packed else numbers} for index, numbers in enumerate(vectors)
    ]


def vector(text: str, dimensions: int) -> list[float]:
    """Return `dimensions` numbers of length 1 together, the same for the same text."""
    raw = array("h", shake_256(text.encode()).digest(2 * dimensions))
    if byteorder != "little":
        raw.byteswap()
    scale = 1 / (math.hypot(*raw) or 1)
    return [round(number * scale, 8) for number in raw]


def as_base64(numbers: list[float]) -> str:
    """Return the numbers as base64 of little-endian 32-bit floats: the compact form that SDKs ask for."""
    packed = array("f", numbers)
    if byteorder != "little":
        packed.byteswap()
    return base64.b64encode(packed).decode()
