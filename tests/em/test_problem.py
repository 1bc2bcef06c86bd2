"""One step of EM, and where steps lead: never down, and to the mode."""

from dataclasses import replace

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from bayesgmm.core.statistics import moments
from bayesgmm.em.loop import run_accelerated, run_plain
from bayesgmm.em.problem import Problem
from bayesgmm.em.starts import proposals
from bayesgmm.priors import (
    ConjugateMeans,
    Dirichlet,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    Priors,
    resolve,
)

KINDS = {
    "none": None,
    "default": Priors(),
    "conjugate": Priors.conjugate(strength=0.5),
    "hierarchical": Priors.richardson_green(),
    "hierarchical conjugate": Priors(means=ConjugateMeans(strength=2.0), covariances=GammaScale()),
    "log-normal scale": Priors(covariances=LogNormalScale(sigma=0.7)),
    "strong": Priors(weights=Dirichlet(4.0), covariances=InverseWishart(dof=30.0)),
}
families = st.sampled_from(oracle.FAMILIES)


def problem_of(X, family, kind, k, sample_weight=None, reg_covar=None):
    priors = KINDS[kind]
    resolved = None if priors is None else resolve(priors, X, k, family, sample_weight)
    return Problem(X, family, sample_weight, resolved, reg_covar)


