"""Standard errors as users meet them: closed forms, mclust's, coverage, and what goes wrong."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesgmm import GaussianMixture, Priors, load_dataset
from bayesgmm.core.mixture import Mixture
from bayesgmm.em import bootstrap
from bayesgmm.em.loop import run_accelerated
from bayesgmm.em.parameters import Layout
from bayesgmm.em.problem import Problem
from bayesgmm.em.standard_errors import standard_errors
from bayesgmm.exceptions import DataError, StandardErrorWarning

BOOTSTRAPS = ("weighted", "nonparametric", "parametric")
REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference_data" / "mclust_bootstrap.json").read_text()
)["standard_errors"]["methods"]


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(3)
    return np.r_[rng.normal(size=(60, 2)), rng.normal(size=(40, 2)) * 0.6 + [2.5, 1.5]]


@pytest.fixture(scope="module")
def fit(X):
    return GaussianMixture(2, n_init=2, random_state=0).fit(X)


@pytest.fixture(scope="module")
def eruptions():
    faithful = load_dataset("faithful")
    return faithful, GaussianMixture(2, n_init=2, random_state=0).fit(faithful)


def parts(errors):
    return errors.weights, errors.means, errors.covariances


def refit_sds(fit, X, method, n_boot=60, **options):
    return fit.standard_errors(X, method=method, n_boot=n_boot, **options)


# What they are ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["information", *BOOTSTRAPS])
def test_shapes_are_those_of_the_fit(family, method, X):
    fit = GaussianMixture(2, covariance_type=family, n_init=2, random_state=0).fit(X)
    errors = fit.standard_errors(X, method=method, n_boot=10)
    for error, estimate in zip(
        parts(errors), (fit.weights_, fit.means_, fit.covariances_), strict=True
    ):
        assert error.shape == estimate.shape
        assert np.all(error > 0)
    size = fit.mixture_.n_parameters + 1
    assert errors.covariance_matrix.shape == (size, size)
    table = errors.table
    np.testing.assert_allclose(table["se"], np.sqrt(np.diag(errors.covariance_matrix)), rtol=1e-9)
    assert errors.method == method
    assert errors.reason is None
    assert (errors.draws is None) == (method == "information")


def test_table_names_its_rows(X):
    frame = pd.DataFrame(X, columns=["long", "wide"])
    fit = GaussianMixture(2, covariance_type="tied", n_init=2, random_state=0).fit(frame)
    table = fit.standard_errors(frame).table
    keys = [tuple(row) for row in table[["parameter", "component", "feature"]].to_numpy()]
    assert keys == [
        ("weight", 0, ""), ("weight", 1, ""),
        ("mean", 0, "long"), ("mean", 0, "wide"), ("mean", 1, "long"), ("mean", 1, "wide"),
        ("variance", "all", "long"), ("covariance", "all", "long, wide"),
        ("variance", "all", "wide"),
    ]  # fmt: skip
    row = table.set_index(["parameter", "component", "feature"]).loc[
        ("covariance", "all", "long, wide")
    ]
    assert row["estimate"] == pytest.approx(fit.covariances_[0, 1])
    assert row["upper"] - row["estimate"] == pytest.approx(1.6448536 * row["se"], rel=1e-6)


def test_intervals_end_where_parameters_do(X):
    """Five rows in a component: symmetric intervals would reach below zero."""
    few = np.r_[X[:7], X[60:65] + 4.0]
    fit = GaussianMixture(2, covariance_type="diag", n_init=2, random_state=0).fit(few)
    table = fit.standard_errors(few).table
    shares = table[table["parameter"] == "weight"]
    spreads = table[table["parameter"] == "variance"]
    assert (spreads["estimate"] - 1.645 * spreads["se"]).min() < 0 < spreads["lower"].min()
    assert shares["lower"].min() > 0
    assert shares["upper"].max() < 1
    # Where one weight can be, the other can be one less.
    np.testing.assert_allclose(shares["lower"], 1 - shares["upper"].to_numpy()[::-1], rtol=1e-9)


def test_draws_are_a_mixture_with_the_fits_labels(X, fit):
    errors = refit_sds(fit, X, "weighted")
    draws = errors.draws
    assert draws.batch_shape == (60,)
    np.testing.assert_allclose(draws.means.std(axis=0, ddof=1), errors.means)
    np.testing.assert_allclose(draws.means.mean(axis=0), fit.means_, atol=0.2)
    mean, lower, upper = draws.responsibility_interval(X, 0.9)
    assert mean.shape == (100, 2)
    assert np.all(lower <= upper)
    table = errors.table.query("parameter == 'mean'")
    np.testing.assert_allclose(
        table["lower"], np.quantile(draws.means, 0.05, axis=0).ravel(), rtol=1e-12
    )


def test_labels_of_refits_that_come_in_another_order_are_put_right(X, fit, monkeypatch):
    plain = refit_sds(fit, X, "weighted", 6)
    refit = bootstrap._refit
    monkeypatch.setattr(bootstrap, "_refit", lambda *args: refit(*args).permute(np.array([1, 0])))
    np.testing.assert_array_equal(refit_sds(fit, X, "weighted", 6).draws.means, plain.draws.means)


def test_results_can_be_pickled_and_shown(X, fit):
    errors = refit_sds(fit, X, "weighted", 5)
    assert repr(errors) == "StandardErrors(weighted, 5 draws)"
    again = pickle.loads(pickle.dumps(errors))
    np.testing.assert_array_equal(again.covariances, errors.covariances)
    assert repr(fit.standard_errors(X)) == "StandardErrors(information)"


# Against known answers --------------------------------------------------------------------------


@pytest.mark.parametrize("method", BOOTSTRAPS)
def test_one_component_has_known_errors(method):
    """The variance of the mean: Dirichlet weights, multinomial counts, and normal rows."""
    x = np.random.default_rng(0).gamma(2.0, size=(50, 1))
    fit = GaussianMixture(1, random_state=1).fit(x)
    errors = refit_sds(fit, x, method, 800)
    exact = x.var() / (51 if method == "weighted" else 50)
    assert errors.means[0, 0] ** 2 == pytest.approx(exact, rel=0.15)
    fourth = np.mean((x - x.mean()) ** 4)
    spread = 2 * x.var() ** 2 if method == "parametric" else fourth - x.var() ** 2
    assert errors.covariances[0, 0, 0] ** 2 == pytest.approx(spread / 50, rel=0.2)


@pytest.mark.parametrize("method", BOOTSTRAPS)
def test_weights_of_rows_are_frequencies(method):
    x = np.random.default_rng(0).gamma(2.0, size=(40, 1))
    weight = np.where(x[:, 0] > np.median(x), 3, np.arange(40) % 2)
    rows = np.repeat(x, weight, axis=0)
    weighted = GaussianMixture(1, random_state=1).fit(x, sample_weight=weight)
    repeated = GaussianMixture(1, random_state=2).fit(rows)
    a = weighted.standard_errors(x, weight, method=method, n_boot=600)
    b = repeated.standard_errors(rows, method=method, n_boot=600)
    for first, second in zip(parts(a)[1:], parts(b)[1:], strict=True):
        np.testing.assert_allclose(first, second, rtol=0.15)
    error = a.means[0, 0] / np.sqrt(600)
    assert a.draws.means.mean() == pytest.approx(weighted.means_[0, 0], abs=4 * error)
    np.testing.assert_allclose(
        weighted.standard_errors(x, weight).covariances,
        repeated.standard_errors(rows).covariances,
        rtol=1e-8,
    )


@pytest.mark.parametrize("method", BOOTSTRAPS)
def test_resampled_rows_weigh_what_the_rows_did(method, X, fit):
    """So that priors keep their share, and spikes are told by the same numbers."""
    problem = Problem(X, "full", np.full(len(X), 0.7))
    resampled = bootstrap.RESAMPLERS[method](problem, fit.mixture_, np.random.default_rng(0))
    assert resampled.n == pytest.approx(70.0)


@pytest.mark.parametrize("method", ["weighted", "nonparametric"])
@pytest.mark.parametrize(
    ("n_boot", "tolerance"), [(150, 0.25), pytest.param(3000, 0.12, marks=pytest.mark.slow)]
)
def test_bootstraps_agree_with_mclusts(method, n_boot, tolerance, eruptions):
    faithful, fit = eruptions
    errors = refit_sds(fit, faithful, method, n_boot)
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(
            getattr(errors, name), REFERENCE[method][name], rtol=tolerance, err_msg=name
        )


def test_information_agrees_with_the_jackknife_where_the_model_is_right(eruptions):
    """Means and weights; the spread of eruptions is not normal, which information supposes."""
    faithful, fit = eruptions
    errors = fit.standard_errors(faithful)
    np.testing.assert_allclose(errors.weights, REFERENCE["jackknife"]["weights"], rtol=0.05)
    np.testing.assert_allclose(errors.means, REFERENCE["jackknife"]["means"], rtol=0.05)


@pytest.mark.slow
def test_information_and_parametric_bootstrap_agree_on_many_rows(family):
    truth = GaussianMixture(2, covariance_type=family, n_init=2, random_state=0).fit(
        load_dataset("faithful")
    )
    X, _ = truth.sample(3000)
    fit = GaussianMixture(2, covariance_type=family, n_init=2, random_state=0).fit(X)
    information = fit.standard_errors(X)
    parametric = refit_sds(fit, X, "parametric", 1000)
    for a, b in zip(parts(information), parts(parametric), strict=True):
        np.testing.assert_allclose(a, b, rtol=0.12)


@pytest.mark.slow
@pytest.mark.parametrize("separation", [3.5, 5.0])
def test_intervals_cover_the_truth(family, separation):
    """90% intervals over 300 data sets of 400 rows, for every parameter."""
    full = np.array([[[1.0, 0.4], [0.4, 0.8]], [[1.0, -0.3], [-0.3, 0.7]]])
    native = {
        "full": full,
        "tied": full[0],
        "diag": full[:, [0, 1], [0, 1]],
        "spherical": np.array([1.0, 0.6]),
    }
    truth = Mixture.from_covariances(
        np.array([0.6, 0.4]), np.array([[0.0, 0.0], [separation, 0.0]]), native[family], family
    )
    layout = Layout.of(truth)
    values, covered = layout.pack(truth), []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        problem = Problem(truth.sample(400, rng)[0], family)
        mixture = run_accelerated(problem, truth, 3000).mixture
        table = standard_errors(problem, mixture, "information", 0, rng).table
        covered.append((table["lower"] <= values) & (values <= table["upper"]))
    share = np.mean(covered, axis=0)
    assert share.min() > 0.84
    assert share.max() < 0.96
    assert share.mean() == pytest.approx(0.9, abs=0.025)


def test_priors_steady_the_fit_and_its_errors(X):
    plain = GaussianMixture(2, n_init=2, random_state=0).fit(X)
    firm = GaussianMixture(2, n_init=2, random_state=0, priors=Priors()).fit(X)
    a, b = plain.standard_errors(X), firm.standard_errors(X)
    assert np.all(b.covariances[:, [0, 1], [0, 1]] < 1.3 * a.covariances[:, [0, 1], [0, 1]])
    refits = refit_sds(firm, X, "parametric", 150)
    np.testing.assert_allclose(b.means, refits.means, rtol=0.3)


@pytest.mark.parametrize("method", ["information", "weighted"])
def test_fixed_parts_have_no_error(method, X):
    means = [[0.0, 0.0], [2.5, 1.5]]
    fit = GaussianMixture(2, means_init=means, fixed=("means",), n_init=2, random_state=0).fit(X)
    errors = fit.standard_errors(X, method=method, n_boot=10)
    np.testing.assert_array_equal(errors.means, 0.0)
    assert np.all(errors.weights > 0)
    assert np.all(errors.covariances > 0)
    table = errors.table.query("parameter == 'mean'")
    np.testing.assert_array_equal(table["lower"], table["upper"])


# The bootstrap's manners ------------------------------------------------------------------------


@pytest.mark.parametrize("method", BOOTSTRAPS)
def test_the_number_of_threads_changes_nothing(method, X, fit):
    one, two = (refit_sds(fit, X, method, 12, n_jobs=n) for n in (None, 2))
    for a, b in zip(parts(one), parts(two), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.draws.means, two.draws.means)
    fit_2 = GaussianMixture(2, n_init=2, random_state=1).fit(X)
    assert not np.array_equal(refit_sds(fit_2, X, method, 12).weights, one.weights)


def test_refits_go_to_the_optimum_whatever_the_tolerance(X, fit):
    """With scikit-learn's tolerance a refit would stop where it began."""
    loose = GaussianMixture(2, tol=1e-3, n_init=2, random_state=0).fit(X)
    a, b = (np.sort(refit_sds(f, X, "weighted", 40).means, axis=0) for f in (loose, fit))
    np.testing.assert_allclose(a, b, rtol=1e-2)


