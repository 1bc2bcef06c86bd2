"""NUTS on the compiled density: against exact posteriors; seeds; starts."""

import numpy as np
import pytest
from posterior_problems import posterior_of
from scipy import stats
from scipy.special import gammaln

from bayesgmm.bayes import callbacks, nutpie_adapter
from bayesgmm.bayes.engines import draw_posterior
from bayesgmm.bayes.nuts import _Mode
from bayesgmm.priors import (
    ConjugateMeans,
    GammaScale,
    InverseWishart,
    NormalMeans,
    Priors,
    resolve,
)


def draw(X, k, family, priors, seed=0, draws=1000, chains=4):
    return draw_posterior(
        X,
        k,
        family,
        priors,
        draws=draws,
        tune=None,
        chains=chains,
        rng=np.random.default_rng(seed),
        progressbar=False,
    )


def standard_errors_away(values, exact):
    """|mean - exact| in Monte Carlo standard errors, from the spread of 20 batches."""
    batches = values.reshape(20, -1, *values.shape[2:]).mean(axis=1)
    error = np.maximum(batches.std(0, ddof=1) / np.sqrt(20), 1e-12)
    return np.abs(batches.mean(0) - exact) / error


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(5)
    return rng.normal(size=(25, 2)) @ [[1.5, 0.7], [0.0, 0.4]] + [10.0, -3.0]


def test_conjugate_prior_has_the_closed_form_posterior(family, X):
    """Normal-inverse-Wishart, or a normal-inverse-gamma a feature."""
    strength = 3.0
    priors = Priors(
        means=ConjugateMeans(loc=[9.0, -2.0], strength=strength),
        covariances=InverseWishart(dof=7.0, scale=[2.0, 0.5]),
    )
    prior = resolve(priors, X, 1, family)
    found = draw(X, 1, family, priors).draws
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


def test_independent_means_against_quadrature(family, X):
    """One feature: the posterior of (mu, log variance) on a grid."""
    x = X[:8, :1]
    priors = Priors(
        means=NormalMeans(loc=8.0, scale=2.0), covariances=InverseWishart(dof=3.0, scale=1.0)
    )
    found = draw(x, 1, family, priors)
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


def test_hierarchical_scale_against_quadrature(family, X):
    """One feature, conjugate mean: given beta the data have a closed marginal likelihood."""
    x = X[:10, 0]
    n, strength, loc, a, g, h = len(x), 0.5, 9.0, 2.0, 1.3, 0.8
    priors = Priors(
        means=ConjugateMeans(loc=loc, strength=strength),
        covariances=GammaScale(shape=a, hyper_shape=g, hyper_rate=h),
    )
    found = draw(x[:, None], 1, family, priors)
    scatter = ((x - x.mean()) ** 2).sum() + strength * n / (strength + n) * (x.mean() - loc) ** 2
    beta = np.linspace(1e-4, 40.0, 200_000)
    log_p = (
        a * np.log(beta)
        + gammaln(a + n / 2)
        - (a + n / 2) * np.log(beta + scatter / 2)
        + (g - 1) * np.log(beta)
        - h * beta
    )
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    hyper = found.hyper[..., 0]
    assert standard_errors_away(hyper, np.sum(p * beta)) < 4.5
    assert standard_errors_away(np.log(hyper), np.sum(p * np.log(beta))) < 4.5


def test_weights_of_far_clusters_are_dirichlet():
    """Labels certain, so the weights have their conjugate posterior."""
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(12, 1)), rng.normal(size=(28, 1)) + 100.0]
    found = draw(X, 2, "diag", Priors()).draws
    small = found.weights.min(axis=-1)
    assert standard_errors_away(small, 13 / 42) < 4.5
    assert standard_errors_away(small**2, 13 * 14 / (42 * 43)) < 4.5


