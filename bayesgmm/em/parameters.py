"""The natural parameters of a mixture as one vector: weights, means, entries of the covariances."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesgmm.core.covariance import CovarianceFamily
from bayesgmm.core.mixture import Mixture


@dataclass(frozen=True)
class Layout:
    """Where each parameter of a mixture stands in the vector.

    The K weights come first, then the means component by component, then the covariances that the
    family tells apart: their lower triangles by rows, or their variances.

    Attributes
    ----------
    family : CovarianceFamily
    n_components, n_features : int
    """

    family: CovarianceFamily
    n_components: int
    n_features: int

    @classmethod
    def of(cls, mixture: Mixture) -> "Layout":
        """The layout of a mixture's parameters."""
        return cls(mixture.family, mixture.n_components, mixture.n_features)

    @cached_property
    def entries(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the entries of one covariance that are parameters, (Q,) each."""
        if self.family.structure == "triangular":
            return np.tril_indices(self.n_features)
        diagonal = np.arange(1 if self.family.isotropic else self.n_features)
        return diagonal, diagonal

    @property
    def n_covariances(self) -> int:
        """Number of covariances that the family tells apart."""
        return 1 if self.family.shared else self.n_components

    @property
    def n_before_covariances(self) -> int:
        """Number of weights and means."""
        return self.n_components * (1 + self.n_features)

    @property
    def size(self) -> int:
        """Length of the vector: one more than there are free parameters, as weights sum to one."""
        return self.n_before_covariances + self.n_covariances * len(self.entries[0])

    def mean(self, k: int) -> slice:
        """The places of one component's mean."""
        start = self.n_components + k * self.n_features
        return slice(start, start + self.n_features)

    def covariance(self, k: int) -> slice:
        """The places of one component's covariance; shared ones are all the same."""
        q = len(self.entries[0])
        start = self.n_before_covariances + (0 if self.family.shared else k * q)
        return slice(start, start + q)

    def pack(self, mixture: Mixture) -> np.ndarray:
        """The parameters of a mixture, (..., size), with its leading axes."""
        native = mixture.native_covariances
        if self.family.structure == "triangular":
            native = native[..., *self.entries]
        parts = (mixture.weights, mixture.means, native)
        return np.concatenate([a.reshape(*mixture.batch_shape, -1) for a in parts], axis=-1)

    def split(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights (K,), means (K, D) and covariances in native shape out of a vector (size,).

        Covariances are filled up symmetrically.
        """
        k, d = self.n_components, self.n_features
        weights = vector[:k]
        means = vector[k : self.n_before_covariances].reshape(k, d)
        rest = vector[self.n_before_covariances :]
        native = np.empty(self.family.native_shape(k, d))
        if self.family.structure == "triangular":
            rows, columns = self.entries
            rest = rest.reshape(*native.shape[:-2], -1)
            native[..., rows, columns] = rest
            native[..., columns, rows] = rest
        else:
            native[...] = rest.reshape(native.shape)
        return weights.copy(), means.copy(), native

    def labels(self, names: tuple[str, ...]) -> list[tuple[str, int | str, str]]:
        """(parameter, component, feature) of each place.

        Parameters are "weight", "mean", "variance" and "covariance"; the component of what all
        share is "all", and so is the feature of a spherical variance.
        """
        components = range(self.n_components)
        out: list[tuple[str, int | str, str]] = [("weight", k, "") for k in components]
        out += [("mean", k, name) for k in components for name in names]
        for k in range(self.n_covariances):
            component = "all" if self.family.shared else k
            for i, j in zip(*self.entries, strict=True):
                if self.family.isotropic:
                    out.append(("variance", component, "all"))
                elif i == j:
                    out.append(("variance", component, names[i]))
                else:
                    out.append(("covariance", component, f"{names[j]}, {names[i]}"))
        return out