def test_refits_that_collapse_are_left_out_and_counted(X, fit, monkeypatch):
    calls = iter(range(100))
    monkeypatch.setattr(bootstrap, "find_spikes", lambda *_: [1] if next(calls) % 4 == 0 else [])
    with pytest.warns(
        StandardErrorWarning, match="2 of 8 refits collapsed onto a few rows and are"
    ):
        errors = refit_sds(fit, X, "weighted", 8)
    assert len(errors.draws) == 6
    assert np.all(np.isfinite(errors.means))


@pytest.mark.parametrize("n_sound", [0, 1])
def test_without_two_sound_refits_there_are_no_errors(n_sound, X, fit, monkeypatch):
    calls = iter(range(100))
    monkeypatch.setattr(bootstrap, "find_spikes", lambda *_: [] if next(calls) < n_sound else [1])
    with pytest.warns(StandardErrorWarning, match="are NaN: .* collapsed"):
        errors = refit_sds(fit, X, "weighted", 3)
    assert np.all(np.isnan(errors.covariances))
    assert np.all(np.isnan(errors.table["lower"]))
    assert np.all(np.isnan(errors.covariance_matrix))


def test_small_clusters_do_collapse():
    """No trick: two rows that a resample may leave out."""
    rng = np.random.default_rng(0)
    x = np.r_[rng.normal(size=30), 8.0, 8.3, 8.5][:, None]
    fit = GaussianMixture(2, covariance_type="diag", n_init=5, random_state=0).fit(x)
    with pytest.warns(StandardErrorWarning, match="collapsed onto a few rows"):
        refit_sds(fit, x, "nonparametric", 60)


