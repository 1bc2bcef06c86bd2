"""Modes of the posterior: which there are, what they hold, and chains that jump between them."""

from itertools import permutations

import numpy as np
import pytest
from numba import njit
from posterior_problems import draw, posterior_of, random_theta, standard_errors_away
from scipy.special import betaln, gammaln, logsumexp

from bayesgmm import GaussianMixture as EM
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.modes import Mode, find_modes, proposal_of, shares
from bayesgmm.bayes.proposals import log_probability, mixture_of
from bayesgmm.bayes.visits import Visits, modes_with, visits
from bayesgmm.em.problem import Problem
from bayesgmm.priors import ConjugateMeans, Dirichlet, InverseWishart, Priors, resolve

DOF, SCATTER, STRENGTH = 4.0, 1.0, 0.05


def log_evidence(n, total, square):
    """Of n normal numbers with a sum and a sum of squares: normal-inverse-gamma prior about 0."""
    scatter = SCATTER + square - total**2 / (STRENGTH + n)
    a = DOF / 2.0
    return (
        gammaln(a + n / 2.0) - gammaln(a) + a * np.log(SCATTER / 2.0)
        - (a + n / 2.0) * np.log(scatter / 2.0)
        + 0.5 * np.log(STRENGTH / (STRENGTH + n)) - n / 2.0 * np.log(2.0 * np.pi)
    )  # fmt: skip


def three_groups():
    """Of which either the first two or the last two are taken for one cluster."""
    rng = np.random.default_rng(3)
    return np.concatenate([centre + rng.normal(size=7) for centre in (-30.0, 0.0, 31.0)])


def sum_over_labellings(x, alpha):
    """Exact means of the sum of the squared weights, and of that squared, by all 2^n labellings."""
    n = len(x)
    members = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    counts = members.sum(axis=1)
    totals, squares = members @ x, members @ x**2
    log_p = (
        betaln(alpha + counts, alpha + n - counts)
        + log_evidence(counts, totals, squares)
        + log_evidence(n - counts, x.sum() - totals, (x**2).sum() - squares)
    )
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    # Given the labels a weight is Beta(a, b); moments of w^2 + (1 - w)^2 = 1 - 2 w (1 - w).
    a, b = alpha + counts, alpha + n - counts
    c = a + b
    mixed = a * b / (c * (c + 1))
    mixed_twice = a * (a + 1) * b * (b + 1) / (c * (c + 1) * (c + 2) * (c + 3))
    first = p @ (1.0 - 2.0 * mixed)
    return first, p @ (1.0 - 4.0 * mixed + 4.0 * mixed_twice)


def groups_priors():
    return Priors(
        weights=Dirichlet(2.0),
        means=ConjugateMeans(loc=0.0, strength=STRENGTH),
        covariances=InverseWishart(dof=DOF, scale=SCATTER),
    )


def test_chains_jump_between_modes_as_often_as_the_posterior_says():
    x = three_groups()
    first, second = sum_over_labellings(x, 2.0)
    found = draw(x[:, None], 2, "full", groups_priors(), sampler="hmc", draws=2000)
    evenness = (found.draws.weights**2).sum(axis=-1)
    assert standard_errors_away(evenness, first) < 4.5
    assert standard_errors_away(evenness**2, second) < 4.5
    assert found.visits().missing == 0.0
    # Every chain has been in both: the lower group alone, and the upper one.
    upper = found.draws.means.max(axis=-2)[..., 0] > 25.0
    assert np.all(upper.any(axis=1) & ~upper.all(axis=1))


def test_densities_alike_are_two_places_where_other_rows_go_together():
    """Three overlapping groups, two components of one shape: which two groups are one?"""
    rng = np.random.default_rng(1)
    group = rng.integers(0, 3, 300)
    X = np.array([[0, 0], [2, 0], [0, 2]])[group] + rng.normal(size=(300, 2))
    found = draw(np.c_[X, group], 2, "tied", Priors(), sampler="hmc")
    second = found.draws.means[..., 2].min(axis=-1)
    apart = np.mean(second > 0.2)
    assert 0.2 < apart < 0.8
    assert sorted(found.visits().places) == pytest.approx(sorted([apart, 1 - apart]), abs=0.08)


def test_draws_of_one_cluster_are_at_one_place():
    X = np.random.default_rng(3).normal(size=(60, 3))
    found = draw(X, 5, "full", Priors(), sampler="hmc", draws=300)
    assert found.visits() == Visits(0.0, (1.0,))


