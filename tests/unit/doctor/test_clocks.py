import pytest

from proxy.doctor.clocks import compare


@pytest.mark.parametrize(
    ("ahead", "state", "text"),
    [
        ({}, "skipped", "no provider was reached to compare it with"),
        ({"a": 0.4, "b": -0.4}, "ok", "it agrees with the clocks of 2 providers to 5 s"),
        ({"a": 5.1}, "warning", "it is 5 s ahead of the clocks of 1 providers"),
        ({"a": -60, "b": -61, "c": 9000}, "warning", "it is 60 s behind the clocks of 3 providers"),
        ({"a": 301.0}, "failed", "it is 301 s ahead of the clocks of 1 providers"),
    ],
)
def test_most_clocks_are_right(ahead: dict[str, float], state: str, text: str) -> None:
    found = compare(ahead)
    assert (found.state, found.text) == (state, text)
    assert bool(found.remedy) == (state in ("warning", "failed"))
