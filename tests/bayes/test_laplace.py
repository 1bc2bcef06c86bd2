"""Importance sampling from normals at the modes: where it is taken, where not, and what it says."""

import warnings

import numpy as np
import pytest
from posterior_problems import KINDS, draw, posterior_of, random_theta

from bayesgmm import BayesianGaussianMixture, GaussianMixture, Priors
from bayesgmm.bayes import laplace
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.modes import find_modes
from bayesgmm.bayes.samplers import Importance
from bayesgmm.em.problem import Problem
from bayesgmm.exceptions import PosteriorWarning
from bayesgmm.priors import ConjugateMeans, Dirichlet, InverseWishart, resolve


def clusters(n, separation=8.0, seed=5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    X[: n // 3] += separation
    return X


def test_many_rows_have_the_closed_form_posterior(family):
    """One component under conjugate priors; independent draws, so plain standard errors."""
    X = clusters(400, separation=0.0)
    priors = Priors(
        means=ConjugateMeans(loc=[0.5, -0.2], strength=3.0),
        covariances=InverseWishart(dof=7.0, scale=[2.0, 0.5]),
    )
    prior = resolve(priors, X, 1, family)
    drawn = draw(X, 1, family, priors, sampler="laplace", draws=2500)
    assert drawn.sampler == "laplace"
    assert drawn.importance.pareto_k < 0.7
    n, d = X.shape
    centre = (3.0 * prior.loc + n * X.mean(0)) / (3.0 + n)
    offsets, gap = X - X.mean(0), X.mean(0) - prior.loc
    scatter = offsets.T @ offsets + 3.0 * n / (3.0 + n) * np.outer(gap, gap)
    if family in ("full", "tied"):
        covariance = (prior.scatter + scatter) / (prior.dof + n - d - 1)
    elif family == "diag":
        covariance = np.diag((prior.scatter + np.diag(scatter)) / (prior.dof + n - 2))
    else:
        covariance = np.eye(d) * (prior.scatter + np.trace(scatter)) / (prior.dof + n * d - 2)
    found = drawn.draws.flatten()
    error = 1.0 / np.sqrt(drawn.importance.ess)
    means, covariances = found.means[:, 0], found.covariances[:, 0]
    assert np.all(np.abs(means.mean(0) - centre) < 4.5 * error * means.std(0))
    spread = np.maximum(covariances.std(0), 1e-12)
    assert np.all(np.abs(covariances.mean(0) - covariance) < 4.5 * error * spread)
    squares = (means - centre) ** 2
    expected = np.diag(covariance) / (3.0 + n)
    assert np.all(np.abs(squares.mean(0) - expected) < 4.5 * error * squares.std(0))


@pytest.mark.slow
def test_stated_worth_is_what_repeated_runs_show(monkeypatch):
    """The variance of a mean over many runs, against that of as many independent draws."""
    monkeypatch.setattr(laplace, "_why_not", lambda *_: "")  # k-hat of so few draws is noisy
    X = clusters(300)
    posterior = LogPosterior(
        Problem(X, "spherical", priors=resolve(Priors(), X, 2, "spherical")), 2
    )
    em = GaussianMixture(2, covariance_type="spherical", priors=Priors(), random_state=0).fit(X)
    modes = find_modes(posterior, [(em.mixture_, None)])
    means, claimed = [], []
    for seed in range(80):
        found = laplace.sample_laplace(
            posterior, modes, draws=250, tune=None, chains=4,
            rng=np.random.default_rng(seed), progressbar=False,
        )  # fmt: skip
        weight = np.log(found.mixture.weights.min(-1))
        means.append(weight.mean())
        claimed.append(weight.var() / found.importance.ess)
    ratio = np.var(means, ddof=1) / np.mean(claimed)
    assert 0.6 < ratio < 1.6  # a variance from 80 runs is known to a third


@pytest.mark.parametrize("kind", KINDS)
def test_log_densities_are_those_with_a_gradient(family, kind):
    posterior = posterior_of(family, kind)
    rng = np.random.default_rng(0)
    thetas = np.array([random_theta(posterior, rng) for _ in range(20)])
    found = laplace._log_density(posterior, thetas, progressbar=False)
    expected = [posterior.value_and_gradient(theta)[0] for theta in thetas]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_resampling_is_by_weight_and_as_even_as_can_be():
    weights = np.array([0.5, 0.25, 0.05, 0.2, 0.0])
    kept, ess = laplace._resample(weights, 20, np.random.default_rng(0))
    assert np.bincount(kept, minlength=5).tolist() == [10, 5, 1, 4, 0]
    assert ess == pytest.approx(1.0 / np.sum(weights**2))
    assert len(np.unique(kept[:10])) > 1  # in random order


def test_draws_without_a_density_have_no_weight():
    ratios = np.random.default_rng(0).normal(scale=0.1, size=1000)
    weights, k = laplace._smoothed_weights(np.r_[ratios, np.nan, -np.inf])
    assert k < 0.7
    assert np.all(weights[-2:] < 1e-100)
    np.testing.assert_allclose(weights[:-2], np.exp(ratios) / np.exp(ratios).sum(), rtol=0.05)
    hopeless = [np.full(1000, -np.inf), np.full(1000, np.nan), np.r_[0.0, np.full(999, -1e6)]]
    for ratios in hopeless:
        weights, k = laplace._smoothed_weights(ratios)
        assert k == np.inf
        assert weights.sum() == pytest.approx(1.0)
        assert laplace._why_not(Importance(k, 1e9), 1000, 100)


def test_few_overlapping_rows_go_to_nuts_with_a_message(monkeypatch):
    monkeypatch.setattr("bayesgmm.bayes.mixing.AFFORDABLE", 0.0)  # once will do
    X = clusters(30, separation=1.0)
    model = BayesianGaussianMixture(
        2, sampler="laplace", draws=200, random_state=0, progressbar=False
    )
    with pytest.warns(PosteriorWarning) as caught:
        model.fit(X)
    [told] = [w for w in caught if "'laplace' does not do for these data" in str(w.message)]
    assert "NUTS was run instead" in str(told.message)
    assert told.filename == __file__
    assert model.posterior_["posterior"].attrs["sampler"] == "nuts"
    assert model.diagnostics_.importance is None
    assert "tree_depth" in model.posterior_["sample_stats"]
    assert np.isfinite(model.diagnostics_.max_rhat)


def test_a_component_of_few_rows_goes_to_nuts():
    """Where the weights say nothing: no proposal is where the component is empty."""
    X = np.r_[np.random.default_rng(0).normal(size=(40, 1)), [[500.0], [501.0], [502.5]]]
    priors = Priors(means=ConjugateMeans(loc=0.0, strength=1e-4), covariances=InverseWishart(9.0))
    with pytest.warns(PosteriorWarning, match=r"a component has 3\.\d rows, 10 are wanted"):
        found = draw(X, 2, "diag", priors, sampler="laplace", draws=100, chains=2)
    assert found.sampler == "nuts"


def test_few_rows_at_any_mode_that_matters_go_to_nuts():
    """Of three groups the last is a cluster alone at one mode, and part of one at the highest."""
    rng = np.random.default_rng(0)
    X = np.concatenate([c + rng.normal(size=n) for c, n in ((-20, 11), (0, 7), (110, 3))])
    priors = Priors(
        weights=Dirichlet(2.0),
        means=ConjugateMeans(loc=0.0, strength=0.005),
        covariances=InverseWishart(dof=4.0, scale=1.0),
    )
    with pytest.warns(PosteriorWarning, match=r"a component has [34]\.\d rows, 10 are wanted"):
        found = draw(X[:, None], 2, "full", priors, sampler="laplace", draws=100, chains=2)
    assert found.sampler == "nuts"


def test_far_clusters_are_sampled_and_judged_by_the_weights():
    fit = BayesianGaussianMixture(2, sampler="laplace", random_state=0, progressbar=False)
    fit.fit(clusters(300))
    assert fit.posterior_["posterior"].attrs["sampler"] == "laplace"
    found = fit.diagnostics_
    assert found.ok
    assert found.importance.pareto_k < 0.7
    assert found.min_ess == found.importance.ess <= 4000
    assert np.isnan(found.max_rhat)
    assert set(fit.posterior_["sample_stats"].data_vars) == {"diverging", "lp"}
    assert fit.mixture_.batch_shape == (4, 1000)


@pytest.mark.slow
def test_it_agrees_with_nuts(family):
    X = clusters(300)
    ours = draw(X, 2, family, Priors(), sampler="laplace")
    assert ours.sampler == "laplace"
    theirs = draw(X, 2, family, Priors(), sampler="nuts")
    for function in (
        lambda m: m.weights.min(-1),
        lambda m: np.sort(m.means[..., 0], axis=-1)[..., 0],
        lambda m: np.log(np.linalg.det(m.covariances)).max(-1),
    ):
        a, b = function(ours.draws), function(theirs.draws)
        error = np.hypot(a.std() / np.sqrt(ours.importance.ess), b.std() / np.sqrt(1000))
        assert abs(a.mean() - b.mean()) < 4.5 * error
        assert a.std() == pytest.approx(b.std(), rel=0.12)


def test_same_seed_same_draws():
    X = clusters(300)
    first, second = (draw(X, 2, "full", Priors(), 3, 50, sampler="laplace") for _ in range(2))
    np.testing.assert_array_equal(first.draws.means, second.draws.means)
    other = draw(X, 2, "full", Priors(), 4, 50, sampler="laplace")
    assert not np.array_equal(first.draws.means, other.draws.means)


def test_few_draws_are_taken_from_enough_proposals():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PosteriorWarning)
        fit = BayesianGaussianMixture(
            2, sampler="laplace", draws=100, chains=1, random_state=0, progressbar=False
        ).fit(clusters(300))
    assert fit.mixture_.batch_shape == (1, 100)
    assert len(np.unique(fit.mixture_.weights[..., 0])) > 90
