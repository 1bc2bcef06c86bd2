"""The sweep: what is fitted, what the table says, and what becomes of failures."""

import warnings

import arviz as az
import numpy as np
import pandas as pd
import pytest

from bayesgmm import BayesianGaussianMixture, GaussianMixture, select_components
from bayesgmm.exceptions import DataError
from bayesgmm.selection.sweep import COLUMNS

EM_ONLY = ["bic", "aic", "icl"]
POSTERIOR_ONLY = [
    *("elpd_loo", "se_loo", "p_loo", "max_pareto_k", "n_high_pareto_k"),
    *("elpd_waic", "se_waic", "p_waic", "n_high_variance", "loo_weight"),
]


def em_sweep(X, n_components=(1, 2), covariance_types=("full",), **options):
    options = {"random_state": 0, "progressbar": False, "engines": ("em",)} | options
    return select_components(X, n_components, covariance_types, **options)


def without_times(table):
    return table.drop(columns="seconds")


def test_one_row_for_every_fit_em_first(both):
    found = both.table[["engine", "covariance_type", "n_components"]].to_records(index=False)
    expected = [
        (engine, family, k)
        for engine in ("em", "bayes")
        for k in (1, 2)
        for family in ("full", "diag")
    ]
    assert [tuple(row) for row in found] == expected
    assert set(both.fits) == set(expected)
    assert tuple(both.table.columns) == COLUMNS
    assert (both.table["seconds"] > 0).all()
    assert both.seconds >= both.table["seconds"].sum()


def test_free_parameters(both):
    n_parameters = both.table["n_parameters"].tolist()
    assert n_parameters == 2 * [5, 4, 11, 9]


def test_columns_of_the_other_engine_are_blank(both):
    em, bayes = (both.table[both.table["engine"] == engine] for engine in ("em", "bayes"))
    assert em[POSTERIOR_ONLY].isna().all(axis=None)
    assert em[EM_ONLY].notna().all(axis=None)
    assert bayes[EM_ONLY].isna().all(axis=None)
    assert bayes[POSTERIOR_ONLY].notna().all(axis=None)


def test_em_rows_hold_what_the_estimators_say(both, frame):
    for (engine, family, k), fit in both.fits.items():
        if engine == "bayes":
            continue
        row = row_of(both, engine, family, k)
        assert row["log_likelihood"] == pytest.approx(fit.score_samples(frame).sum(), abs=1e-6)
        assert row["bic"] == fit.bic(frame)
        assert row["aic"] == fit.aic(frame)
        assert row["icl"] == fit.icl(frame)


def test_a_single_gaussian_by_hand(both, frame):
    """Maximum likelihood of one Gaussian is its sample mean and covariance."""
    X = frame.to_numpy()
    n, d = X.shape
    log_det = np.linalg.slogdet(np.cov(X.T, bias=True))[1]
    log_likelihood = -0.5 * n * (d * np.log(2 * np.pi) + log_det + d)
    row = row_of(both, "em", "full", 1)
    assert row["log_likelihood"] == pytest.approx(log_likelihood, rel=1e-9)
    assert row["bic"] == pytest.approx(-2 * log_likelihood + 5 * np.log(n), rel=1e-9)
    assert row["aic"] == pytest.approx(-2 * log_likelihood + 10, rel=1e-9)
    assert row["icl"] == row["bic"]


@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto:UserWarning")
def test_posterior_rows_hold_what_the_estimators_say(both):
    for (family, k), loo in both.loo.items():
        fit, row = both.fit_of("bayes", family, k), row_of(both, "bayes", family, k)
        pointwise = fit.posterior_["log_likelihood"]["X"].values
        assert row["log_likelihood"] == pytest.approx(pointwise.sum(axis=-1).mean(), rel=1e-9)
        assert (row["elpd_loo"], row["se_loo"], row["p_loo"]) == (loo.elpd, loo.se, loo.p)
        assert row["elpd_loo"] == fit.loo().elpd
        k_hat = np.asarray(loo.pareto_k)
        assert row["max_pareto_k"] == k_hat.max()
        assert row["n_high_pareto_k"] == (k_hat > loo.good_k).sum()
        waic = both.waic[family, k]
        assert (row["elpd_waic"], row["se_waic"], row["p_waic"]) == (waic.elpd, waic.se, waic.p)
        assert row["n_high_variance"] == waic.n_high_variance
        assert row["elpd_waic"] == fit.waic().elpd
    assert set(both.loo) == set(both.waic) == {(f, k) for f in ("full", "diag") for k in (1, 2)}


