"""What grows with the data: time of a gradient, and memory of a fit.

The exponent is the slope of a straight line through the logarithms: 1 is linear. Memory is the peak
of a new process that fits all rows, less that of one that fits a few of them, less what the result
holds more: rows, draws and log-likelihoods.
"""

import tempfile
from pathlib import Path

import numpy as np

from bayesgmm.bayes import callbacks
from em_figures.data import simulate
from em_figures.measuring import Options, columns, heading, row, shape
from em_figures.scaling import slope
from posterior_figures.gradient import FastPath, compiled_caller
from posterior_figures.problems import Problem
from posterior_figures.processes import fit_apart

D, K = 2, 3
ROWS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
QUICK_ROWS = (1_000, 2_000)
REPEATS = 5
# Rows and draws a chain whose log-likelihoods are kept, or are not.
FITS = ((100_000, 50), (100_000, 500))
QUICK_FITS = ((2_000, 10),)
FEW_ROWS = 300


def run(options: Options) -> None:
    heading("Cost of a gradient", f"As nutpie calls it, D = {D}, K = {K}; the processor's time.")
    columns("N", "us", "ns a row")
    rows, times = QUICK_ROWS if options.quick else ROWS, []
    for n in rows:
        fast = FastPath(Problem(simulate(n, D, K), K))
        call = compiled_caller(callbacks.density, fast.zs, fast.block)
        call()
        times.append(float(np.median([call() for _ in range(REPEATS)])))
        row(n, f"{1e6 * times[-1]:.1f}", f"{1e9 * times[-1] / n:.1f}")
    row("exponent", f"{slope(rows, times):.2f}", "")
    memory(QUICK_FITS if options.quick else FITS)


def memory(fits: tuple[tuple[int, int], ...]) -> None:
    heading("Memory of a fit", "Beyond that of a fit of a few rows.")
    if not Path("/proc/self/status").exists():
        print("Not measured: this system does not tell the peak memory of a process.")
        return
    columns("N, D, K", "draws, 4 chains", "peak, MB", "kept in the result, MB", "beyond, MB")
    with tempfile.TemporaryDirectory() as folder:
        for n, draws in fits:
            X = simulate(n, D, K)
            few, all_rows = Path(folder) / "few.npy", Path(folder) / "all.npy"
            np.save(few, X[:FEW_ROWS])
            np.save(all_rows, X)
            base, base_kept = fit_apart("bayesgmm", few, K, draws)
            peak, kept = fit_apart("bayesgmm", all_rows, K, draws)
            more = kept - base_kept
            row(
                shape(n, D, K),
                draws,
                f"{(peak - base) / 1e6:.1f}",
                f"{more / 1e6:.1f}",
                f"{(peak - base - more) / 1e6:.1f}",
            )
