"""Paired timings and Markdown tables."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from bayesgmm.core.threads import limit


@dataclass(frozen=True)
class Options:
    """What the user asked for: small shapes only, and where the picture goes."""

    quick: bool = False
    plot: Path | None = None


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Run with so many threads: BLAS, OpenMP and our own."""
    with threadpool_limits(n), limit(n):
        yield


def seconds(function: Callable[[], object]) -> float:
    """The processor's time, which stands other load on the machine; for one thread."""
    start = time.process_time()
    function()
    return time.process_time() - start


def wall_seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def alternate(functions: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, np.ndarray]:
    """What each function returns, in turns, so that all of them see the same machine."""
    values: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            values[name].append(function())
    return {name: np.array(series) for name, series in values.items()}


def median_ratio(values: Mapping[str, np.ndarray], over: str, under: str) -> float:
    return float(np.median(values[over] / values[under]))


def heading(title: str, text: str) -> None:
    print(f"\n## {title}\n\n{text}\n", flush=True)


def columns(*names: str) -> None:
    row(*names)
    row(*["---"] * len(names))


def row(*cells: object) -> None:
    print("|", " | ".join(str(cell) for cell in cells), "|", flush=True)


def shape(n: int, d: int, k: int) -> str:
    return f"{n}, {d}, {k}"