def test_stacking_weights_are_arviz_s(both):
    weights = both.table["loo_weight"].dropna()
    assert weights.sum() == pytest.approx(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = az.compare({f"{family}{k}": loo for (family, k), loo in both.loo.items()})
    for family, k in both.loo:
        ours = row_of(both, "bayes", family, k)["loo_weight"]
        assert ours == pytest.approx(theirs.loc[f"{family}{k}", "weight"], abs=1e-12)


def test_a_fit_is_the_same_whatever_else_is_swept(both, frame):
    """Each row of a larger sweep comes back when that model is asked for alone."""
    one = select_components(
        frame, (2,), ("VVI",), ("bayes",), random_state=3, draws=60, chains=2, progressbar=False
    )
    assert one.criterion == "loo"
    alone, among = one.table.iloc[0], row_of(both, "bayes", "diag", 2)
    skip = ["seconds", "loo_weight"]
    pd.testing.assert_series_equal(alone.drop(skip), among.drop(skip), check_names=False)
    assert alone["loo_weight"] == 1.0
    np.testing.assert_array_equal(
        one.fit_of("bayes", "diag", 2).mixture_.means,
        both.fit_of("bayes", "diag", 2).mixture_.means,
    )


def test_same_seed_same_table(frame):
    first, again = (em_sweep(frame, (3,), random_state=5) for _ in range(2))
    pd.testing.assert_frame_equal(without_times(first.table), without_times(again.table))
    np.testing.assert_array_equal(first.best.means_, again.best.means_)
    assert first.random_state == 5


def test_a_generator_gives_a_seed_that_repeats_the_sweep(frame):
    first = em_sweep(frame, (3,), random_state=np.random.default_rng(8))
    again = em_sweep(frame, (3,), random_state=first.random_state)
    np.testing.assert_array_equal(first.best.means_, again.best.means_)


def test_a_fit_of_a_sweep_is_what_a_fit_on_its_own_finds(both, frame):
    assert {fit.random_state for fit in both.fits.values()} == {both.random_state}
    fit = both.fits["em", "full", 2]
    alone = GaussianMixture(2, random_state=both.random_state).fit(frame)
    np.testing.assert_array_equal(fit.means_, alone.means_)


def test_leading_samples_the_best_family_and_full(frame):
    sweep = select_components(
        frame,
        (2,),
        ("full", "tied", "spherical"),
        posterior_for="leading",
        random_state=1,
        draws=20,
        chains=2,
        progressbar=False,
    )
    leading = sweep.ranked("bic").iloc[0]["covariance_type"]
    assert leading == "spherical"
    assert list(sweep.loo) == [("full", 2), ("spherical", 2)]


@pytest.mark.parametrize(
    ("columns", "k", "covariance_types"),
    [
        (["length"], 2, ("spherical", "diag", "full")),
        (["length", "width"], 1, ("tied", "full")),
    ],
)
def test_leading_does_not_sample_one_model_under_two_names(frame, columns, k, covariance_types):
    sweep = select_components(
        frame[columns],
        (k,),
        covariance_types,
        posterior_for="leading",
        random_state=1,
        draws=20,
        chains=2,
        progressbar=False,
    )
    assert list(sweep.loo) == [("full", k)]


def test_more_components_than_rows_is_a_row_with_its_reason(frame):
    sweep = em_sweep(frame.iloc[:9], (1, 10))
    failed = row_of(sweep, "em", "full", 10)
    assert failed["status"] == "failed"
    assert "n_components = 10, n_samples = 9" in failed["note"]
    assert np.isnan(failed["bic"])
    assert np.isnan(failed["n_parameters"])
    assert sweep.fit_of("em", "full", 10) is None
    assert sweep.best.n_components == 1


def test_a_constant_column_fails_for_the_families_that_it_breaks(frame):
    sweep = em_sweep(frame.assign(same=1.0), (1,), ("diag", "spherical"))
    failed = row_of(sweep, "em", "diag", 1)
    assert failed["status"] == "failed"
    assert "'same'" in failed["note"]
    assert row_of(sweep, "em", "spherical", 1)["status"] == "ok"
    assert sweep.best.covariance_type == "spherical"


def test_if_all_fits_fail_the_first_reason_is_raised(frame):
    with pytest.raises(DataError, match=r"every fit failed; the first: .*n_samples = 3"):
        em_sweep(frame.iloc[:3], (4, 5))


def test_warnings_become_notes(both, frame):
    """Sixty draws are too few for the diagnostics; the suite's filter would raise a warning."""
    row = row_of(both, "bayes", "full", 2)
    fit = both.fit_of("bayes", "full", 2)
    assert not fit.diagnostics_.ok
    assert row["status"] == "warning"
    assert row["note"] == " ".join(fit.diagnostics_.messages)
    assert (both.table.query("engine == 'em'")["note"] == "").all()


def test_an_interrupt_ends_the_sweep_and_not_one_fit(frame, monkeypatch):
    original = BayesianGaussianMixture.fit

    def cut_short(fit, X):
        original(fit, X)
        fit.interrupted_ = True

    monkeypatch.setattr(BayesianGaussianMixture, "fit", cut_short)
    with pytest.raises(KeyboardInterrupt):
        select_components(frame, (1, 2), draws=60, random_state=0, progressbar=False)


def test_a_collapsed_fit_is_never_the_best():
    """Two of the six rows tie, so that more components can only stand on a spike."""
    X = np.array([[0.0, 0.1], [0.0, 0.1], [1.0, 1.3], [2.0, 1.9], [3.1, 2.4], [3.9, 4.2]])
    sweep = em_sweep(X, (1, 3))
    collapsed = row_of(sweep, "em", "full", 3)
    assert collapsed["status"] == "warning"
    assert "collapsed" in collapsed["note"]
    assert collapsed["log_likelihood"] > row_of(sweep, "em", "full", 1)["log_likelihood"]
    assert collapsed[EM_ONLY].isna().all()
    assert sweep.best.n_components == 1
    only = em_sweep(X, (3,))
    assert only.best_row["bic"] == only.best.bic(X)


def test_silent_without_a_progress_bar(frame, capfd):
    em_sweep(frame)
    assert capfd.readouterr() == ("", "")


def test_progress_is_told_on_standard_error(frame, capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    em_sweep(frame, progressbar=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert err != ""


def test_defaults(frame):
    """Both engines take the sizes in order and once; one number will do."""
    sweep = em_sweep(frame, [2, 1, np.int64(2)])
    assert sweep.table["n_components"].tolist() == [1, 2]
    assert em_sweep(frame, 2, ["VVV", "full"], engines="em").table.shape[0] == 1
    assert (sweep.criterion, sweep.data_name) == ("bic", None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": (0, 1)}, "at least 1, got 0"),
        ({"n_components": (1.5,)}, "whole numbers of at least 1, got 1.5"),
        ({"n_components": ()}, "at least one number"),
        ({"n_components": "23"}, "whole numbers of at least 1, got '2'"),
        ({"engines": ("em", "vb")}, r"some of \('em', 'bayes'\), got \('em', 'vb'\)"),
        ({"engines": ()}, "engines must be some of"),
        ({"covariance_types": ("round",)}, "round"),
        ({"covariance_types": ()}, "covariance_types must hold at least one"),
        ({"criterion": "dic"}, r"bic, aic, icl, loo, waic, got 'dic' \(did you mean '"),
        ({"criterion": "evidence"}, r"got 'evidence'; the evidence is .*sampler='smc'\)"),
        ({"criterion": "loo"}, "criterion='loo' needs 'bayes' among engines="),
        ({"criterion": "bic", "engines": ("bayes",)}, "criterion='bic' needs 'em' among engines="),
        ({"posterior_for": "best"}, "'all' or 'leading', got 'best'"),
        ({"posterior_for": "leading", "engines": ("bayes",)}, "needs 'em' among the engines"),
        ({"random_state": -1}, "at least 0, got -1"),
        ({"random_state": "x"}, "random_state must be"),
    ],
)
def test_impossible_arguments_are_refused(frame, options, message):
    with pytest.raises(ValueError, match=message):
        em_sweep(frame, **options)


def test_one_family_may_be_named_without_a_list(frame):
    assert em_sweep(frame, (1,), "diag").table["covariance_type"].tolist() == ["diag"]


def test_data_that_cannot_be_used_stop_the_sweep(frame):
    with pytest.raises(DataError, match="contains NaN"):
        em_sweep(frame.mask(frame > 5))


def test_fits_keep_the_names_and_the_engines(both):
    assert isinstance(both.fit_of("em", "diag", 1), GaussianMixture)
    assert isinstance(both.fit_of("bayes", "diag", 1), BayesianGaussianMixture)
    for fit in both.fits.values():
        assert list(fit.feature_names_in_) == ["length", "width"]


def row_of(sweep, engine, covariance_type, n_components):
    rows = sweep.table[
        (sweep.table["engine"] == engine)
        & (sweep.table["covariance_type"] == covariance_type)
        & (sweep.table["n_components"] == n_components)
    ]
    assert len(rows) == 1
    return rows.iloc[0]
