"""Progress on standard error: of long loops of fits, and of what has no known length."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Progress:
    """A progress bar on standard error, or nothing.

    As a context manager it gives a function to be told what begins now, or, at the end, that
    nothing is left: whatever began before is then done.

    Parameters
    ----------
    show : bool
    total : int
        How many things will be done.
    """

    def __init__(self, show: bool, total: int):
        self.show, self.total = show, total

    def __enter__(self) -> Callable[[str], None]:
        if not self.show:
            return lambda _: None
        from rich.console import Console
        from rich.progress import Progress

        self.bar = Progress(console=Console(stderr=True), transient=True)
        self.bar.start()
        task = self.bar.add_task("", total=self.total)
        started = iter([0])

        def advance(what: str) -> None:
            self.bar.update(task, description=what, advance=next(started, 1))

        return advance

    def __exit__(self, *_: object) -> None:
        if self.show:
            self.bar.stop()


@contextmanager
def working(what: str, show: bool) -> Iterator[None]:
    """Show that something is under way, for as long as it is, or nothing."""
    if not show:
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield
