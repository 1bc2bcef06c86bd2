"""Units change nothing but the units, on every path."""

import numpy as np
import pytest

from bayesgmm import GaussianMixture, Priors
from bayesgmm.em import race as race_module


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(3)
    centres = np.array([[0.0, 0.0, 0.0], [5.0, 0.0, 1.0], [0.0, 5.0, -1.0]])
    shape = np.array([[1.0, 0.6, 0.0], [0.0, 0.8, 0.3], [0.0, 0.0, 1.0]])
    return centres[rng.integers(3, size=360)] + rng.normal(size=(360, 3)) @ shape


def same_but_for(here, there, X, other, jacobian, tolerance):
    np.testing.assert_array_equal(here.predict(X), there.predict(other))
    assert there.starts_.n_starts == here.starts_.n_starts
    densities = there.score_samples(other) + jacobian
    np.testing.assert_allclose(densities.mean(), here.score(X), atol=tolerance)
    np.testing.assert_allclose(densities, here.score_samples(X), atol=1e3 * tolerance)


def fits(family, priors, data, k=3):
    return GaussianMixture(k, covariance_type=family, priors=priors, random_state=0).fit(data)


PRIORS = [None, pytest.param(Priors(), marks=pytest.mark.slow)]
SLOW_COLUMN = pytest.param(2, marks=pytest.mark.slow)


@pytest.mark.parametrize("priors", PRIORS)
@pytest.mark.parametrize("power", [-12, 12])
@pytest.mark.parametrize("column", [0, SLOW_COLUMN])
def test_the_scale_of_any_column(family, priors, power, column, X):
    scale = np.ones(3)
    scale[slice(None) if family == "spherical" else column] = 10.0**power
    here, there = fits(family, priors, X), fits(family, priors, X * scale)
    same_but_for(here, there, X, X * scale, np.log(scale).sum(), 1e-8)


@pytest.mark.parametrize("priors", PRIORS)
@pytest.mark.parametrize("column", [slice(None), SLOW_COLUMN])
def test_an_offset_of_any_column(family, priors, column, X):
    offset = np.zeros(3)
    offset[column] = 1e8
    here, there = fits(family, priors, X), fits(family, priors, X + offset)
    same_but_for(here, there, X, X + offset, 0.0, 1e-6)


@pytest.fixture
def few_rows(monkeypatch):
    """The path of large data, on small ones."""
    monkeypatch.setattr(race_module, "RACE_ROWS", 600)
    monkeypatch.setattr(race_module, "CLIMB_ROWS", 900)


@pytest.fixture(scope="module")
def many():
    rng = np.random.default_rng(4)
    centres = 5.0 * rng.normal(size=(6, 2))
    return centres[rng.integers(6, size=1_200)] + rng.normal(size=(1_200, 2))


@pytest.mark.parametrize("scale", [[1e-12, 1.0], pytest.param([1.0, 1e12], marks=pytest.mark.slow)])
def test_the_race(family, scale, many, few_rows):
    scale = np.full(2, scale[0] * 1e3) if family == "spherical" else np.array(scale)
    here, there = fits(family, None, many, 6), fits(family, None, many * scale, 6)
    assert here.starts_.n_outrun > 0
    same_but_for(here, there, many, many * scale, np.log(scale).sum(), 1e-8)


def test_the_race_far_from_zero(family, many, few_rows):
    here, there = fits(family, None, many, 6), fits(family, None, many + 1e8, 6)
    same_but_for(here, there, many, many + 1e8, 0.0, 1e-6)