def test_starts_have_a_density_and_are_not_the_mode_itself():
    """nutpie tries a new start where the slope is zero or nothing is finite, and none is left."""
    posterior = posterior_of("diag", "default", k=2, d=1)
    mode, basis = posterior.centre(np.zeros(posterior.sizes.n_coordinates), n_steps=20)
    place = _Mode(mode, basis, posterior)
    rng = np.random.default_rng(0)
    assert np.any(place.near(0.1, rng) != mode)
    for _ in range(20):
        value, slope = posterior.value_and_gradient(place.near(1e4, rng))
        assert np.isfinite(value)
        assert np.all(np.isfinite(slope))


def test_seed_fixes_the_draws_bit_for_bit_for_any_number_of_cores(X, monkeypatch):
    import nutpie

    first, second = (draw(X, 1, "full", Priors(), seed=3, draws=50) for _ in range(2))
    np.testing.assert_array_equal(first.draws.means, second.draws.means)
    other = draw(X, 1, "full", Priors(), seed=4, draws=50)
    assert not np.array_equal(first.draws.means, other.draws.means)
    original = nutpie.sample
    monkeypatch.setattr(
        nutpie, "sample", lambda model, **options: original(model, **{**options, "cores": 1})
    )
    alone = draw(X, 1, "full", Priors(), seed=3, draws=50)
    np.testing.assert_array_equal(first.draws.means, alone.draws.means)
    for name, values in first.sample_stats.items():
        np.testing.assert_array_equal(values, alone.sample_stats[name])


def test_what_the_adapter_promises():
    """It rests on internals of nutpie: more chains than cores, starts, statistics by name."""
    posterior = posterior_of("diag", "default", k=1, d=1)
    n = posterior.sizes.n_coordinates
    mode, basis = posterior.centre(np.zeros(n), n_steps=20)
    sizes = np.asarray(posterior.sizes, dtype=np.int64)
    arrays = (mode, basis, posterior.rows, sizes, posterior.numbers)
    head = [*posterior.rows.shape, n, len(posterior.numbers)]
    block = np.array([*head, *(a.ctypes.data for a in arrays)], dtype=np.int64)

    def sample(starts):
        return nutpie_adapter.sample(
            callbacks.density,
            callbacks.expand,
            block,
            starts,
            draws=20,
            tune=20,
            target_accept=0.8,
            seed=9,
            progressbar=False,
        )

    starts = np.random.default_rng(0).normal(size=(6, n))
    found = sample(starts)
    assert found.draws.shape == (6, 20, n)
    names = {"diverging", "lp", "n_steps", "step_size", "tree_depth", "energy"}
    assert names <= set(found.sample_stats)
    assert {values.shape for values in found.sample_stats.values()} == {(6, 20)}
    lp = [posterior.value_and_gradient(theta)[0] for theta in found.draws[2]]
    np.testing.assert_allclose(found.sample_stats["lp"][2], lp, rtol=1e-12)
    moved = starts.copy()
    moved[4] += 1.0
    differs = (sample(moved).draws != found.draws).any(axis=(1, 2))
    assert differs.tolist() == [False, False, False, False, True, False]


def test_units_and_offsets_change_nothing_but_the_units(family, X):
    """The same seed draws the same posterior, in other units."""
    scale = np.array([1e-6, 1e6]) if family != "spherical" else np.array([1e6, 1e6])
    here, there = (
        draw(data, 1, family, Priors(), draws=500, seed=1) for data in (X, X * scale + 5 * scale)
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


def test_map_is_the_mode_that_map_em_finds(family, X):
    from bayesgmm import GaussianMixture

    found = draw(X, 2, family, Priors(), draws=4)
    em = GaussianMixture(2, covariance_type=family, priors=Priors(), random_state=0).fit(X)
    prior = found.priors
    value = found.map.log_density(X).sum() + prior.log_density(
        found.map.weights, found.map.means, found.map.native_covariances
    )
    assert value == pytest.approx(em.lower_bound_ * len(X), abs=1e-5)
