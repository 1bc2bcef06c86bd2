"""Chains against posteriors that are known exactly, and in other units."""

import numpy as np
import pytest
from posterior_problems import draw, standard_errors_away
from scipy import stats
from scipy.special import gammaln

from bayesgmm.priors import (
    LKJ,
    ConjugateMeans,
    GammaConcentration,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    NormalMeans,
    Priors,
    resolve,
)


@pytest.fixture(params=["hmc", "nuts", "gibbs"])
def sampler(request):
    return request.param


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(5)
    return rng.normal(size=(25, 2)) @ [[1.5, 0.7], [0.0, 0.4]] + [10.0, -3.0]


def test_conjugate_prior_has_the_closed_form_posterior(family, sampler, X):
    """Normal-inverse-Wishart, or a normal-inverse-gamma a feature."""
    strength = 3.0
    priors = Priors(
        means=ConjugateMeans(loc=[9.0, -2.0], strength=strength),
        covariances=InverseWishart(dof=7.0, scale=[2.0, 0.5]),
    )
    prior = resolve(priors, X, 1, family)
    found = draw(X, 1, family, priors, sampler=sampler).draws
    n, d = X.shape
    centre = (strength * prior.loc + n * X.mean(0)) / (strength + n)
    offsets = X - X.mean(0)
    gap = X.mean(0) - prior.loc
    scatter = offsets.T @ offsets + strength * n / (strength + n) * np.outer(gap, gap)
    if family in ("full", "tied"):
        covariance = (prior.scatter + scatter) / (prior.dof + n - d - 1)
    elif family == "diag":
        # variance ~ IG((nu + n) / 2, (S + scatter) / 2)
        covariance = np.diag((prior.scatter + np.diag(scatter)) / (prior.dof + n - 2))
    else:
        covariance = np.eye(d) * (prior.scatter + np.trace(scatter)) / (prior.dof + n * d - 2)
    assert np.all(standard_errors_away(found.means[:, :, 0], centre) < 4.5)
    assert np.all(standard_errors_away(found.covariances[:, :, 0], covariance) < 4.5)
    spread = found.means[:, :, 0] - centre
    of_means = np.einsum("cdi,cdj->cdij", spread, spread)
    assert np.all(standard_errors_away(of_means, covariance / (strength + n)) < 4.5)


def test_independent_means_against_quadrature(family, sampler, X):
    """One feature: the posterior of (mu, log variance) on a grid."""
    x = X[:8, :1]
    priors = Priors(
        means=NormalMeans(loc=8.0, scale=2.0), covariances=InverseWishart(dof=3.0, scale=1.0)
    )
    found = draw(x, 1, family, priors, sampler=sampler)
    mu, log_v = np.meshgrid(np.linspace(5, 14, 600), np.linspace(-4, 5, 600), indexing="ij")
    v = np.exp(log_v)
    density = (
        -0.5 * ((x[:, 0, None, None] - mu) ** 2 / v + log_v).sum(0)
        + stats.norm(8.0, 2.0).logpdf(mu)
        + stats.invgamma(1.5, scale=0.5).logpdf(v)
        + log_v
    )
    p = np.exp(density - density.max())
    p /= p.sum()
    draws = found.draws
    assert standard_errors_away(draws.means[..., 0, 0], np.sum(p * mu)) < 4.5
    log_draws = np.log(draws.covariances[..., 0, 0, 0])
    assert standard_errors_away(log_draws, np.sum(p * log_v)) < 4.5
    assert standard_errors_away(log_draws**2, np.sum(p * log_v**2)) < 4.5


@pytest.mark.parametrize(
    ("covariances", "hyperprior"),
    [
        (GammaScale(shape=2.0, hyper_shape=1.3, hyper_rate=0.8), stats.gamma(1.3, scale=1 / 0.8)),
        (LogNormalScale(shape=2.0, median=3.0, sigma=0.7), stats.lognorm(0.7, scale=3.0)),
    ],
    ids=["gamma", "log-normal"],
)
def test_hierarchical_scale_against_quadrature(family, sampler, covariances, hyperprior, X):
    """One feature, conjugate mean: given beta the data have a closed marginal likelihood."""
    x = X[:10, 0]
    n, strength, loc, a = len(x), 0.5, 9.0, 2.0
    priors = Priors(
        means=ConjugateMeans(loc=loc, strength=strength),
        covariances=covariances,
    )
    found = draw(x[:, None], 1, family, priors, sampler=sampler)
    scatter = ((x - x.mean()) ** 2).sum() + strength * n / (strength + n) * (x.mean() - loc) ** 2
    beta = np.linspace(1e-4, 40.0, 200_000)
    log_p = (
        a * np.log(beta)
        + gammaln(a + n / 2)
        - (a + n / 2) * np.log(beta + scatter / 2)
        + hyperprior.logpdf(beta)
    )
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    hyper = found.hyper[..., 0]
    assert standard_errors_away(hyper, np.sum(p * beta)) < 4.5
    assert standard_errors_away(np.log(hyper), np.sum(p * np.log(beta))) < 4.5


