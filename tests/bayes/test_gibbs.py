"""Blocked Gibbs sampling: its sweep leaves the joint distribution alone; seeds; interruption."""

import time

import numpy as np
import pytest
from joint_distribution import (
    COVARIANCES,
    MEANS,
    WEIGHTS,
    addresses,
    from_the_prior,
    joint_distribution_scores,
    small_posterior,
    stream,
    sweep_of,
)
from posterior_problems import draw

from bayesgmm import BayesianGaussianMixture
from bayesgmm.bayes import coordinates, cycling, gibbs
from bayesgmm.bayes.chains import run_in_threads
from bayesgmm.bayes.convergence import rhat_and_ess
from bayesgmm.bayes.cycles import sweeps
from bayesgmm.core import threads
from bayesgmm.exceptions import DataError
from bayesgmm.priors import (
    Dirichlet,
    Priors,
)


@pytest.mark.parametrize(
    ("family", "means", "covariances", "weights"),
    [
        ("full", "independent", "fixed", "fixed"),
        ("spherical", "conjugate", "hierarchical", "learned"),
        ("full", "independent", "log-normal", "fixed"),
    ],
)
def test_sweeps_leave_the_joint_distribution_alone(family, means, covariances, weights):
    posterior = small_posterior(family, means, covariances, weights)
    scores = joint_distribution_scores(
        posterior, sweep_of(posterior), n_chains=300, n_steps=20, seed=1
    )
    assert np.abs(scores).max() < 4.5


@pytest.mark.slow
@pytest.mark.parametrize("covariances", COVARIANCES)
@pytest.mark.parametrize(("means", "weights"), list(zip(MEANS, WEIGHTS, strict=True)))
def test_sweeps_of_every_model_leave_the_joint_distribution_alone(
    family, means, covariances, weights
):
    posterior = small_posterior(family, means, covariances, weights)
    scores = joint_distribution_scores(
        posterior, sweep_of(posterior), n_chains=1500, n_steps=30, seed=2
    )
    assert np.abs(scores).max() < 4.5


@pytest.mark.parametrize(
    ("means", "covariances", "weights"),
    [("conjugate", "hierarchical", "fixed"), ("independent", "fixed", "learned")],
)
def test_log_density_is_that_of_the_draws(family, means, covariances, weights):
    posterior = small_posterior(family, means, covariances, weights)
    theta = from_the_prior(posterior, np.random.default_rng(0))
    draws, found = np.empty((5, len(theta))), np.empty(5)
    out = draws, found
    sweeps(addresses(posterior), theta, *posterior.arguments, stream(1), 1, *out)
    expected = [posterior.value_and_gradient(draw)[0] for draw in draws]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_thinned_chain_is_every_second_state_of_the_other():
    posterior = small_posterior("full", "independent", "hierarchical")
    start = from_the_prior(posterior, np.random.default_rng(0))
    found = {}
    for thin, n in ((1, 10), (2, 5)):
        found[thin] = np.empty((n, len(start)))
        theta, log_density = start.copy(), np.empty(n)
        out = found[thin], log_density
        sweeps(addresses(posterior), theta, *posterior.arguments, stream(3), thin, *out)
    np.testing.assert_array_equal(found[2], found[1][::2])


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(5)
    return np.r_[rng.normal(size=(40, 2)), rng.normal(size=(60, 2)) + 8.0]


def test_seed_fixes_the_draws_however_they_are_cut_up(X, monkeypatch):
    first = draw(X, 2, "full", Priors(), seed=3, draws=50, sampler="gibbs")
    other = draw(X, 2, "full", Priors(), seed=4, draws=50, sampler="gibbs")
    assert not np.array_equal(first.draws.means, other.draws.means)
    monkeypatch.setattr(coordinates, "BIT", 1.0)  # a sweep at a time
    with threads.limit(1):
        second = draw(X, 2, "full", Priors(), seed=3, draws=50, sampler="gibbs")
    np.testing.assert_array_equal(first.draws.means, second.draws.means)
    np.testing.assert_array_equal(first.draws.whitening, second.draws.whitening)
    np.testing.assert_array_equal(first.sample_stats["lp"], second.sample_stats["lp"])


@pytest.fixture
def once(monkeypatch):
    """No chain runs for longer."""
    monkeypatch.setattr("bayesgmm.bayes.mixing.AFFORDABLE", 0.0)


