"""What a user may say about priors."""

import numpy as np
import pytest

from bayesgmm.exceptions import DataError
from bayesgmm.priors import (
    LKJ,
    ConjugateMeans,
    Dirichlet,
    GammaConcentration,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    NormalMeans,
    Priors,
)
from bayesgmm.priors.choices import DataSummary


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dirichlet(0.0), r"Dirichlet\(concentration=\.\.\.\) must be positive.*got 0\.0"),
        (lambda: Dirichlet([1.0, -1.0]), "must be positive"),
        (lambda: Dirichlet("2"), "must be a number or an array of them, got '2'"),
        (lambda: LKJ(eta="2"), "must be one number, got '2'"),
        (lambda: NormalMeans(scale=np.inf), r"NormalMeans\(scale=\.\.\.\) must be positive"),
        (lambda: NormalMeans(loc=np.nan), r"NormalMeans\(loc=\.\.\.\) must be finite, got nan"),
        (lambda: ConjugateMeans(loc=[np.inf]), r"ConjugateMeans\(loc=\.\.\.\) must be finite"),
        (lambda: ConjugateMeans(strength=-1), r"strength=\.\.\.\) must be positive.*got -1"),
        (lambda: InverseWishart(dof=0), r"InverseWishart\(dof=\.\.\.\) must be positive.*got 0"),
        (lambda: InverseWishart(scale=np.nan), r"InverseWishart\(scale=\.\.\.\) must be finite"),
        (lambda: GammaScale(shape=0), r"GammaScale\(shape=\.\.\.\)"),
        (lambda: GammaScale(hyper_shape=0), r"GammaScale\(hyper_shape=\.\.\.\)"),
        (lambda: GammaScale(hyper_rate=[1, 0]), r"GammaScale\(hyper_rate=\.\.\.\)"),
        (lambda: LogNormalScale(shape=0), r"LogNormalScale\(shape=\.\.\.\)"),
        (lambda: LogNormalScale(median=[1, 0]), r"LogNormalScale\(median=\.\.\.\)"),
        (lambda: LogNormalScale(sigma=-1), r"LogNormalScale\(sigma=\.\.\.\)"),
        (lambda: LKJ(eta=0.5), r"LKJ\(eta=\.\.\.\) must be 1 or above, got 0\.5"),
        (lambda: LKJ(eta=[2.0, 2.0]), r"LKJ\(eta=\.\.\.\) must be one number"),
        (lambda: LKJ(median=[1, 0]), r"LKJ\(median=\.\.\.\)"),
        (lambda: LKJ(sigma=-1), r"LKJ\(sigma=\.\.\.\)"),
        (lambda: GammaConcentration(0), r"GammaConcentration\(shape=\.\.\.\)"),
        (lambda: GammaConcentration(rate=[1, 2]), r"rate=\.\.\.\) must be one number"),
        (lambda: Dirichlet("even"), r"Dirichlet.* must be a number or an array.*got 'even'"),
        (lambda: Dirichlet(None), "must be positive and finite, got None"),
        (lambda: NormalMeans(loc=1j), r"NormalMeans\(loc=\.\.\.\) must be a number.*got 1j"),
        (lambda: ConjugateMeans(strength=[1, 2]), r"must be one number, got shape \(2,\)"),
        (lambda: InverseWishart(dof=[5, 6]), r"dof=\.\.\.\) must be one number, got shape \(2,\)"),
        (lambda: GammaScale(shape=None), r"GammaScale\(shape=\.\.\.\) must be positive.*got None"),
        (lambda: Priors(means=Dirichlet()), r"Priors\(means=\.\.\.\) must be NormalMeans"),
        (lambda: Priors(weights=3), r"Priors\(weights=\.\.\.\) must be Dirichlet.*got 3"),
        (lambda: Priors(covariances=InverseWishart), "must be InverseWishart"),
    ],
    ids=[f"case{i}" for i in range(31)],
)
def test_impossible_numbers_and_slots_are_refused(make, message):
    with pytest.raises(DataError, match=message):
        make()


def test_a_function_takes_any_slot():
    def weights(n_components, n_features):
        return np.full(n_components, 1 / n_components)

    assert not Priors(weights=weights).is_ours
    assert Priors().is_ours


def test_summary_of_weighted_rows_is_that_of_repeated_ones(rng):
    X = rng.normal(size=(30, 2)) * [1.0, 1e6] + [1e6, 0.0]
    weight = rng.integers(1, 4, size=30)
    weighted = DataSummary.of(X, weight.astype(float))
    repeated = DataSummary.of(np.repeat(X, weight, axis=0))
    for name in ("mean", "centre", "spread", "covariance"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-9)


def test_summary_is_that_of_numpy(rng):
    X = rng.normal(size=(40, 3)).astype(np.float32)
    summary = DataSummary.of(X)
    np.testing.assert_allclose(summary.covariance, np.cov(X.T.astype(float)), rtol=1e-12)
    np.testing.assert_allclose(summary.mean, X.astype(float).mean(0), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(summary.centre, (X.min(0) + X.max(0)) / 2, rtol=1e-6)
    np.testing.assert_allclose(summary.spread, np.ptp(X, axis=0), rtol=1e-6)


def test_default_keeps_the_scale_of_the_data_it_was_given(rng):
    X = rng.normal(size=(50, 2))
    assert Priors.default().summary is None
    np.testing.assert_allclose(Priors.default(X).summary.spread, np.ptp(X, axis=0))
    assert isinstance(Priors.conjugate().means, ConjugateMeans)
    assert isinstance(Priors.richardson_green().covariances, GammaScale)
