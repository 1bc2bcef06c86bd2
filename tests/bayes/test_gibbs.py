"""Blocked Gibbs sampling: its sweep leaves the joint distribution alone; seeds; interruption."""

import time

import numpy as np
import pytest
from posterior_problems import draw
from scipy import stats

from bayesgmm import BayesianGaussianMixture
from bayesgmm.bayes import coordinates, cycling, gibbs
from bayesgmm.bayes.chains import run_in_threads
from bayesgmm.bayes.conditionals import sweep
from bayesgmm.bayes.convergence import rhat_and_ess
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.core import threads
from bayesgmm.em.problem import Problem
from bayesgmm.exceptions import DataError
from bayesgmm.priors import (
    ConjugateMeans,
    Dirichlet,
    GammaConcentration,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    NormalMeans,
    Priors,
    resolve,
)

MEANS = {
    "independent": NormalMeans(loc=[0.5, -1.0], scale=[1.5, 0.7]),
    "conjugate": ConjugateMeans(loc=[0.5, -1.0], strength=0.4),
}
COVARIANCES = {
    "fixed": InverseWishart(dof=6.0, scale=[[2.0, 0.6], [0.6, 1.0]]),
    "hierarchical": GammaScale(shape=2.5, hyper_shape=3.0, hyper_rate=[4.0, 2.0]),
    "log-normal": LogNormalScale(shape=2.5, median=[0.7, 1.5], sigma=0.6),
}
WEIGHTS = {"fixed": Dirichlet([0.7, 2.5]), "learned": GammaConcentration(3.0, rate=4.0)}
K, D, N_ROWS = 2, 2, 6


def stream(seed):
    return np.array([seed], dtype=np.uint64)


def small_posterior(family, means, covariances, weights="fixed"):
    """A few rows, so that the priors matter, and a concentration below one."""
    X = np.random.default_rng(0).normal(size=(N_ROWS, D))
    priors = Priors(WEIGHTS[weights], MEANS[means], COVARIANCES[covariances])
    resolved = resolve(priors, X, K, family)
    return LogPosterior(Problem(X, family, priors=resolved), K)


def from_the_prior(posterior, rng):
    """Coordinates of a draw from the prior, by SciPy's distributions."""
    sizes, numbers = posterior.sizes, posterior.numbers
    concentration, rest = numbers[:K], numbers[K:]
    loc, spread, dof = rest[:D], rest[D : 2 * D], rest[2 * D]
    scatter = rest[2 * D + 1 : 2 * D + 1 + D * D].reshape(D, D)
    hyper = rest[2 * D + 1 + D * D :]
    n_hyper = sizes.n_hyper
    if n_hyper and hyper[1]:
        beta = np.exp(
            hyper[2 + n_hyper : 2 + 2 * n_hyper] + rng.normal(size=n_hyper) / np.sqrt(hyper[1])
        )
    else:
        beta = rng.gamma(hyper[0], 1.0 / hyper[2 : 2 + n_hyper]) if n_hyper else np.empty(0)
    if sizes.is_triangular:
        if n_hyper:
            scatter = 2.0 * np.diag(beta)
        shape = np.atleast_3d(stats.invwishart(dof, scatter).rvs(sizes.n_factors, rng))
        full = np.broadcast_to(shape.reshape(-1, D, D), (K, D, D))
        factors = np.linalg.inv(np.linalg.cholesky(full))[: sizes.n_factors]
        coordinates = [
            np.r_[np.log(np.diag(factor)), factor[np.tril_indices(D, -1)]] for factor in factors
        ]
    else:
        rate = beta if n_hyper else scatter[0] / 2.0
        n = 1 if sizes.is_isotropic else D
        variances = rate[:n] / rng.gamma(dof / 2.0, size=(K, n))
        coordinates = [-0.5 * np.log(variances).ravel()]
        full = np.stack([np.diag(np.broadcast_to(v, D)) for v in variances])
    if sizes.is_conjugate:
        root = np.linalg.cholesky(full / spread[0])
        means = loc + np.einsum("kij,kj->ki", root, rng.normal(size=(K, D)))
    else:
        means = loc + spread * rng.normal(size=(K, D))
    learned = np.empty(0)
    if sizes.n_concentrations:
        learned = rng.gamma(numbers[-2], 1.0 / numbers[-1:])
        concentration = np.repeat(learned, K)
    log_weights = np.log(rng.gamma(concentration + 1.0)) + np.log(rng.random(K)) / concentration
    log_odds = log_weights[:-1] - log_weights[-1]
    return np.concatenate([log_odds, means.ravel(), *coordinates, np.log(beta), np.log(learned)])


