"""Progress on standard error, to those who watch: of loops, and of what has no known length."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def watched_console(show: bool) -> "Console | None":
    """Standard error, if progress is to be shown and it is a terminal or a notebook's."""
    if not show:
        return None
    from rich.console import Console

    # Elsewhere rich leaves an empty line for each bar that is gone.
    console = Console(stderr=True)
    return console if console.is_terminal or console.is_jupyter else None


class Progress:
    """A progress bar on standard error, or nothing where it is neither terminal nor notebook.

    As a context manager it gives a function to be told what begins now, or, at the end, that
    nothing is left: whatever began before is then done.

    Parameters
    ----------
    show : bool
    total : int
        How many things will be done.
    """

    def __init__(self, show: bool, total: int):
        self.console, self.total = watched_console(show), total

    def __enter__(self) -> Callable[[str], None]:
        if self.console is None:
            return lambda _: None
        from rich.progress import Progress

        self.bar = Progress(console=self.console, transient=True)
        self.bar.start()
        task = self.bar.add_task("", total=self.total)
        started = iter([0])

        def advance(what: str) -> None:
            self.bar.update(task, description=what, advance=next(started, 1))

        return advance

    def __exit__(self, *_: object) -> None:
        if self.console is not None:
            self.bar.stop()


@contextmanager
def working(what: str, show: bool) -> Iterator[None]:
    """Show that something is under way, for as long as it is, or nothing."""
    console = watched_console(show)
    with nullcontext() if console is None else console.status(what):
        yield
