"""Moves that merge two components and split a third, and climbs by them."""

import numpy as np
import oracle
import pytest

from bayesgmm.core.mixture import Mixture
from bayesgmm.core.statistics import moments
from bayesgmm.em import race as race_module
from bayesgmm.em import split_merge
from bayesgmm.em.clusterings import Rows, one_hot
from bayesgmm.em.loop import run_accelerated
from bayesgmm.em.problem import Problem
from bayesgmm.em.race import climb, heats, race
from bayesgmm.em.split_merge import apply_moves, find_moves
from bayesgmm.em.starts import from_responsibilities, proposals
from bayesgmm.priors import Priors, resolve

CENTRES = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])


def stuck(family, n=800, weights=None):
    """Two components in one cluster, and one across two others: EM alone stays there."""
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=n)
    X = CENTRES[labels] + rng.normal(size=(n, 2))
    problem = Problem(X, family, weights)
    wrong = np.select([labels == 3, labels == 2, X[:, 0] > CENTRES[labels][:, 0]], [3, 3, 1], 0)
    wrong[labels == 1] = 2
    return problem, run_accelerated(
        problem, from_responsibilities(Rows(problem), one_hot(wrong, 4)), 500
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_the_move_that_is_needed_comes_first(family, weighted):
    weights = np.random.default_rng(1).uniform(0.5, 2.0, size=800) if weighted else None
    problem, run = stuck(family, weights=weights)
    move = find_moves(problem, run.mixture, np.random.default_rng(0))[0]
    assert set(move.components[:2]) == {0, 1}
    assert move.components[2] == 3
    assert move.gain > 0.0
    better = climb(problem, run, np.random.default_rng(0), problem)
    ends = better.mixture.means
    assert {tuple(centre) for centre in CENTRES} == {
        tuple(CENTRES[np.argmin(np.sum((CENTRES - mean) ** 2, axis=1))]) for mean in ends
    }
    assert better.objective > run.objective + move.gain


@pytest.mark.parametrize("kind", ["diag", "full"])
def test_a_feature_that_varies_in_no_component_is_no_trouble(kind):
    """As under priors, which give such a component a width all the same."""
    labels = np.repeat([0, 1, 2], 30)
    X = np.column_stack([np.random.default_rng(0).normal(size=90), 50.0 * labels])
    priors = resolve(Priors(), X, 3, kind)
    problem = Problem(X, kind, priors=priors.for_em())
    means = np.array([[0.0, 0.0], [0.0, 50.0], [0.0, 100.0]])
    whitening = np.ones((3, 2)) if kind == "diag" else np.tile(np.eye(2), (3, 1, 1))
    run = run_accelerated(problem, Mixture(np.full(3, 1 / 3), means, whitening, kind), 0)
    assert climb(problem, run, np.random.default_rng(0), problem).objective >= run.objective


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_gains_are_lower_bounds(kind, monkeypatch):
    """With every row looked at, one move gains at least what was foreseen."""
    monkeypatch.setattr(split_merge, "LEAST_SHARE", 0.0)
    rng = np.random.default_rng(3)
    mixture = oracle.random_mixture(kind, 5, 2, rng, separation=1.5)
    problem = Problem(oracle.random_data(mixture, 600), kind)
    start = next(proposals(problem, 5, "random_from_data", rng))
    at = run_accelerated(problem, start, 500).mixture
    before = problem.expectation(at).log_likelihood
    moves = find_moves(problem, at, rng)
    assert len(moves) > 5
    assert np.all(np.diff([move.gain for move in moves]) <= 0)
    for move in moves:
        after = problem.expectation(apply_moves(at, [move])).log_likelihood
        assert after - before >= move.gain - 1e-6 * abs(before)


def test_mergers_of_every_pair_are_bounds_on_the_merged_likelihood(family, monkeypatch):
    """Against the likelihood of K - 1 components, by SciPy."""
    monkeypatch.setattr(split_merge, "PAIRS", 100)
    rng = np.random.default_rng(4)
    mixture = oracle.random_mixture(family, 4, 2, rng)
    X = oracle.random_data(mixture, 400)
    problem = Problem(X, family)
    at = run_accelerated(problem, mixture, 500).mixture
    found = moments(problem.expectation(at), at)
    before = oracle.log_likelihood(X, at)
    mergers = split_merge._mergers(problem, at, at.responsibilities(X))
    assert sorted(merger.pair for merger in mergers) == [
        (i, j) for i in range(4) for j in range(i + 1, 4)
    ]
    for merger in mergers:
        rest = [k for k in range(4) if k not in merger.pair]
        whitening = at.whitening
        if not at.family.shared:
            whitening = np.concatenate([at.whitening[rest], merger.whole.whitening])
        weights = np.append(found.counts[rest] / problem.n, merger.whole.weights)
        means = np.concatenate([at.means[rest], merger.whole.means])
        merged = Mixture(weights, means, whitening, family)
        assert oracle.log_likelihood(X, merged) - before >= merger.gain - 1e-6 * abs(before)


def test_two_components_have_no_moves():
    problem = Problem(np.random.default_rng(0).normal(size=(100, 2)), "full")
    mixture = next(proposals(problem, 2, "kmeans", np.random.default_rng(0)))
    assert find_moves(problem, mixture, np.random.default_rng(0)) == []


def test_moves_survive_components_without_rows(family):
    problem, run = stuck(family)
    empty = run.mixture.weights.copy()
    empty[0], empty[1] = 0.0, empty[0] + empty[1]
    mixture = Mixture(empty, run.mixture.means, run.mixture.whitening, family)
    moves = find_moves(problem, mixture, np.random.default_rng(0))
    assert np.all(np.isfinite([move.gain for move in moves]))


def test_a_climb_never_falls_and_stays_where_nothing_helps(family):
    problem, run = stuck(family)
    top = climb(problem, run, np.random.default_rng(0), problem)
    again = climb(problem, top, np.random.default_rng(1), problem)
    assert again is top


def test_heats_pass_over_starts_that_collapse():
    rng = np.random.default_rng(2)
    X = np.r_[rng.normal(size=(60, 2)), 1e-7 * rng.normal(size=(3, 2)) + 3.0]
    problem = Problem(X, "full")
    spike = from_responsibilities(Rows(problem), one_hot(np.repeat([0, 1], [60, 3]), 2))
    sound = from_responsibilities(Rows(problem), one_hot((X[:, 0] > 0).astype(int), 2))
    leaders, reserves = heats(problem, [spike] * 9 + [sound])
    assert leaders[0].mixture.weights.min() > 0.1
    assert len(leaders) + len(reserves) == race_module.HEATS[0][1]


def many(n=3_000, k=12, seed=0):
    rng = np.random.default_rng(seed)
    centres = 6.0 * np.stack(np.meshgrid(range(4), range(3)), axis=-1).reshape(-1, 2)[:k]
    return centres[rng.integers(k, size=n)] + rng.normal(size=(n, 2))


def test_a_race_finds_every_one_of_many_clusters():
    X = many()
    problem = Problem(X, "full")
    for seed in range(2):
        rng = np.random.default_rng(seed)
        finalists = race(problem, lambda small, r=rng: proposals(small, 12, "mixed", r), rng, True)
        nearest = np.round(finalists.ends[0][0].means / 6.0)
        assert len({tuple(place) for place in nearest}) == 12
        n_finalists = sum(n for _, n in finalists.ends)
        assert finalists.n_outrun + n_finalists == race_module.N_RACERS


def test_a_race_on_few_rows_ends_on_all(monkeypatch):
    """Fewer rows race, more climb, and what comes out is near the optimum on all."""
    monkeypatch.setattr(race_module, "RACE_ROWS", 1_500)
    monkeypatch.setattr(race_module, "CLIMB_ROWS", 2_500)
    problem = Problem(many(), "full")
    rng = np.random.default_rng(0)
    finalists = race(problem, lambda small: proposals(small, 12, "mixed", rng), rng, True)
    value = problem.expectation(finalists.ends[0][0]).log_likelihood
    best = run_accelerated(problem, finalists.ends[0][0], 500)
    assert best.objective - value < 0.02 * problem.n
    assert best.n_passes < 40


def test_starts_that_all_fail_are_handed_on():
    """The error is for the run on all rows to raise."""
    X = np.zeros((50, 2))
    X[:, 0] = np.arange(50)
    problem = Problem(X, "full", reg_covar=0.0)
    good = Problem(X + np.random.default_rng(0).normal(size=X.shape), "full")
    start = next(proposals(good, 3, "kmeans", np.random.default_rng(0)))
    finalists = race(problem, lambda _: iter([start] * 4), np.random.default_rng(0), True)
    assert [end[0] for end in finalists.ends] == [start]
    assert finalists.n_outrun == 3
