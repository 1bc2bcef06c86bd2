"""GaussianMixture as users meet it."""

import pickle
import re

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.mixture import GaussianMixture as TheirMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bayesgmm import BayesianGaussianMixture, GaussianMixture, Priors, load_dataset
from bayesgmm.exceptions import ConvergenceWarning, DataError, DegenerateDataError
from bayesgmm.priors import Dirichlet, GammaConcentration


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(11)
    return np.r_[
        rng.normal(size=(120, 2)),
        rng.normal(size=(90, 2)) @ [[1.0, 0.8], [0.0, 0.5]] + [4.0, 1.0],
    ]


ATTRIBUTES = (
    "weights_",
    "means_",
    "covariances_",
    "precisions_",
    "precisions_cholesky_",
    "converged_",
    "n_iter_",
    "lower_bound_",
    "lower_bounds_",
    "n_features_in_",
)


def starts(family):
    precisions = {
        "full": np.stack([np.eye(2)] * 2),
        "tied": np.eye(2),
        "diag": np.ones((2, 2)),
        "spherical": np.ones(2),
    }
    return {
        "weights_init": [0.3, 0.7],
        "means_init": [[0.5, 0.0], [3.0, 2.0]],
        "precisions_init": precisions[family],
    }


@pytest.mark.parametrize("reg_covar", [0.0, 1e-6, 0.5])
def test_explicit_numbers_mean_what_they_mean_in_scikit_learn(family, reg_covar, X):
    """From the same start, the same steps: every fitted attribute to rounding."""
    options = {
        "covariance_type": family,
        "tol": 1e-4,
        "reg_covar": reg_covar,
        "n_init": 1,
        **starts(family),
    }
    ours, theirs = GaussianMixture(2, **options).fit(X), TheirMixture(2, **options).fit(X)
    assert ours.n_iter_ == theirs.n_iter_
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        np.testing.assert_allclose(
            getattr(ours, name), getattr(theirs, name), rtol=1e-9, atol=1e-9, err_msg=name
        )
    np.testing.assert_allclose(ours.lower_bounds_, theirs.lower_bounds_, rtol=1e-12)
    for name in ("predict", "predict_proba", "score_samples"):
        np.testing.assert_allclose(
            getattr(ours, name)(X), getattr(theirs, name)(X), rtol=1e-8, atol=1e-10
        )
    for name in ("score", "bic", "aic"):
        assert getattr(ours, name)(X) == pytest.approx(getattr(theirs, name)(X), rel=1e-10)
    assert ours._n_parameters() == theirs._n_parameters()


def test_attributes_have_scikit_learns_shapes_and_types(family, X):
    ours = GaussianMixture(3, covariance_type=family, random_state=0).fit(X)
    theirs = TheirMixture(3, covariance_type=family, random_state=0).fit(X)
    for name in ATTRIBUTES:
        a, b = getattr(ours, name), getattr(theirs, name)
        if name != "lower_bounds_":
            assert np.shape(a) == np.shape(b), name
            assert np.asarray(a).dtype.kind == np.asarray(b).dtype.kind, name
    for name in dir(theirs):
        if not name.startswith("_"):
            assert hasattr(ours, name), name
    assert set(theirs.get_params()) <= set(ours.get_params())


@pytest.mark.parametrize("reg_covar", [0.1, 1.0])
def test_fit_with_a_large_ridge_is_scikit_learns_at_its_limit(family, reg_covar, X):
    """A step may fall there; the fit must still arrive."""
    options = {"covariance_type": family, "reg_covar": reg_covar, **starts(family)}
    theirs = TheirMixture(2, tol=1e-11, max_iter=20_000, **options).fit(X)
    ours = GaussianMixture(2, **options).fit(X)
    assert ours.converged_
    np.testing.assert_allclose(ours.means_, theirs.means_, atol=0.02)
    assert ours.score(X) == pytest.approx(theirs.score(X), abs=1e-5)


def test_precisions_invert_the_covariances(family, X):
    fit = GaussianMixture(3, covariance_type=family, random_state=0).fit(X)
    full = fit.mixture_.covariances
    if family in ("full", "tied"):
        np.testing.assert_allclose(
            np.linalg.inv(fit.precisions_), fit.covariances_, rtol=1e-10, atol=1e-12
        )
        chol = fit.precisions_cholesky_
        np.testing.assert_allclose(chol @ np.swapaxes(chol, -1, -2), fit.precisions_, rtol=1e-12)
        assert np.all(np.tril(chol, -1) == 0)
    else:
        np.testing.assert_allclose(1 / fit.precisions_, fit.covariances_)
        np.testing.assert_allclose(fit.precisions_cholesky_**2, fit.precisions_)
    assert full.shape == (3, 2, 2)


