"""The clusters of one model in numbers: where they are, who belongs to them, how sure that is.

Cluster 1 is component 0 of the EM fit (of the posterior, where there is no EM fit); the draws of
the posterior are put in that order, so EM and posterior speak of the same clusters.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import chi2

from bayesgmm.core.alignment import matching_order
from bayesgmm.core.mixture import Mixture
from bayesgmm.report.evidence import Model

# A row is in doubt when no membership reaches this.
SURE = 0.9
# All intervals are equal-tailed and hold this much of the posterior.
INTERVAL = 0.9
TAILS = (0.05, 0.95)
# Rows times draws times components that one reading of the memberships may cost.
_WORK = 10_000_000
# Draws that settle the tails of a sum over rows.
_TAIL_DRAWS = 400
# Numbers that the covariances of the draws may take.
_COVARIANCES = 20_000_000


@dataclass(frozen=True)
class Fitted:
    """One model, read.

    Attributes
    ----------
    model : Model
    point : Mixture
        The EM fit, or without one the posterior mode or mean.
    draws : Mixture or None
        Posterior draws along one axis, components in the order of ``point``; None for EM alone.
    chains : int
        Number of chains the draws come from.
    X : (N, D) array
    overlapping : tuple of tuples of int
        Groups of clusters that the posterior's diagnostics call overlapping.
    """

    model: Model
    point: Mixture
    draws: Mixture | None
    chains: int
    X: np.ndarray
    overlapping: tuple[tuple[int, ...], ...] = ()

    @property
    def k(self) -> int:
        """Number of components."""
        return self.point.n_components

    @cached_property
    def reading(self) -> Mixture | None:
        """The draws behind memberships, shares and the picture, so that these agree.

        As many as are affordable; None for EM alone.
        """
        draws = self.covariance_draws
        return None if draws is None else self._thinned(len(draws))

    @cached_property
    def shares(self) -> np.ndarray:
        """Share of the population in each cluster, (K,): the posterior mean, or of the EM fit."""
        return self.point.weights if self.reading is None else self.reading.weights.mean(axis=0)

    @cached_property
    def centres(self) -> np.ndarray:
        """Centre of each cluster, (K, D): the posterior mean, or of the EM fit."""
        draws = self.covariance_draws
        return self.point.means if draws is None else draws.means.mean(axis=0)

    @cached_property
    def memberships(self) -> np.ndarray:
        """(N, K), averaged over the posterior, or of the EM fit."""
        mixture = self.point if self.reading is None else self.reading
        return mixture.mean_responsibilities(self.X)

    @cached_property
    def labels(self) -> np.ndarray:
        """The likeliest cluster of each row, (N,)."""
        return self.memberships.argmax(axis=1)

    @cached_property
    def moved(self) -> float:
        """Share of the rows that the EM fit, where there is one, puts in another cluster."""
        if self.model.em is None or self.draws is None:
            return 0.0
        return float(np.mean(self.point.responsibilities(self.X).argmax(axis=1) != self.labels))

    @cached_property
    def sure_by_one(self) -> tuple[int, int]:
        """Rows that are sure by EM and in doubt under the posterior, and the other way round."""
        if self.model.em is None or self.draws is None:
            return 0, 0
        by_em = self.point.responsibilities(self.X).max(axis=1) >= SURE
        by_posterior = self.memberships.max(axis=1) >= SURE
        return int(np.sum(by_em & ~by_posterior)), int(np.sum(~by_em & by_posterior))

    @cached_property
    def sizes(self) -> np.ndarray:
        """Rows in each cluster, (K,)."""
        return np.bincount(self.labels, minlength=self.k)

    @cached_property
    def in_doubt(self) -> np.ndarray:
        """The rows without a membership of 90 %, least certain first."""
        largest = self.memberships.max(axis=1)
        order = np.argsort(largest, kind="stable")
        return order[largest[order] < SURE]

    @cached_property
    def expected_wrong(self) -> float:
        """Rows expected in the wrong cluster if each goes to its likeliest."""
        return float(np.sum(1.0 - self.memberships.max(axis=1)))

    @cached_property
    def closest_pair(self) -> tuple[int, int, float]:
        """The two clusters that are mistaken for each other most, and in how many rows."""
        mistaken = np.zeros((self.k, self.k))
        np.add.at(mistaken, self.labels, self.memberships)
        mistaken += mistaken.T
        np.fill_diagonal(mistaken, -1.0)
        a, b = np.unravel_index(np.argmax(mistaken), mistaken.shape)
        return int(min(a, b)), int(max(a, b)), float(mistaken[a, b])

    @cached_property
    def covariance_draws(self) -> Mixture | None:
        """The draws, thinned where their covariances would fill the memory."""
        if self.draws is None:
            return None
        size = self.k * self.point.n_features**2
        return self.draws.thin(max(100, _COVARIANCES // size))

    def membership_interval(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Lower and upper bound of the memberships of some rows, (n, K) each."""
        if self.draws is None or len(rows) == 0:
            return None
        _, lower, upper = self.draws.responsibility_interval(self.X[rows], INTERVAL)
        return lower, upper

    @cached_property
    def expected_wrong_interval(self) -> tuple[float, float] | None:
        """The interval of `expected_wrong` over the posterior, each row in that same cluster."""
        if self.draws is None:
            return None
        draws = self._thinned(_TAIL_DRAWS)
        own = np.arange(len(self.X)), self.labels
        wrong = [np.sum(1.0 - draw.responsibilities(self.X)[own]) for draw in draws]
        low, high = np.quantile(wrong, TAILS)
        return float(low), float(high)

    @cached_property
    def distances(self) -> np.ndarray:
        """Mahalanobis distances of the rows from the point estimate's clusters, (N, K)."""
        return np.sqrt(_squared_distances(self.point, self.X))

    @cached_property
    def expected_as_far(self) -> np.ndarray:
        """How many of N rows chance puts as far from every cluster as each row is, at most, (N,).

        N times the chi-squared tail beyond the nearest cluster, averaged over the posterior: a row
        can only be nearer to its nearest cluster than to its own, so this is an upper bound.
        """
        mixtures = [self.point]
        if self.draws is not None:
            thin = self._thinned(_TAIL_DRAWS)
            mixtures = [thin[s] for s in range(len(thin))]
        tails = np.zeros(len(self.X))
        for mixture in mixtures:
            nearest = _squared_distances(mixture, self.X).min(axis=1)
            tails += chi2.sf(nearest, self.point.n_features)
        return len(self.X) * tails / len(mixtures)

    def typical_rows(self, component: int, n: int = 3) -> np.ndarray:
        """The rows of a cluster nearest to its centre."""
        rows = np.flatnonzero(self.labels == component)
        order = np.argsort(self.distances[rows, component], kind="stable")
        return rows[order[:n]]

    def _thinned(self, most: int) -> Mixture:
        assert self.draws is not None
        affordable = max(50, _WORK // (len(self.X) * self.k))
        return self.draws.thin(min(most, affordable))


def read_model(model: Model, X: np.ndarray) -> Fitted:
    """The clusters of a model, EM and posterior in one order."""
    if model.bayes is None:
        return Fitted(model, model.em.mixture_, None, 0, X)
    posterior: Mixture = model.bayes.mixture_
    draws, groups = posterior.flatten(), model.bayes.diagnostics_.overlapping
    chains = posterior.batch_shape[0] if len(posterior.batch_shape) > 1 else 1
    if model.em is None:
        return Fitted(model, model.bayes.map_, draws, chains, X, groups)
    point, mode = model.em.mixture_, model.bayes.map_
    # As `compare_estimates` matches them: by the rows that EM fit and posterior mode share.
    order = matching_order(mode, point, X)
    place = np.argsort(order)
    groups = tuple(tuple(sorted(place[list(group)].tolist())) for group in groups)
    return Fitted(model, point, draws.permute(order), chains, X, groups)


def _squared_distances(mixture: Mixture, X: np.ndarray) -> np.ndarray:
    factors = mixture.kernel_factors
    columns = []
    for mean, factor in zip(mixture.means, factors, strict=True):
        offsets = X - mean
        whitened = offsets * factor if factor.ndim == 1 else offsets @ factor.T
        columns.append(np.sum(whitened**2, axis=1))
    return np.stack(columns, axis=1)