def test_an_interrupt_leaves_the_fit_as_it_was(X, fit, monkeypatch):
    before = dict(vars(fit))
    refit, calls = bootstrap._refit, iter(range(100))

    def stop_at_the_fifth(*args):
        if next(calls) == 4:
            raise KeyboardInterrupt
        return refit(*args)

    monkeypatch.setattr(bootstrap, "_refit", stop_at_the_fifth)
    for n_jobs in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            refit_sds(fit, X, "weighted", 20, n_jobs=n_jobs)
        calls = iter(range(100))
    assert vars(fit) == before


def test_progress_is_told_on_standard_error_when_asked(X, fit, capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    refit_sds(fit, X, "weighted", 4)
    assert capfd.readouterr() == ("", "")
    refit_sds(fit, X, "weighted", 4, progressbar=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert err != ""


# What goes wrong --------------------------------------------------------------------------------


def test_no_maximum_gives_nan_and_the_reason(X):
    same = {"means_init": [X.mean(0)] * 2, "precisions_init": [np.linalg.inv(np.cov(X.T))] * 2}
    fit = GaussianMixture(2, weights_init=[0.5, 0.5], **same, max_iter=0, n_init=1).fit(X)
    with pytest.warns(
        StandardErrorWarning, match="standard errors are NaN: .*not positive definite"
    ):
        errors = fit.standard_errors(X)
    assert np.all(np.isnan(errors.weights))
    assert np.all(np.isnan(errors.means))
    assert np.all(np.isnan(errors.covariance_matrix))
    assert "use method='weighted'" in errors.reason
    assert errors.reason in repr(errors)


def test_a_fit_that_is_not_at_the_maximum_says_so(X, fit):
    with pytest.warns(StandardErrorWarning, match="nats below the maximum for these rows"):
        fit.standard_errors(X + np.array([0.3, 0.0]))
    stopped = GaussianMixture(2, reg_covar=0.03, n_init=1, random_state=0).fit(X)
    with pytest.warns(StandardErrorWarning, match="tol=None, reg_covar=None"):
        stopped.standard_errors(X)


def test_warnings_point_at_the_caller(X, fit):
    with pytest.warns(StandardErrorWarning) as caught:
        fit.standard_errors(X + np.array([0.3, 0.0]))
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "jackknife"}, "method must be 'information', .*got 'jackknife'"),
        ({"method": "weighted", "n_boot": 1}, "n_boot must be a whole number of at least 2, got 1"),
        ({"method": "weighted", "n_boot": 9.5}, "n_boot must be a whole number"),
        ({"method": "weighted", "n_jobs": 0}, "n_jobs must be a whole number other than 0"),
    ],
)
def test_impossible_arguments_are_refused(options, message, X, fit):
    with pytest.raises(DataError, match=message):
        fit.standard_errors(X, **options)


def test_other_rows_are_refused(X, fit):
    with pytest.raises(DataError, match="were fitted, which weigh 100, got rows that weigh 99"):
        fit.standard_errors(X[1:])
    with pytest.raises(DataError, match="which weigh 100, got rows that weigh 200"):
        fit.standard_errors(X, np.full(100, 2.0))
    with pytest.raises(ValueError, match="expecting 2 features"):
        fit.standard_errors(X[:, :1])
