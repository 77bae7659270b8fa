from proxy.bounds.parts import by_model, matches, named


def test_matches_values_globs_and_presence() -> None:
    part = {"type": "web_search_20260318", "source": {"type": "base64"}, "none": None}
    assert matches(part, {})
    assert matches(part, {"type": "web_search_*", "source.type": "base64"})
    assert matches(part, {"source": None})
    assert not matches(part, {"type": "web_fetch_*"})
    assert not matches(part, {"none": None})
    assert not matches(part, {"source": "base64"})
    assert matches("default", {"": "default"})


def test_the_first_glob_decides() -> None:
    table = {"small-mini*": 1, "small*": 2}
    assert by_model(table, "small-mini-1") == 1
    assert by_model(table, "small-1") == 2
    assert by_model(table, "other") is None


def test_no_globs_name_every_model() -> None:
    assert named((), "any")
    assert named(("a*", "b"), "b")
    assert not named(("a*", "b"), "bb")