def random_problem(seed, n, d, k, family, kind, weighted):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(k, d))[rng.integers(k, size=n)] * 3 + rng.normal(size=(n, d))
    weight = rng.uniform(0.1, 3.0, size=n) if weighted else None
    problem = problem_of(X, family, kind, k, weight)
    return problem, next(proposals(problem, k, "random_from_data", rng))


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(20, 120),
    d=st.integers(1, 4),
    k=st.integers(1, 4),
    family=families,
    kind=st.sampled_from(sorted(KINDS)),
    weighted=st.booleans(),
)
def test_no_step_lowers_the_objective(seed, n, d, k, family, kind, weighted):
    problem, mixture = random_problem(seed, n, d, k, family, kind, weighted)
    values = []
    for _ in range(15):
        statistics = problem.expectation(mixture)
        values.append(problem.objective(statistics, mixture))
        try:
            mixture = problem.maximisation(statistics, mixture)
        except np.linalg.LinAlgError:
            break  # a spike of the unbounded likelihood
    slack = 1e-7 * problem.n if kind == "none" else 1e-9 * problem.n
    assert np.all(np.diff(values) > -slack - 1e-12 * np.abs(values[:-1]))


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(20, 150),
    d=st.integers(1, 3),
    k=st.integers(1, 4),
    family=families,
    kind=st.sampled_from(sorted(KINDS)),
)
def test_accelerated_runs_never_fall_and_end_at_a_fixed_point(seed, n, d, k, family, kind):
    problem, start = random_problem(seed, n, d, k, family, kind, weighted=False)
    try:
        run = run_accelerated(problem, start, 3000)
    except np.linalg.LinAlgError:
        return
    history = np.array(run.history)
    assert np.all(np.diff(history) >= -1e-9 * np.abs(history[:-1]))
    statistics = problem.expectation(run.mixture)
    assert run.objective == pytest.approx(problem.objective(statistics, run.mixture), rel=1e-12)
    assert run.log_likelihood == pytest.approx(statistics.log_likelihood, rel=1e-12)
    if run.converged:
        further = run_plain(problem, run.mixture, 50, 0.0)
        assert further.objective - run.objective < 2e-7 * problem.n


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(20, 200),
    d=st.integers(1, 4),
    k=st.integers(1, 5),
    family=families,
    kind=st.sampled_from(sorted(KINDS)),
    weighted=st.booleans(),
    max_passes=st.integers(1, 400),
)
def test_what_is_kept_is_never_below_what_was_seen(
    seed, n, d, k, family, kind, weighted, max_passes
):
    """Without a ridge, which is no part of the likelihood, only rounding may be lost.

    ``history`` tells the best so far; so the objective of every mixture that a run stands on is
    looked at here, and that of the last one.
    """
    problem, start = random_problem(seed, n, d, k, family, kind, weighted)
    problem = replace(problem, reg_covar=0.0)
    told = []
    try:
        run = run_accelerated(problem, start, max_passes, lambda _, value: told.append(value))
    except np.linalg.LinAlgError:
        return
    history = np.array(run.history)
    rounding = 1e-11 * (np.abs(history).max() + problem.n)
    assert run.n_passes <= max_passes
    assert np.all(np.diff(history) >= -rounding)
    assert run.objective >= history.max() - rounding
    np.testing.assert_array_equal(np.array(told), history / problem.n)
    at_end = problem.expectation(run.mixture)
    assert problem.objective(at_end, run.mixture) == pytest.approx(run.objective, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_converged_run_is_at_the_mode_that_an_optimiser_finds(family, kind):
    """ECM against BFGS on oracle densities."""
    k, d = 2, 2
    rng = np.random.default_rng(3)
    X = np.r_[rng.normal(size=(60, d)), rng.normal(size=(40, d)) * 0.6 + [2.5, 1.5]]
    problem = problem_of(X, family, kind, k, reg_covar=0.0)
    start = next(proposals(problem, k, "kmeans", np.random.default_rng(0)))
    run = run_accelerated(problem, start, 5000)
    assert run.converged
    free = oracle.Parameters(family, k, d)

    def loss(vector):
        mixture = free.unpack(vector)
        value = oracle.log_likelihood(X, mixture)
        if problem.priors is not None:
            native = mixture.native_covariances
            value += problem.priors.log_density(
                mixture.weights, mixture.means, native, problem.hyper(mixture)
            )
        return -value

    assert -loss(free.pack(run.mixture)) == pytest.approx(run.objective, rel=1e-12)
    # an optimiser that starts beside it comes back
    aside = free.pack(run.mixture) + 0.03 * np.random.default_rng(1).normal(
        size=free.pack(run.mixture).shape
    )
    optimum = minimize(loss, aside, method="BFGS", options={"gtol": 1e-4})
    assert -optimum.fun == pytest.approx(run.objective, abs=2e-6)
    np.testing.assert_allclose(free.pack(run.mixture), optimum.x, atol=3e-3)


@pytest.mark.parametrize(
    "priors",
    [
        Priors.richardson_green(),
        *(Priors(covariances=LogNormalScale(1.5, m, s)) for m in (1e-9, 1e9) for s in (0.1, 9.0)),
    ],
)
def test_hyperparameter_of_the_mode_maximises_the_density_too(family, priors):
    rng = np.random.default_rng(3)
    X = np.r_[rng.normal(size=(60, 2)), rng.normal(size=(40, 2)) + 3]
    problem = Problem(X, family, priors=resolve(priors, X, 2, family))
    mixture = oracle.random_mixture(family, 2, 2, rng)
    hyper = problem.hyper(mixture)

    def density(log_hyper):
        return problem.priors.log_density(
            mixture.weights,
            mixture.means,
            mixture.native_covariances,
            np.exp(log_hyper).reshape(np.shape(hyper)),
        )

    at = np.log(np.atleast_1d(hyper))
    # The mode of the density of hyper itself, not of its logarithm.
    slope = oracle.gradient(density, at)
    np.testing.assert_allclose(slope, 0.0, atol=1e-4)


def test_a_mode_next_to_zero_is_a_number():
    X = np.random.default_rng(3).normal(size=(50, 1))
    priors = resolve(Priors(covariances=LogNormalScale(0.1, sigma=100.0)), X, 1, "full")
    mixture = oracle.random_mixture("full", 1, 1, np.random.default_rng(4))
    hyper = Problem(X, "full", priors=priors).hyper(mixture)
    assert 0.0 < hyper[0] < 1e-200


def test_m_step_is_that_of_weighted_moments(family, rng):
    k, d = 3, 2
    mixture = oracle.random_mixture(family, k, d, rng)
    X = oracle.random_data(mixture, 250)
    weight = rng.uniform(0.2, 2.0, size=250)
    problem = problem_of(X, family, "none", k, weight, reg_covar=0.0)
    found = problem.maximisation(problem.expectation(mixture), mixture)
    joint = oracle.log_joint(X, mixture.weights, mixture.means, mixture.covariances)
    r = np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None]) * weight[:, None]
    np.testing.assert_allclose(found.weights, r.sum(0) / weight.sum(), rtol=1e-10)
    means = (r.T @ X) / r.sum(0)[:, None]
    np.testing.assert_allclose(found.means, means, rtol=1e-9)
    offsets = X[:, None] - means
    scatter = np.einsum("nk,nki,nkj->kij", r, offsets, offsets)
    full = {
        "full": scatter / r.sum(0)[:, None, None],
        "tied": np.broadcast_to(scatter.sum(0) / weight.sum(), (k, d, d)),
        "diag": scatter * np.eye(d) / r.sum(0)[:, None, None],
        "spherical": np.trace(scatter, axis1=1, axis2=2)[:, None, None]
        * np.eye(d)
        / (d * r.sum(0))[:, None, None],
    }[family]
    np.testing.assert_allclose(found.covariances, full, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(moments(problem.expectation(mixture), mixture).means, means)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 8, 13])
