"""The posterior as the PyMC model's: all its variables, and predictions from them."""

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest
from oracle import FAMILIES
from posterior_problems import assert_holds_the_model

from bayesgmm import BayesianGaussianMixture, Priors
from bayesgmm.bayes.user_priors import interpreted

PRIORS = {
    "default": Priors(),
    "hierarchical": Priors.richardson_green(),
    "conjugate": Priors.conjugate(),
}


def fitted(family, priors, k=2, d=3, draws=4):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(60, d)) @ (np.eye(d) + 0.5 * np.tri(d, k=-1)) * [10.0, 1.0, 0.1][:d]
    X[:25] += [60.0, 5.0, 0.3][:d]
    frame = pd.DataFrame(X, columns=["length", "width", "depth"][:d])
    return BayesianGaussianMixture(
        k, covariance_type=family, priors=PRIORS[priors], draws=draws, chains=2, random_state=1,
        progressbar=False,
    ).fit(frame)  # fmt: skip


@pytest.mark.filterwarnings("ignore::bayesgmm.exceptions.PosteriorWarning")
@pytest.mark.parametrize(
    ("priors", "k", "d"),
    [*((priors, 2, 3) for priors in PRIORS), ("hierarchical", 1, 1), ("default", 1, 2)],
)
def test_posterior_holds_every_variable_of_the_model(family, priors, k, d):
    assert_holds_the_model(fitted(family, priors, k, d))


def predicted(fit, every):
    tree = fit.posterior_.isel(draw=slice(None, None, every))
    rows = pm.sample_posterior_predictive(tree, model=fit.model_, random_seed=1, progressbar=False)[
        "posterior_predictive"
    ]["X"]
    assert rows.dims == ("chain", "draw", "observation", "feature")
    return rows.values.reshape(-1, rows.sizes["feature"])


def assert_same_moments(found, expected):
    """Means within a tenth of a standard deviation, variances and correlations within a tenth."""
    sd = expected.std(axis=0)
    np.testing.assert_allclose(found.mean(axis=0) / sd, expected.mean(axis=0) / sd, atol=0.1)
    scaled = np.cov(found.T) / np.outer(sd, sd)
    np.testing.assert_allclose(scaled, np.cov(expected.T) / np.outer(sd, sd), atol=0.1)


def test_posterior_predictive_rows_are_like_the_data(sampled, faithful):
    rows = predicted(sampled, every=40)
    assert_same_moments(rows, sampled.sample(20_000)[0])
    assert_same_moments(rows, faithful.to_numpy())


@pytest.mark.slow
@pytest.mark.parametrize("priors", PRIORS)
@pytest.mark.parametrize("family", FAMILIES)
def test_posterior_predictive_rows_for_every_family_and_prior(family, priors):
    fit = fitted(family, priors, draws=1000)
    with interpreted():
        rows = predicted(fit, every=5)
    assert_same_moments(rows, fit.sample(50_000)[0])
    if family in ("full", "tied"):  # what the others leave out of these data shows
        assert_same_moments(rows, fit.posterior_["observed_data"]["X"].values)


@pytest.mark.slow
def test_posterior_predictive_rows_compiled(sampled, faithful):
    """As users run it, in PyTensor's default mode, and the rows join the tree."""
    tree = sampled.posterior_.isel(draw=slice(None, None, 40))
    assert pytensor.config.mode != "FAST_COMPILE"
    both = pm.sample_posterior_predictive(
        tree, model=sampled.model_, extend_inferencedata=True, random_seed=1, progressbar=False
    )
    rows = both["posterior_predictive"]["X"].values.reshape(-1, 2)
    assert_same_moments(rows, faithful.to_numpy())


def test_prior_predictive_rows(sampled):
    tree = pm.sample_prior_predictive(50, model=sampled.model_, random_seed=1)
    assert set(tree["prior"].data_vars) == set(sampled.posterior_["posterior"].data_vars)
    rows = tree["prior_predictive"]["X"]
    assert rows.dims == ("chain", "draw", "observation", "feature")
    # Means range over the data, and further.
    assert rows.std("observation").shape == (1, 50, 2)
    assert rows.mean("observation").std() > sampled.sample(4000)[0].std(axis=0).min()
