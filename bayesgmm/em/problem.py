"""What EM maximises, and one M-step towards it."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from bayesgmm.core.covariance import CovarianceFamily, get_family
from bayesgmm.core.mixture import Mixture
from bayesgmm.core.statistics import (
    Moments,
    Statistics,
    accumulate,
    mean_and_covariance,
    moments,
)
from bayesgmm.priors import ResolvedPriors

# The default ridge, in units of each column's variance: it keeps a collapsing component finite
# while it is being recognised, and is far below what moves a sensible optimum.
RELATIVE_RIDGE = 1e-10


@dataclass(frozen=True)
class Problem:
    """Data, family and priors: everything an EM step needs but the current mixture.

    Attributes
    ----------
    X : (N, D) array
        float64 or float32, C order.
    covariance_type : str
        Name of the covariance family.
    sample_weight : (N,) array or None
        Frequencies of the rows.
    priors : ResolvedPriors or None
        None for maximum likelihood.
    reg_covar : float or None
        Added to every variance after each M-step, in squared units of the data. None: relative to
        the columns' variances, so that the answer does not depend on the units.
    fixed : frozenset of str
        Which of "weights", "means" and "covariances" no step changes.
    """

    X: np.ndarray
    covariance_type: str
    sample_weight: np.ndarray | None = None
    priors: ResolvedPriors | None = None
    reg_covar: float | None = None
    fixed: frozenset[str] = frozenset()
    family: CovarianceFamily = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "family", get_family(self.covariance_type))

    @property
    def n_features(self) -> int:
        """Number of columns, D."""
        return self.X.shape[1]

    @cached_property
    def n(self) -> float:
        """Number of rows: the sum of the sample weights."""
        return float(len(self.X) if self.sample_weight is None else self.sample_weight.sum())

    @cached_property
    def centre_and_covariance(self) -> tuple[np.ndarray, np.ndarray]:
        """Weighted mean and covariance of all rows."""
        return mean_and_covariance(self.X, self.sample_weight)

    @cached_property
    def scale(self) -> np.ndarray:
        """The (D,) lengths by which features are made comparable.

        Standard deviations; for the spherical family one common length, which keeps its circles.
        """
        variance = np.diag(self.centre_and_covariance[1])
        if self.family.isotropic:
            variance = np.full(len(variance), variance.mean())
        return np.sqrt(np.where(variance > 0, variance, 1.0))

    @cached_property
    def ridge(self) -> np.ndarray:
        """What each M-step adds to the variances of the features, (D,)."""
        if self.reg_covar is not None:
            return np.full(self.n_features, float(self.reg_covar))
        return RELATIVE_RIDGE * self.scale**2

    @property
    def is_bounded(self) -> bool:
        """Whether the objective has an upper bound, so that no component can be a spike."""
        return self.priors is not None or "covariances" in self.fixed

    def on_rows(self, rows: np.ndarray, sample_weight: np.ndarray | None = None) -> "Problem":
        """The same problem on some of its rows, with their own weights or these."""
        if sample_weight is None and self.sample_weight is not None:
            sample_weight = np.ascontiguousarray(self.sample_weight[rows])
        return replace(self, X=np.ascontiguousarray(self.X[rows]), sample_weight=sample_weight)

    def expectation(self, mixture: Mixture) -> Statistics:
        """One pass over the data."""
        return accumulate(self.X, mixture, self.sample_weight)

    def objective(self, statistics: Statistics, mixture: Mixture) -> float:
        """Log-likelihood, plus the log prior density if there is one, in nats."""
        if self.priors is None:
            return statistics.log_likelihood
        covariances = mixture.native_covariances
        return statistics.log_likelihood + self.priors.log_density(
            mixture.weights, mixture.means, covariances, self.hyper(mixture)
        )

    def maximisation(self, statistics: Statistics, mixture: Mixture) -> Mixture:
        """The M-step after a pass under ``mixture``.

        With priors on means that do not depend on the covariances it is conditional (ECM: means
        given covariances, then covariances given means; Meng and Rubin, 1993,
        doi:10.1093/biomet/80.2.267). It never lowers the objective.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is not positive definite.
        """
        found = moments(statistics, mixture)
        fixed = self.fixed
        weights = mixture.weights if "weights" in fixed else self._weights(found.counts)
        means = mixture.means if "means" in fixed else self._means(found, mixture)
        whitening = mixture.whitening
        if "covariances" not in fixed:
            covariances = self._covariances(found, means, mixture)
            whitening = self.family.whiten(self.family.add_ridge(covariances, self.ridge))
        return Mixture(weights, means, whitening, self.family.name, mixture.feature_names)

    def _weights(self, counts: np.ndarray) -> np.ndarray:
        if self.priors is not None:
            counts = np.maximum(counts + self.priors.concentration - 1.0, 0.0)
        return counts / counts.sum()

    def _means(self, found: Moments, mixture: Mixture) -> np.ndarray:
        prior = self.priors
        if prior is None:
            return found.means
        if prior.scale is None:
            counts = found.counts[:, None]
            total = counts * found.means + prior.strength * prior.loc
            return total / (counts + prior.strength)
        # Deviations from the prior mean, in prior standard deviations, keep this well conditioned.
        factors = mixture.kernel_factors
        if self.family.structure == "diagonal":
            information = found.counts[:, None] * (factors * prior.scale) ** 2
            return prior.loc + information / (1.0 + information) * (found.means - prior.loc)
        scaled = factors * prior.scale
        information = found.counts[:, None, None] * (np.swapaxes(scaled, -1, -2) @ scaled)
        offset = (found.means - prior.loc) / prior.scale
        pull = np.einsum("kij,kj->ki", information, offset)[..., None]
        solved = np.linalg.solve(information + np.eye(self.n_features), pull)[..., 0]
        return prior.loc + solved * prior.scale

    def _covariances(self, found: Moments, means: np.ndarray, mixture: Mixture) -> np.ndarray:
        prior = self.priors
        scatter, counts = found.scatter, found.counts
        if means is not found.means:
            scatter = scatter + self._outer(counts, found.means - means)
        if prior is None:
            return self.family.estimate(scatter, positive(counts))
        if prior.scale is None:
            # A conjugate mean counts as one more row, at a distance shrunk by its strength.
            k = np.full(len(means), prior.strength)
            scatter = scatter + self._outer(k, means - prior.loc)
            counts = counts + 1.0
        hyper = self.hyper(mixture)
        return self.family.estimate(scatter, counts, prior.scatter_at(hyper), prior.divisor)

    def _outer(self, counts: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        if self.family.structure == "diagonal":
            return counts[:, None] * vectors**2
        outer = counts[:, None, None] * vectors[:, :, None] * vectors[:, None, :]
        return outer.sum(axis=0) if self.family.shared else outer

    def hyper(self, mixture: Mixture) -> np.ndarray | None:
        """The mode of half the prior's scale given the covariances, where it has a prior."""
        prior = self.priors
        if prior is None or prior.hyper_rate is None:
            return None
        d = mixture.n_features
        covariances = mixture.native_covariances
        if self.family.structure == "diagonal":
            precision = (1.0 / covariances).sum(axis=0)
        else:
            full = covariances.reshape(-1, d, d)
            precision = np.linalg.inv(full).diagonal(axis1=1, axis2=2).sum(axis=0)
        return self.hyper_count(mixture) / (prior.hyper_rate + precision)

    def hyper_count(self, mixture: Mixture) -> float:
        """The power of half the prior's scale in its density given the covariances."""
        prior = self.priors
        assert prior is not None
        assert prior.hyper_shape is not None
        n_covariances = 1 if self.family.shared else mixture.n_components
        return n_covariances * prior.dof / 2.0 + prior.hyper_shape - 1.0


def positive(counts: np.ndarray) -> np.ndarray:
    """Counts that can be divided by: those of empty components are the least positive number."""
    return np.maximum(counts, np.finfo(float).tiny)
