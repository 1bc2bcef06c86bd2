"""Compiled work in threads: several at a time, stoppable, with a progress bar."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event

from bayesgmm.bayes import raw_draws
from bayesgmm.core import threads
from bayesgmm.progress import watched_console


def run_in_threads(
    work: Sequence[Iterator[int]],
    total: int,
    what: str,
    progressbar: bool,
    keep: Callable[[], None] | None = None,
) -> None:
    """Run each of several generators to its end, in threads.

    Parameters
    ----------
    work : sequence of iterators
        Each does a bit, lets go of the GIL meanwhile, and yields how much that was. Between two
        bits it can be stopped, so a bit should take no longer than a user waits.
    total : int
        What all that they yield adds up to.
    what : str
        Shown beside the progress bar.
    progressbar : bool
        Show one on standard error.
    keep : callable, optional
        Called now and then, to keep what there is so far, while the threads go on.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts; the generators have come to rest by then.
    """
    stop = Event()

    def run(bits: Iterator[int]) -> None:
        for done in bits:
            advance(done)
            if stop.is_set():
                return

    n_threads = min(len(work), threads.count())
    with _progress(total, what, progressbar) as advance, ThreadPoolExecutor(n_threads) as pool:
        running = [pool.submit(run, bits) for bits in work]
        try:
            left = set(running)
            while left:
                every = raw_draws.KEEP_EVERY if keep else None
                done, left = wait(left, every, FIRST_EXCEPTION)
                for one in done:
                    one.result()
                if keep and left:
                    keep()
        except BaseException:
            stop.set()
            for one in running:
                one.cancel()
            raise


@contextmanager
def _progress(total: int, what: str, progressbar: bool) -> Iterator[Callable[[int], None]]:
    console = watched_console(progressbar)
    if console is None:
        yield lambda done: None
        return
    from rich.progress import Progress

    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