@pytest.mark.parametrize("sampler", ["hmc", "laplace", pytest.param("smc", marks=pytest.mark.slow)])
def test_under_an_uneven_prior_each_labelling_counts(sampler):
    """Clusters far apart, so the labelling is one of two, with weights that are beta given it."""
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(12, 1)), rng.normal(size=(28, 1)) + 100.0]
    alpha = np.array([2.0, 6.0])
    found = draw(X, 2, "diag", Priors(weights=Dirichlet(alpha)), sampler=sampler).draws
    log_p = [betaln(12 + a, 28 + b) for a, b in (alpha, alpha[::-1])]
    p = np.exp(log_p - np.logaddexp(*log_p))
    left = np.take_along_axis(found.weights, found.means[..., 0].argmin(-1)[..., None], -1)[..., 0]
    assert standard_errors_away(left, p @ ((12 + alpha) / 48)) < 4.5
    first = found.means[..., 0, 0] < 50.0
    assert standard_errors_away(first.astype(float), p[0]) < 4.5


def test_under_an_uneven_prior_all_clusterings_count_under_all_names():
    """Five groups far apart and four components: which two are one?"""
    rng = np.random.default_rng(3)
    groups = [centre + rng.normal(size=25) for centre in (-60, -30, 0, 30, 60.2)]
    alone, together = np.empty(5), np.empty(4)
    for i, group in enumerate(groups):
        alone[i] = log_evidence(25, group.sum(), (group**2).sum())
    for i in range(4):
        both = np.concatenate(groups[i : i + 2])
        together[i] = log_evidence(50, both.sum(), (both**2).sum()) - alone[i] - alone[i + 1]
    p = np.exp(together - together.max())
    priors = Priors(
        weights=Dirichlet([2.0, 2.1, 2.2, 2.3]),
        means=ConjugateMeans(loc=0.0, strength=STRENGTH),
        covariances=InverseWishart(dof=DOF, scale=SCATTER),
    )
    found = draw(np.concatenate(groups)[:, None], 4, "full", priors, sampler="hmc")
    lowest = found.draws.means.min(axis=-2)[..., 0]
    assert standard_errors_away((lowest > -50.0).astype(float), p[0] / p.sum()) < 4.5
    assert 0.2 < p[0] / p.sum() < 0.8
    assert found.visits().missing == 0.0


@pytest.mark.parametrize("sampler", ["hmc", "laplace"])
def test_labellings_that_tie_are_one_place(sampler):
    rng = np.random.default_rng(0)
    X = np.concatenate([centre + rng.normal(size=(40, 1)) for centre in (0.0, 20.0, 50.0)])
    priors = Priors(weights=Dirichlet([2.0, 2.0, 5.0]))
    found = draw(X, 3, "diag", priors, sampler=sampler, draws=200)
    assert found.sampler == sampler
    assert found.visits().missing == 0.0


@pytest.mark.parametrize("kind", ["default", "hierarchical", "uneven", "learned concentration"])
def test_places_are_renamed_as_mixtures_are(family, kind):
    posterior = posterior_of(family, kind)
    rng = np.random.default_rng(0)
    thetas = np.array([random_theta(posterior, rng) for _ in range(4)])
    order = np.array([2, 0, 1])
    mixture, hyper = posterior.unpack(posterior.permute(thetas, order))
    before, hyper_before = posterior.unpack(thetas)
    expected = before.permute(order)
    for name in ("weights", "means", "whitening"):
        np.testing.assert_allclose(getattr(mixture, name), getattr(expected, name), rtol=1e-12)
    np.testing.assert_array_equal(hyper, hyper_before)


@njit
def log_probabilities(thetas, proposal, sizes):
    return np.array([log_probability(thetas[i], proposal, sizes) for i in range(len(thetas))])


def test_normals_that_are_far_off_change_nothing():
    """The density of a mixture of normals is the sum over all, in whichever order they come."""
    posterior = posterior_of("full", "uneven", n=90)
    theta = 0.7 * np.random.default_rng(0).normal(size=posterior.sizes.n_coordinates)
    place, basis = posterior.centre(theta)
    orders = [np.array(order) for order in permutations(range(3))]
    modes = [
        Mode(posterior.permute(place, order), posterior.permute(basis.T, order).T.copy(), posterior)
        for order in orders
    ]
    held = shares(modes)
    points = np.array([mode.place + 0.3 * mode.basis[:, 0] for mode in modes])
    sizes = posterior.arguments[1]
    normals = [mode.normal for mode in modes]
    together = log_probabilities(points, mixture_of(normals, held), sizes)
    apart = [log_probabilities(points, mixture_of([one], np.ones(1)), sizes) for one in normals]
    expected = logsumexp(np.array(apart) + np.log(held)[:, None], axis=0)
    np.testing.assert_allclose(together, expected, rtol=1e-10)


