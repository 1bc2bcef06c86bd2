"""What EM maximises, and one step towards it."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.core.covariance import CovarianceFamily, get_family
from bayesgmm.core.mixture import Mixture
from bayesgmm.core.statistics import Statistics, accumulate, mean_and_covariance
from bayesgmm.priors import ResolvedPriors

if TYPE_CHECKING:
    from bayesgmm.em.compiled.task import Task

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
    def covariance_root(self) -> np.ndarray:
        """An array R, (D, D) or (D, N), with ``R R'`` the covariance of all rows, if singular."""
        centre, covariance = self.centre_and_covariance
        if len(self.X) < self.n_features:
            share = np.full(len(self.X), 1.0 / len(self.X))
            if self.sample_weight is not None:
                share = self.sample_weight / self.n
            return (self.X - centre).T * np.sqrt(share)
        sd = lengths(np.diag(covariance))
        # In units of the standard deviations, so that columns of very different scale do no harm.
        values, vectors = np.linalg.eigh(covariance / np.outer(sd, sd))
        return sd[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))

    @cached_property
    def scale(self) -> np.ndarray:
        """The (D,) lengths by which features are made comparable.

        Standard deviations; for the spherical family one common length, which keeps its circles.
        """
        variance = np.diag(self.centre_and_covariance[1])
        if self.family.isotropic:
            variance = np.full(len(variance), variance.mean())
        return lengths(variance)

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
        """The M-step after a pass under ``mixture``; it never lowers the objective.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is not positive definite.
        """
        from bayesgmm.em.compiled import passes
        from bayesgmm.em.compiled.task import flat, mixture_of

        sums = statistics.counts, statistics.first, statistics.second.reshape(-1)
        new = passes.step(self.family, self.task(mixture.n_components), sums, flat(mixture))
        if new is None:
            raise np.linalg.LinAlgError("a covariance is not positive definite")
        return mixture_of(new, mixture)

    def task(self, n_components: int) -> "Task":
        """The problem as compiled functions take it."""
        if n_components not in self._tasks:
            from bayesgmm.em.compiled.task import task_of

            self._tasks[n_components] = task_of(self, n_components)
        return self._tasks[n_components]

    @cached_property
    def _tasks(self) -> "dict[int, Task]":
        return {}

    def hyper(self, mixture: Mixture) -> np.ndarray | None:
        """The mode of half the prior's scale given the covariances, where it has a prior."""
        if self.priors is None:
            return None
        from bayesgmm.em.compiled.hyper import hyper_at

        return hyper_at(self.task(mixture.n_components), mixture, self.priors)

    def hyper_count(self, n_components: int) -> float:
        """The power of half the prior's scale in its density given the covariances."""
        prior = self.priors
        assert prior is not None
        assert prior.hyperprior is not None
        n_covariances = 1 if self.family.shared else n_components
        return n_covariances * prior.dof / 2.0 + prior.hyperprior.power

    def hyper_information(self, hyper: np.ndarray, n_components: int) -> np.ndarray:
        """How sharply that density falls away in log b at its mode: minus its second derivative."""
        prior = self.priors
        assert prior is not None
        assert prior.hyperprior is not None
        _, precision, _, centre = prior.hyperprior
        # At the mode the slope is zero, which tells the part that is linear in b.
        away = np.log(hyper) - centre
        return self.hyper_count(n_components) + precision * (1.0 - away)


def lengths(variance: np.ndarray) -> np.ndarray:
    """Standard deviations that can be divided by: one for features that do not vary."""
    return np.sqrt(np.where(variance > 0, variance, 1.0))


def positive(counts: np.ndarray) -> np.ndarray:
    """Counts that can be divided by: those of empty components are the least positive number."""
    return np.maximum(counts, np.finfo(float).tiny)
