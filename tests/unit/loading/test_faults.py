import pytest

from proxy.errors import BadConfig
from proxy.loading.faults import Faults


def test_what_goes_wrong_is_kept_and_the_work_goes_on() -> None:
    faults, done = Faults(), []
    for number in range(3):
        with faults.gather("file: "):
            if number != 1:
                raise BadConfig(f"{number} is even", "and bad")
            done.append(number)
    faults.add("last")
    faults.add("last")
    with pytest.raises(BadConfig) as caught:
        faults.settle()
    assert done == [1]
    assert str(caught.value) == "file: 0 is even"
    assert caught.value.problems == ("file: 0 is even", "file: and bad", "file: 2 is even", "last")


def test_nothing_wrong_is_nothing() -> None:
    faults = Faults()
    with faults.gather():
        pass
    faults.settle()


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), Faults().gather():
        raise KeyError