def test_scores_are_those_of_scipy(family, X):
    fit = GaussianMixture(2, covariance_type=family, random_state=0).fit(X)
    expected = oracle.log_likelihood(X, fit.mixture_)
    assert fit.score(X) * len(X) == pytest.approx(expected, rel=1e-12)
    assert fit.lower_bound_ == pytest.approx(fit.score(X), rel=1e-12)
    p = fit._n_parameters()
    assert fit.bic(X) == pytest.approx(-2 * expected + p * np.log(len(X)))
    assert fit.aic(X) == pytest.approx(-2 * expected + 2 * p)
    assert fit.icl(X) == pytest.approx(
        fit.bic(X) - 2 * np.sum(np.log(fit.predict_proba(X).max(axis=1)))
    )


def test_map_reports_the_posterior_as_bound_and_the_likelihood_as_score(family, X):
    fit = GaussianMixture(2, covariance_type=family, priors=Priors(), random_state=0).fit(X)
    assert fit.lower_bound_ < fit.score(X)
    assert fit.bic(X) == pytest.approx(
        -2 * oracle.log_likelihood(X, fit.mixture_) + fit._n_parameters() * np.log(len(X))
    )


@pytest.mark.parametrize(
    "priors",
    [
        None,
        Priors.richardson_green(),
        pytest.param(Priors(), marks=pytest.mark.slow),
        pytest.param(Priors.conjugate(), marks=pytest.mark.slow),
    ],
)
def test_units_change_nothing_but_the_units(family, priors, X):
    """Columns times 1e-12 and 1e12, and then far from zero."""
    scale = np.array([1e-12, 1e12]) if family != "spherical" else np.array([1e12, 1e12])
    jacobian = np.log(scale).sum()
    options = {"covariance_type": family, "random_state": 1, "priors": priors}
    here = GaussianMixture(2, **options).fit(X)
    there = GaussianMixture(2, **options).fit(X * scale)
    np.testing.assert_array_equal(here.predict(X), there.predict(X * scale))
    assert there.score(X * scale) + jacobian == pytest.approx(here.score(X), abs=1e-8)
    np.testing.assert_allclose(there.means_, here.means_ * scale, rtol=1e-4)
    moved = GaussianMixture(2, **options).fit(X + 1e8)
    np.testing.assert_array_equal(here.predict(X), moved.predict(X + 1e8))
    assert moved.score(X + 1e8) == pytest.approx(here.score(X), abs=1e-6)


@pytest.mark.parametrize("priors", [None, Priors()])
def test_weights_are_frequencies(family, priors, X):
    rng = np.random.default_rng(0)
    weight = rng.integers(0, 4, size=len(X))
    options = {"covariance_type": family, "random_state": 0, "priors": priors}
    weighted = GaussianMixture(2, **options).fit(X, sample_weight=weight)
    repeated = GaussianMixture(2, **options).fit(np.repeat(X, weight, axis=0))
    order = np.argsort(weighted.means_[:, 0])
    other = np.argsort(repeated.means_[:, 0])
    np.testing.assert_allclose(weighted.means_[order], repeated.means_[other], atol=1e-3)
    rows = np.repeat(X, weight, axis=0)
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, abs=2e-8)
    assert weighted.score(X, sample_weight=weight) == pytest.approx(repeated.score(rows), abs=1e-6)
    assert weighted.bic(X, sample_weight=weight) == pytest.approx(repeated.bic(rows), abs=1e-3)
    assert weighted.icl(X, sample_weight=weight) == pytest.approx(repeated.icl(rows), rel=1e-4)


