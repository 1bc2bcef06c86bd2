"""Variational inference: the nearest normal, what its weights say, and what it refuses."""

import numpy as np
import pytest
from posterior_problems import draw, posterior_of

from bayesgmm import BayesianGaussianMixture, Priors
from bayesgmm.bayes import coordinates, vi
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.core import threads
from bayesgmm.exceptions import DataError, PosteriorWarning


def clusters(n, separation=8.0, seed=5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    X[: n // 3] += separation
    return X


@pytest.fixture
def mode():
    """Of a posterior of four coordinates, its own place and shape."""
    posterior = posterior_of("diag", "default", k=1, d=2)
    place, basis = posterior.centre(np.zeros(4), n_steps=20)
    return vi.Mode(place, basis, posterior)


def test_of_a_normal_it_finds_that_normal(mode, monkeypatch):
    rng = np.random.default_rng(1)
    mean = mode.place + mode.basis @ rng.normal(size=4)
    root = np.tril(rng.normal(size=(4, 4)))
    precision = np.linalg.inv(mode.basis @ (root @ root.T + np.eye(4)) @ mode.basis.T)

    def evaluate(posterior, thetas):
        slopes = -(thetas - mean) @ precision
        return 7.0 + 0.5 * np.sum((thetas - mean) * slopes, axis=1), slopes

    monkeypatch.setattr(LogPosterior, "values_and_gradients", evaluate)
    found = vi._fit(mode.posterior, mode, vi._fixed_draws(256, 4, rng))
    scale = np.sqrt(np.diag(np.linalg.inv(precision)))
    np.testing.assert_allclose((found.place - mean) / scale, 0.0, atol=1e-3)
    covariance = found.basis @ found.basis.T
    np.testing.assert_allclose(covariance @ precision, np.eye(4), atol=5e-3)
    # Its share is the normal's mass, as Laplace's is: height and volume, less the mean square / 2.
    mass = 7.0 - 0.5 * np.linalg.slogdet(precision)[1] - 4 / 2
    assert found.log_mass == pytest.approx(mass, abs=1e-4)


def test_fixed_draws_are_standard_and_depend_on_the_seed():
    z = vi._fixed_draws(100, 5, np.random.default_rng(0))
    assert z.shape == (128, 5)
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(z.T @ z / 128, np.eye(5), atol=1e-12)
    np.testing.assert_array_equal(z, vi._fixed_draws(100, 5, np.random.default_rng(0)))
    assert not np.any(z == vi._fixed_draws(100, 5, np.random.default_rng(1)))


def test_densities_and_gradients_are_those_of_the_sampler(family):
    posterior = posterior_of(family, "hierarchical")
    thetas = 0.5 * np.random.default_rng(0).normal(size=(20, posterior.sizes.n_coordinates))
    values, slopes = posterior.values_and_gradients(thetas)
    for theta, value, slope in zip(thetas, values, slopes, strict=True):
        expected, gradient = posterior.value_and_gradient(theta)
        assert value == pytest.approx(expected)
        np.testing.assert_allclose(slope, gradient, rtol=1e-8, atol=1e-8)


def test_it_comes_nearer_than_normals_at_the_mode(monkeypatch):
    """Skewed posteriors: more effective draws of the same posterior, in the same coordinates."""
    X = clusters(60)
    ours = draw(X, 2, "full", Priors(), sampler="vi")
    monkeypatch.setattr(vi, "_fit", lambda posterior, mode, fixed: mode)
    laplaces = draw(X, 2, "full", Priors(), sampler="vi")
    assert ours.sampler == "vi"
    assert ours.importance.pareto_k < 0.7
    assert ours.importance.ess > 1.2 * laplaces.importance.ess
    a, b = (np.log(found.draws.weights.min(-1)) for found in (ours, laplaces))
    error = a.std() * np.hypot(ours.importance.ess**-0.5, laplaces.importance.ess**-0.5)
    assert abs(a.mean() - b.mean()) < 4.5 * error


def test_far_from_normal_it_says_so_and_keeps_the_draws():
    X = clusters(12, separation=1.0)
    model = BayesianGaussianMixture(
        2, covariance_type="spherical", sampler="vi", draws=250, random_state=0, progressbar=False
    )
    with pytest.warns(PosteriorWarning, match="The approximation is too far from the posterior"):
        model.fit(X)
    found = model.diagnostics_
    assert not found.ok
    assert f"k-hat {found.importance.pareto_k:.2f}, below 0.70 is wanted" in found.verdict
    assert found.importance.pareto_k >= 0.7
    attributes = model.posterior_["posterior"].attrs
    assert attributes["sampler"] == "vi"
    assert attributes["pareto_k"] == found.importance.pareto_k
    assert model.mixture_.batch_shape == (4, 250)


def test_near_it_nothing_is_wrong_and_nothing_is_printed(capfd):
    fit = BayesianGaussianMixture(1, sampler="vi", random_state=0, progressbar=False)
    fit.fit(clusters(200, separation=0.0))
    assert fit.diagnostics_.ok
    assert "independent draws, weighted and resampled" in fit.diagnostics_.verdict
    assert capfd.readouterr() == ("", "")


def test_same_seed_same_result_with_any_number_of_threads():
    X = clusters(60)
    runs = []
    for n, seed in ((1, 0), (3, 0), (1, 1)):
        with threads.limit(n):
            runs.append(draw(X, 2, "spherical", Priors(), seed=seed, draws=250, sampler="vi"))
    np.testing.assert_array_equal(runs[0].draws.means, runs[1].draws.means)
    assert runs[0].importance == runs[1].importance
    assert not np.any(runs[0].draws.means == runs[2].draws.means)


def test_an_interrupt_leaves_no_draws(monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(coordinates, "run_in_threads", interrupted)
    fit = BayesianGaussianMixture(1, sampler="vi", random_state=0, progressbar=False)
    with pytest.raises(KeyboardInterrupt):
        fit.fit(clusters(60))
    assert not hasattr(fit, "posterior_")


def test_priors_of_users_are_refused():
    priors = Priors(means=lambda n_components, n_features: None)
    with pytest.raises(DataError, match="sampler='vi' needs priors of bayesgmm's own"):
        draw(clusters(60), 2, "diag", priors, sampler="vi")
