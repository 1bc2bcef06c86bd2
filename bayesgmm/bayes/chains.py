"""Compiled work in threads: several at a time, stoppable, with a progress bar."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from threading import Event

import numpy as np

from bayesgmm.core import threads

# Fewer draws a chain are no result.
MIN_DRAWS = 4


def run_in_threads(work: Sequence[Iterator[int]], total: int, what: str, progressbar: bool) -> None:
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
            for one in as_completed(running):
                one.result()
        except BaseException:
            stop.set()
            for one in running:
                one.cancel()
            raise


def most_draws(counts: np.ndarray) -> tuple[np.ndarray, int]:
    """Which chains to keep of an interrupted run, and how many draws of each: the most in all.

    Parameters
    ----------
    counts : (chain,) array of int
        Draws of each chain so far.

    Raises
    ------
    KeyboardInterrupt
        If no chain has four draws.
    """
    order = np.argsort(-counts, kind="stable")
    totals = counts[order] * np.arange(1, len(counts) + 1)
    n_kept = len(counts) - int(np.argmax(totals[::-1]))  # of equal totals that with more chains
    n = int(counts[order[n_kept - 1]])
    if n < MIN_DRAWS:
        raise KeyboardInterrupt
    return np.sort(order[:n_kept]), n


@contextmanager
def _progress(total: int, what: str, progressbar: bool) -> Iterator[Callable[[int], None]]:
    if not progressbar:
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