@pytest.mark.parametrize("kind", [int, np.random.default_rng, np.random.RandomState])
def test_same_seed_same_fit_and_global_state_untouched(kind, X):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (GaussianMixture(3, random_state=kind(5)).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.means_, second.means_)
    np.testing.assert_array_equal(first.sample(9)[0], second.sample(9)[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_fit_leaves_the_data_alone(family, X):
    copy = X.copy()
    copy.flags.writeable = False
    GaussianMixture(2, covariance_type=family, random_state=0).fit(copy).predict(copy)
    np.testing.assert_array_equal(copy, X)


@pytest.mark.parametrize("frame", [pd.DataFrame, lambda data: pl.DataFrame(dict(data))])
def test_frames_give_names_and_the_same_fit(frame, X):
    plain = GaussianMixture(2, random_state=0).fit(X)
    named = frame({"long": X[:, 0], "wide": X[:, 1]})
    fit = GaussianMixture(2, random_state=0).fit(named)
    assert fit.feature_names_in_.tolist() == ["long", "wide"]
    assert fit.mixture_.feature_names == ("long", "wide")
    np.testing.assert_array_equal(fit.means_, plain.means_)
    np.testing.assert_array_equal(fit.predict(named), plain.predict(X))
    assert not hasattr(fit.fit(X), "feature_names_in_")


def test_float32_rows_are_fitted_in_double(X):
    single = GaussianMixture(2, random_state=0).fit(X.astype(np.float32))
    assert single.means_.dtype == float
    double = GaussianMixture(2, random_state=0).fit(X)
    np.testing.assert_allclose(np.sort(single.means_, 0), np.sort(double.means_, 0), atol=1e-4)


def test_clone_pickle_and_parameters(X):
    fit = GaussianMixture(2, covariance_type="VVI", priors=Priors(), random_state=3).fit(X)
    again = pickle.loads(pickle.dumps(fit))
    np.testing.assert_array_equal(again.predict_proba(X), fit.predict_proba(X))
    twin = clone(fit)
    assert twin.get_params() == fit.get_params()
    assert not hasattr(twin, "mixture_")
    assert twin.set_params(n_components=4).fit(X).n_components == 4


def test_pipelines_and_grids_take_it(X):
    model = make_pipeline(StandardScaler(), GaussianMixture(random_state=0, n_init=2))
    grid = GridSearchCV(model, {"gaussianmixture__n_components": [1, 2]}, cv=3).fit(X)
    assert grid.best_params_ == {"gaussianmixture__n_components": 2}


@pytest.mark.parametrize("change", [{"n_components": 3}, {"covariance_type": "diag"}])
def test_warm_start_needs_the_same_model(change, X):
    fit = GaussianMixture(2, warm_start=True, random_state=0).fit(X)
    with pytest.raises(DataError, match=r"must be of the same model.*set warm_start=False"):
        fit.set_params(**change).fit(X)


def test_warm_start_needs_the_same_columns(X):
    fit = GaussianMixture(2, warm_start=True, random_state=0).fit(X)
    with pytest.raises(DataError, match=r"\(2, 'full', 2\), not \(2, 'full', 1\)"):
        fit.fit(X[:, :1])


def test_warm_start_goes_on_where_it_stopped(X):
    model = GaussianMixture(
        2, warm_start=True, max_iter=1, n_init=1, init_params="random", random_state=0
    )
    bounds = []
    for _ in range(200):
        with pytest.warns(ConvergenceWarning, match="one pass over the data was not enough"):
            bounds.append(model.fit(X).lower_bound_)
        if len(bounds) > 1 and bounds[-1] - bounds[-2] < 1e-9:
            break
    assert np.all(np.diff(bounds) > -1e-12)
    assert bounds[-1] - bounds[0] > 1e-3
    settled = model.set_params(max_iter=500).fit(X)
    assert settled.starts_.n_starts == 1
    assert settled.lower_bound_ >= bounds[-1]


def test_progress_goes_to_standard_error(X, capsys):
    GaussianMixture(2, verbose=1, verbose_interval=2, n_init=1, random_state=0).fit(X)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pass 2: -")
    GaussianMixture(2, random_state=0).fit(X)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "n_components"),
        ({"covariance_type": "ball"}, "covariance_type"),
        ({"tol": -1.0}, "tol"),
        ({"n_init": "many"}, "n_init"),
        ({"max_iter": -1}, "max_iter"),
        ({"init_params": "hope"}, "init_params"),
        ({"priors": "flat"}, "priors"),
        ({"weights_init": [0.5, 0.6]}, r"normalized, but got sum\(weights\) = 1\.10000"),
        ({"weights_init": [0.5, 0.2, 0.3]}, r"shape of \(2,\), but got \(3,\)"),
        ({"weights_init": [1.5, -0.5]}, r"range \[0, 1\]"),
        ({"means_init": [[0.0, np.nan], [1, 1]]}, "'means' should be finite"),
        ({"means_init": [[0.0], [1.0]]}, r"shape of \(2, 2\), but got \(2, 1\)"),
        ({"precisions_init": np.stack([-np.eye(2)] * 2)}, "symmetric, positive-definite"),
        ({"priors": Priors(weights=Dirichlet(0.5))}, "must be 1 or above for a posterior mode"),
        ({"priors": Priors(weights=GammaConcentration(9.0, 1.0))}, "without a bound.*give a Dir"),
        ({"priors": Priors(means=lambda k, d: None)}, "need a PyMC model"),
        ({"random_state": -1}, "random_state"),
    ],
    ids=[f"case{i}" for i in range(17)],
)
def test_impossible_arguments_are_refused(options, message, X):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(**{"n_components": 2, **options}).fit(X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"covariance_type": "sperical"},
            "'full', 'tied', 'diag', 'spherical', 'VVV', 'EEE', 'VVI', 'VII'. Got 'sperical' "
            "instead (did you mean 'spherical'?).",
        ),
        (
            {"init_params": "kmean"},
            "'mixed', 'kmeans', 'k-means++', 'hierarchical', 'random_from_data', 'random'. Got "
            "'kmean' instead (did you mean 'kmeans' or 'k-means++'?).",
        ),
    ],
)
def test_errors_about_names_list_them_in_order(options, message, X):
    with pytest.raises(ValueError, match=re.escape(message)):
        GaussianMixture(2, **options).fit(X)


