"""Whole fits, starts included, against scikit-learn's best of ten starts.

Ours with its default settings; scikit-learn's with ``n_init=10, tol=1e-6`` and as many iterations
as it likes. A row is the median of several simulated data sets; the difference of the
log-likelihoods is ours less theirs, at the worst and at the best of them.
"""

import numpy as np
import sklearn.mixture

import bayesgmm
from em_figures.data import simulate
from em_figures.measuring import Options, columns, heading, row, seconds, shape, threads

# N, D, K and how far apart the components are.
CASES = [
    ((100_000, 10, 10), 2.0),
    ((50_000, 5, 20), 2.0),
    ((30_000, 10, 30), 3.0),
]
QUICK = [((1_000, 2, 3), 3.0)]
SEEDS = (0, 1, 2)


def compare(n: int, d: int, k: int, separation: float, seed: int) -> dict[str, float]:
    X = simulate(n, d, k, seed=10 + seed, separation=separation)
    ours = bayesgmm.GaussianMixture(k, random_state=seed)
    theirs = sklearn.mixture.GaussianMixture(
        k, n_init=10, tol=1e-6, max_iter=10_000, random_state=seed
    )
    our_time, their_time = seconds(lambda: ours.fit(X)), seconds(lambda: theirs.fit(X))
    return {
        "ours": our_time,
        "theirs": their_time,
        "ratio": their_time / our_time,
        "gain": ours.score(X) - theirs.score(X),
    }


def run(options: Options) -> None:
    heading(
        "Whole fits",
        "One thread each; scikit-learn with `n_init=10, tol=1e-6`. Medians over "
        f"{len(SEEDS)} data sets; the log-likelihoods are ours less theirs.",
    )
    columns(
        "N, D, K",
        "scikit-learn, s",
        "bayesgmm, s",
        "ratio",
        "least ratio",
        "log-likelihood, nats a row: worst",
        "best",
    )
    with threads(1):
        bayesgmm.GaussianMixture(2, random_state=0).fit(simulate(500, 2, 2))  # compiles
        for (n, d, k), separation in QUICK if options.quick else CASES:
            found = [compare(n, d, k, separation, seed) for seed in SEEDS]
            series = {key: np.array([one[key] for one in found]) for key in found[0]}
            row(
                shape(n, d, k),
                f"{np.median(series['theirs']):.1f}",
                f"{np.median(series['ours']):.2f}",
                f"{np.median(series['ratio']):.1f}",
                f"{series['ratio'].min():.1f}",
                f"{series['gain'].min():+.1e}",
                f"{series['gain'].max():+.1e}",
            )
