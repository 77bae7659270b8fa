import pytest

from proxy.bounds.turns import TurnBound
from proxy.providers.session import SessionSpec, Told, Unmetered


def test_paths_are_compiled_when_a_session_is_made() -> None:
    spec = SessionSpec(source="x", bound=TurnBound(), asks=("[type=go]",), opening="setup.model")
    assert len(spec.asking) == 1
    assert len(spec.opened_by) == 1
    assert spec.feeding == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"asks": ("a..b",)},
        {"told": (Told(".", "a +"),)},
        {"refuse": (Unmetered("[", "no"),)},
        {"opening": "a."},
    ],
)
def test_a_mistake_in_the_data_is_found_then(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the words are those of paths and sums, tested there
        SessionSpec(source="x", bound=TurnBound(), **wrong)  # type: ignore[arg-type]  # one of several kinds


def test_a_session_has_a_bound_of_its_own_or_is_made_of_requests() -> None:
    with pytest.raises(ValueError, match="needs a bound of its own"):
        SessionSpec(source="x")
    with pytest.raises(ValueError, match="needs a bound of its own"):
        SessionSpec(source="x", bound=TurnBound(), requests=True)
