"""Only what a template names is forwarded; escapes and dots are the ways to name something else."""

import pytest

from proxy.providers.template import compile_template, overlap

MODEL = compile_template("/v1/{version:v1|v1beta}/models/{model}:run", {"model": [":", "%2F", "%3A", "@"]})


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/v1/models/m-1:run", "m-1"),
        ("/v1/v1/models/a.b_c~d:run", "a.b_c~d"),
        ("/v1/v1/models/ft:m:org::id:run", "ft:m:org::id"),
        ("/v1/v1/models/org%2Fm:run", "org%2Fm"),
        ("/v1/v1/models/a%3Ab@2:run", "a%3Ab@2"),
        ("/v1/v1/models/...:run", "..."),
        ("/v1/v1/models/.hidden:run", ".hidden"),
        ("/v1/v1/models/a..b:run", "a..b"),
    ],
)
def test_matches_what_it_allows(path: str, model: str) -> None:
    assert MODEL.match(path) == {"version": "v1", "model": model}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/v1/models/:run",
        "/v1/v1/models/m",
        "/v1/v1/models/m:run/",
        "/v1/v1/models/m:run:",
        "/v1/v1/models/m:runs",
        "/v1/v1/models/a/b:run",
        "/v1/v1/models/a%2fb:run",  # the escape was allowed in capitals
        "/v1/v1/models/a%20b:run",
        "/v1/v1/models/a%00:run",
        "/v1/v1/models/a%:run",
        "/v1/v1/models/%2:run",
        "/v1/v1/models/.:run",
        "/v1/v1/models/..:run",
        "/v1/v1/models/..:x:run",
        "/v1/v1/models/%2E%2E:run",
        "/v1/v1/models/a?b:run",
        "/v1/v1/models/a;b:run",
        "/v1/v1/models/a b:run",
        "/v1/v1/models/ü:run",
        "/v1/v1/models/m\n:run",
        "/v1/v1/models/m:run\n",
        "/v1/v2/models/m:run",
        "/v1/v1beta2/models/m:run",
        "/v1/V1/models/m:run",
        "/v1//models/m:run",
        "//v1/v1/models/m:run",
        "/v1/v1/models/m:RUN",
        "",
    ],
)
def test_matches_nothing_else(path: str) -> None:
    assert MODEL.match(path) is None


def test_choices_are_literal_and_tried_whole() -> None:
    assert MODEL.match("/v1/v1beta/models/m:run") == {"version": "v1beta", "model": "m"}
    dotted = compile_template("/{file:a.b}", {})
    assert dotted.match("/a.b") == {"file": "a.b"}
    assert dotted.match("/axb") is None


def test_a_plain_template_is_a_literal() -> None:
    plain = compile_template("/v1/chat.completions", {})
    assert plain.plain
    assert plain.text == "/v1/chat.completions"
    assert plain.match("/v1/chat.completions") == {}
    assert plain.match("/v1/chatxcompletions") is None
    assert not MODEL.plain


def test_a_dot_segment_never_matches_in_the_last_place_either() -> None:
    last = compile_template("/files/{id}", {"id": ["%2F"]})
    assert last.match("/files/..") is None
    assert last.match("/files/.") is None
    assert last.match("/files/..%2F..") is not None, "an escaped slash stays one segment: it was allowed by name"


@pytest.mark.parametrize("extra", ["/", "..", "%", "%2", "%2G", "ab", " ", "?", "#", "\\", "[a-z]", ".*", ""])
def test_refuses_to_allow_more_than_one_character_or_escape(extra: str) -> None:
    with pytest.raises(ValueError, match="name one character or one escape"):
        compile_template("/x/{id}", {"id": [extra]})


def test_refuses_what_is_no_path() -> None:
    with pytest.raises(ValueError, match="must begin with /"):
        compile_template("x/{id}", {})


def test_a_long_hostile_path_is_judged_at_once() -> None:
    assert MODEL.match("/v1/v1/models/" + "a:" * 4_000) is None


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        ("/v1/chat", "/v1/chat", "/v1/chat"),
        ("/v1/chat", "/v1/talk", ""),
        ("/v1/{a}", "/v1/{b}", "/v1/x"),
        ("/v1/{a}", "/v1/{b}/c", ""),
        ("/v1/{a}/c", "/v1/b/{c}", "/v1/b/c"),
        ("/v1/{a}:run", "/v1/{b}", ""),
        ("/v1/{a}:run", "/v1/{b:x:run|y}", "/v1/x:run"),
        ("/{v:v1|v2}/m", "/{w:v2|v3}/m", "/v2/m"),
        ("/{v:v1|v2}/m", "/{w:v3|v4}/m", ""),
        ("/v1/pre-{a}", "/v1/{b}.json", "/v1/pre-x.json"),
        ("/v1/..{a}", "/v1/{b}", "/v1/..x"),
    ],
)
def test_two_templates_overlap_where_one_path_fits_both(one: str, other: str, path: str) -> None:
    first, second = compile_template(one, {}), compile_template(other, {})
    assert overlap(first, second) == overlap(second, first) == path


def test_what_a_parameter_allows_makes_it_overlap() -> None:
    run = compile_template("/v1/{model}:run", {})
    assert overlap(run, compile_template("/v1/{model}", {"model": [":"]})) == "/v1/x:run"