@pytest.fixture(scope="module")
def not_mixed(X):
    """Draws of components that overlap, without a longer run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bayesgmm.bayes.mixing.AFFORDABLE", 0.0)
        return draw(X[:40], 2, "diag", Priors(), draws=100, sampler="gibbs")


def test_chains_that_have_not_mixed_go_on_ten_times_as_far(X, not_mixed):
    found = draw(X[:40], 2, "diag", Priors(), draws=100, sampler="gibbs")
    assert not np.array_equal(found.draws.means, not_mixed.draws.means)
    ess = [rhat_and_ess(each.sample_stats["lp"])[1] for each in (found, not_mixed)]
    assert ess[0] > 1.5 * ess[1]


@pytest.mark.usefixtures("once")
def test_sparse_weights_stay_finite():
    """Empty components of a small concentration have weights far below the least double."""
    X = np.random.default_rng(0).normal(size=(30, 1))
    priors = Priors(weights=Dirichlet(0.003))
    found = draw(X, 3, "diag", priors, draws=200, sampler="gibbs")
    for values in (found.draws.weights, found.draws.means, found.draws.whitening):
        assert np.all(np.isfinite(values))
    np.testing.assert_allclose(found.draws.weights.sum(-1), 1.0)
    assert np.median(found.draws.weights.min(-1)) < 1e-100


def test_users_priors_are_refused_before_anything_runs(X):
    def weights(n_components, n_features):
        raise AssertionError("called")

    model = BayesianGaussianMixture(2, priors=Priors(weights=weights), sampler="gibbs")
    with pytest.raises(DataError, match="a function for the weights; use sampler='nuts'"):
        model.fit(X)


def test_estimator_names_the_sampler_and_is_at_ease(X):
    fit = BayesianGaussianMixture(
        2, sampler="gibbs", draws=300, random_state=0, progressbar=False
    ).fit(X)
    assert fit.posterior_["posterior"].attrs["sampler"] == "gibbs"
    assert set(fit.posterior_["sample_stats"].data_vars) == {"diverging", "lp"}
    assert fit.diagnostics_.ok
    assert fit.diagnostics_.n_divergences == 0
    smaller = np.sort(fit.mixture_.weights.mean((0, 1)))[0]
    assert smaller == pytest.approx(41 / 102, abs=0.01)  # its Monte Carlo error is 0.0014


def test_progress_is_on_standard_error(X, capfd, monkeypatch):
    draw(X, 2, "full", Priors(), draws=20, sampler="gibbs")
    assert capfd.readouterr() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    run_in_threads([iter([1, 2]), iter([3])], 6, "Gibbs sampling", progressbar=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "Gibbs sampling" in err


def test_interrupted_work_comes_to_rest():
    done = []

    def long():
        for _ in range(5000):
            time.sleep(0.001)
            done.append(1)
            yield 1

    def interrupting():
        yield 1
        raise KeyboardInterrupt

    with threads.limit(3), pytest.raises(KeyboardInterrupt):
        run_in_threads([long(), interrupting(), long()], 10_001, "", progressbar=False)
    n = len(done)
    assert n < 5000
    time.sleep(0.05)
    assert len(done) == n


def interrupting(n_bits, call=1):
    """In place of the threads: so many bits of each chain of a run, then Ctrl-C."""
    calls = []

    def run(work, *_):
        calls.append(work)
        counts = n_bits if len(calls) == call else [10**9] * len(work)
        for chain, n in zip(work, counts, strict=True):
            for _ in range(n):
                if next(chain, None) is None:
                    break
        if len(calls) == call:
            raise KeyboardInterrupt

    return run


@pytest.mark.usefixtures("once")
def test_interrupt_keeps_the_draws_so_far(X, monkeypatch):
    monkeypatch.setattr(gibbs, "TUNE", 20)
    whole = draw(X, 2, "full", Priors(), draws=50, sampler="gibbs")
    assert whole.complete
    monkeypatch.setattr(coordinates, "BIT", 1.0)  # a sweep at a time
    monkeypatch.setattr(cycling, "run_in_threads", interrupting([10, 5, 8, 3], call=2))
    found = draw(X, 2, "full", Priors(), draws=50, sampler="gibbs")
    assert not found.complete
    np.testing.assert_array_equal(found.draws.means, whole.draws.means[[0, 2], :8])
    np.testing.assert_array_equal(found.sample_stats["lp"], whole.sample_stats["lp"][[0, 2], :8])


def test_interrupt_before_there_are_draws_is_passed_on(X, monkeypatch):
    monkeypatch.setattr(coordinates, "BIT", 1.0)
    monkeypatch.setattr(cycling, "run_in_threads", interrupting([3, 2, 1, 0], call=2))
    with pytest.raises(KeyboardInterrupt):
        draw(X, 2, "full", Priors(), draws=50, sampler="gibbs")


def test_interrupt_of_the_longer_run_keeps_the_first(X, not_mixed, monkeypatch):
    monkeypatch.setattr(cycling, "run_in_threads", interrupting([1, 0, 0, 0], call=3))
    found = draw(X[:40], 2, "diag", Priors(), draws=100, sampler="gibbs")
    assert not found.complete
    np.testing.assert_array_equal(found.draws.means, not_mixed.draws.means)
