"""Posteriors of every family and kind of prior, for the tests of the samplers."""

import numpy as np

from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.engines import draw_posterior
from bayesgmm.em.problem import Problem
from bayesgmm.priors import ConjugateMeans, Dirichlet, GammaScale, InverseWishart, Priors, resolve

KINDS = {
    "default": Priors(),
    "conjugate": Priors(means=ConjugateMeans(strength=0.7)),
    "hierarchical": Priors(covariances=GammaScale()),
    "hierarchical conjugate": Priors(means=ConjugateMeans(strength=2.0), covariances=GammaScale()),
    "uneven": Priors(weights=Dirichlet([0.5, 2.0, 5.0]), covariances=InverseWishart(dof=9.0)),
}
K, D = 3, 2


def posterior_of(family, kind, k=K, d=D, n=60, unit=1.0, seed=1):
    rng = np.random.default_rng(seed)
    mixing = np.eye(d) + 0.4 * rng.normal(size=(d, d))
    X = unit * (rng.normal(size=(n, d)) @ mixing + np.arange(3.0, 3.0 + d))
    priors = KINDS[kind]
    if k != K and kind == "uneven":
        priors = Priors(weights=Dirichlet(2.0), covariances=InverseWishart(dof=d + 7.0))
    resolved = resolve(priors, X, k, family)
    return LogPosterior(Problem(X, family, priors=resolved), k)


def random_theta(posterior, rng):
    return 0.7 * rng.normal(size=posterior.sizes.n_coordinates)


def draw(X, k, family, priors, seed=0, draws=1000, chains=4, sampler="nuts"):
    """Draws from a posterior by the engine of the estimator."""
    return draw_posterior(
        X,
        k,
        family,
        priors,
        sampler=sampler,
        draws=draws,
        tune=None,
        chains=chains,
        rng=np.random.default_rng(seed),
        progressbar=False,
    )


def standard_errors_away(values, exact):
    """|mean - exact| in Monte Carlo standard errors, from the spread of 20 batches."""
    batches = values.reshape(20, -1, *values.shape[2:]).mean(axis=1)
    error = np.maximum(batches.std(0, ddof=1) / np.sqrt(20), 1e-12)
    return np.abs(batches.mean(0) - exact) / error
