"""Wall time of whole fits: in a warm process, in a new one, and with every sampler.

A fit: the search for the modes, draws, relabelling, log-likelihoods and diagnostics. In a new
process imports come on top; what compilers keep on disk is there already, for the textbook model in
PyMC too. The least effective sample size is that of the fit's own diagnostics.
"""

import tempfile
import warnings
from pathlib import Path

import numpy as np

from bayesgmm import load_dataset
from bayesgmm.bayes.samplers import SAMPLERS
from em_figures.data import simulate
from em_figures.measuring import Options, alternate, columns, heading, row, shape, wall_seconds
from posterior_figures.problems import Problem
from posterior_figures.processes import fit_apart
from posterior_figures.sampling import CHAINS, DRAWS

LARGE, QUICK_LARGE = (10_000, 8, 5), (100, 2, 2)
# A particle costs hundreds of passes.
NOT_ON_LARGE = ("smc",)
REPEATS = 5
NEW_REPEATS = 3


def run(options: Options) -> None:
    draws = 20 if options.quick else DRAWS
    faithful = Problem(np.asarray(load_dataset("faithful"), dtype=float), 2)
    heading("Whole fits", f"`faithful`, K = 2; {CHAINS} chains of {draws} draws, wall time.")
    columns("engine", "process", "seconds")
    warm = whole_fit(faithful, "auto", draws, 1 if options.quick else REPEATS)[0]
    row("bayesgmm", "warm", f"{warm:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.npy"
        np.save(rows, faithful.X)
        engines = ("bayesgmm",) if options.quick else ("bayesgmm", "pymc")
        new = {
            engine: lambda engine=engine: wall_seconds(lambda: fit_apart(engine, rows, 2, draws))
            for engine in engines
        }
        if not options.quick:
            alternate(new, 1)  # fills what compilers keep on disk
        times = alternate(new, 1 if options.quick else NEW_REPEATS)
    row("bayesgmm", "new", f"{np.median(times['bayesgmm']):.2f}")
    if "pymc" in times:
        row("pm.Mixture with nutpie", "new", f"{np.median(times['pymc']):.2f}")
    heading("Samplers", f"Whole fits in a warm process, {CHAINS} chains; wall time.")
    columns("data", "sampler", "draws a chain", "seconds", "least ESS", "ESS/s", "drawn by")
    size = QUICK_LARGE if options.quick else LARGE
    problems = {
        "faithful, K = 2": (faithful, False),
        shape(*size): (Problem(simulate(*size), size[2]), True),
    }
    for name, (problem, is_large) in problems.items():
        for sampler in SAMPLERS:
            if is_large and sampler in NOT_ON_LARGE:
                continue
            seconds, fit = whole_fit(problem, sampler, draws, 1)
            ess = fit.diagnostics_.min_ess
            made_by = fit.posterior_["posterior"].attrs["sampler"]
            row(
                name,
                sampler,
                draws,
                f"{seconds:.2f}",
                f"{ess:.0f}",
                f"{ess / seconds:.0f}",
                made_by,
            )


def whole_fit(problem: Problem, sampler: str, draws: int, repeats: int):
    """Median seconds of a fit in a process that made a small one before, and the fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a sampler thinks of its draws shows in the table
        few = Problem(problem.X[:60], problem.n_components)
        few.estimator(sampler=sampler, draws=10, chains=CHAINS).fit(few.X)
        estimator = problem.estimator(sampler=sampler, draws=draws, chains=CHAINS)
        times = [wall_seconds(lambda: estimator.fit(problem.X)) for _ in range(repeats)]
    return float(np.median(times)), estimator
