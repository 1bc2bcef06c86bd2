"""The observed information at a fit: how sharply the likelihood falls away around it.

By Louis' identity (1982, doi:10.1111/j.2517-6161.1982.tb01203.x) it is the complete data's
information less the variance of the complete-data score given each row, summed over the rows. It
is exact: there are no differences whose step has to be chosen.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, null_space
from scipy.linalg.lapack import dpotrf  # pyright: ignore[reportAttributeAccessIssue]

from bayesgmm.core.covariance.family import diagonal_matrices
from bayesgmm.core.mixture import Mixture
from bayesgmm.em.local import Local, Sums
from bayesgmm.em.problem import Problem
from bayesgmm.exceptions import DataError

# A matrix of so many parameters squared is 200 MB.
MAX_PARAMETERS = 5000
# Rows times parameters that are worked on at once: 8 MB of doubles.
BLOCK = 1_000_000
# Information below this share of the complete data's is zero but for rounding.
FLAT = 1e-10


@dataclass(frozen=True)
class Curvature:
    """What the observed information says at a fit.

    Attributes
    ----------
    covariance : (P, P) array or None
        Its inverse: the large-sample covariance of the natural parameters, in the order of
        :class:`~bayesgmm.em.parameters.Layout`. None where it is not positive definite.
    gain : float
        How far below the maximum the fit lies, in nats, by a Newton step; NaN without an inverse.
    least : float
        The smallest eigenvalue of the information, as a share of the complete data's: zero or
        below where it is not positive definite. NaN where it is, as it is not computed then.
    component : int
        The component that the eigenvector of that value moves most; -1 where there is none.
    """

    covariance: np.ndarray | None
    gain: float = np.nan
    least: float = np.nan
    component: int = -1


def curvature(problem: Problem, mixture: Mixture) -> Curvature:
    """The observed information of a fit, inverted.

    Parameters
    ----------
    problem : Problem
        What was maximised. With priors it is the log posterior density, with respect to Lebesgue
        measure on weights, means and covariances, whose information is taken; a hierarchical scale
        is at its mode given the covariances, which gives what inverting the information on all of
        them together would. What is fixed is known, and has no error.
    mixture : Mixture
        The fit, without leading axes.

    Raises
    ------
    DataError
        If the matrix would be too large.
    """
    local = Local(mixture)
    if local.layout.size > MAX_PARAMETERS:
        raise DataError(
            f"the observed information is a matrix over at most {MAX_PARAMETERS} parameters, got "
            f"{local.layout.size}; use method='weighted', which needs no matrix."
        )
    sums = _sums(problem, mixture)
    information, score = local.complete_information(sums), local.score(sums)
    diagonal = np.diag(information)
    if not np.all(diagonal > 0.0):
        flattest = (diagonal == diagonal.min()).astype(float)
        return Curvature(None, least=0.0, component=_most_moved(local, flattest))
    scale = np.sqrt(diagonal)
    information -= _missing_information(problem, local)
    _add_other_priors(problem, local, information, score)
    # From here on in units of the complete data's information.
    information /= np.outer(scale, scale)
    score /= scale
    free = _Free(problem.fixed, local, scale)
    information, score = free.reduce(information), free.reduce_vector(score)
    if not len(score):
        return Curvature(np.zeros((local.layout.size,) * 2), gain=0.0)
    lower, failed = dpotrf(information, lower=True, clean=True)
    if failed or np.diag(lower).min() ** 2 < FLAT:
        values, vectors = np.linalg.eigh(information)
        return Curvature(
            None,
            least=float(values[0]),
            component=_most_moved(local, free.expand_vector(vectors[:, 0])),
        )
    gain = 0.5 * float(score @ cho_solve((lower, True), score))
    inverse = free.expand(cho_solve((lower, True), np.eye(len(lower))))
    return Curvature(local.to_natural(inverse / np.outer(scale, scale)), gain=gain)


def _sums(problem: Problem, mixture: Mixture) -> Sums:
    """The sums of one pass, and what conjugate priors add to them."""
    found = problem.expectation(mixture)
    n, family = found.counts, mixture.family
    if family.shared:
        # What all components share may stand with any of them.
        second = np.zeros((len(n), *found.second.shape))
        second[0] = found.second
    elif family.isotropic:
        # Only its trace counts.
        second = diagonal_matrices(
            found.second[:, None] / mixture.n_features * np.ones_like(found.first)
        )
    elif family.structure == "diagonal":
        second = diagonal_matrices(found.second)
    else:
        second = found.second
    sums = Sums(n.copy(), n.copy(), n.copy(), found.first.copy(), second.copy())
    prior = problem.priors
    if prior is None:
        return sums
    k, d = mixture.means.shape
    whitening = Local(mixture).whitening
    sums.rows += prior.concentration - 1.0
    scatter, divisor = prior.scatter_at(problem.hyper(mixture)), prior.divisor
    if family.isotropic:
        # One variance for all features: each of them has a share of its prior.
        scatter, divisor = np.eye(d) * scatter / d, divisor / d
    elif scatter.ndim == 1:
        scatter = np.diag(scatter)
    for j in range(1 if family.shared else k):
        sums.determinants[j] += divisor
        sums.second[j] += whitening[j] @ scatter @ whitening[j].T
    if prior.scale is None:
        y = np.einsum("kij,kj->ki", whitening, prior.loc - mixture.means)
        sums.determinants += 1.0
        sums.means += prior.strength
        sums.first += prior.strength * y
        sums.second += prior.strength * y[:, :, None] * y[:, None, :]
    return sums


def _add_other_priors(
    problem: Problem, local: Local, information: np.ndarray, score: np.ndarray
) -> None:
    """Add what is like no row: independent means, and a scale that has a prior of its own."""
    prior, mixture = problem.priors, local.mixture
    if prior is None:
        return
    if prior.scale is not None:
        for k in range(mixture.n_components):
            place, factor = local.layout.mean(k), local.cholesky[k] / prior.scale[:, None]
            information[place, place] += factor.T @ factor
            score[place] -= factor.T @ ((mixture.means[k] - prior.loc) / prior.scale)
    hyper = problem.hyper(mixture)
    if hyper is not None:
        slopes = local.precision_slopes()
        own = problem.hyper_information(hyper, mixture.n_components)
        slopes *= np.atleast_1d(hyper / np.sqrt(own))[:, None]
        information -= slopes.T @ slopes


def _missing_information(problem: Problem, local: Local) -> np.ndarray:
    """The variance of the complete-data score given each row, summed over rows, (P, P)."""
    size, k = local.layout.size, local.mixture.n_components
    places = [local.places(j) for j in range(k)]
    total = np.zeros((size, size))
    X, weight = problem.X, problem.sample_weight
    step = max(1, BLOCK // size)
    for start in range(0, len(X), step):
        rows = X[start : start + step]
        root = np.ones(len(rows)) if weight is None else np.sqrt(weight[start : start + step])
        r = local.mixture.responsibilities(rows)
        score = np.zeros((len(rows), size))
        for j in range(k):
            features = local.features(rows, j)
            weighted = features * (np.sqrt(r[:, j]) * root)[:, None]
            total[np.ix_(places[j], places[j])] += weighted.T @ weighted
            score[:, places[j]] += features * (r[:, j] * root)[:, None]
        total -= score.T @ score
    return total


def _most_moved(local: Local, direction: np.ndarray) -> int:
    """The component that a direction moves most."""
    k = local.mixture.n_components
    return int(np.argmax([np.sum(direction[local.places(j)] ** 2) for j in range(k)]))


class _Free:
    """Directions that keep what is fixed, and the sum of the weights: fewer coordinates.

    Parameters
    ----------
    fixed : collection of str
        Parts of the mixture that are known.
    local : Local
    scale : (P,) array
        The units of the coordinates.
    """

    def __init__(self, fixed: Collection[str], local: Local, scale: np.ndarray):
        layout, self.size = local.layout, local.layout.size
        self.k = layout.n_components
        gradient = local.mixture.weights / scale[: self.k]
        self.basis = np.zeros((self.k, 0)) if "weights" in fixed else null_space(gradient[None])
        is_free = np.ones(self.size, dtype=bool)
        is_free[: self.k] = False
        is_free[self.k : layout.n_before_covariances] = "means" not in fixed
        is_free[layout.n_before_covariances :] = "covariances" not in fixed
        self.others = np.flatnonzero(is_free)

    def reduce_vector(self, vector: np.ndarray) -> np.ndarray:
        """To the free directions, along the first axis."""
        return np.concatenate([self.basis.T @ vector[: self.k], vector[self.others]])

    def expand_vector(self, vector: np.ndarray) -> np.ndarray:
        """Back to all coordinates, along the first axis."""
        n = self.basis.shape[1]
        out = np.zeros((self.size, *vector.shape[1:]))
        out[: self.k] = self.basis @ vector[:n]
        out[self.others] = vector[n:]
        return out

    def reduce(self, matrix: np.ndarray) -> np.ndarray:
        """A symmetric matrix on the free directions."""
        return self.reduce_vector(self.reduce_vector(matrix).T)

    def expand(self, matrix: np.ndarray) -> np.ndarray:
        """A symmetric matrix on all coordinates."""
        return self.expand_vector(self.expand_vector(matrix).T)
