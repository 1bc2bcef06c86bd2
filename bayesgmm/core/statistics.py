"""The one pass over the data, and the additive sums it leaves.

Everything that fits a mixture asks the data the same question: what is the log-likelihood, and what
are the responsibility-weighted sums of each component? The sums add over rows, so the parts of a
large data set, or of a cluster, are simply added.
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np

from bayesgmm.core import threads
from bayesgmm.core.covariance import CovarianceFamily
from bayesgmm.core.covariance.family import invert_triangular
from bayesgmm.core.mixture import Mixture, kernel_of, read_only

# Rows are summed in parts of at least this many, and of about this much work, in rows x components
# x (features^2 + 20): about half a millisecond. What a part is depends on the sizes of the problem
# alone, so that the sums are the same for any number of threads.
PART_ROWS = 8_192
PART_WORK = 4e6
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
    second : (K, D, D), (D, D) or (K, D) array
        ``sum_n r_nk y_nk y_nk'``; summed over the components where they share one covariance; its
        diagonal for families of diagonal structure.
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
        one covariance, diagonals for families of diagonal structure.
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

    Notes
    -----
    Parts of the rows are summed in threads (:mod:`bayesgmm.core.threads`) and added in their
    order: the answer does not depend on the number of threads.
    """
    _, arguments = kernel_of(mixture, X)
    rows = read_only(np.ascontiguousarray(X))
    weight = read_only(np.empty(0) if sample_weight is None else sample_weight)
    step = _rows_of_a_part(mixture)

    def part(start: int) -> Statistics:
        here = slice(start, start + step)
        return _sums(mixture.family, rows[here], weight[here], *arguments)

    if len(rows) <= step:
        return part(0)
    return reduce(Statistics.__add__, threads.run_all(part, range(0, len(rows), step)))


def _sums(
    family: CovarianceFamily,
    X: np.ndarray,
    weight: np.ndarray,
    log_weights: np.ndarray,
    means: np.ndarray,
    factors: np.ndarray,
) -> Statistics:
    """The sums over one part of the rows: in feature form where that is exact, else in full."""
    from bayesgmm.core.kernels import diagonal, features, shared, triangular

    d = means.shape[1]
    if family.structure == "diagonal":
        *sums, farthest = features.statistics(
            X, weight, log_weights, means, factors, family.isotropic
        )
        if np.mean((factors * farthest) ** 2, axis=1).max() > FAR:
            sums = diagonal.statistics(X, weight, log_weights, means, factors)
    elif family.shared:
        *sums, farthest = shared.statistics(X, weight, log_weights, means, factors[0])
        if farthest > FAR * d:
            *sums, second = triangular.statistics(X, weight, log_weights, means, factors)
            sums.append(second.sum(axis=0))
    else:
        sums = triangular.statistics(X, weight, log_weights, means, factors)
    return Statistics(*sums)


def _rows_of_a_part(mixture: Mixture) -> int:
    """A whole number of the kernels' blocks."""
    work = mixture.n_components * (mixture.n_features**2 + 20)
    return max(PART_ROWS, int(PART_WORK / work) // 256 * 256)


def moments(statistics: Statistics, mixture: Mixture) -> Moments:
    """Turn the sums of a pass under ``mixture`` into means and scatters in data coordinates."""
    counts = statistics.counts
    # An empty component keeps its mean and has no scatter.
    shift = statistics.first / np.maximum(counts, np.finfo(float).tiny)[:, None]
    factors = mixture.kernel_factors
    if mixture.family.structure == "diagonal":
        means = mixture.means + shift / factors
        scatter = np.maximum(statistics.second - counts[:, None] * shift**2, 0.0) / factors**2
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

    Two passes, the second about the mean and in units of the standard deviations that the first
    one finds: exact to rounding for data far from zero, and without a copy of the data.
    """
    d = X.shape[1]
    mean = np.asarray(X[0], dtype=float)
    sd = np.ones(d)
    covariance = np.eye(d)
    for _ in range(2):
        whitening = np.diag(1.0 / sd)[None]
        one = Mixture(np.ones(1), mean[None], whitening, "full")
        found = moments(accumulate(X, one, sample_weight), one)
        mean, covariance = found.means[0], found.scatter[0] / found.counts[0]
        variance = np.diag(covariance)
        sd = np.sqrt(np.where(variance > 0, variance, 1.0))
    return mean, covariance