def test_log_normal_sd_against_quadrature(family, X):
    """One feature: the posterior of (mu, log sd) on a grid."""
    x = X[:8, :1]
    priors = Priors(means=NormalMeans(loc=8.0, scale=2.0), covariances=LKJ(median=0.7, sigma=0.5))
    found = draw(x, 1, family, priors)
    mu, log_s = np.meshgrid(np.linspace(5, 14, 600), np.linspace(-3, 3, 600), indexing="ij")
    density = (
        (-0.5 * ((x[:, 0, None, None] - mu) / np.exp(log_s)) ** 2 - log_s).sum(0)
        + stats.norm(8.0, 2.0).logpdf(mu)
        + stats.norm(np.log(0.7), 0.5).logpdf(log_s)
    )
    p = np.exp(density - density.max())
    p /= p.sum()
    draws = found.draws
    assert standard_errors_away(draws.means[..., 0, 0], np.sum(p * mu)) < 4.5
    log_draws = 0.5 * np.log(draws.covariances[..., 0, 0, 0])
    assert standard_errors_away(log_draws, np.sum(p * log_s)) < 4.5
    assert standard_errors_away(log_draws**2, np.sum(p * log_s**2)) < 4.5


@pytest.mark.parametrize("family", ["full", "tied"])
@pytest.mark.parametrize(
    "sampler", ["nuts", "laplace", "vi", pytest.param("smc", marks=pytest.mark.slow)]
)
def test_lkj_against_quadrature(family, sampler, X):
    """Two features, conjugate mean: the posterior of both log sds and the correlation on a grid."""
    strength, eta, median, sigma = 0.5, 3.0, np.array([1.0, 0.5]), 0.6
    priors = Priors(
        means=ConjugateMeans(loc=[10.0, -3.0], strength=strength),
        covariances=LKJ(eta, median, sigma),
    )
    found = draw(X, 1, family, priors, sampler=sampler).draws
    n = len(X)
    gap = X.mean(0) - [10.0, -3.0]
    A = (X - X.mean(0)).T @ (X - X.mean(0)) + strength * n / (strength + n) * np.outer(gap, gap)
    first, second, r = np.meshgrid(
        np.linspace(-1, 1.5, 120), np.linspace(-2, 1, 120), np.linspace(-0.99, 0.99, 160),
        indexing="ij",
    )  # fmt: skip
    s, t = np.exp(first), np.exp(second)
    quadratic = (A[0, 0] / s**2 - 2 * r * A[0, 1] / (s * t) + A[1, 1] / t**2) / (1 - r**2)
    log_det = np.log(1 - r**2) + 2 * (first + second)
    density = (
        -0.5 * n * log_det - 0.5 * quadratic + (eta - 1) * np.log(1 - r**2)
        + stats.norm(np.log(median[0]), sigma).logpdf(first)
        + stats.norm(np.log(median[1]), sigma).logpdf(second)
    )  # fmt: skip
    p = np.exp(density - density.max())
    p /= p.sum()
    covariances = found.covariances[:, :, 0]
    sds = np.sqrt(np.diagonal(covariances, axis1=-2, axis2=-1))
    correlation = covariances[..., 0, 1] / sds.prod(axis=-1)
    for values, exact in ((correlation, r), (np.log(sds[..., 0]), first)):
        assert standard_errors_away(values, np.sum(p * exact)) < 4.5
        assert standard_errors_away(values**2, np.sum(p * exact**2)) < 4.5
    assert standard_errors_away(np.log(sds[..., 1]), np.sum(p * second)) < 4.5


def test_weights_of_far_clusters_are_dirichlet(sampler):
    """Labels certain, so the weights have their conjugate posterior."""
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(12, 1)), rng.normal(size=(28, 1)) + 100.0]
    found = draw(X, 2, "diag", Priors(), sampler=sampler).draws
    small = found.weights.min(axis=-1)
    assert standard_errors_away(small, 13 / 42) < 4.5
    assert standard_errors_away(small**2, 13 * 14 / (42 * 43)) < 4.5


def test_learned_concentration_against_quadrature(sampler):
    """Labels certain: the concentration has the density of the labels times its prior."""
    rng = np.random.default_rng(0)
    counts = np.array([12.0, 28.0])
    X = np.r_[rng.normal(size=(12, 1)), rng.normal(size=(28, 1)) + 100.0]
    priors = Priors(weights=GammaConcentration(2.0, rate=1.5))
    found = draw(X, 2, "diag", priors, sampler=sampler)
    e = np.exp(np.linspace(-9.0, 4.0, 20_000))
    log_p = gammaln(2.0 * e) - gammaln(2.0 * e + counts.sum()) + np.log(e)
    log_p += sum(gammaln(e + n) - gammaln(e) for n in counts) + stats.gamma(
        2.0, scale=1 / 1.5
    ).logpdf(e)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    values = found.hyper[..., 0]
    assert standard_errors_away(values, np.sum(p * e)) < 4.5
    assert standard_errors_away(np.log(values), np.sum(p * np.log(e))) < 4.5
    # Given it the smaller weight is Beta(e + 12, e + 28).
    small = found.draws.weights.min(axis=-1)
    assert standard_errors_away(small, np.sum(p * (e + 12.0) / (2.0 * e + 40.0))) < 4.5


def test_units_and_offsets_change_nothing_but_the_units(family, sampler, X):
    """The same seed draws the same posterior, in other units."""
    scale = np.array([1e-6, 1e6]) if family != "spherical" else np.array([1e6, 1e6])
    here, there = (
        draw(data, 1, family, Priors(), draws=500, seed=1, sampler=sampler)
        for data in (X, X * scale + 5 * scale)
    )
    power = np.outer(scale, scale)
    np.testing.assert_allclose(
        (there.draws.covariances / power).mean((0, 1, 2)),
        here.draws.covariances.mean((0, 1, 2)),
        atol=0.25,
    )
    np.testing.assert_allclose(
        (there.draws.means / scale - 5).mean((0, 1, 2)), here.draws.means.mean((0, 1, 2)), atol=0.1
    )