def rows_given(posterior, thetas, rng):
    """Data (chain, row, feature) for each of many thetas, in standardised units."""
    mixture, _ = posterior.unpack(thetas)
    scale = posterior.problem.scale
    labels = rng.random((len(thetas), N_ROWS, 1)) > np.cumsum(mixture.weights, axis=-1)[:, None]
    labels = labels[..., : K - 1].sum(axis=-1)
    chosen = np.arange(len(thetas))[:, None], labels
    roots = np.linalg.cholesky(mixture.covariances)[chosen] / scale[:, None]
    means = (mixture.means[chosen] - posterior.problem.centre_and_covariance[0]) / scale
    return means + np.einsum("cnij,cnj->cni", roots, rng.normal(size=means.shape))


def joint_distribution_scores(posterior, n_chains, n_sweeps, seed):
    """How far sweeps move the mean of many functions of theta, in standard errors.

    Chains start at draws from the prior; data given theta and theta given data by a sweep, in turn,
    leave the joint distribution as it is (Geweke, 2004, doi:10.1198/016214504000001132). The chains
    are independent of each other, so the errors are plain.
    """
    rng = np.random.default_rng(seed)
    thetas = np.array([from_the_prior(posterior, rng) for _ in range(n_chains)])
    order = np.sort(thetas, axis=0)
    sizes = np.asarray(posterior.sizes, dtype=np.int64)
    streams = rng.integers(2**64, size=(n_chains, 1), dtype=np.uint64)

    def functions(thetas):
        # Ranks among the prior draws, so that no tail is too heavy: means, spreads, dependences.
        ranks = [np.searchsorted(o, t) for o, t in zip(order.T, thetas.T, strict=True)]
        u = np.array(ranks).T / n_chains - 0.5
        i, j = np.tril_indices(u.shape[1])
        return np.hstack([u, u[:, i] * u[:, j]])

    before, total = functions(thetas), 0.0
    for _ in range(n_sweeps):
        X = rows_given(posterior, thetas, rng)
        for c in range(n_chains):
            sweep(thetas[c], X[c], sizes, posterior.numbers, streams[c])
        total = total + functions(thetas)
    moved = total / n_sweeps - before
    return moved.mean(axis=0) / (moved.std(axis=0, ddof=1) / np.sqrt(n_chains))


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
    scores = joint_distribution_scores(posterior, n_chains=300, n_sweeps=20, seed=1)
    assert np.abs(scores).max() < 4.5


@pytest.mark.slow
@pytest.mark.parametrize("covariances", COVARIANCES)
@pytest.mark.parametrize(("means", "weights"), list(zip(MEANS, WEIGHTS, strict=True)))
def test_sweeps_of_every_model_leave_the_joint_distribution_alone(
    family, means, covariances, weights
):
    posterior = small_posterior(family, means, covariances, weights)
    scores = joint_distribution_scores(posterior, n_chains=1500, n_sweeps=30, seed=2)
    assert np.abs(scores).max() < 4.5


@pytest.mark.parametrize(
    ("means", "covariances", "weights"),
    [("conjugate", "hierarchical", "fixed"), ("independent", "fixed", "learned")],
)
def test_log_density_is_that_of_the_draws(family, means, covariances, weights):
    posterior = small_posterior(family, means, covariances, weights)
    theta = from_the_prior(posterior, np.random.default_rng(0))
    sizes = np.asarray(posterior.sizes, dtype=np.int64)
    draws, found = np.empty((5, len(theta))), np.empty(5)
    run(theta, posterior.rows, sizes, posterior.numbers, stream(1), 1, draws, found)
    expected = [posterior.value_and_gradient(draw)[0] for draw in draws]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_thinned_chain_is_every_second_state_of_the_other():
    posterior = small_posterior("full", "independent", "hierarchical")
    sizes = np.asarray(posterior.sizes, dtype=np.int64)
    start = from_the_prior(posterior, np.random.default_rng(0))
    found = {}
    for thin, n in ((1, 10), (2, 5)):
        found[thin] = np.empty((n, len(start)))
        theta, log_density = start.copy(), np.empty(n)
        run(theta, posterior.rows, sizes, posterior.numbers, stream(3), thin, found[thin],
            log_density)  # fmt: skip
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
    assert set(fit.posterior_["sample_stats"].data_vars) == {"lp"}
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