def test_passes_are_counted_and_limited(limit):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 2))
    problem = Problem(X, "full")
    start = next(proposals(problem, 3, "random", rng))
    first = problem.objective(problem.expectation(start), start)
    run = run_accelerated(problem, start, limit)
    assert run.n_passes == limit
    assert not run.converged
    assert run.objective > first
    assert run_plain(problem, start, limit, 0.0).n_passes == limit


def test_one_component_arrives_at_once(family, faithful):
    problem = Problem(faithful.to_numpy(float), family)
    start = next(proposals(problem, 1, "random", np.random.default_rng(0)))
    run = run_accelerated(problem, start, 2000)
    assert run.converged
    assert run.n_passes <= 6
    X = faithful.to_numpy()
    np.testing.assert_allclose(run.mixture.means[0], X.mean(0), rtol=1e-10)


def test_slow_convergence_is_not_taken_for_arrival():
    """Two overlapping components: EM gains little a step for long, and plain EM stops early."""
    rng = np.random.default_rng(5)
    X = np.r_[rng.normal(size=(200, 1)), rng.normal(size=(200, 1)) + 1.8]
    problem = Problem(X, "full")
    start = next(proposals(problem, 2, "kmeans", np.random.default_rng(1)))
    plain = run_plain(problem, start, 10_000, 1e-6)
    ours = run_accelerated(problem, start, 10_000)
    exact = run_plain(problem, ours.mixture, 4_000, 0.0)
    assert ours.converged
    assert exact.objective - ours.objective < 1e-9 * len(X)
    assert exact.objective - plain.objective > 1e-3
    assert ours.n_passes < plain.n_passes


SLOW = {
    "two that overlap": (1, 2, "full", 1.8),
    "two that nearly coincide": (1, 2, "full", 0.8),
    "one too many": (2, 3, "full", 3.0),
    "tied": (2, 2, "tied", 1.0),
    "diag": (3, 3, "diag", 1.5),
    "spherical": (2, 3, "spherical", 1.2),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", SLOW)
@pytest.mark.parametrize("seed", range(3))
def test_fits_are_as_good_as_fifty_thousand_plain_passes(case, seed):
    """Where a rule on the last step stops far too early (scikit-learn's issue 10122)."""
    d, k, family, separation = SLOW[case]
    rng = np.random.default_rng(seed)
    X = np.r_[rng.normal(size=(150, d)), rng.normal(size=(150, d)) + separation / np.sqrt(d)]
    problem = Problem(X, family)
    start = next(proposals(problem, k, "kmeans", rng))
    run = run_accelerated(problem, start, 50_000)
    assert run.converged
    limit = run_plain(problem, start, 50_000, 0.0)
    assert limit.objective - run.objective < 1e-6 * problem.n
    from_there = run_plain(problem, run.mixture, 5_000, 0.0)
    assert from_there.objective - run.objective < 1e-6 * problem.n


def test_first_step_after_an_extrapolation_does_not_hide_the_slow_directions():
    """With the last rate alone this run stopped 0.014 nats short of its mode."""
    problem, start = random_problem(14, 102, 5, 4, "spherical", "hierarchical", weighted=False)
    run = run_accelerated(problem, start, 20_000)
    further = run_plain(problem, run.mixture, 300, 0.0)
    assert further.objective - run.objective < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_many_random_problems_end_at_stationary_points(seed, family):
    rng = np.random.default_rng(seed)
    n, d, k = (int(rng.integers(*span)) for span in ((50, 400), (1, 6), (1, 6)))
    for kind in KINDS:
        problem, start = random_problem(seed, n, d, k, family, kind, weighted=bool(seed % 2))
        try:
            run = run_accelerated(problem, start, 20_000)
        except np.linalg.LinAlgError:
            continue
        assert run.converged
        # The default ridge is no part of the likelihood, and tells where a component is flat.
        slack = 1e-8 if kind == "none" else 1e-12
        assert np.all(np.diff(run.history) >= -slack * np.abs(run.history[:-1]))
        try:
            further = run_plain(problem, run.mixture, 200, 0.0)
        except np.linalg.LinAlgError:
            continue
        assert further.objective - run.objective < 1e-6 * problem.n
