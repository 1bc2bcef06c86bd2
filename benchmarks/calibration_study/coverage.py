"""How often intervals hold the truth, parameter by parameter.

Truths are drawn from the prior and kept if their components are apart, so that labels mean
something; data from them. Beside the posterior's intervals stand those of EM's standard errors,
which know no prior.
"""

import warnings
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from bayesgmm import BayesianGaussianMixture, GaussianMixture
from bayesgmm.core import threads
from bayesgmm.core.mixture import Mixture
from bayesgmm.em.parameters import Layout
from calibration_study.simulate import from_prior, numbers_of, priors_for, rows_of

K, D = 3, 2
SPREAD = 10.0
# Least distance of two means in standard deviations of the widest component.
APART = 5.0
LEAST_WEIGHT = 0.1
ROWS = (60, 300)
ENGINES = ("posterior", "EM")
PARTS = ("weight", "mean", "variance", "covariance")
PROBS = (0.5, 0.9)
# What EM's table of standard errors gives.
EM_PROB = 0.9


@dataclass(frozen=True)
class Case:
    """A covariance family and a number of rows."""

    family: str
    n_rows: int


# By engine, part and probability: a flag for each parameter.
Covered = dict[tuple[str, str, float], np.ndarray]


def covered(case: Case, replicate: int, seed: int) -> Covered:
    """Which intervals hold the truth, in one data set."""
    rng = np.random.default_rng([seed, replicate, case.n_rows, *case.family.encode()])
    truth = separated_truth(case.family, rng)
    X = rows_of(truth, case.n_rows, rng)
    with warnings.catch_warnings(), threads.limit(1):
        warnings.simplefilter("ignore", UserWarning)  # every data set counts
        bayes = BayesianGaussianMixture(
            K,
            covariance_type=case.family,
            priors=priors_for(D, SPREAD),
            random_state=rng,
            progressbar=False,
        ).fit(X)
        em = GaussianMixture(K, covariance_type=case.family, random_state=rng).fit(X)
        table = em.standard_errors(X).table
    layout = Layout.of(truth)
    kinds = np.array([kind for kind, _, _ in layout.labels(("x0", "x1"))])
    found: Covered = {}

    def note(engine: str, prob: float, low: np.ndarray, high: np.ndarray, like: Mixture) -> None:
        true = layout.pack(in_order_of(like, truth))
        for part in PARTS:
            of_part = kinds == part
            found[engine, part, prob] = ((low <= true) & (true <= high))[of_part]

    draws = layout.pack(bayes.mixture_.flatten())
    for prob in PROBS:
        low, high = np.quantile(draws, [(1.0 - prob) / 2.0, (1.0 + prob) / 2.0], axis=0)
        note("posterior", prob, low, high, bayes.map_)
    note("EM", EM_PROB, table["lower"].to_numpy(), table["upper"].to_numpy(), em.mixture_)
    return found


def separated_truth(family: str, rng: np.random.Generator) -> Mixture:
    """Drawn from the prior until every component is apart and has rows to speak of."""
    prior = numbers_of(priors_for(D, SPREAD), K, D, family)
    while True:
        truth = from_prior(prior, rng)
        widest = np.sqrt(np.linalg.eigvalsh(truth.covariances).max())
        gaps = np.linalg.norm(truth.means[:, None] - truth.means, axis=-1)
        least_gap = gaps[np.triu_indices(K, 1)].min()
        if least_gap > APART * widest and truth.weights.min() > LEAST_WEIGHT:
            return truth


def in_order_of(like: Mixture, mixture: Mixture) -> Mixture:
    """The mixture with the labels of another one, by the distances of the means."""
    return min(
        (mixture.permute(np.array(order)) for order in permutations(range(K))),
        key=lambda permuted: float(np.sum((permuted.means - like.means) ** 2)),
    )
