"""The one pass over the data, and the additive sums it leaves.

Everything that fits a mixture asks the data the same question: what is the log-likelihood, and what
are the responsibility-weighted sums of each component? The sums add over rows, so the parts of a
large data set, or of a cluster, are simply added.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from math import ceil, log2

import numpy as np

from bayesgmm.core import threads
from bayesgmm.core.covariance import CovarianceFamily
from bayesgmm.core.covariance.family import invert_triangular
from bayesgmm.core.mixture import Mixture, check_columns, read_only

# Rows are summed in parts of at least this many, and of up to this much work: about a millisecond.
# Their number is a power of two, so that threads share them evenly. What a part is depends on the
# sizes of the problem alone, so that the sums are the same for any number of threads.
PART_ROWS = 8_192
PART_WORK = 8e6
# The feature form of a pass is used while no row lies further out than this, as the mean over the
# features of its squared distance from the centre of the mixture in the standard deviations of any
# component: rounding then stays below 1e-12 of the answer.
FAR = 1_000.0


@dataclass(frozen=True)
class Statistics:
    """What one pass over rows x_n under a mixture leaves, in whitened coordinates.

    With ``y_nk = W_k (x_n - mu_k)`` and responsibilities ``r_nk`` (times the rows' weights):

    Attributes
    ----------
    log_likelihood : float
        Sum of the rows' log densities, in nats.
    counts : (K,) array
        ``sum_n r_nk``.
    first : (K, D) array
        ``sum_n r_nk y_nk``.
    second : (K, D, D), (D, D), (K, D) or (K,) array
        ``sum_n r_nk y_nk y_nk'`` in the family's native shape: summed over the components where
        they share one covariance; its diagonal, or its trace for spherical covariances.
    """

    log_likelihood: float
    counts: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def __add__(self, other: "Statistics") -> "Statistics":
        return Statistics(
            self.log_likelihood + other.log_likelihood,
            self.counts + other.counts,
            self.first + other.first,
            self.second + other.second,
        )


@dataclass(frozen=True)
class Moments:
    """The same sums in the coordinates of the data.

    Attributes
    ----------
    counts : (K,) array
        Sums of the responsibilities.
    means : (K, D) array
        Weighted means of the rows.
    scatter : (K, D, D), (D, D) or (K, D) array
        Weighted sums of squares and products about those means; pooled where the components share
        one covariance, diagonals for families of diagonal structure; of spherical ones only the
        sum over the features means something.
    """

    counts: np.ndarray
    means: np.ndarray
    scatter: np.ndarray


def accumulate(
    X: np.ndarray, mixture: Mixture, sample_weight: np.ndarray | None = None
) -> Statistics:
    """One pass over the rows of ``X`` under ``mixture`` (without leading axes).

    Parameters
    ----------
    X : (N, D) array
        float64 or float32; arrays in C order are not copied, read-only ones neither.
    mixture : Mixture
        The current estimate.
    sample_weight : (N,) float64 array, optional
        Frequencies of the rows; one each by default.
    """
    check_columns(mixture, X)
    with np.errstate(divide="ignore"):
        log_weights = np.log(mixture.weights)
    # Copies are writable and in C order: the one kind of array that the kernels are compiled for.
    means, factors = mixture.means.copy(order="C"), mixture.whitening.copy(order="C")
    return Pass(X, mixture.family, mixture.n_components, sample_weight)(
        log_weights, means, factors.reshape(-1)
    )


class Pass:
    """A pass over given rows, for mixtures of one family and one number of components.

    Parts of the rows are summed in threads (:mod:`bayesgmm.core.threads`) and added in their order:
    the answer does not depend on the number of threads.

    Parameters
    ----------
    X, sample_weight
        As for :func:`accumulate`.
    family : CovarianceFamily
    n_components : int

    Attributes
    ----------
    rows, weight : arrays
        As the kernels take them: read-only, in C order; no weights are an empty array.
    kernels : tuple of callables
        As :func:`kernels_of` gives them.
    rows_of_a_part : int
    """

    def __init__(
        self,
        X: np.ndarray,
        family: CovarianceFamily,
        n_components: int,
        sample_weight: np.ndarray | None,
    ):
        self.rows = read_only(np.ascontiguousarray(X))
        self.weight = read_only(np.empty(0) if sample_weight is None else sample_weight)
        self.family, self.n_components = family, n_components
        self.shape = family.native_shape(n_components, X.shape[1])
        self.kernels = kernels_of(family, X.shape[1])
        n_parts = 1 << ceil(log2(max(1.0, work_of_a_pass(X, n_components) / PART_WORK)))
        # A whole number of the kernels' blocks.
        self.rows_of_a_part = max(PART_ROWS, ceil(len(X) / n_parts / 256) * 256)

    @property
    def is_small(self) -> bool:
        """Whether all rows are one part."""
        return len(self.rows) <= self.rows_of_a_part

    def __call__(
        self, log_weights: np.ndarray, means: np.ndarray, factors: np.ndarray
    ) -> Statistics:
        """The sums under a mixture; ``factors`` are flat."""
        step = self.rows_of_a_part

        def part(start: int) -> Statistics:
            here = slice(start, start + step)
            return self._sums(self.rows[here], self.weight[here], log_weights, means, factors)

        if self.is_small:
            return part(0)
        return reduce(Statistics.__add__, threads.run_all(part, range(0, len(self.rows), step)))

    def _sums(self, X: np.ndarray, weight: np.ndarray, *mixture: np.ndarray) -> Statistics:
        """The sums over one part of the rows: in feature form where that is exact, else in full."""
        counts, first = np.empty(self.n_components), np.empty((self.n_components, X.shape[1]))
        second = np.empty(self.shape)
        for kernel in self.kernels:
            log_likelihood = kernel(X, weight, *mixture, FAR, counts, first, second.reshape(-1))
            if not np.isnan(log_likelihood):
                break
        return Statistics(log_likelihood, counts, first, second)


def work_of_a_pass(X: np.ndarray, n_components: int) -> float:
    """How long a pass takes, in rows x components x (features^2 + 20)."""
    n, d = X.shape
    return n * n_components * (d**2 + 20.0)


def kernels_of(family: CovarianceFamily, n_features: int) -> tuple[Callable[..., float], ...]:
    """The compiled passes for a family: one that may say NaN comes before one that is exact.

    With up to three features the exact one is the fastest, too.
    """
    from bayesgmm.core.kernels import features, shared
    from bayesgmm.core.kernels.exact import sums_of

    exact = sums_of(family.structure, n_features)
    if n_features <= 3 or not (family.structure == "diagonal" or family.shared):
        return (exact,)
    return (features.sums if family.structure == "diagonal" else shared.sums), exact


def moments(statistics: Statistics, mixture: Mixture) -> Moments:
    """Turn the sums of a pass under ``mixture`` into means and scatters in data coordinates."""
    counts = statistics.counts
    # An empty component keeps its mean and has no scatter.
    shift = statistics.first / np.maximum(counts, np.finfo(float).tiny)[:, None]
    factors = mixture.kernel_factors
    if mixture.family.structure == "diagonal":
        means = mixture.means + shift / factors
        within, second = counts[:, None] * shift**2, statistics.second
        if mixture.family.isotropic:
            d = mixture.n_features
            within, second = within.mean(axis=1, keepdims=True), second[:, None] / d
        scatter = np.maximum(second - within, 0.0) / factors**2
        return Moments(counts, means, scatter)
    if mixture.family.shared:
        factors = mixture.whitening
        between = np.einsum("k,ki,kj->ij", counts, shift, shift)
    else:
        between = counts[:, None, None] * shift[:, :, None] * shift[:, None, :]
    cholesky = invert_triangular(factors)
    means = mixture.means + (cholesky @ shift[..., None])[..., 0]
    centred = statistics.second - between
    scatter = cholesky @ centred @ np.swapaxes(cholesky, -1, -2)
    return Moments(counts, means, scatter)


def mean_and_covariance(
    X: np.ndarray, sample_weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean (D,) and covariance (D, D), divided by the sum of the weights.

    In blocks of rows, about the mean: exact to rounding for data far from zero, and without a copy
    of the data.
    """
    n, d = X.shape
    total = float(n if sample_weight is None else sample_weight.sum())
    blocks = [slice(start, start + PART_ROWS) for start in range(0, n, PART_ROWS)]

    def rows(block: slice, about: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        centred = X[block] - about
        return centred, centred if sample_weight is None else (centred * sample_weight[block, None])

    mean = np.asarray(X[0], dtype=float)
    for _ in range(2):
        mean = mean + sum(rows(block, mean)[1].sum(axis=0) for block in blocks) / total
    covariance = np.zeros((d, d))
    for block in blocks:
        centred, weighted = rows(block, mean)
        covariance += centred.T @ weighted
    return mean, covariance / total
