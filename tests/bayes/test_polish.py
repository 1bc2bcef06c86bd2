"""Modes under priors that EM does not take."""

from dataclasses import replace

import numpy as np
import oracle
import pytest
from posterior_problems import draw
from scipy.optimize import minimize

from bayesgmm import BayesianGaussianMixture, GaussianMixture
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.polish import polished
from bayesgmm.core.mixture import Mixture
from bayesgmm.em.degeneracy import FLATNESS, flatness
from bayesgmm.em.problem import Problem
from bayesgmm.exceptions import DataError
from bayesgmm.priors import LKJ, Dirichlet, GammaConcentration, Priors, resolve

LKJ_PRIORS = Priors(covariances=LKJ(sigma=0.5))


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(3)
    return np.r_[rng.normal(size=(60, 2)), rng.normal(size=(40, 2)) * 0.6 + [3.5, 2.5]]


@pytest.mark.parametrize("unit", [1.0, 1e6])
def test_map_is_the_mode_of_the_joint_density(family, unit, X):
    """An optimiser that starts beside it comes back, in units of the data."""
    found = draw(unit * X, 2, family, LKJ_PRIORS, draws=4, chains=1).map
    priors, free = resolve(LKJ_PRIORS, X, 2, family), oracle.Parameters(family, 2, 2)
    here = replace(found, means=found.means / unit, whitening=found.whitening * unit)

    def loss(vector):
        mixture = free.unpack(vector)
        parts = mixture.weights, mixture.means, mixture.native_covariances
        return -oracle.log_likelihood(X, mixture) - priors.log_density(*parts)

    at = free.pack(here)
    aside = at + 0.03 * np.random.default_rng(1).normal(size=at.shape)
    optimum = minimize(loss, aside, method="BFGS", options={"gtol": 1e-4})
    assert loss(at) == pytest.approx(optimum.fun, abs=2e-6)
    np.testing.assert_allclose(at, optimum.x, atol=3e-3)


def test_a_learned_concentration_has_the_mode_of_its_prior_mean_or_one(X):
    for rate, fixed in ((None, 1.0), (2.0, 5.0)):
        learned = Priors(weights=GammaConcentration(10.0, rate))
        known = draw(X, 2, "diag", Priors(weights=Dirichlet(fixed)), draws=4, chains=1).map
        found = draw(X, 2, "diag", learned, draws=4, chains=1).map
        np.testing.assert_allclose(found.weights, known.weights, rtol=1e-12)


def test_what_needs_closed_forms_refuses_before_anything_runs(X):
    model = BayesianGaussianMixture(2, priors=LKJ_PRIORS, sampler="gibbs")
    with pytest.raises(DataError, match="LKJ correlations do not have in closed form; use sampler"):
        model.fit(X)
    with pytest.raises(DataError, match="without an M-step in closed form; use covariances="):
        GaussianMixture(2, priors=LKJ_PRIORS).fit(X)


def test_the_way_up_into_a_component_without_spread_is_not_taken():
    """Two rows on their own: under LKJ their density grows without bound as they flatten."""
    rng = np.random.default_rng(0)
    X = 3.0 * rng.normal(size=(30, 2))
    X[:3] += 12.0
    priors = Priors(covariances=LKJ(eta=1.0))
    problem = Problem(X, "full", priors=resolve(priors, X, 3, "full"))
    across = (X[0] - X[1]) / 2
    covariances = np.tile(9.0 * np.eye(2), (3, 1, 1))
    covariances[0] = np.outer(across, across) + 0.1 * np.eye(2)
    means = np.array([X[:2].mean(axis=0), [-2.0, 0.0], [2.0, 0.0]])
    start = Mixture.from_covariances(np.array([0.06, 0.47, 0.47]), means, covariances)
    ((found, _),) = polished(LogPosterior(problem, 3), [(start, None)])
    assert flatness(found, Problem(X, found.covariance_type)).min() >= FLATNESS