@pytest.mark.parametrize("kind", [GaussianMixture, BayesianGaussianMixture])
def test_results_are_not_there_before_a_fit(kind):
    name = "starts_" if kind is GaussianMixture else "posterior_"
    assert not hasattr(kind(2), name)
    with pytest.raises(AttributeError, match=rf"no attribute '{name}' before it is fitted: call"):
        getattr(kind(2), name)


def test_what_only_a_posterior_has_is_named(X):
    fit = GaussianMixture(2, random_state=0).fit(X)
    for name, instead in (("loo", r"bic\(X\)"), ("waic", "Bayesian"), ("save", "bayesgmm.save")):
        assert not hasattr(fit, name)
        with pytest.raises(AttributeError, match=f"no attribute '{name}': .*{instead}"):
            getattr(fit, name)
    with pytest.raises(TypeError, match=r"takes no interval=: .*BayesianGaussianMixture"):
        fit.predict_proba(X, interval=0.9)
    assert fit.get_metadata_routing().predict_proba.requests == {}


def test_data_that_cannot_be_fitted_are_refused(family, X):
    model = GaussianMixture(2, covariance_type=family)
    with pytest.raises(DataError, match="minimum of 2 is required"):
        model.fit(X[:1])
    with pytest.raises(DataError, match="n_components = 2, n_samples = 1"):
        model.fit(X, sample_weight=np.arange(len(X)) == 3)
    with pytest.raises(DegenerateDataError, match="constant"):
        model.fit(np.ones((9, 2)))
    with pytest.raises(DataError, match="NaN"):
        model.fit(np.where(X > 4, np.nan, X))


@pytest.mark.parametrize("remedy", [{"reg_covar": 0.01}, {"covariance_type": "diag"}])
def test_collinear_columns_are_an_error_with_a_way_out(remedy, X):
    doubled = np.column_stack([X, X[:, 0]])
    with pytest.raises(DegenerateDataError, match="covariance_type='diag', or give reg_covar"):
        GaussianMixture(2).fit(doubled)
    assert GaussianMixture(2, random_state=0, **remedy).fit(doubled).converged_
    diag = GaussianMixture(2, covariance_type="diag", priors=Priors(), random_state=0)
    assert diag.fit(doubled).converged_


def test_new_rows_are_checked(X):
    fit = GaussianMixture(2, random_state=0).fit(pd.DataFrame(X, columns=["a", "b"]))
    with pytest.raises(ValueError, match="X has 3 features, but GaussianMixture is expecting 2"):
        fit.predict(np.ones((4, 3)))
    with pytest.raises(ValueError, match="feature names should match"):
        fit.score_samples(pd.DataFrame(X, columns=["b", "a"]))
    with pytest.raises(ValueError, match="at least one"):
        fit.sample(0)


def test_not_converged_is_said(X):
    with pytest.warns(ConvergenceWarning, match="did not converge.*3 passes over the data"):
        fit = GaussianMixture(2, max_iter=3, random_state=0, init_params="random").fit(X)
    assert fit.n_iter_ == 3
    assert not fit.converged_


def test_fit_predict_is_fit_and_predict(family, X):
    model = GaussianMixture(2, covariance_type=family, random_state=0)
    np.testing.assert_array_equal(model.fit_predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("data", "k", "family", "bic"),
    [
        ("faithful", 2, "full", 2322.19174309874),
        ("faithful", 2, "diag", 2346.06492367229),
        ("faithful", 2, "spherical", 3458.29917881891),
        ("iris", 2, "full", 574.0178322698171),
    ],
)
def test_known_fits(data, k, family, bic):
    X = load_dataset(data).select_dtypes("number")
    fit = GaussianMixture(k, covariance_type=family, random_state=0).fit(X)
    assert fit.bic(X) == pytest.approx(bic, abs=1e-4)
