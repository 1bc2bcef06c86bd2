"""An EM fit and a posterior of two groups that overlap a little; shared, so never changed."""

import warnings

import numpy as np
import pytest

from bayesgmm import BayesianGaussianMixture, GaussianMixture, Mixture

TRUTH = Mixture.from_covariances(
    np.array([0.4, 0.6]),
    np.array([[0.0, 0.0], [4.0, 1.0]]),
    np.array([[[1.0, 0.6], [0.6, 2.0]], [[2.0, -0.5], [-0.5, 0.5]]]),
)


@pytest.fixture(scope="session")
def rows():
    return TRUTH.sample(400, np.random.default_rng(4))[0]


@pytest.fixture(scope="session")
def em(rows):
    return GaussianMixture(2, random_state=0).fit(rows)


@pytest.fixture(scope="session")
def posterior(rows):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return BayesianGaussianMixture(
            2, draws=50, chains=2, random_state=0, progressbar=False
        ).fit(rows)


@pytest.fixture(params=["em", "posterior"])
def fit(request):
    """Either."""
    return request.getfixturevalue(request.param)
