"""The SQLite store has every method of the doors, with the same parameters."""

import inspect

import pytest
from doubles.model import ModelStore

from proxy.store.doors import Directory, Ledger, Registry, Store
from proxy.store.sqlite.store import SqliteStore

DEEDS = sorted(
    {name for door in (Ledger, Directory, Registry, Store) for name in vars(door) if not name.startswith("_")}
)


@pytest.mark.parametrize("name", DEEDS)
@pytest.mark.parametrize("implementation", [SqliteStore, ModelStore])
def test_each_door_is_answered(implementation: type, name: str) -> None:
    door = getattr(Store, name)
    if isinstance(door, property):
        assert implementation is ModelStore or isinstance(getattr(implementation, name), property)
        return
    answer = getattr(implementation, name)
    assert inspect.iscoroutinefunction(answer) == inspect.iscoroutinefunction(door)
    assert list(inspect.signature(answer).parameters) == list(inspect.signature(door).parameters)


def test_a_verdict_and_its_faults_are_values() -> None:
    from proxy.store.doors import Fault, Verdict

    assert Verdict(True, 1, 2, 3) == Verdict(True, 1, 2, 3, ())
    assert Verdict(False, 1, 2, 3, (Fault("t", "", "p"),)).faults[0].problem == "p"
