"""Real data, 1 to 9 components in four families: our best log-likelihoods against mclust's.

mclust starts from one hierarchical clustering and runs to a tolerance of 1e-10. Solutions that
stand on a spike (a component whose smallest eigenvalue of cov(X)^-1 Sigma_k is below 1e-4, or with
a covariance of its own on fewer than D + 1 rows) are left out, on either side. Where R and its
package mclust are installed they run here, on mclust's own data sets too, and are timed;
elsewhere the log-likelihoods in ``mclust_optima.csv`` (mclust 6.0.0, R 4.2.2) stand for the bundled
data sets.

Times are the processor's, all 36 fits of a data set together (one feature: 18). mclust's at its own
tolerance of 1e-5, and at 1e-10; ours with the default settings, and with one start a fit.
"""

import csv
import shutil
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from bayesgmm import GaussianMixture, load_dataset
from bayesgmm.em.degeneracy import find_spikes
from bayesgmm.em.problem import Problem
from bayesgmm.exceptions import DataError
from em_figures.measuring import Options, columns, heading, row, threads

BUNDLED = ("enzyme", "faithful", "galaxies", "iris", "overlap", "penguins", "wine")
OWN = ("acidity", "banknote", "chevron", "cross", "diabetes", "thyroid", "wreath")
FAMILIES = ("full", "tied", "diag", "spherical")
MOST = 9
QUICK_MOST = 2
FLATNESS = 1e-4

HERE = Path(__file__).parent
Key = tuple[str, str, int]


def write_tables(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        numbers = load_dataset(name).select_dtypes("number")
        numbers.to_csv(folder / f"{name}.csv", index=False)


def read_table(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)


def has_mclust() -> bool:
    if shutil.which("Rscript") is None:
        return False
    asked = ["Rscript", "-e", 'quit(status = !requireNamespace("mclust", quietly = TRUE))']
    return subprocess.run(asked, capture_output=True).returncode == 0


def read_optima(path: Path, n_features: dict[str, int]) -> dict[Key, float]:
    """mclust's log-likelihoods that are no spikes."""
    with path.open() as file:
        return {
            (one["dataset"], one["family"], int(one["n_components"])): float(one["log_likelihood"])
            for one in csv.DictReader(file)
            if one["dataset"] in n_features
            and float(one["flatness"]) >= FLATNESS
            and (
                one["family"] == "tied"
                or float(one["fewest_rows"]) >= n_features[one["dataset"]] + 1
            )
        }


def read_seconds(path: Path) -> dict[str, tuple[float, float]]:
    with path.open() as file:
        return {
            one["dataset"]: (float(one["default"]), float(one["tight"]))
            for one in csv.DictReader(file)
        }


def sweep(
    X: np.ndarray, most: int, n_init: int | str
) -> tuple[dict[tuple[str, int], float], float]:
    """Log-likelihoods that are no spikes, and the processor's seconds of all fits."""
    found, spent = {}, 0.0
    for family in FAMILIES if X.shape[1] > 1 else FAMILIES[:2]:
        for k in range(1, most + 1):
            model = GaussianMixture(k, covariance_type=family, n_init=n_init, random_state=0)
            before = time.process_time()
            try:
                model.fit(X)
            except DataError:
                continue
            finally:
                spent += time.process_time() - before
            if not find_spikes(model.mixture_, Problem(X, family)):
                found[family, k] = model.lower_bound_ * len(X)
    return found, spent


def run(options: Options) -> None:
    most = QUICK_MOST if options.quick else MOST
    is_installed = has_mclust()
    heading(
        "Real data against mclust",
        f"1 to {most} components, four families; spikes left out. Log-likelihood: ours less "
        "mclust's at a tolerance of 1e-10. Ratios: the processor's time of mclust (tolerance 1e-5 "
        "/ 1e-10) over ours, with default settings and with one start."
        + (
            "" if is_installed else " mclust: not installed; its log-likelihoods are recorded ones."
        ),
    )
    columns(
        "data",
        "fits compared",
        "worst, nats a row",
        "ours better by over 1e-5",
        "mclust, s",
        "bayesgmm, s",
        "one start, s",
        "ratio",
        "ratio, one start",
    )
    bundled = BUNDLED[1:2] if options.quick else BUNDLED
    own = OWN[:1] if options.quick else OWN
    with tempfile.TemporaryDirectory() as name, threads(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of these models have no sound fit
        folder = Path(name)
        write_tables(folder, bundled)
        optima_path, seconds = HERE / "mclust_optima.csv", {}
        if is_installed:
            command = ["Rscript", HERE / "mclust.R", folder, str(most), *own]
            subprocess.run(command, check=True)
            optima_path, seconds = folder / "optima.csv", read_seconds(folder / "seconds.csv")
        tables = {name: read_table(folder / f"{name}.csv") for name in bundled}
        if is_installed:
            tables |= {name: read_table(folder / f"{name}.csv") for name in own}
        optima = read_optima(optima_path, {name: X.shape[1] for name, X in tables.items()})
        for name, X in tables.items():
            compare(name, X, optima, seconds.get(name), most)


def compare(
    name: str,
    X: np.ndarray,
    optima: dict[Key, float],
    peer: tuple[float, float] | None,
    most: int,
) -> None:
    sweep(X, 2, "auto")  # compiles what this number of features needs
    found, spent = sweep(X, most, "auto")
    _, spent_once = sweep(X, most, 1)
    both = [(f, k) for f, k in found if (name, f, k) in optima]
    gains = np.array([found[f, k] - optima[name, f, k] for f, k in both]) / len(X)
    worst = both[int(gains.argmin())]
    times, ratio, ratio_once = "not installed", "", ""
    if peer is not None:
        times = " / ".join(f"{seconds:.2f}" for seconds in peer)
        ratio = " / ".join(f"{seconds / spent:.2f}" for seconds in peer)
        ratio_once = " / ".join(f"{seconds / spent_once:.2f}" for seconds in peer)
    row(
        name,
        len(both),
        f"{gains.min():+.1e} ({worst[0]}, K={worst[1]})",
        int(np.sum(gains > 1e-5)),
        times,
        f"{spent:.2f}",
        f"{spent_once:.2f}",
        ratio,
        ratio_once,
    )
