"""Ranks of the truth among posterior draws: one replicate of simulation-based calibration.

A mixture is drawn from the prior, data from the mixture, and draws from the posterior. If those are
right, the truth's rank among them is uniform (Talts, Betancourt, Simpson, Vehtari and Gelman, 2018,
arXiv:1804.06788).
"""

import warnings
from dataclasses import dataclass

import numpy as np

from bayesgmm import BayesianGaussianMixture
from bayesgmm.core import threads
from bayesgmm.exceptions import PosteriorWarning
from calibration_study.quantities import NAMES, invariants
from calibration_study.simulate import from_prior, numbers_of, priors_for, rows_of

FAMILIES = ("full", "tied", "diag", "spherical")
# The last is "hmc" on data of many rows, where it jumps.
SAMPLERS = ("nuts", "gibbs", "laplace", "hmc", "hmc-many-rows")
FEATURES = (1, 2, 5)
K = 2
SPREAD = 3.0
CHAINS = 4
DRAWS = 960
# Of each chain so many draws are kept, evenly spaced: near independent, 64 in all.
KEPT = 16
N_RANKS = CHAINS * KEPT + 1


@dataclass(frozen=True)
class Cell:
    """A covariance family in so many dimensions under a sampler."""

    family: str
    n_features: int
    sampler: str

    @property
    def n_rows(self) -> int:
        """Few, so that the priors matter; importance sampling needs more of them to be accepted."""
        few = 30 + 15 * self.n_features
        return 10 * few if self.sampler in ("laplace", "hmc-many-rows") else few

    @property
    def engine(self) -> str:
        """As the estimator knows it."""
        return self.sampler.removesuffix("-many-rows")

    @property
    def seed(self) -> list[int]:
        """Of its own, whatever the other cells."""
        return [FAMILIES.index(self.family), self.n_features, SAMPLERS.index(self.sampler)]


def ranks_of(cell: Cell, replicate: int, seed: int) -> list[int] | None:
    """The rank of each quantity, 0 to 64; None where "laplace" was not accepted."""
    rng = np.random.default_rng([seed, *cell.seed, replicate])
    priors = priors_for(cell.n_features, SPREAD)
    truth = from_prior(numbers_of(priors, K, cell.n_features, cell.family), rng)
    X = rows_of(truth, cell.n_rows, rng)
    model = BayesianGaussianMixture(
        K,
        covariance_type=cell.family,
        priors=priors,
        sampler=cell.engine,
        chains=CHAINS,
        draws=DRAWS,
        random_state=rng,
        progressbar=False,
    )
    with warnings.catch_warnings(), threads.limit(1):
        # Every replicate counts, also those that a user would be warned of.
        warnings.simplefilter("ignore", PosteriorWarning)
        model.fit(X)
    if model.posterior_["posterior"].attrs["sampler"] != cell.engine:
        return None
    step = DRAWS // KEPT
    drawn = invariants(model.mixture_[:, step - 1 :: step], X)
    true = invariants(truth, X)
    return [int(np.sum(drawn[name] < true[name])) for name in NAMES]
