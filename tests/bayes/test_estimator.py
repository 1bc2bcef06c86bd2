"""BayesianGaussianMixture as users meet it."""

import pickle

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import has_fit_parameter

from bayesgmm import (
    BayesianGaussianMixture,
    GaussianMixture,
    Priors,
    load,
    load_dataset,
    save,
)
from bayesgmm.core import criteria
from bayesgmm.exceptions import DataError, DegenerateDataError, PosteriorWarning
from bayesgmm.priors import Dirichlet

QUICK = {"draws": 100, "chains": 2, "progressbar": False}


def fitted(X, k=2, **options):
    """A short posterior, whose complaints about its length are of no interest."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PosteriorWarning)
        return BayesianGaussianMixture(k, **{**QUICK, "random_state": 0, **options}).fit(X)


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(1)
    return np.r_[rng.normal(size=(40, 2)), rng.normal(size=(30, 2)) * [1.0, 0.3] + [6.0, 2.0]]


def test_tree_has_the_promised_groups_dims_and_names(sampled, faithful):
    tree = sampled.posterior_
    assert set(tree.children) == {"posterior", "sample_stats", "observed_data", "log_likelihood"}
    posterior = tree["posterior"]
    assert {name: posterior[name].dims for name in posterior.data_vars} == {
        "weights": ("chain", "draw", "component"),
        "means": ("chain", "draw", "component", "feature"),
        "covariances": ("chain", "draw", "component", "feature", "feature_other"),
        "factor_squares": ("chain", "draw", "component", "feature"),
        "factor_below": ("chain", "draw", "component", "feature_pair"),
    }
    assert dict(posterior.sizes) == {
        "chain": 4,
        "draw": 400,
        "component": 2,
        "feature": 2,
        "feature_other": 2,
        "feature_pair": 1,
    }
    for dim in ("feature", "feature_other"):
        assert posterior[dim].values.tolist() == ["eruptions", "waiting"]
    assert tree["log_likelihood"]["X"].dims == ("chain", "draw", "observation")
    assert tree["observed_data"]["X"].dims == ("observation", "feature")
    np.testing.assert_array_equal(tree["observed_data"]["X"], faithful)
    assert set(tree["sample_stats"].data_vars) == {"acceptance_rate", "diverging", "lp"}
    assert posterior.attrs["covariance_type"] == "full"


def test_tree_mixture_and_likelihood_agree(sampled, faithful):
    posterior, mixture = sampled.posterior_["posterior"], sampled.mixture_
    np.testing.assert_array_equal(posterior["means"], mixture.means)
    np.testing.assert_allclose(posterior["covariances"], mixture.covariances)
    rows = faithful.to_numpy()[:20]
    np.testing.assert_allclose(
        sampled.posterior_["log_likelihood"]["X"][..., :20], mixture.log_density(rows), rtol=1e-12
    )


def test_posterior_is_about_where_mclust_s_estimates_are(sampled):
    """mclust VVV,2 on faithful: means (2.036, 54.479) and (4.290, 79.968), weight 0.356."""
    assert sampled.diagnostics_.ok
    means = sampled.mixture_.means.mean((0, 1))
    order = np.argsort(means[:, 0])
    np.testing.assert_allclose(means[order], [[2.036, 54.48], [4.290, 79.97]], rtol=5e-3)
    assert sampled.mixture_.weights.mean((0, 1))[order[0]] == pytest.approx(0.356, abs=0.01)
    sd = sampled.mixture_.means.std((0, 1))[order]
    np.testing.assert_allclose(sd, [[0.027, 0.59], [0.032, 0.46]], rtol=0.15)


def test_labels_are_those_of_the_map(sampled):
    np.testing.assert_allclose(sampled.mixture_.means.mean((0, 1)), sampled.map_.means, rtol=0.02)


def test_map_is_map_em(sampled, faithful):
    em = GaussianMixture(2, priors=Priors(), random_state=1).fit(faithful)
    order, other = np.argsort(em.means_[:, 0]), np.argsort(sampled.map_.means[:, 0])
    np.testing.assert_allclose(em.means_[order], sampled.map_.means[other], rtol=1e-4)


def test_waic_and_loo_are_those_of_the_draws(sampled):
    flat = sampled.posterior_["log_likelihood"]["X"].values.reshape(1600, -1)
    plain = criteria.waic(flat)
    waic, loo = sampled.waic(), sampled.loo()
    assert waic.elpd == pytest.approx(plain.elpd, abs=1e-8)
    assert waic.p == pytest.approx(plain.p, abs=1e-8)
    theirs = az.loo(sampled.posterior_)
    assert loo.elpd == pytest.approx(theirs.elpd, abs=1e-8)
    assert waic.elpd == pytest.approx(loo.elpd, abs=0.2)


@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto")  # few draws
def test_large_likelihoods_are_not_kept_and_criteria_do_not_miss_them(X, monkeypatch):
    kept = fitted(X)
    monkeypatch.setattr("bayesgmm.bayes.assembly.MAX_LOG_LIKELIHOOD_BYTES", 1000)
    monkeypatch.setattr("bayesgmm.bayes.elpd._BLOCK_BYTES", 8 * 200 * 20)
    blocks = fitted(X)
    assert "log_likelihood" not in blocks.posterior_.children
    assert blocks.waic().elpd == pytest.approx(kept.waic().elpd, rel=1e-12)
    assert blocks.loo().elpd == pytest.approx(kept.loo().elpd, rel=1e-10)
    # Where a chain stays, log-likelihoods are equal up to rounding, and ranks are shared or not.
    pd.testing.assert_frame_equal(blocks.diagnostics_.table, kept.diagnostics_.table, rtol=0.02)


def test_predictions_average_over_the_draws(sampled, faithful):
    rows = faithful.iloc[::30]
    draws = sampled.mixture_.flatten()
    members = np.stack([draw.responsibilities(rows.to_numpy()) for draw in draws])
    np.testing.assert_allclose(sampled.predict_proba(rows), members.mean(0), rtol=1e-10)
    np.testing.assert_array_equal(sampled.predict(rows), members.mean(0).argmax(1))
    mean, lower, upper = sampled.predict_proba(rows, interval=0.9)
    np.testing.assert_allclose(mean, members.mean(0), rtol=1e-10)
    np.testing.assert_allclose(lower, np.quantile(members, 0.05, axis=0), atol=1e-12)
    np.testing.assert_allclose(upper, np.quantile(members, 0.95, axis=0), atol=1e-12)
    density = np.log(np.mean([np.exp(d.log_density(rows.to_numpy())) for d in draws], axis=0))
    np.testing.assert_allclose(sampled.score_samples(rows), density, rtol=1e-10)
    assert sampled.score(rows) == pytest.approx(density.mean())


@pytest.mark.parametrize("interval", [0.0, 1.0, 1.5, -0.1, "a"])
def test_interval_must_be_a_probability(sampled, faithful, interval):
    with pytest.raises(DataError, match=r"between 0 and 1, such as 0\.9, got"):
        sampled.predict_proba(faithful, interval=interval)


def test_sample_follows_the_posterior_predictive(sampled, faithful):
    X, labels = sampled.sample(4000)
    assert X.shape == (4000, 2)
    np.testing.assert_allclose(X.mean(0), faithful.mean(), rtol=0.03)
    assert np.bincount(labels).tolist() == pytest.approx(
        4000 * sampled.mixture_.weights.mean((0, 1)), rel=0.08
    )


@pytest.mark.parametrize("k", [1, 2])
def test_every_family_samples(family, k, X):
    fit = fitted(X, k, covariance_type=family)
    covariances = fit.posterior_["posterior"]["covariances"].values
    assert covariances.shape == (2, 100, k, 2, 2)
    assert np.all(np.linalg.eigvalsh(covariances) > 0)
    if family == "tied":
        np.testing.assert_array_equal(covariances[:, :, 0], covariances[:, :, -1])
    if family in ("diag", "spherical"):
        assert not covariances[..., 0, 1].any()
    if family == "spherical":
        np.testing.assert_array_equal(covariances[..., 0, 0], covariances[..., 1, 1])


def test_hierarchical_scale_is_in_the_tree(family, X):
    fit = fitted(X, covariance_type=family, priors=Priors.richardson_green())
    scale = fit.posterior_["posterior"]["scale"]
    assert scale.dims == ("chain", "draw", "feature")[: 2 if family == "spherical" else 3]
    assert np.all(scale > 0)


def test_same_seed_same_draws(X):
    first, second = fitted(X, random_state=7), fitted(X, random_state=7)
    xr.testing.assert_equal(first.posterior_["posterior"].ds, second.posterior_["posterior"].ds)
    assert not np.array_equal(first.mixture_.means, fitted(X, random_state=8).mixture_.means)


def test_global_random_state_is_not_touched(X):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fitted(X, random_state=None)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_sparse_weights_sample_though_they_have_no_mode(X):
    fit = fitted(X, 3, priors=Priors(weights=Dirichlet(0.3)))
    assert np.all(np.isfinite(fit.mixture_.weights))
    assert np.all(fit.map_.weights > 0)


def test_clusters_far_apart_are_no_trouble():
    """The gradient at the mode is exactly zero there, which a start must not be."""
    rng = np.random.default_rng(0)
    far = np.r_[rng.normal(size=(12, 1)), rng.normal(size=(28, 1)) + 100.0]
    assert fitted(far, covariance_type="diag").mixture_.batch_shape == (2, 100)


def test_one_chain_is_enough_for_a_fit(X):
    fit = fitted(X, chains=1)
    assert np.isnan(fit.diagnostics_.max_rhat)


def test_bad_draws_are_a_warning_in_words(X):
    model = BayesianGaussianMixture(5, draws=20, tune=20, progressbar=False, random_state=0)
    with pytest.warns(PosteriorWarning, match=r"are wanted|disagree|not stable"):
        model.fit(X[:30])
    assert not model.diagnostics_.ok


def test_silent_without_progress_bar(X, capfd):
    fitted(X)
    assert capfd.readouterr() == ("", "")


def test_clone_parameters_and_pickle(X):
    fit = fitted(X)
    twin = clone(fit)
    assert twin.get_params() == fit.get_params()
    assert not hasattr(twin, "posterior_")
    again = pickle.loads(pickle.dumps(fit))
    np.testing.assert_array_equal(again.predict_proba(X), fit.predict_proba(X))
    assert fit.model_ is fit.model_
    assert pickle.loads(pickle.dumps(fit)).model_.named_vars.keys() == fit.model_.named_vars.keys()
    assert set(BayesianGaussianMixture().get_params()) == {
        "n_components",
        "covariance_type",
        "priors",
        "sampler",
        "draws",
        "tune",
        "chains",
        "random_state",
        "progressbar",
        "checkpoint",
    }


@pytest.mark.parametrize(
    ("argument", "ours"),
    [
        ("weight_concentration_prior", "Dirichlet"),
        ("mean_precision_prior", "ConjugateMeans"),
        ("degrees_of_freedom_prior", "InverseWishart"),
        ("covariance_prior", "InverseWishart"),
        ("n_init", "chains="),
        ("max_iter", "draws= and tune="),
    ],
)
def test_arguments_of_the_variational_class_name_ours(argument, ours):
    with pytest.raises(TypeError, match=f"{argument}= belongs to scikit-learn's.*{ours}"):
        BayesianGaussianMixture(2, **{argument: 1})


@pytest.mark.parametrize("sampler", ["gibbs", "nuts"])
def test_modes_without_a_draw_are_told(sampler, tmp_path):
    """Galaxies: a mode that holds some 8 % has the three slowest in a cluster of their own."""
    galaxies = load_dataset("galaxies")
    fit = fitted(galaxies, 2, draws=20, tune=20, sampler=sampler)
    found = fit.diagnostics_
    assert 0.05 < found.unvisited < 0.12
    told = f"No draw is at modes that hold about {found.unvisited:.0%} of the posterior"
    assert any(message.startswith(told) for message in found.messages)
    save(fit, tmp_path / "fit.nc")
    assert load(tmp_path / "fit.nc").diagnostics_.unvisited == found.unvisited
    more = fitted(galaxies, 2, draws=40, tune=20, sampler=sampler, chains=36)
    assert more.diagnostics_.unvisited == 0.0
    assert not any(message.startswith("No draw") for message in more.diagnostics_.messages)


def test_priors_that_outweigh_a_better_fit_are_told(sampled, tmp_path):
    X = load_dataset("iris").drop(columns="species")
    fit = fitted(X, 3, draws=20, tune=20)
    # Two of the species merge at the highest mode, and are apart where the likelihood is higher.
    apart = fit.diagnostics_.better_fit + fit.map_.log_density(X.to_numpy()).sum()
    assert apart == pytest.approx(-192.0, abs=0.5)
    assert "The priors decide between modes" in fit.diagnostics_.verdict
    save(fit, tmp_path / "fit.nc")
    assert load(tmp_path / "fit.nc").diagnostics_.better_fit == fit.diagnostics_.better_fit
    assert sampled.diagnostics_.better_fit == 0.0


def test_unknown_argument_is_an_error():
    with pytest.raises(TypeError, match=r"no argument 'chian' \(did you mean 'chains'\?\)"):
        BayesianGaussianMixture(chian=2)


@pytest.mark.parametrize(
    ("argument", "instead"),
    [("cores", "leave it out"), ("random_seed", "random_state="), ("warmup", "tune=")],
)
def test_arguments_of_other_samplers_name_ours(argument, instead):
    with pytest.raises(TypeError, match=f"takes no {argument}=: .*{instead}"):
        BayesianGaussianMixture(2, **{argument: 1})


def test_weights_of_rows_are_refused_and_not_routed(X):
    with pytest.raises(TypeError, match=r"takes no sample_weight=: .*GaussianMixture"):
        BayesianGaussianMixture().fit(X, sample_weight=np.ones(len(X)))
    with pytest.raises(TypeError, match="takes no weights="):
        BayesianGaussianMixture().fit(X, weights=1)
    assert BayesianGaussianMixture().get_metadata_routing().fit.requests == {}
    assert not has_fit_parameter(BayesianGaussianMixture(), "sample_weight")


@pytest.mark.parametrize(
    ("attribute", "instead"),
    [
        ("weights_", "map_.weights"),
        ("means_", r"mixture_.means.mean\(\(0, 1\)\)"),
        ("covariances_", "map_.covariances"),
        ("bic", r"loo\(\)"),
        ("save", "bayesgmm.save"),
    ],
)
def test_attributes_of_others_name_ours(sampled, attribute, instead):
    for model in (sampled, BayesianGaussianMixture()):
        assert not hasattr(model, attribute)
        assert attribute not in dir(model)
        with pytest.raises(AttributeError, match=f"no attribute '{attribute}': .*{instead}"):
            getattr(model, attribute)
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'$"):
        _ = sampled.nothing
    with pytest.raises(NotFittedError, match="not fitted yet"):
        _ = BayesianGaussianMixture().model_


@pytest.mark.parametrize(
    "options",
    [
        {"n_components": 0},
        {"covariance_type": "ball"},
        {"sampler": "gibbs?"},
        {"draws": 1},
        {"chains": 0},
        {"tune": 0},
        {"priors": "flat"},
        {"progressbar": "no"},
    ],
    ids=str,
)
def test_impossible_arguments_are_refused(options, X):
    with pytest.raises(ValueError, match=next(iter(options))):
        BayesianGaussianMixture(**options).fit(X)


def test_error_about_a_sampler_names_all_of_them(X):
    with pytest.raises(ValueError, match=r"'sampler'.* must be a str among") as error:
        BayesianGaussianMixture(sampler="mh").fit(X)
    assert "'auto', 'hmc', 'nuts', 'gibbs', 'laplace', 'vi', 'smc'. Got 'mh'" in str(error.value)


def test_error_about_a_name_names_near_ones(X):
    with pytest.raises(ValueError, match=r"'gibs' instead \(did you mean 'gibbs'\?\)\.$"):
        BayesianGaussianMixture(sampler="gibs").fit(X)
    # The first wrong argument is told, and no name that is near to another one.
    with pytest.raises(ValueError, match=r"'chains' parameter .* Got 0 instead\.$"):
        BayesianGaussianMixture(chains=0, sampler="gibs").fit(X)


def test_data_that_cannot_be_fitted_are_refused(X):
    with pytest.raises(DataError, match="minimum of 2"):
        BayesianGaussianMixture().fit(X[:1])
    with pytest.raises(DataError, match="n_components = 9, n_samples = 5"):
        BayesianGaussianMixture(9).fit(X[:5])
    with pytest.raises(DegenerateDataError):
        BayesianGaussianMixture(2).fit(np.column_stack([X, X[:, 0]]))
    with pytest.raises(NotFittedError):
        BayesianGaussianMixture().waic()


def test_new_rows_must_have_the_names_of_the_fit(sampled, faithful):
    with pytest.raises(ValueError, match="feature names should match"):
        sampled.predict(faithful[["waiting", "eruptions"]])
    with pytest.raises(ValueError, match="BayesianGaussianMixture is expecting 2"):
        sampled.predict(np.ones((2, 3)))


def test_tree_survives_a_file(sampled, tmp_path):
    path = tmp_path / "fit.nc"
    sampled.posterior_.to_netcdf(path)
    again = az.from_netcdf(path)
    assert set(again.children) == set(sampled.posterior_.children)
    for group in again.children:
        xr.testing.assert_allclose(again[group].ds, sampled.posterior_[group].ds)
    assert again["posterior"].attrs == sampled.posterior_["posterior"].attrs
    again.close()
