"""Data with our default priors in numbers, and the other programs' draws as mixtures.

All programs are given one prior: weights ~ Dirichlet, means ~ normal, covariances ~
inverse-Wishart. Where a program has no inverse-Wishart to sample, it is written as Bartlett's
decomposition, as :func:`bayesgmm.build_model` has it: with the scale ``S = L L'``, the covariance
is ``C C'`` with ``C = L B^-1`` and B lower triangular, its squared diagonal chi-squared and the
entries below standard normal.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesgmm import BayesianGaussianMixture
from bayesgmm.bayes.variables import covariance_variables
from bayesgmm.core.mixture import Mixture
from bayesgmm.priors import Priors, ResolvedPriors, resolve


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows (N, D) and a number of components; full covariances."""

    X: np.ndarray
    n_components: int

    @property
    def n_features(self) -> int:
        return self.X.shape[1]

    @cached_property
    def priors(self) -> ResolvedPriors:
        return resolve(Priors(), self.X, self.n_components, "full")

    @property
    def scale_factor(self) -> np.ndarray:
        """Lower triangular L of the inverse-Wishart's scale."""
        return np.linalg.cholesky(self.priors.scatter)

    @property
    def squares_dof(self) -> np.ndarray:
        """Degrees of freedom of the squared diagonal of Bartlett's factor, (D,)."""
        return self.priors.dof - self.n_features + 1.0 + np.arange(self.n_features)

    def estimator(self, **options) -> BayesianGaussianMixture:
        return BayesianGaussianMixture(
            self.n_components, random_state=0, progressbar=False, **options
        )

    def variables(self, mixture: Mixture) -> dict[str, np.ndarray]:
        """What the other programs sample, at a mixture."""
        of_covariances = covariance_variables(mixture, self.priors)
        below = of_covariances.get("factor_below", np.empty((*mixture.means.shape[:-1], 0)))
        return {
            "weights": mixture.weights,
            "means": mixture.means,
            "squares": of_covariances["factor_squares"],
            "below": below,
        }

    def mixture(self, variables: dict[str, np.ndarray]) -> Mixture:
        """The mixture at those variables."""
        squares, below = variables["squares"], variables["below"]
        d = self.n_features
        factor = np.zeros((*squares.shape, d))
        factor[..., *np.diag_indices(d)] = np.sqrt(squares)
        factor[..., *np.tril_indices(d, -1)] = below
        whitening = factor @ np.linalg.inv(self.scale_factor)
        return Mixture(variables["weights"], variables["means"], whitening)
