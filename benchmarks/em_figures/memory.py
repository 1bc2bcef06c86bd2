"""Memory that a fit takes beyond the data.

The peak of resident memory of a fresh process that loads the rows and fits all of them, less that
of one that loads the same rows and fits a few hundred: what the fit itself adds. Python's own count
of its allocations during the fit stands beside it; memory that compiled code allocates for itself
is not in it. One thread; scikit-learn makes one start and a few iterations only, which take the
memory of all.
"""

import tempfile
from pathlib import Path

import numpy as np

from em_figures.data import simulate
from em_figures.measuring import Options, columns, heading, row, shape
from em_figures.processes import fit_apart

SHAPE = (1_000_000, 10, 10)
QUICK = (20_000, 10, 3)
REPEATS = 3
FEW_ROWS = 500


def megabytes(text: str) -> float:
    return int(text) / 1e6


def run(options: Options) -> None:
    n, d, k = QUICK if options.quick else SHAPE
    heading("Memory of a fit", f"Beyond the {8e-6 * n * d:.0f} MB of the data, {shape(n, d, k)}.")
    if not Path("/proc/self/status").exists():
        print("Not measured: this system does not tell the peak memory of a process.")
        return
    columns("engine", "resident, MB", "traced by Python, MB")
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.npy"
        np.save(rows, simulate(n, d, k))
        fit_apart("bayesgmm", rows, 2, FEW_ROWS)  # compiles where nothing is cached yet
        for engine in ("bayesgmm", "scikit-learn"):
            extra = [
                megabytes(fit_apart(engine, rows, k, n, "peak"))
                - megabytes(fit_apart(engine, rows, 2, FEW_ROWS, "peak"))
                for _ in range(1 if options.quick else REPEATS)
            ]
            traced = megabytes(fit_apart(engine, rows, k, n, "traced"))
            row(engine, f"{np.median(extra):.1f}", f"{traced:.1f}")
