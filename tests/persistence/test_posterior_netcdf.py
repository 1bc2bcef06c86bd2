"""Posteriors as netCDF: what goes in comes out, to the last bit."""

import warnings

import arviz as az
import numpy as np
import pandas as pd
import pytest
from posterior_problems import assert_holds_the_model

from bayesgmm import (
    LKJ,
    BayesianGaussianMixture,
    GammaConcentration,
    LogNormalScale,
    Priors,
    load,
    load_dataset,
    save,
)
from bayesgmm.bayes.user_priors import interpreted
from bayesgmm.core.covariance import FAMILIES
from bayesgmm.exceptions import DataError, PosteriorWarning


@pytest.fixture(scope="module")
def X():
    return load_dataset("faithful").iloc[::4].reset_index(drop=True)


def draw(X, family="full", **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PosteriorWarning)
        return BayesianGaussianMixture(
            2,
            covariance_type=family,
            draws=60,
            chains=2,
            random_state=3,
            progressbar=False,
            **settings,
        ).fit(X)


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request, X, tmp_path_factory):
    before = draw(X, request.param)
    path = tmp_path_factory.mktemp("posterior") / "fit.nc"
    save(before, path)
    return before, load(path)


def test_posterior_comes_back_whole(pair):
    before, after = pair
    assert after.posterior_.identical(before.posterior_)
    assert "bayesgmm" not in after.posterior_.children
    assert list(after.posterior_["posterior"]["feature"].values) == ["eruptions", "waiting"]


def test_predictions_are_equal_to_the_last_bit(pair, X):
    before, after = pair
    for method in ("predict", "predict_proba", "score_samples"):
        np.testing.assert_array_equal(getattr(after, method)(X), getattr(before, method)(X))
    for one, other in zip(after.predict_proba(X, 0.9), before.predict_proba(X, 0.9), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(after.sample(9), before.sample(9), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_the_fit_says_of_itself_comes_back(pair):
    before, after = pair
    for name in ("weights", "means", "whitening", "covariances"):
        np.testing.assert_array_equal(getattr(after.map_, name), getattr(before.map_, name))
    assert after.map_.covariance_type == before.map_.covariance_type
    assert after.map_.feature_names == before.map_.feature_names
    assert after.get_params() == before.get_params()
    assert list(after.feature_names_in_) == ["eruptions", "waiting"]
    pd.testing.assert_frame_equal(after.diagnostics_.table, before.diagnostics_.table)
    pd.testing.assert_frame_equal(after.diagnostics_.chains, before.diagnostics_.chains)
    for name in ("n_divergences", "n_draws", "switched", "messages", "overlapping", "n_namings",
                 "agreement", "complete", "verdict", "can_diverge"):  # fmt: skip
        assert getattr(after.diagnostics_, name) == getattr(before.diagnostics_, name)
    assert after.priors_.describe() == before.priors_.describe()
    for name, value in vars(before.priors_).items():
        np.testing.assert_array_equal(getattr(after.priors_, name), value, strict=True)


def test_a_checkpoint_stays_on_its_machine(X, tmp_path):
    before = draw(X, "diag", checkpoint=tmp_path / "run.zarr.zip")
    save(before, tmp_path / "fit.nc")
    after = load(tmp_path / "fit.nc")
    assert after.checkpoint is None
    np.testing.assert_array_equal(after.mixture_.means, before.mixture_.means)


def test_loo_and_waic_are_the_same(pair):
    before, after = pair
    assert after.waic().elpd == before.waic().elpd
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ on few draws
        assert after.loo().elpd == before.loo().elpd


def test_names_made_up_at_the_fit_are_not_asked_for_later(X, tmp_path):
    save(draw(X.to_numpy()), tmp_path / "fit.nc")
    after = load(tmp_path / "fit.nc")
    assert not hasattr(after, "feature_names_in_")
    assert after.predict(X).shape == (len(X),)


def test_file_without_log_likelihood_still_gives_loo(X, tmp_path, monkeypatch):
    monkeypatch.setattr("bayesgmm.bayes.assembly.MAX_LOG_LIKELIHOOD_BYTES", 0)
    before = draw(X)
    save(before, tmp_path / "fit.nc")
    after = load(tmp_path / "fit.nc")
    assert "log_likelihood" not in after.posterior_.children
    assert after.waic().elpd == before.waic().elpd


@pytest.mark.parametrize(
    "priors",
    [Priors.richardson_green(), Priors(covariances=LogNormalScale(sigma=1.0))],
    ids=["gamma", "log-normal"],
)
def test_hierarchical_priors_come_back(X, tmp_path, priors):
    before = draw(X, priors=priors)
    save(before, tmp_path / "fit.nc")
    after = load(tmp_path / "fit.nc")
    assert after.priors == before.priors
    assert after.priors_.is_hierarchical
    for found, wanted in zip(after.priors_.hyperprior, before.priors_.hyperprior, strict=True):
        np.testing.assert_array_equal(found, wanted)
    with interpreted():
        assert_holds_the_model(after)


@pytest.mark.parametrize("family", ["full", "diag"])
def test_lkj_priors_come_back(X, tmp_path, family):
    before = draw(X, family, priors=Priors(covariances=LKJ(eta=6.0)))
    save(before, tmp_path / "fit.nc")
    after = load(tmp_path / "fit.nc")
    assert after.priors == before.priors
    assert after.priors_.describe() == before.priors_.describe()
    with interpreted():
        assert_holds_the_model(after)


def test_learned_concentration_comes_back(X, tmp_path):
    priors = Priors(weights=GammaConcentration(rate=3.0), covariances=LogNormalScale())
    before = draw(X, priors=priors)
    save(before, tmp_path / "fit.nc")
    after = load(tmp_path / "fit.nc")
    assert after.priors == before.priors
    assert after.priors_.describe() == before.priors_.describe()
    assert np.all(after.posterior_["posterior"]["concentration"] > 0)
    with interpreted():
        assert_holds_the_model(after)


def my_weights(n_components, n_features):
    raise AssertionError("a file must not run code")


def test_a_function_among_the_priors_is_kept_by_name_and_never_run(X, tmp_path):
    fit = draw(X)
    fit.priors = fit.priors_ = Priors(weights=my_weights)
    save(fit, tmp_path / "fit.nc")
    after = load(tmp_path / "fit.nc")
    np.testing.assert_array_equal(after.predict_proba(X), fit.predict_proba(X))
    with pytest.raises(DataError, match="my_weights"):
        after.priors.weights(2, 2)
    save(after, tmp_path / "again.nc")
    assert load(tmp_path / "again.nc").priors.weights.name == after.priors.weights.name


def test_arviz_opens_the_file(pair, tmp_path):
    save(pair[0], tmp_path / "fit.nc")
    with az.from_netcdf(tmp_path / "fit.nc") as tree:
        summary = az.summary(tree, var_names=["weights"], kind="stats")
    means = pair[0].mixture_.weights.mean(axis=(0, 1))
    np.testing.assert_allclose(summary["mean"].astype(float), means, rtol=0.02)


def test_what_importance_weights_say_comes_back(X, tmp_path):
    before = BayesianGaussianMixture(1, sampler="laplace", random_state=0, progressbar=False).fit(X)
    save(before, tmp_path / "fit.nc")
    after = load(tmp_path / "fit.nc")
    assert after.diagnostics_.importance == before.diagnostics_.importance
    assert after.diagnostics_.importance.pareto_k < 0.7
    assert after.diagnostics_.verdict == before.diagnostics_.verdict
