"""Mixtures from explicit priors, and data from them."""

import numpy as np
from scipy import stats

from bayesgmm import Dirichlet, InverseWishart, NormalMeans, Priors
from bayesgmm.core.mixture import Mixture
from bayesgmm.priors import ResolvedPriors, resolve


def priors_for(n_features: int, spread: float) -> Priors:
    """Proper priors that no data set has a part in.

    Covariances are near the identity, and component means have standard deviation ``spread``.
    """
    return Priors(
        weights=Dirichlet(2.0),
        means=NormalMeans(loc=0.0, scale=spread),
        covariances=InverseWishart(dof=n_features + 5.0, scale=4.0),
    )


def numbers_of(priors: Priors, n_components: int, n_features: int, family: str) -> ResolvedPriors:
    """The numbers of priors that no data have a part in."""
    no_rows = np.zeros((2, n_features))
    return resolve(priors, no_rows, n_components, family)


def from_prior(prior: ResolvedPriors, rng: np.random.Generator) -> Mixture:
    """One mixture drawn from the prior."""
    assert prior.scale is not None  # independent means
    k, d = len(prior.concentration), len(prior.loc)
    family = prior.family
    weights = rng.dirichlet(prior.concentration)
    means = prior.loc + prior.scale * rng.standard_normal((k, d))
    if family.structure == "triangular":
        n = 1 if family.shared else k
        matrices = stats.invwishart(prior.dof, prior.scatter).rvs(n, rng).reshape(n, d, d)
        covariances = matrices[0] if family.shared else matrices
    else:
        shape = family.native_shape(k, d)
        covariances = prior.scatter / 2.0 / rng.gamma(prior.dof / 2.0, size=shape)
    return Mixture.from_covariances(weights, means, covariances, family.name)


def rows_of(mixture: Mixture, n: int, rng: np.random.Generator) -> np.ndarray:
    """Rows (N, D) of a mixture, by NumPy alone."""
    labels = rng.choice(mixture.n_components, size=n, p=mixture.weights)
    roots = np.linalg.cholesky(mixture.covariances)
    noise = rng.standard_normal((n, mixture.n_features))
    return mixture.means[labels] + np.einsum("nij,nj->ni", roots[labels], noise)
