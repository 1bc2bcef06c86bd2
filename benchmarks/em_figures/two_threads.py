"""One pass over the rows with two threads against one, by the wall clock.

The processor's time is measured too: all threads together should take what one takes. Where they
take more, or the machine has no second core to give, the ratio says little.
"""

import time

import numpy as np

from em_figures.data import one_pass, simulate
from em_figures.measuring import (
    Options,
    alternate,
    columns,
    heading,
    median_ratio,
    row,
    shape,
    threads,
    wall_seconds,
)

CASES = [
    ("full", (1_000_000, 10, 10)),
    ("diag", (1_000_000, 10, 10)),
    ("full", (1_000_000, 2, 5)),
]
QUICK = [("full", (20_000, 2, 3))]
REPEATS = 15


def run(options: Options) -> None:
    heading("Two threads", "One pass; the processor's time is that of two threads over one.")
    columns("family", "N, D, K", "one thread, ms", "two, ms", "ratio", "processor's time")
    for family, (n, d, k) in QUICK if options.quick else CASES:
        pass_over = one_pass(simulate(n, d, k), k, family)
        busy: dict[int, list[float]] = {1: [], 2: []}

        def timed(n_threads: int, pass_over=pass_over, busy=busy) -> float:
            with threads(n_threads):
                before = time.process_time()
                wall = wall_seconds(pass_over)
                busy[n_threads].append(time.process_time() - before)
            return wall

        for n_threads in busy:
            timed(n_threads)
        times = alternate({"one": lambda: timed(1), "two": lambda: timed(2)}, REPEATS)
        spent = np.median(np.array(busy[2]) / np.array(busy[1]))
        row(
            family,
            shape(n, d, k),
            f"{1e3 * np.median(times['one']):.1f}",
            f"{1e3 * np.median(times['two']):.1f}",
            f"{median_ratio(times, 'one', 'two'):.2f}",
            f"{spent:.2f}",
        )
