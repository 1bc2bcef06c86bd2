"""The first EM fit in a new process: the seconds from starting Python to its end.

Interpreter, imports, loading of the rows and the fit with its default settings. With a cache of
compiled code that an earlier process filled, and with an empty one.
"""

import tempfile
from pathlib import Path

import numpy as np

from em_figures.data import simulate
from em_figures.measuring import Options, alternate, columns, heading, row, shape, wall_seconds
from em_figures.processes import fit_apart

SHAPE = (1_000, 2, 3)
REPEATS = 5


def run(options: Options) -> None:
    n, d, k = SHAPE
    heading("First fit in a new process", f"Wall time, all in; {shape(n, d, k)}.")
    columns("engine", "compiled code", "seconds")
    repeats = 1 if options.quick else REPEATS
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.npy"
        np.save(rows, simulate(n, d, k))

        def in_cache(cache: Path, engine: str = "bayesgmm") -> float:
            environment = {"NUMBA_CACHE_DIR": str(cache)}
            return wall_seconds(lambda: fit_apart(engine, rows, k, n, "", **environment))

        empty = iter(range(repeats))
        times = alternate({"empty": lambda: in_cache(Path(folder) / f"{next(empty)}")}, repeats)
        filled = Path(folder) / "0"
        times |= alternate(
            {
                "cached": lambda: in_cache(filled),
                "scikit-learn": lambda: in_cache(filled, "scikit-learn"),
            },
            repeats,
        )
    row("bayesgmm", "cached", f"{np.median(times['cached']):.2f}")
    row("bayesgmm", "cache empty", f"{np.median(times['empty']):.2f}")
    row("scikit-learn", "", f"{np.median(times['scikit-learn']):.2f}")
