"""Time of one EM iteration against scikit-learn's.

Both fit by their public interface from the same start, with ``tol=0`` so that nothing stops them;
the time of an iteration is the difference between a fit of many iterations and a fit of one,
divided by their number. Checks of the data, starts and what follows the last iteration cancel, and
everything that an iteration costs is counted. The objectives after the last common iteration show
that both did the same work.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn.mixture

import bayesgmm
from em_figures.data import as_arguments, simulate, start
from em_figures.measuring import (
    Options,
    alternate,
    columns,
    heading,
    median_ratio,
    row,
    seconds,
    shape,
    threads,
)

SHAPES = {
    "full": [(100_000, 2, 3), (1_000_000, 10, 10), (200_000, 50, 20), (50_000, 100, 50)],
    "tied": [(100_000, 2, 3), (1_000_000, 10, 10)],
    "diag": [(100_000, 2, 3), (1_000_000, 10, 10), (200_000, 50, 20)],
    "spherical": [(100_000, 2, 3), (1_000_000, 10, 10), (200_000, 50, 20)],
}
QUICK = {family: [(2_000, 2, 3)] for family in SHAPES}
REPEATS = 3
# The iterations that are timed at a time take about this long, in seconds ...
LONG = 1.0
# ... and are so many at least, and at most.
FEWEST, MOST = 2, 300

CLASSES = {
    "scikit-learn": sklearn.mixture.GaussianMixture,
    "bayesgmm": bayesgmm.GaussianMixture,
}


def fitter(name: str, X: np.ndarray, k: int, family: str) -> Callable[[int], Any]:
    arguments = {
        **as_arguments(start(X, k, family)),
        "covariance_type": family,
        "tol": 0.0,
        "reg_covar": 1e-6,
        "n_init": 1,
        # Both make a start even where all its parts are given; this is the cheapest kind.
        "init_params": "random_from_data",
        "random_state": 0,
    }
    return lambda max_iter: CLASSES[name](k, max_iter=max_iter, **arguments).fit(X)


def per_iteration(fit: Callable[[int], Any], n: int) -> float:
    few = seconds(lambda: fit(1))
    many = seconds(lambda: fit(1 + n))
    return (many - few) / n


def timer(fit: Callable[[int], Any]) -> Callable[[], float]:
    """A function that measures the seconds of an iteration, over as many as are worth it."""
    rough = max(per_iteration(fit, FEWEST), 1e-6)
    number = int(np.clip(LONG / rough, FEWEST, MOST))
    return lambda: per_iteration(fit, number)


def compare(n: int, d: int, k: int, family: str, repeats: int) -> dict[str, float]:
    X = simulate(n, d, k)
    fits = {name: fitter(name, X, k, family) for name in CLASSES}
    # scikit-learn's bound is that of the last E-step; ours has moved on by an M-step.
    theirs = fits["scikit-learn"](FEWEST).lower_bound_
    difference = abs(fits["bayesgmm"](FEWEST).lower_bounds_[-1] - theirs)
    times = alternate({name: timer(fit) for name, fit in fits.items()}, repeats)
    return {
        **{name: float(np.median(values)) for name, values in times.items()},
        "ratio": median_ratio(times, "scikit-learn", "bayesgmm"),
        "difference": difference,
    }


def run(options: Options) -> None:
    heading(
        "Time per iteration",
        "One thread each; the same start, the same iterations. The last column is the difference "
        f"of the log-likelihoods after {FEWEST} of them.",
    )
    columns(
        "family", "N, D, K", "scikit-learn, ms", "bayesgmm, ms", "ratio", "difference, nats a row"
    )
    with threads(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing converges in so few iterations, as is meant
        for family, shapes in (QUICK if options.quick else SHAPES).items():
            for n, d, k in shapes:
                found = compare(n, d, k, family, 1 if options.quick else REPEATS)
                row(
                    family,
                    shape(n, d, k),
                    f"{1e3 * found['scikit-learn']:.1f}",
                    f"{1e3 * found['bayesgmm']:.2f}",
                    f"{found['ratio']:.1f}",
                    f"{found['difference']:.0e}",
                )