def test_an_optimum_that_comes_twice_is_one_mode():
    posterior = posterior_of("full", "default", k=2)
    place, _ = posterior.centre(np.zeros(posterior.sizes.n_coordinates), 20)
    optimum = posterior.unpack(place)
    assert len(find_modes(posterior, [optimum, optimum])) == 1


def two_modes():
    """Of the three groups: either two of them are one cluster, the first or the last two."""
    x = three_groups()[:, None]
    priors = resolve(groups_priors(), x, 2, "full")
    posterior = LogPosterior(Problem(x, "full", priors=priors), 2)
    starts = [
        ([1 / 3, 2 / 3], [-30.0, 15.0], [1.0, 250.0]),
        ([2 / 3, 1 / 3], [-15.0, 31.0], [225.0, 1.0]),
    ]
    optima = []
    for weights, means, variances in starts:
        em = EM(
            2, priors=groups_priors(), weights_init=weights, means_init=np.reshape(means, (2, 1)),
            precisions_init=1.0 / np.reshape(variances, (2, 1, 1)),
        )  # fmt: skip
        optima.append((em.fit(x).mixture_, None))
    return [find_modes(posterior, [optimum])[0] for optimum in optima]


def draws_at(*modes, n=50):
    rng = np.random.default_rng(0)
    thetas = [
        [m.place + m.basis @ rng.standard_normal(len(m.place)) for _ in range(n)] for m in modes
    ]
    return modes[0].posterior.unpack(np.array(thetas))[0]


def test_a_mode_counts_as_visited_where_a_draw_is():
    modes = two_modes()
    held = shares(modes)
    assert held.min() > 0.01
    assert visits(modes, draws_at(*modes)).missing == 0.0
    for i in range(2):
        draws = draws_at(modes[i])
        assert visits(modes, draws).missing == pytest.approx(held[1 - i])
        # Other names for the components are no other place.
        renamed = draws.permute(np.broadcast_to([1, 0], (*draws.batch_shape, 2)))
        assert visits(modes, renamed).missing == pytest.approx(held[1 - i])


def test_modes_as_close_as_draws_commonly_are_count_as_visited():
    first, second = two_modes()
    near = Mode(first.place + 0.1 * first.basis[:, 0], first.basis, first.posterior)
    thetas = first.place - np.array([1.0, 1.0, 0.0])[:, None] * first.basis[:, 0]
    draws = first.posterior.unpack(thetas)[0]
    assert visits([first, near], draws).missing == 0.0
    assert visits([first, second], draws).missing > 0.1


def test_only_modes_that_differ_by_more_than_names_are_added():
    first, second = two_modes()
    mixture, hyper = first.posterior.unpack(first.place)
    [renamed] = find_modes(first.posterior, [(mixture.permute(np.array([1, 0])), hyper)])
    assert first.distance(renamed.place) > 1.0
    found = modes_with([first], [renamed, second])
    assert len(found) == 2
    assert found[0] is first
    assert found[1] is second


def test_labellings_are_modes_where_they_weigh_differently():
    rng = np.random.default_rng(0)
    posterior = posterior_of("diag", "uneven", n=90)
    theta = 0.7 * rng.normal(size=posterior.sizes.n_coordinates)
    mixture, hyper = posterior.unpack(theta)
    found = find_modes(posterior, [(mixture, hyper)])
    assert len(found) == 6
    even = posterior_of("diag", "conjugate", n=90)
    assert len(find_modes(even, [(mixture, hyper)])) == 1
    orders = {tuple(np.argsort(posterior.unpack(mode.place)[0].means[:, 0])) for mode in found}
    assert len(orders) == len(found)


def test_jumps_leave_out_modes_that_hold_next_to_nothing():
    posterior = posterior_of("full", "default", k=2)
    place, basis = posterior.centre(np.zeros(posterior.sizes.n_coordinates), 20)
    modes = [Mode(place, basis, posterior) for _ in range(3)]
    modes[1].log_mass -= 2.0
    modes[2].log_mass -= 9.0
    np.testing.assert_allclose(shares(modes), np.exp([0, -2, -9]) / np.exp([0, -2, -9]).sum())
    proposal = proposal_of(modes)
    np.testing.assert_allclose(proposal.shares, [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))])
