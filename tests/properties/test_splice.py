"""Splicing changes one member and not one other byte; what it adds to an answer is taken out again.

Documents are written here by hand, with odd blanks, odd escapes and the wanted key in every misleading place, because
a serialiser writes only one of the many texts that mean the same.
"""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.remover import FrameRemover
from proxy.wire.splice import splice
from proxy.wire.strict_json import parse_object

KEYS = ("a", "b", "stream_options", "include_usage", "max_tokens", 'qu"ote', "ü", "🙂", "", "\\", "/")
VALUES = (b"1", b"true", b"4096", b'"text"', b"[1,2]")

blanks = st.text(" \t\r\n", max_size=3)
keys = st.sampled_from(KEYS)


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """Write a string as JSON, some of its characters escaped without need."""
    out = []
    for character in text:
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        escaped = json.dumps(character)[1:-1]
        if len(escaped) < 6:
            escaped = f"\\u{ord(character):04X}"
        out.append(draw(st.sampled_from([plain, plain, escaped])))
    return f'"{"".join(out)}"'


@st.composite
def documents(draw: st.DrawFn, depth: int = 3, only_object: bool = False) -> str:
    """Write a JSON value in one of its many texts."""
    kind = "object" if only_object else draw(st.sampled_from(["object", "list", "string", "scalar"]))
    if kind == "scalar" or not depth:
        return draw(
            st.sampled_from(
                ["0", "-1.5E+3", "true", "false", "null", "12345678901234567890", '"{\\"a\\":1}"', "{}", "[]"]
            )
        )
    if kind == "string":
        return draw(spelled(draw(st.sampled_from(['"a":', "}]", "\\", "plain", "\u2028", '{"stream_options":null']))))
    if kind == "list":
        items = draw(st.lists(documents(depth - 1), max_size=3))
        return "[" + ",".join(draw(blanks) + item + draw(blanks) for item in items) + "]"
    members = []
    for key in draw(st.lists(keys, unique=True, max_size=4)):
        name, value = draw(spelled(key)), draw(documents(depth - 1))
        members.append(f"{draw(blanks)}{name}{draw(blanks)}:{draw(blanks)}{value}{draw(blanks)}")
    return draw(blanks) + "{" + (",".join(members) or draw(blanks)) + "}" + draw(blanks)


def passable(body: dict[str, object], path: list[str]) -> bool:
    """Tell whether the way to a member leads through objects, nulls and nothing else."""
    here: object = body
    for key in path[:-1]:
        here = here.get(key) if isinstance(here, dict) else None
        if here is not None and not isinstance(here, dict):
            return False
    return True


def set_member(body: dict[str, object], path: list[str], value: object) -> None:
    """Do to a parsed body what a splice does to its text."""
    for key in path[:-1]:
        if body.get(key) is None:
            body[key] = {}
        body = body[key]  # type: ignore[assignment]  # `passable` has made sure
    body[path[-1]] = value


plain_paths = st.lists(
    st.sampled_from(["a", "b", "stream_options", "include_usage", "max_tokens"]), min_size=1, max_size=3
)


@given(text=documents(only_object=True), path=plain_paths, value=st.sampled_from(VALUES))
def test_only_that_member_is_set(text: str, path: list[str], value: bytes) -> None:
    body = text.encode()
    wanted = parse_object(body)
    if not passable(wanted, path):
        return
    spliced = splice(body, path, value)
    set_member(wanted, path, json.loads(value))
    assert parse_object(spliced) == wanted


MARK = b"@@@"
"""A value that no document holds, so that what stands before and after it can be told."""


def reached(body: object, path: list[str]) -> tuple[int, bool]:
    """Return how many keys of the path are there, and whether the last one found is null."""
    for count, key in enumerate(path):
        if not isinstance(body, dict) or key not in body:
            return count, body is None
        body = body[key]
    return len(path), body is None


@given(text=documents(only_object=True), path=plain_paths)
def test_every_other_byte_stays_where_it_was(text: str, path: list[str]) -> None:
    """Outside of the one place, what stands before and after is the old text, byte for byte."""
    body = text.encode()
    parsed = parse_object(body)
    if not passable(parsed, path):
        return
    before, _, after = splice(body, path, MARK).partition(MARK)
    found, null = reached(parsed, path)
    if found == len(path):
        assert body.startswith(before)
        assert body.endswith(after)
        json.loads(body[len(before) : len(body) - len(after)])  # exactly one value was taken out
        return
    missing = path[found:]
    if null:
        opening, closing, out = "".join(f'{{"{key}":' for key in missing), "}" * len(missing), b"null"
    else:
        opening, closing, out = "{".join(f'"{key}":' for key in missing), "}" * (len(missing) - 1), b""
    assert before.endswith(opening.encode())
    assert after.startswith(closing.encode())
    rest = after[len(closing) :]
    comma = not null and rest.startswith(b",")
    assert body == before.removesuffix(opening.encode()) + out + rest[comma:]


@given(text=documents(only_object=True), path=plain_paths, value=st.sampled_from(VALUES))
def test_splicing_twice_is_splicing_once(text: str, path: list[str], value: bytes) -> None:
    body = text.encode()
    if not passable(parse_object(body), path):
        return
    once = splice(body, path, value)
    assert splice(once, path, value) == once


OURS = b'data: {"id":"x","choices":[],"usage":{"total_tokens":3}}'
ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
EVENTS = (
    b'data: {"choices":[{"delta":{"content":"hi"}}],"usage":null}',
    b": a comment, choices and usage",
    b"event: ping\ndata: {}",
    b"data: line one\ndata: line two",
    b"data:",
    b"retry: 10",
)


def added(data: bytes) -> bool:
    return b'"choices":[]' in data and b'"usage":{' in data


@given(
    before=st.lists(st.sampled_from(EVENTS), max_size=4),
    after=st.lists(st.sampled_from(EVENTS), max_size=3),
    end=st.sampled_from(ENDS),
    cuts=st.lists(st.integers(0, 600), max_size=8),
    bom=st.booleans(),
)
def test_the_added_frame_goes_and_the_rest_is_byte_identical(
    before: list[bytes], after: list[bytes], end: bytes, cuts: list[int], bom: bool
) -> None:
    mark = b"\xef\xbb\xbf" if bom else b""
    stream = mark + b"".join(event + end for event in [*before, OURS, *after])
    at = sorted({min(cut, len(stream)) for cut in [0, *cuts, len(stream)]})
    remover = FrameRemover(added)
    relayed = b"".join(remover.feed(stream[i:j]) for i, j in pairwise(at)) + remover.finish()
    plain = b"".join(event + end for event in [*before, *after])
    # A byte order mark belongs to the first event, and goes with it.
    assert relayed == (mark + plain if before else plain)
