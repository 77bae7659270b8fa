"""The names of certainty are stored and exported: they do not change."""

from proxy.usage.certainty import Certainty


def test_names_are_fixed() -> None:
    assert [each.value for each in Certainty] == ["exact", "at_least", "estimated", "none"]
