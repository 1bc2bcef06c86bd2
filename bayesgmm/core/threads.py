"""How many threads a pass over the data may use.

By default as many as the process has processors; the environment variable ``BAYESGMM_NUM_THREADS``,
or :func:`limit`, sets another number. Results do not depend on it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from threadpoolctl import ThreadpoolController

from bayesgmm.exceptions import DataError

_LIMIT: ContextVar[int | None] = ContextVar("bayesgmm_threads", default=None)
_VARIABLE = "BAYESGMM_NUM_THREADS"


def count() -> int:
    """The number of threads that a pass may use now.

    Raises
    ------
    DataError
        If the environment variable is set to something else than a positive integer.
    """
    limited = _LIMIT.get()
    return _default(os.environ.get(_VARIABLE)) if limited is None else limited


@contextmanager
def limit(n_threads: int) -> Iterator[None]:
    """Let passes inside the ``with`` block, in this thread, use this many threads at most.

    Code that already runs one fit a processor wraps each in ``limit(1)``.
    """
    token = _LIMIT.set(max(1, int(n_threads)))
    try:
        yield
    finally:
        _LIMIT.reset(token)


def share(n_jobs: int | None) -> int:
    """The number of threads for each of ``n_jobs`` fits, as joblib counts them, at a time."""
    from joblib import effective_n_jobs

    return max(1, count() // effective_n_jobs(1 if n_jobs is None else n_jobs))


def run_all[T](function: Callable[[int], T], numbers: Sequence[int]) -> Iterator[T]:
    """``function(i)`` for every i, in threads if allowed and of use; results come in order.

    ``function`` must release the GIL for most of its time.
    """
    n = count()
    if n == 1 or len(numbers) == 1:
        return map(function, numbers)

    def alone(i: int) -> T:
        # What it calls must not wait for a thread of the pool that it is in.
        with limit(1):
            return function(i)

    return _pool(n, os.getpid()).map(alone, numbers)


@cache
def _pool(n_threads: int, process: int) -> ThreadPoolExecutor:
    # By process: threads do not survive a fork.
    return ThreadPoolExecutor(n_threads, thread_name_prefix="bayesgmm")


@cache
def _default(wanted: str | None) -> int:
    if not wanted:
        return processors()
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    raise DataError(f"{_VARIABLE} must be a positive integer, got {wanted!r}.")


def processors() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def single_blas() -> Iterator[None]:
    """Let linear algebra of other libraries use one thread inside the ``with`` block.

    On a few thousand rows waking threads costs more than they gain.
    """
    with _libraries().limit(limits=1):
        yield


@cache
def _libraries() -> ThreadpoolController:
    # Finding the libraries takes milliseconds, and those loaded later are not limited: clusterings
    # bring their own.
    import sklearn.cluster  # noqa: F401

    return ThreadpoolController()
