"""WAIC and PSIS-LOO: against NumPy, and in blocks of rows."""

import arviz as az
import numpy as np
import pytest
import xarray as xr
from scipy.special import logsumexp

from bayesgmm import BayesianGaussianMixture
from bayesgmm.bayes import elpd
from bayesgmm.core import criteria
from bayesgmm.exceptions import DataError

CHAINS, DRAWS, ROWS = 3, 200, 57


@pytest.fixture
def log_likelihood(rng):
    return rng.normal(-3.0, 0.3, size=(CHAINS, DRAWS, ROWS)) * rng.uniform(0.5, 1.5, size=ROWS)


@pytest.fixture
def posterior(rng):
    return xr.Dataset({"weights": (("chain", "draw"), rng.normal(size=(CHAINS, DRAWS)))})


def test_waic_is_the_plain_formula(log_likelihood):
    found = elpd.waic(lambda rows: log_likelihood[..., rows], ROWS, CHAINS * DRAWS)
    flat = log_likelihood.reshape(-1, ROWS)
    pointwise = logsumexp(flat, axis=0) - np.log(len(flat)) - flat.var(axis=0, ddof=1)
    assert found.elpd == pytest.approx(pointwise.sum(), abs=1e-8)
    assert found.p == pytest.approx(flat.var(axis=0, ddof=1).sum(), abs=1e-8)
    assert found.se == pytest.approx(np.sqrt(ROWS * pointwise.var(ddof=1)), abs=1e-8)
    assert found.elpd == pytest.approx(criteria.waic(flat).elpd, abs=1e-10)


@pytest.mark.parametrize("rows_at_once", [3, 10, 56])
def test_blocks_of_rows_change_nothing(log_likelihood, posterior, rows_at_once, monkeypatch):
    def rows(block):
        return log_likelihood[..., block]

    waic = elpd.waic(rows, ROWS, CHAINS * DRAWS)
    loo = elpd.loo(rows, ROWS, posterior)
    monkeypatch.setattr(elpd, "_BLOCK_BYTES", rows_at_once * 8 * CHAINS * DRAWS)
    blocks = list(elpd.row_blocks(ROWS, CHAINS * DRAWS))
    assert len(blocks) == -(-ROWS // rows_at_once)
    assert np.concatenate([np.arange(ROWS)[b] for b in blocks]).tolist() == list(range(ROWS))
    waic_in_blocks = elpd.waic(rows, ROWS, CHAINS * DRAWS)
    assert waic_in_blocks.elpd == pytest.approx(waic.elpd, rel=1e-13)
    assert waic_in_blocks.se == pytest.approx(waic.se, rel=1e-12)
    assert waic_in_blocks.n_high_variance == waic.n_high_variance
    loo_in_blocks = elpd.loo(rows, ROWS, posterior)
    for name in ("elpd", "se", "p", "n_data_points", "n_samples", "good_k"):
        assert getattr(loo_in_blocks, name) == pytest.approx(getattr(loo, name), rel=1e-10), name
    assert (loo_in_blocks.warning, loo_in_blocks.scale) == (loo.warning, loo.scale)
    np.testing.assert_allclose(loo_in_blocks.elpd_i, loo.elpd_i)
    np.testing.assert_allclose(loo_in_blocks.pareto_k, loo.pareto_k)
    np.testing.assert_array_equal(loo_in_blocks.elpd_i["observation"], np.arange(ROWS))


@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto:UserWarning")
def test_loo_of_few_draws(log_likelihood, posterior):
    few = log_likelihood[:1, : elpd.MIN_DRAWS]
    found = elpd.loo(lambda rows: few[..., rows], ROWS, posterior.isel(chain=[0], draw=slice(25)))
    assert np.isfinite(found.elpd)
    with pytest.raises(DataError, match=r"at least 25 draws over all chains, .* there are 24"):
        elpd.loo(lambda rows: few[:, 1:, rows], ROWS, posterior.isel(chain=[0], draw=slice(24)))


def test_loo_is_arviz_s_and_can_be_compared(log_likelihood, posterior):
    group = xr.Dataset({"X": (("chain", "draw", "observation"), log_likelihood)})
    tree = xr.DataTree.from_dict({"posterior": posterior, "log_likelihood": group})
    theirs = az.loo(tree, pointwise=True)
    ours = elpd.loo(lambda rows: log_likelihood[..., rows], ROWS, posterior)
    assert ours.elpd == pytest.approx(theirs.elpd, rel=1e-13)
    assert ours.p == pytest.approx(theirs.p, rel=1e-13)
    worse = elpd.loo(lambda rows: log_likelihood[..., rows] - 1.0, ROWS, posterior)
    table = az.compare({"ours": ours, "worse": worse})
    assert list(table.index) == ["ours", "worse"]
    assert abs(table.loc["worse", "elpd_diff"]) == pytest.approx(ROWS, abs=1)  # it rounds


def test_loo_of_a_normal_mean_is_near_the_exact_one(rng):
    """A normal of known variance under a flat prior: predictives are normal in closed form."""
    y = rng.normal(size=40)
    draws = y.mean() + rng.normal(size=(4, 4000, 1)) / np.sqrt(40)
    values = -0.5 * np.log(2 * np.pi) - 0.5 * (y - draws) ** 2
    posterior = xr.Dataset({"mu": (("chain", "draw"), draws[..., 0])})
    found = elpd.loo(lambda rows: values[..., rows], 40, posterior)
    left_out = (y.sum() - y) / 39
    variance = 1 + 1 / 39
    exact = np.sum(-0.5 * np.log(2 * np.pi * variance) - 0.5 * (y - left_out) ** 2 / variance)
    assert found.elpd == pytest.approx(exact, abs=0.05)
    assert elpd.waic(lambda rows: values[..., rows], 40, 16_000).elpd == pytest.approx(
        exact, abs=0.1
    )


@pytest.mark.parametrize("criterion", ["loo", "waic"])
def test_many_blocks_show_progress_unless_asked_not_to(criterion, capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(elpd, "_BLOCK_BYTES", 8 * 1200 * 20)
    X = np.random.default_rng(0).normal(size=(30, 1))
    fit = BayesianGaussianMixture(1, draws=300, random_state=0, progressbar=False).fit(X)
    getattr(fit, criterion)()
    assert capfd.readouterr() == ("", "")
    fit.progressbar = True
    getattr(fit, criterion)()
    out, shown = capfd.readouterr()
    assert out == ""
    assert {"loo": "Leave-one-out", "waic": "WAIC"}[criterion] in shown


def test_predictions_under_many_draws_say_what_goes_on(capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("bayesgmm.bayes.estimator._SECONDS", 0)
    X = np.random.default_rng(0).normal(size=(30, 1))
    fit = BayesianGaussianMixture(1, draws=300, random_state=0, progressbar=False).fit(X)
    for predict in (fit.predict, fit.score_samples, lambda X: fit.predict_proba(X, interval=0.5)):
        fit.progressbar = False
        predict(X)
        assert capfd.readouterr() == ("", "")
        fit.progressbar = True
        predict(X)
        assert "under each draw" in capfd.readouterr().err
