"""Effective draws a second against Stan and JAGS in R, on real data.

Stan sums the memberships out (``log_sum_exp``), JAGS samples them; both have the inverse-Wishart
itself (in one dimension: the inverse-gamma). Chains start at the mode that our fit found. They run
one after another in R; their times are divided by the number of processors, as if chains in
parallel cost nothing more: they are the processor's, of Stan those of its chains alone, without
what R adds.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from bayesgmm import load_dataset
from bayesgmm.core import threads
from bayesgmm.core.mixture import Mixture
from em_figures.measuring import Options, heading
from posterior_figures import sampling
from posterior_figures.problems import Problem
from posterior_figures.sampling import CHAINS, DRAWS, Draws, Seconds

DATA = [("faithful", 2), ("galaxies", 4)]
# Program, R's package, draws a chain, warm-up.
PROGRAMS = [("stan", "rstan", 1000, 1000), ("jags", "rjags", 10_000, 2000)]
HERE = Path(__file__).parent


def run(options: Options) -> None:
    title = "ESS per second against Stan and JAGS"
    missing = [name for name, package, *_ in PROGRAMS if not is_installed(package)]
    note = f"Not installed: {', '.join(missing)}. " if missing else ""
    programs = [one for one in PROGRAMS if one[0] not in missing]
    if options.quick:
        programs = [(name, package, 50, 50) for name, package, *_ in programs if name == "jags"]
    if not programs:
        heading(title, note or "Nothing that is quick.")
        return
    sampling.heads(
        title,
        f"{note}{CHAINS} chains of {DRAWS} draws here; the others' chains start at the mode, and "
        f"their times are divided by {processors()} processors.",
    )
    for name, k in DATA[:1] if options.quick else DATA:
        problem = Problem(np.asarray(load_dataset(name), dtype=float), k)
        own, mode = sampling.ours(problem, 100 if options.quick else DRAWS)
        for program, _, draws, warm_up in programs:
            peer = in_r(program, problem, mode, draws, warm_up)
            sampling.compare(f"{name}, K = {k}: {program}", problem, peer, own, mode)


def processors() -> int:
    return min(CHAINS, threads.processors())


def is_installed(package: str) -> bool:
    if shutil.which("Rscript") is None:
        return False
    asked = ["Rscript", "-e", f'quit(status = !requireNamespace("{package}", quietly = TRUE))']
    return subprocess.run(asked, capture_output=True).returncode == 0


def in_r(program: str, problem: Problem, mode: Mixture, draws: int, warm_up: int) -> Draws:
    k, d = problem.n_components, problem.n_features
    priors = problem.priors
    assert priors.scale is not None  # means are independent of the covariances by default
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tables = {
            "rows": problem.X,
            "means_prior": np.column_stack([priors.loc, priors.scale]),
            "scatter": priors.scatter,
            "weights": mode.weights[:, None],
            "means": mode.means,
            "covariances": mode.covariances.reshape(k, d * d),
        }
        for table, values in tables.items():
            np.savetxt(folder / f"{table}.csv", values, delimiter=",", fmt="%.17g")
        sizes = [CHAINS, draws, warm_up, priors.dof]
        command = ["Rscript", HERE / f"{program}.R", folder, *map(str, sizes)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stderr}")
        compiling, spent = np.loadtxt(folder / "seconds.csv", delimiter=",")
        values = np.loadtxt(folder / "draws.csv", delimiter=",").reshape(CHAINS, draws, -1)
    weights, means, covariances = np.split(values, [k, k + k * d], axis=-1)
    shape = (CHAINS, draws, k)
    mixture = Mixture.from_covariances(
        weights / weights.sum(axis=-1, keepdims=True),
        means.reshape(*shape, d),
        covariances.reshape(*shape, d, d),
    )
    wall = spent / processors()
    return Draws(mixture, Seconds(wall, spent), compiling + wall, warm_up)
