"""How far a long work is, on standard error and only where somebody looks."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[int, int | None], None]
"""Is told how much is done, and of how much if that is known."""


@contextmanager
def progress(what: str) -> Iterator[Tell]:
    """Show a bar while the block runs; on anything but a terminal nothing is shown."""
    if not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as shown:
        task = shown.add_task(what, total=None)

        def tell(done: int, of: int | None) -> None:
            shown.update(task, completed=done, total=of)

        yield tell
