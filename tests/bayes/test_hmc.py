"""Hamiltonian moves and sweeps in turn: they leave the posterior alone, and fit its shape."""

from itertools import product

import numpy as np
import pytest
from joint_distribution import (
    addresses,
    from_the_prior,
    joint_distribution_scores,
    small_posterior,
    stream,
)
from posterior_problems import draw, posterior_of

from bayesgmm import load_dataset
from bayesgmm.bayes import cycling, hmc, raw_draws
from bayesgmm.bayes.cycles import run
from bayesgmm.bayes.cycling import Cycling
from bayesgmm.bayes.modes import Mode, proposal_of
from bayesgmm.core import threads
from bayesgmm.priors import LKJ, Priors


def outputs(n, n_coordinates):
    return np.empty((n, n_coordinates)), *np.empty((3, n))


def moving(posterior, n_moves, sweep_every, thin):
    """A step of that cycle, in the shape of the prior: it must have nothing to do with the data."""
    rng = np.random.default_rng(7)
    prior = np.array([from_the_prior(posterior, rng) for _ in range(500)])
    origin, basis = prior.mean(axis=0), 0.3 * np.linalg.cholesky(np.cov(prior, rowvar=False))
    frame, n = (origin, basis, np.linalg.inv(basis)), len(origin)
    taken = []

    def step(theta, X, sizes, numbers, stream):
        out = outputs(1, n)
        counts = n_moves, sweep_every, thin, 1
        run(addresses(posterior), theta, *frame, X, sizes, numbers, stream, *counts, *out)
        taken.append(out[2][0])

    return step, taken


@pytest.mark.parametrize(
    ("family", "means", "covariances", "weights"),
    [("full", "independent", "fixed", "learned"), ("diag", "conjugate", "hierarchical", "fixed")],
)
@pytest.mark.parametrize(("sweep_every", "thin"), [(1, 1), (1000, 10)])
def test_cycles_leave_the_joint_distribution_alone(
    family, means, covariances, weights, sweep_every, thin
):
    posterior = small_posterior(family, means, covariances, weights)
    step, taken = moving(posterior, 2, sweep_every, thin)
    scores = joint_distribution_scores(posterior, step, n_chains=300, n_steps=20, seed=1)
    assert np.mean(taken) > 0.05  # else the moves do nothing that could be wrong
    assert np.abs(scores).max() < 4.5


def cycling_at(mode, sweep_every, **steps):
    proposal = proposal_of([mode])
    return Cycling(
        mode.posterior, mode, "", False, sweep_every=sweep_every, proposal=proposal, **steps
    )


@pytest.mark.parametrize("kind", ["default", "learned twice"])
def test_log_density_is_that_of_the_draws(family, kind):
    posterior = posterior_of(family, kind, k=2)
    mode = Mode(*posterior.centre(np.zeros(posterior.sizes.n_coordinates), 20), posterior)
    for sweep_every, kind_of_step in product((1, 3), ("n_moves", "n_jumps")):
        cycle = cycling_at(mode, sweep_every, **{kind_of_step: 2})
        raw = cycle.sample(np.tile(mode.place, (2, 1)), draws=7, seed=0)
        expected = [posterior.value_and_gradient(theta)[0] for theta in raw.draws.reshape(14, -1)]
        np.testing.assert_allclose(raw.sample_stats["lp"].ravel(), expected, rtol=1e-10)
        assert np.all(raw.sample_stats["acceptance_rate"] >= 0.0)
        assert np.all(raw.sample_stats["acceptance_rate"] <= 1.0)


@pytest.mark.parametrize("kind_of_step", ["n_moves", "n_jumps"])
def test_thinned_chain_is_every_second_state_of_the_other(kind_of_step):
    posterior = posterior_of("full", "default", k=2)
    mode = Mode(*posterior.centre(np.zeros(posterior.sizes.n_coordinates), 20), posterior)
    cycle = cycling_at(mode, 3, **{kind_of_step: 2})
    starts = np.tile(mode.place, (2, 1))
    every = cycle.sample(starts, draws=12, seed=3)
    second = cycle.sample(starts, draws=6, seed=3, thin=2)
    np.testing.assert_array_equal(second.draws, every.draws[:, 1::2])


@pytest.fixture(scope="module")
def faithful():
    return np.asarray(load_dataset("faithful"), dtype=float)


def cycles(monkeypatch):
    """Moves, jumps and cycles to a sweep of the runs to come."""
    made = []

    class Noted(Cycling):
        def sample(self, *arguments, **options):
            made.append((self.n_moves, self.n_jumps, self.sweep_every))
            return super().sample(*arguments, **options)

    monkeypatch.setattr(hmc, "Cycling", Noted)
    return made


def test_near_a_normal_posterior_jumps_are_chosen(faithful, monkeypatch):
    made = cycles(monkeypatch)
    drawn = draw(faithful, 2, "full", Priors(), draws=300, sampler="auto")
    assert drawn.sampler == "hmc"
    assert made == [(0, 1, 1), (0, 2, 10)]


def test_far_from_one_neither_jumps_nor_moves_are(faithful, monkeypatch):
    made = cycles(monkeypatch)
    draw(faithful, 3, "full", Priors(), draws=300, sampler="auto")
    assert made[:2] == [(0, 1, 1), (2, 0, 1)]
    assert set(made[2:]) == {(0, 0, 1)}


