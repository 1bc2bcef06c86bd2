"""Modes of the posterior: which there are, what they hold, and chains that jump between them."""

from itertools import permutations

import numpy as np
import pytest
from posterior_problems import draw, posterior_of, standard_errors_away
from scipy.special import betaln, gammaln

from bayesgmm.bayes.modes import Mode, find_modes, proposal_of, shares
from bayesgmm.priors import ConjugateMeans, Dirichlet, InverseWishart, Priors

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
    assert found.unvisited == 0.0
    # Every chain has been in both: the lower group alone, and the upper one.
    upper = found.draws.means.max(axis=-2)[..., 0] > 25.0
    assert np.all(upper.any(axis=1) & ~upper.all(axis=1))


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


def test_an_optimum_that_comes_twice_is_one_mode():
    posterior = posterior_of("full", "default", k=2)
    place, _ = posterior.centre(np.zeros(posterior.sizes.n_coordinates), 20)
    optimum = posterior.unpack(place)
    assert len(find_modes(posterior, [optimum, optimum])) == 1


def test_labellings_are_modes_where_they_weigh_differently():
    rng = np.random.default_rng(0)
    posterior = posterior_of("diag", "uneven", n=90)
    theta = 0.7 * rng.normal(size=posterior.sizes.n_coordinates)
    mixture, hyper = posterior.unpack(theta)
    found = find_modes(posterior, [(mixture, hyper)])
    assert 1 < len(found) <= 6
    even = posterior_of("diag", "conjugate", n=90)
    assert len(find_modes(even, [(mixture, hyper)])) == 1
    orders = {tuple(np.argsort(posterior.unpack(mode.place)[0].means[:, 0])) for mode in found}
    assert len(orders & set(permutations(range(3)))) == len(found)


def test_jumps_leave_out_modes_that_hold_next_to_nothing():
    posterior = posterior_of("full", "default", k=2)
    place, basis = posterior.centre(np.zeros(posterior.sizes.n_coordinates), 20)
    modes = [Mode(place, basis, posterior) for _ in range(3)]
    modes[1].log_mass -= 2.0
    modes[2].log_mass -= 9.0
    np.testing.assert_allclose(shares(modes), np.exp([0, -2, -9]) / np.exp([0, -2, -9]).sum())
    proposal = proposal_of(modes)
    np.testing.assert_allclose(proposal.shares, [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))])
