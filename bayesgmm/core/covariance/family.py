"""What a covariance family has to say about itself."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np


class CovarianceFamily(ABC):
    """A rule on the K covariance matrices of a mixture of D-variate Gaussians.

    A family stores its covariances, and their whitening factors, in a shape of its own, called
    *native*: no number twice. The whitening factor ``W`` of a covariance ``L L'`` is ``L^-1``,
    lower triangular, so that ``W (x - mu)`` is standard normal. All arrays may carry leading axes.

    Attributes
    ----------
    name : str
        The public name.
    mclust_code : str
        Its name in mclust: volume, shape, orientation, each Equal, Variable or the Identity.
    structure : {"triangular", "diagonal"}
        Which kernel runs, and so whether scatters come as matrices or as their diagonals.
    shared : bool
        Whether the components share one covariance.
    isotropic : bool
        Whether a covariance is a multiple of the identity.
    """

    name: ClassVar[str]
    mclust_code: ClassVar[str]
    structure: ClassVar[Literal["triangular", "diagonal"]]
    shared: ClassVar[bool]
    isotropic: ClassVar[bool]

    @abstractmethod
    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Number of free parameters in the covariances."""

    @abstractmethod
    def native_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Shape of the native covariances, without leading axes."""

    @abstractmethod
    def to_full(self, native: np.ndarray, n_components: int, n_features: int) -> np.ndarray:
        """Native covariances as full matrices (..., K, D, D)."""

    @abstractmethod
    def from_full(self, covariances: np.ndarray) -> np.ndarray:
        """The native form of full matrices (..., K, D, D) that obey the family's rule."""

    @abstractmethod
    def whiten(self, native: np.ndarray) -> np.ndarray:
        """Native whitening factors of native covariances.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is not positive definite.
        """

    @abstractmethod
    def covariances(self, whitening: np.ndarray) -> np.ndarray:
        """Native covariances of native whitening factors."""

    @abstractmethod
    def kernel_factors(
        self, whitening: np.ndarray, n_components: int, n_features: int
    ) -> np.ndarray:
        """Native whitening factors as the kernels take them: (..., K, D, D) or (..., K, D)."""

    @abstractmethod
    def estimate(
        self,
        scatter: np.ndarray,
        counts: np.ndarray,
        prior_scatter: np.ndarray | float = 0.0,
        prior_count: float = 0.0,
    ) -> np.ndarray:
        """The M-step: the native covariances that maximise the expected log-likelihood.

        Parameters
        ----------
        scatter : (K, D, D), (D, D) or (K, D) array
            Weighted sums of squares and products about the components' means: matrices, their
            sum where the components share one covariance, or their diagonals, by structure.
        counts : (K,) array
            Sums of the responsibilities.
        prior_scatter : array in native shape of one covariance
            Added to the scatter of every covariance that is estimated: (D, D), (D,) or ().
        prior_count : float
            Added to the divisor of every covariance that is estimated. Both are zero for maximum
            likelihood; an inverse-Wishart prior supplies them (see :mod:`bayesgmm.priors`).
        """

    @abstractmethod
    def add_ridge(self, native: np.ndarray, ridge: np.ndarray) -> np.ndarray:
        """Native covariances with ``ridge`` (D,) added to the variances of the features."""


# Up to this many features, calls of LAPACK cost more than the arithmetic.
_SMALL = 24


def invert_triangular(lower: np.ndarray) -> np.ndarray:
    """Inverse of lower triangular matrices (..., D, D), exactly zero above the diagonal.

    Raises
    ------
    numpy.linalg.LinAlgError
        If one is singular.
    """
    d = lower.shape[-1]
    if d > _SMALL:
        return np.tril(np.linalg.inv(lower))
    from bayesgmm.core.kernels import factors

    stack = _stack(lower)
    inverse = np.empty_like(stack)
    if not factors.inverses(stack, inverse):
        raise np.linalg.LinAlgError("a triangular matrix is singular")
    return inverse.reshape(lower.shape)


def whiten_full(covariances: np.ndarray) -> np.ndarray:
    """Lower triangular whitening factors of full covariances (..., D, D).

    Raises
    ------
    numpy.linalg.LinAlgError
        If one is not positive definite.
    """
    d = covariances.shape[-1]
    if d > _SMALL:
        return invert_triangular(np.linalg.cholesky(covariances))
    from bayesgmm.core.kernels import factors

    stack = _stack(covariances)
    whitening = np.empty_like(stack)
    if not factors.inverse_choleskys(stack, np.empty((d, d)), whitening):
        raise np.linalg.LinAlgError("a covariance is not positive definite")
    return whitening.reshape(covariances.shape)


def _stack(matrices: np.ndarray) -> np.ndarray:
    """One leading axis, C order and writable: the one kind of array that kernels are made for."""
    return np.require(matrices, float, ["C", "W"]).reshape(-1, *matrices.shape[-2:])


def covariance_of(whitening: np.ndarray) -> np.ndarray:
    """Full covariances of lower triangular whitening factors (..., D, D)."""
    cholesky = invert_triangular(whitening)
    return cholesky @ np.swapaxes(cholesky, -1, -2)


def diagonal_matrices(diagonals: np.ndarray) -> np.ndarray:
    """(..., D) as diagonal matrices (..., D, D)."""
    d = diagonals.shape[-1]
    out = np.zeros((*diagonals.shape, d))
    out[..., np.arange(d), np.arange(d)] = diagonals
    return out


def whiten_variances(variances: np.ndarray) -> np.ndarray:
    """One over the square root of variances.

    Raises
    ------
    numpy.linalg.LinAlgError
        If one is not positive, as for matrices.
    """
    if not np.all(variances > 0):
        raise np.linalg.LinAlgError("a variance is not positive")
    return 1.0 / np.sqrt(variances)