def test_the_tails_of_a_component_of_few_rows_are_not_jumped_into(monkeypatch):
    """Six rows, or seven: their prior has heavier tails than a normal, and chains would stick."""
    rng = np.random.default_rng(1)
    X = np.r_[rng.normal(size=(150, 1)), 0.7 * rng.normal(size=(6, 1)) + 5.0]
    made = cycles(monkeypatch)
    draw(X, 2, "spherical", Priors(), draws=100, sampler="hmc")
    assert all(n_jumps == 0 for _, n_jumps, _ in made)


@pytest.mark.parametrize(
    ("jumps", "moves", "chosen"),
    [(0.6, 0.0, (0, 4, 1)), (0.3, 0.8, (3, 0, 10)), (0.3, 0.5, (2, 0, 1))],
)
def test_the_shares_taken_decide(jumps, moves, chosen, faithful, monkeypatch):
    made, shares = cycles(monkeypatch), iter((jumps, moves))
    monkeypatch.setattr(hmc, "_least_taken", lambda raw: next(shares))
    draw(faithful, 2, "full", Priors(), draws=300, sampler="hmc")
    assert set(made[1 if jumps > 0.5 else 2 :]) == {chosen}


def test_the_chain_that_takes_fewest_decides(faithful, monkeypatch):
    made = cycles(monkeypatch)
    sample = hmc.Cycling.sample

    def one_stays(self, *arguments, **options):
        raw = sample(self, *arguments, **options)
        if len(made) <= 2:
            raw.sample_stats["acceptance_rate"][1] = 0.1
        return raw

    monkeypatch.setattr(hmc.Cycling, "sample", one_stays)
    draw(faithful, 2, "full", Priors(), draws=100, sampler="hmc")
    assert set(made[2:]) == {(0, 0, 1)}


def test_chains_that_do_not_mix_are_run_longer_twice_at_most(faithful, monkeypatch):
    lengths = []

    class Noted(Cycling):
        def sample(self, *arguments, thin=1, **options):
            lengths.append(thin)
            return super().sample(*arguments, thin=1, **options)

    monkeypatch.setattr(hmc, "Cycling", Noted)
    monkeypatch.setattr(cycling, "should_run_longer", lambda *_: True)
    draw(faithful, 2, "full", Priors(), draws=20, sampler="hmc")
    assert lengths == [1, 1, 10, 100]


def test_draws_count_once_their_densities_are_there(monkeypatch):
    """What is kept meanwhile, draw by draw, has the densities that it has at the end."""
    posterior = posterior_of("full", "default", k=2, n=20_000)
    mode = Mode(*posterior.centre(np.zeros(posterior.sizes.n_coordinates), 20), posterior)
    kept = []

    def keep(raw):
        kept.append((raw.counts.copy(), raw.sample_stats["lp"].copy()))

    monkeypatch.setattr(raw_draws, "KEEP_EVERY", 0.001)
    for steps in ({}, {"n_moves": 2}, {"n_jumps": 2}):
        cycle = cycling_at(mode, 1, **steps)
        raw = cycle.sample(np.tile(mode.place, (2, 1)), draws=200, seed=0, keep=keep)
        assert kept
        for counts, lp in kept:
            for c, n in enumerate(counts):
                np.testing.assert_array_equal(lp[c, :n], raw.sample_stats["lp"][c, :n])
        kept.clear()


def test_without_conditionals_nuts_is_the_default(faithful):
    priors = Priors(covariances=LKJ())
    assert draw(faithful, 1, "full", priors, draws=20, sampler="auto").sampler == "nuts"


def test_draws_near_a_normal_posterior_are_near_independent(faithful):
    from bayesgmm.bayes.convergence import rhat_and_ess

    drawn = draw(faithful, 2, "full", Priors(), sampler="hmc")
    parameters = drawn.draws.means.reshape(*drawn.draws.batch_shape, -1)
    _, ess = rhat_and_ess(np.sort(parameters, axis=-1))
    n = np.prod(drawn.draws.batch_shape)
    assert np.all(ess > 0.5 * n)


def test_seed_fixes_the_draws_for_any_number_of_threads(faithful):
    first = draw(faithful, 2, "full", Priors(), seed=3, draws=50, sampler="hmc")
    other = draw(faithful, 2, "full", Priors(), seed=4, draws=50, sampler="hmc")
    assert not np.array_equal(first.draws.means, other.draws.means)
    with threads.limit(1):
        second = draw(faithful, 2, "full", Priors(), seed=3, draws=50, sampler="hmc")
    np.testing.assert_array_equal(first.draws.means, second.draws.means)
    np.testing.assert_array_equal(first.sample_stats["lp"], second.sample_stats["lp"])


def test_an_interrupt_of_the_first_cycles_is_passed_on(faithful, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cycling, "run_in_threads", interrupted)
    with pytest.raises(KeyboardInterrupt):
        draw(faithful, 2, "full", Priors(), draws=50, sampler="hmc")


def test_a_place_without_density_is_not_moved_to():
    """A step so long that exponentials overflow: the chain stays, with finite numbers."""
    posterior = posterior_of("full", "default", k=2)
    n = posterior.sizes.n_coordinates
    place, _ = posterior.centre(np.zeros(n), 20)
    basis, theta = 1e3 * np.eye(n), place.copy()
    out = outputs(5, n)
    frame = (place, basis, np.linalg.inv(basis))
    run(addresses(posterior), theta, *frame, *posterior.arguments, stream(0), 2, 10**6, 1, 1, *out)
    draws, _, taken, _ = out
    np.testing.assert_array_equal(draws, np.tile(place, (5, 1)))
    assert np.all(taken == 0.0)
