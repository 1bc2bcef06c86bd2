"""Criteria: known values and signs."""

import numpy as np
import pytest
from scipy.special import logsumexp

from bayesgmm.core import criteria


def test_bic_and_aic_of_the_geyser_are_mclusts_with_the_other_sign():
    """mclust 6.0.0: faithful, VVV, G=2: log-likelihood -1130.264, df 11, BIC -2322.192."""
    log_likelihood = -1130.2639601847527
    assert criteria.bic(log_likelihood, 11, 272) == pytest.approx(2322.192, abs=5e-4)
    assert criteria.aic(log_likelihood, 11) == pytest.approx(2 * 1130.2639601847527 + 22)


def test_icl_charges_rows_that_no_component_claims():
    """mclust: ICL = BIC + 2 sum log max z, larger is better; ours is its negative."""
    r = np.array([[0.9, 0.1], [0.5, 0.5], [0.0, 1.0]])
    with np.errstate(divide="ignore"):
        log_r = np.log(r)
    expected = 100.0 - 2.0 * (np.log(0.9) + np.log(0.5))
    assert criteria.icl(100.0, log_r) == pytest.approx(expected)
    assert expected > 100.0
    weighted = criteria.icl(100.0, log_r, np.array([2.0, 0.0, 1.0]))
    assert weighted == pytest.approx(100.0 - 4.0 * np.log(0.9))


@pytest.mark.parametrize(
    ("family", "k", "bic", "icl"),
    [("VVV", 2, -2322.19174309874, -2322.70468126741), ("EEE", 3, -2314.29567837614, -2358.38956)],
)
def test_icl_of_the_geyser_is_mclusts(family, k, bic, icl, faithful):
    """mclust 6.0.0, polished at 1e-14; its sign is the other one."""
    from bayesgmm import GaussianMixture

    fit = GaussianMixture(k, covariance_type=family, random_state=0).fit(faithful)
    assert fit.bic(faithful) == pytest.approx(-bic, abs=1e-5)
    assert fit.icl(faithful) == pytest.approx(-icl, abs=1e-3)


def test_waic_is_lppd_less_the_posterior_variances(rng):
    draws = rng.normal(-2.0, 0.1, size=(500, 40))
    draws[:, 7] += rng.normal(0.0, 2.0, size=500)
    found = criteria.waic(draws)
    lppd = logsumexp(draws, axis=0) - np.log(500)
    variance = ((draws - draws.mean(0)) ** 2).sum(0) / 499
    assert found.elpd == pytest.approx(np.sum(lppd - variance), abs=1e-10)
    assert found.p == pytest.approx(variance.sum(), abs=1e-10)
    assert found.se == pytest.approx(np.sqrt(40) * np.std(lppd - variance, ddof=1), abs=1e-10)
    assert found.n_high_variance == 1
    np.testing.assert_allclose(found.pointwise, lppd - variance)


def test_the_error_of_a_total_is_that_of_a_sample_of_rows():
    total, error = criteria.total_and_error(np.array([-1.0, -2.0, -6.0]))
    assert total == -9.0
    assert error == pytest.approx(np.sqrt(3 * 7.0))
    assert np.isnan(criteria.total_and_error(np.array([-1.0]))[1])


def test_waic_survives_log_densities_far_below_zero():
    assert criteria.waic(np.full((10, 3), -5e4)).elpd == pytest.approx(-1.5e5)


def test_waic_prints_in_one_line():
    draws = np.tile([[-1.0, -2.0, -3.0]], (10, 1))
    assert str(criteria.waic(draws)) == "elpd -6.0 by WAIC, standard error 1.7, p 0.0"
    draws[::2, 1] = -5.0
    assert str(criteria.waic(draws)).endswith("; 1 row has a variance above 0.4: read LOO")
