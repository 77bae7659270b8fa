"""Gathers what is wrong, so that one mistake in a file does not hide the next."""

from types import TracebackType

from proxy.errors import BadConfig


class Faults:
    """The problems found so far, a line each, in the order in which they were found."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def gather(self, before: str = "") -> "_Gathering":
        """Keep what BadConfig says inside a `with` block, `before` in front of each line, and go on after it."""
        return _Gathering(self, before)

    def add(self, problem: str) -> None:
        """Keep one problem."""
        self._found.append(problem)

    def settle(self) -> None:
        """Raise BadConfig if anything was found: all of it, each line once."""
        if self._found:
            raise BadConfig(*dict.fromkeys(self._found))


class _Gathering:
    """One `with` block. A context manager of its own: its `bool` tells type checkers that the block may end early."""

    def __init__(self, faults: Faults, before: str) -> None:
        self._faults = faults
        self._before = before

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, BadConfig):
            return False
        for problem in error.problems:
            self._faults.add(self._before + problem)
        return True
