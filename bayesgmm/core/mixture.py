"""The value that every fit returns: a Gaussian mixture, or many draws of one."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bayesgmm.core import threads
from bayesgmm.core.covariance import CovarianceFamily, get_family
from bayesgmm.exceptions import DataError

# Rows times draws times components that are worked on at once: 8 MB of doubles.
_BLOCK = 1_000_000
# The same, for one thread at a time: under a millisecond.
_PART = 100_000


@dataclass(frozen=True, eq=False, repr=False)
class Mixture:
    """A mixture of K Gaussians in D dimensions, with or without draws.

    All arrays may have leading axes, the same for each: none for an EM fit, (chain, draw) for a
    posterior. Methods keep them; averaging over draws is the posterior predictive.

    Parameters
    ----------
    weights : (..., K) array
        Positive, summing to one.
    means : (..., K, D) array
        In the units of the data.
    whitening : array, leading axes and the family's native shape
        Whitening factors: lower triangular ``W`` with
        ``W' W`` the precision (full: (K, D, D), tied: (D, D)), or one over the standard deviations
        (diag: (K, D), spherical: (K,)).
    covariance_type : str
        Name of the covariance family.
    feature_names : tuple of str, optional
        Names of the D features.

    See Also
    --------
    Mixture.from_covariances : the same from covariances.
    """

    weights: np.ndarray
    means: np.ndarray
    whitening: np.ndarray
    covariance_type: str = "full"
    feature_names: tuple[str, ...] | None = None

    @classmethod
    def from_covariances(
        cls,
        weights: np.ndarray,
        means: np.ndarray,
        covariances: np.ndarray,
        covariance_type: str = "full",
        feature_names: tuple[str, ...] | None = None,
    ) -> "Mixture":
        """Build a mixture from its covariances, in native or in full (..., K, D, D) shape.

        Raises
        ------
        DataError
            If the shapes do not fit together or a covariance is not positive definite.
        """
        family = get_family(covariance_type)
        weights, means, covariances = (
            np.asarray(a, dtype=float) for a in (weights, means, covariances)
        )
        if means.ndim < 2 or weights.shape != means.shape[:-1]:
            raise DataError(
                "weights must be (..., K) and means (..., K, D), "
                f"got {weights.shape} and {means.shape}."
            )
        *batch, n_components, n_features = means.shape
        full_shape = (*batch, n_components, n_features, n_features)
        native_shape = (*batch, *family.native_shape(n_components, n_features))
        if covariances.shape == full_shape:
            native = family.from_full(covariances)
        elif covariances.shape == native_shape:
            native = covariances
        else:
            raise DataError(
                f"covariances of family '{family.name}' must be {native_shape} or {full_shape}, "
                f"got {covariances.shape}."
            )
        try:
            whitening = family.whiten(native)
        except np.linalg.LinAlgError:
            raise DataError("every covariance must be positive definite; one is not.") from None
        return cls(weights, means, whitening, family.name, feature_names)

    @property
    def family(self) -> CovarianceFamily:
        """The covariance family."""
        return get_family(self.covariance_type)

    @property
    def n_components(self) -> int:
        """Number of components, K."""
        return self.means.shape[-2]

    @property
    def n_features(self) -> int:
        """Number of features, D."""
        return self.means.shape[-1]

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The leading axes: () for a point estimate, (chain, draw) for a posterior."""
        return self.means.shape[:-2]

    @property
    def n_parameters(self) -> int:
        """Number of free parameters: weights, means and covariances."""
        return sum(self.parameter_counts.values())

    @property
    def parameter_counts(self) -> dict[str, int]:
        """Number of free parameters of each part: "weights", "means" and "covariances"."""
        k, d = self.n_components, self.n_features
        return {"weights": k - 1, "means": k * d, "covariances": self.family.n_parameters(k, d)}

    @cached_property
    def kernel_factors(self) -> np.ndarray:
        """Whitening factors of every component: (..., K, D, D), or (..., K, D) if diagonal."""
        return self.family.kernel_factors(self.whitening, self.n_components, self.n_features)

    @cached_property
    def native_covariances(self) -> np.ndarray:
        """Covariances in the family's own shape."""
        return self.family.covariances(self.whitening)

    @property
    def covariances(self) -> np.ndarray:
        """Covariances as full matrices (..., K, D, D)."""
        return self.family.to_full(self.native_covariances, self.n_components, self.n_features)

    def __repr__(self) -> str:
        draws = f", draws {self.batch_shape}" if self.batch_shape else ""
        k, d = self.n_components, self.n_features
        size = f"{k} component{'s' * (k > 1)}, {d} feature{'s' * (d > 1)}"
        return f"Mixture({size}, {self.covariance_type}{draws})"

    # Densities and memberships -------------------------------------------------------------

    def log_joint(self, X: np.ndarray) -> np.ndarray:
        """``log w_k + log N(x_n | mu_k, Sigma_k)``, (..., N, K)."""
        return self._map_draws("log_joint", X)

    def log_density(self, X: np.ndarray) -> np.ndarray:
        """Log density of each row, (..., N), in nats."""
        return self._map_draws("log_density", X)

    def log_responsibilities(self, X: np.ndarray) -> np.ndarray:
        """Log probability that each row belongs to each component, (..., N, K)."""
        joint = self.log_joint(X)
        joint -= joint.max(axis=-1, keepdims=True)
        return joint - np.log(np.exp(joint).sum(axis=-1, keepdims=True))

    def responsibilities(self, X: np.ndarray) -> np.ndarray:
        """Probability that each row belongs to each component, (..., N, K)."""
        return self._map_draws("responsibilities", X)

    def predictive_log_density(self, X: np.ndarray) -> np.ndarray:
        """Log of the density averaged over the draws, (N,): the posterior predictive density."""
        if not self.batch_shape:
            return self.log_density(X)
        total = np.full(len(X), -np.inf)
        n_draws = 0
        for draws in self.blocks(len(X)):
            np.logaddexp(total, np.logaddexp.reduce(draws.log_density(X), axis=0), out=total)
            n_draws += len(draws)
        return total - np.log(n_draws)

    def mean_responsibilities(self, X: np.ndarray) -> np.ndarray:
        """Memberships averaged over the draws, (N, K)."""
        if not self.batch_shape:
            return self.responsibilities(X)
        total = np.zeros((len(X), self.n_components))
        n_draws = 0
        for draws in self.blocks(len(X)):
            total += draws.responsibilities(X).sum(axis=0)
            n_draws += len(draws)
        return total / n_draws

    def responsibility_interval(
        self, X: np.ndarray, prob: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean, lower and upper bound of the memberships over the draws, each (N, K).

        The interval is equal-tailed and holds ``prob`` of the draws. Labels must agree between
        draws. Rows are taken in blocks, so that memory stays bounded.
        """
        draws = self.flatten()
        block = max(1, _BLOCK // (len(draws) * self.n_components))
        tail = (1.0 - prob) / 2.0
        parts = []
        for start in range(0, len(X), block):
            values = draws.responsibilities(X[start : start + block])
            lower, upper = np.quantile(values, [tail, 1.0 - tail], axis=0)
            parts.append((values.mean(axis=0), lower, upper))
        mean, lower, upper = (np.concatenate(part) for part in zip(*parts, strict=True))
        return mean, lower, upper

    def sample(
        self, n_samples: int, random_state: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw rows and their components.

        With draws, each row comes from a draw chosen at random, so the rows follow the posterior
        predictive distribution.

        Parameters
        ----------
        n_samples : int
            Number of rows.
        random_state : numpy.random.Generator

        Returns
        -------
        X : (n_samples, D) array
        labels : (n_samples,) array of int
        """
        draws = self.flatten()
        which = random_state.integers(len(draws), size=n_samples)
        cumulative = np.cumsum(draws.weights, axis=-1)[which]
        uniform = random_state.random((n_samples, 1)) * cumulative[:, -1:]
        labels = (uniform > cumulative).sum(axis=1)
        noise = random_state.standard_normal((n_samples, self.n_features))
        factors = draws.kernel_factors[which, labels]
        if self.family.structure == "diagonal":
            offsets = noise / factors
        else:
            offsets = np.linalg.solve(factors, noise[..., None])[..., 0]
        return draws.means[which, labels] + offsets, labels

    # Draws and components ------------------------------------------------------------------

    def flatten(self) -> "Mixture":
        """The same draws along one leading axis (of length one for a point estimate)."""
        n = int(np.prod(self.batch_shape))
        n_batch = len(self.batch_shape)
        return self._replace(lambda a: a.reshape(n, *a.shape[n_batch:]))

    def thin(self, n: int) -> "Mixture":
        """At most ``n`` draws along one leading axis, evenly spaced."""
        flat = self.flatten()
        keep = np.unique(np.linspace(0, len(flat) - 1, min(n, len(flat))).astype(int))
        return flat._replace(lambda a: a[keep])

    def blocks(self, n_rows: int) -> Iterator["Mixture"]:
        """The draws in turn, as many at once as let their memberships of ``n_rows`` stay small."""
        draws = self.flatten()
        block = max(1, _BLOCK // max(1, n_rows * self.n_components))
        return (draws[start : start + block] for start in range(0, len(draws), block))

    def __len__(self) -> int:
        if not self.batch_shape:
            raise TypeError("a mixture without draws has no length")
        return self.batch_shape[0]

    def __bool__(self) -> bool:
        return True  # also where there are no draws to count

    def __getitem__(self, index: Any) -> "Mixture":
        """The draws at ``index`` of the leading axes."""
        if not self.batch_shape:
            raise TypeError("a mixture without draws cannot be indexed")
        return self._replace(lambda a: a[index])

    def permute(self, order: np.ndarray) -> "Mixture":
        """Components in another order: component ``j`` of the result is ``order[..., j]`` of this.

        Parameters
        ----------
        order : (K,) or (..., K) array of int
            One order for all draws, or one for each.
        """
        order = np.broadcast_to(order, self.weights.shape)

        def along_components(a: np.ndarray) -> np.ndarray:
            expanded = order.reshape(order.shape + (1,) * (a.ndim - order.ndim))
            return np.take_along_axis(a, expanded, axis=order.ndim - 1)

        whitening = self.whitening if self.family.shared else along_components(self.whitening)
        return replace(
            self,
            weights=along_components(self.weights),
            means=along_components(self.means),
            whitening=whitening,
        )

    def _replace(self, change) -> "Mixture":
        return replace(
            self,
            weights=change(self.weights),
            means=change(self.means),
            whitening=change(self.whitening),
        )

    def _map_draws(self, name: str, X: np.ndarray) -> np.ndarray:
        check_columns(self, X)
        from bayesgmm.core.kernels import exact

        for_each_draw = exact.for_each_draw_of(self.family.structure, self.n_features)
        with np.errstate(divide="ignore"):
            log_weights = np.log(self.weights)
        # Copies are writable and in C order: the one kind of array that kernels are compiled for.
        arguments = log_weights, self.means.copy(order="C"), self.kernel_factors.copy(order="C")
        n_draws, n_batch = math.prod(self.batch_shape), len(self.batch_shape)
        arguments = [array.reshape(n_draws, *array.shape[n_batch:]) for array in arguments]
        n, by_component = len(X), name != "log_density"
        densities = np.empty((n_draws, 0 if by_component else n))
        values = np.empty((n_draws, *((n, self.n_components) if by_component else (0, 0))))
        rows, normalise = read_only(np.ascontiguousarray(X)), name == "responsibilities"

        def part(first: int) -> None:
            some = slice(first, first + step)
            chosen = (array[some] for array in (*arguments, densities, values))
            for_each_draw(rows, *chosen, normalise)

        step = 1 + _PART // max(n * self.n_components, 1)
        for _ in threads.run_all(part, range(0, n_draws, step)):
            pass
        out = values if by_component else densities
        return out.reshape(*self.batch_shape, *out.shape[1:])


def check_columns(mixture: Mixture, X: np.ndarray) -> None:
    """Refuse rows that have other columns than the mixture: the kernels check no bounds.

    Raises
    ------
    DataError
    """
    if X.ndim != 2 or X.shape[1] != mixture.n_features:
        raise DataError(
            f"rows of a mixture with {mixture.n_features} features must be "
            f"(N, {mixture.n_features}), got shape {X.shape}."
        )


def read_only(X: np.ndarray) -> np.ndarray:
    """A read-only view: Numba compiles anew for each kind of array, so rows are always this one."""
    view = X.view()
    view.flags.writeable = False
    return view
