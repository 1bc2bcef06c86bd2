"""Coordinates of the complete data, and jumps to normals in them."""

import numpy as np
import pytest
from joint_distribution import (
    addresses,
    from_the_prior,
    joint_distribution_scores,
    small_posterior,
    stream,
    sweep_of,
)
from posterior_problems import draw, posterior_of, random_theta
from scipy.stats import multivariate_normal

from bayesgmm import load_dataset
from bayesgmm.bayes import jumps, proposals
from bayesgmm.bayes.complete_data import Centre, to_phi, to_theta
from bayesgmm.bayes.log_posterior import unpack
from bayesgmm.bayes.proposals import Normal, mixture_of, normal_at, plain
from bayesgmm.priors import Priors


def centre_of(posterior, theta, rows):
    sizes = np.asarray(posterior.sizes, dtype=np.int64)
    _, means, factors, _ = unpack(theta, sizes)
    return Centre(means, np.ascontiguousarray(factors[: posterior.sizes.n_factors]), rows), sizes


@pytest.mark.parametrize("kind", ["default", "learned twice"])
@pytest.mark.parametrize("d", [1, 3])
def test_coordinates_go_there_and_back_at_the_volume_they_state(family, kind, d, rng):
    """The middle component has few rows."""
    posterior = posterior_of(family, kind, d=d)
    rows = np.array([40.0, 5.0, 15.0])
    centre, sizes = centre_of(posterior, random_theta(posterior, rng), rows)
    theta = random_theta(posterior, rng)
    phi, back = np.empty_like(theta), np.empty_like(theta)
    volume = to_phi(theta, centre, sizes, phi)
    assert to_theta(phi, centre, sizes, back) == pytest.approx(volume)
    np.testing.assert_allclose(back, theta, rtol=1e-12, atol=1e-12)

    n, step = len(phi), 1e-6
    jacobian, ahead, behind = np.empty((n, n)), np.empty(n), np.empty(n)
    for i in range(n):
        away = step * np.eye(n)[i]
        to_theta(phi + away, centre, sizes, ahead)
        to_theta(phi - away, centre, sizes, behind)
        jacobian[:, i] = (ahead - behind) / (2.0 * step)
    assert np.linalg.slogdet(jacobian)[1] == pytest.approx(volume, abs=1e-6)


def test_components_of_few_rows_keep_their_means_and_logarithms(rng):
    posterior = posterior_of("diag", "default")
    theta, about = random_theta(posterior, rng), random_theta(posterior, rng)
    centre, sizes = centre_of(posterior, about, np.array([40.0, 5.0, 15.0]))
    phi = np.empty_like(theta)
    to_phi(theta, centre, sizes, phi)
    np.testing.assert_array_equal(phi[4:6], theta[4:6])
    np.testing.assert_allclose(phi[10:12], theta[10:12] - np.log(centre.factors[1, :, 0]))
    assert np.all(phi[2:4] != theta[2:4])


def alone(normal):
    return mixture_of([normal], np.ones(1))


def proposed(proposal, z, sizes, which=None):
    """Thetas and log densities of a mixture of normals at rows of z."""
    which = np.zeros(len(z), dtype=int) if which is None else which
    thetas, log_q = np.empty_like(z), np.empty(len(z))
    proposals.propose_all(z, which, proposal, sizes, thetas, log_q)
    return thetas, log_q


def test_where_a_diagonal_is_negative_there_is_no_mixture():
    posterior = posterior_of("full", "default", k=1)
    theta = np.zeros(posterior.sizes.n_coordinates)
    centre, sizes = centre_of(posterior, theta, np.array([60.0]))
    phi = np.zeros_like(theta)
    phi[2] = -1.6
    assert to_theta(phi, centre, sizes, theta) == -np.inf
    normal = plain(posterior, phi, np.eye(len(phi)))._replace(centre=centre)
    thetas, log_q = proposed(alone(normal), np.zeros((1, len(phi))), sizes)
    assert np.isnan(thetas).all()
    assert log_q == -np.inf


def skewness_left(posterior, normal, n=2000):
    """The standard deviation of log posterior over normal."""
    z = np.random.default_rng(0).normal(size=(n, len(normal.origin)))
    thetas, log_q = proposed(alone(normal), z, posterior.arguments[1])
    return np.std(posterior.values_and_gradients(thetas)[0] - log_q)


def test_of_one_component_the_posterior_is_all_but_normal(family):
    posterior = posterior_of(family, "conjugate", k=1, d=3, n=200)
    mode, basis = posterior.centre(np.zeros(posterior.sizes.n_coordinates), 20)
    before = skewness_left(posterior, plain(posterior, mode, basis))
    after = skewness_left(posterior, normal_at(posterior, mode, basis))
    assert after < 0.04
    assert after < 0.3 * before


@pytest.mark.parametrize("several", [False, True])
def test_density_is_that_of_a_mixture_of_normals(several, rng):
    posterior = posterior_of("tied", "default")
    n, sizes = posterior.sizes.n_coordinates, posterior.arguments[1]
    places, bases = rng.normal(size=(2, n)), np.eye(n) + 0.1 * rng.normal(size=(2, n, n))
    shares = np.array([0.3, 0.7]) if several else np.ones(1)
    normals = [plain(posterior, *each) for each in zip(places, bases, strict=True)]
    mixture = mixture_of(normals[: len(shares)], shares)
    which = np.array([0, 1, 1, 0, 1]) * int(several)
    z = rng.normal(size=(5, n))
    thetas, log_q = proposed(mixture, z, sizes, which)
    np.testing.assert_allclose(thetas, places[which] + np.einsum("nij,nj->ni", bases[which], z))
    parts = [
        share * multivariate_normal(place, basis @ basis.T).pdf(thetas)
        for share, place, basis in zip(shares, places, bases, strict=False)
    ]
    expected = np.log(np.sum(parts, axis=0)) + n / 2.0 * np.log(2.0 * np.pi)
    np.testing.assert_allclose(log_q, expected)


def test_proposal_density_is_that_of_the_proposals():
    """Weighted by uniform over proposal on a box, they give its volume."""
    posterior = posterior_of("diag", "conjugate", k=1, d=1)
    sizes = posterior.arguments[1]
    one = plain(posterior, np.array([0.3, -0.2]), np.array([[1.0, 0.0], [0.6, 0.5]]))
    # The other is in coordinates of the complete data.
    other = plain(posterior, np.array([1.0, 0.2]), 0.4 * np.eye(2))
    other = other._replace(centre=other.centre._replace(rows=np.array([30.0])))
    proposal = mixture_of([one, other], np.array([2.0, 1.0]) / 3.0)
    z = np.random.default_rng(0).normal(size=(210_000, 2))
    thetas, log_q = proposed(proposal, z, sizes, np.arange(len(z)) % 3 // 2)
    inside = np.all((thetas > 0.0) & (thetas < 1.0), axis=1)
    density = np.exp(log_q[inside]) / (2.0 * np.pi)
    assert np.sum(1.0 / density) / len(z) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("family", "means", "covariances", "weights"),
    [
        ("full", "independent", "fixed", "learned"),
        ("tied", "independent", "fixed", "fixed"),
        ("spherical", "conjugate", "hierarchical", "fixed"),
    ],
)
@pytest.mark.parametrize(
    ("sweep_every", "thin", "several"), [(1, 1, False), (1000, 10, False), (1000, 10, True)]
)
def test_jumps_leave_the_joint_distribution_alone(
    family, means, covariances, weights, sweep_every, thin, several
):
    """In the shape of the prior: what is jumped to must have nothing to do with the data."""
    posterior = small_posterior(family, means, covariances, weights)
    rng = np.random.default_rng(7)
    prior = np.array([from_the_prior(posterior, rng) for _ in range(500)])
    centre, sizes = centre_of(posterior, prior.mean(axis=0), np.array([30.0, 5.0]))
    phis = np.empty_like(prior)
    for theta, phi in zip(prior, phis, strict=True):
        to_phi(theta, centre, sizes, phi)
    basis = np.linalg.cholesky(np.cov(phis, rowvar=False))
    normal = Normal(centre, phis.mean(axis=0), basis, np.linalg.inv(basis))
    # One that is centred elsewhere, in coordinates of its own.
    there = prior.mean(axis=0) + 0.5 * prior.std(axis=0)
    other = plain(posterior, there, np.diag(prior.std(axis=0)))
    proposal = mixture_of([normal, other], np.array([0.6, 0.4])) if several else alone(normal)
    taken = []

    def step(theta, X, sizes, numbers, stream):
        out = np.empty((1, len(theta))), np.empty(1), np.empty(1)
        counts = 20, sweep_every, thin, 1
        jumps.run(addresses(posterior), theta, proposal, X, sizes, numbers, stream, *counts, *out)
        taken.append(out[2][0])

    scores = joint_distribution_scores(posterior, step, n_chains=300, n_steps=20, seed=1)
    assert 20 * np.mean(taken) > 0.1  # else the jumps do nothing that could be wrong
    assert np.abs(scores).max() < 4.5


def test_a_place_without_density_is_not_jumped_to():
    posterior = posterior_of("full", "default", k=2)
    n = posterior.sizes.n_coordinates
    place, _ = posterior.centre(np.zeros(n), 20)
    theta, proposal = place.copy(), alone(plain(posterior, place, 1e3 * np.eye(n)))
    out = np.empty((5, n)), np.empty(5), np.empty(5)
    arguments = *posterior.arguments, stream(0)
    jumps.run(addresses(posterior), theta, proposal, *arguments, 2, 10**6, 1, 1, *out)
    np.testing.assert_array_equal(out[0], np.tile(place, (5, 1)))
    assert np.all(out[2] == 0.0)


def test_jumps_after_a_sweep_start_where_it_ended(family):
    posterior = posterior_of(family, "default", k=2)
    n = posterior.sizes.n_coordinates
    mode, basis = posterior.centre(np.zeros(n), 20)
    proposal, arguments = alone(normal_at(posterior, mode, basis)), posterior.arguments
    found = []
    for sweeps in (True, False):
        theta, own = mode + basis @ np.full(n, 0.5), stream(3)
        if sweeps:
            sweep_of(posterior)(theta, *arguments, own)
        out = np.empty((1, n)), np.empty(1), np.empty(1)
        every, first = (10**6, 1) if sweeps else (1, 0)
        counts = 1, every, 1, first
        jumps.run(addresses(posterior), theta, proposal, *arguments, own, *counts, *out)
        found.append(out)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_draws_of_jumps_and_of_nuts_have_the_same_posterior():
    X = np.asarray(load_dataset("faithful"), dtype=float)
    by_jumps, by_nuts = (
        draw(X, 2, "full", Priors(), sampler=sampler, draws=2000) for sampler in ("hmc", "nuts")
    )
    assert "energy" not in by_jumps.sample_stats  # moves have one
    order = [np.argsort(drawn.draws.means[0, 0, :, 0]) for drawn in (by_jumps, by_nuts)]
    for name in ("weights", "means", "covariances"):
        ours, theirs = (
            getattr(drawn.draws, name)[:, :, o]
            for drawn, o in zip((by_jumps, by_nuts), order, strict=True)
        )
        error = theirs.std(axis=(0, 1)) * np.sqrt(1.0 / 4000 + 1.0 / 4000)
        away = np.abs(ours.mean(axis=(0, 1)) - theirs.mean(axis=(0, 1))) / error
        assert away.max() < 4.5
        ratio = ours.std(axis=(0, 1)) / theirs.std(axis=(0, 1))
        assert np.all(np.abs(ratio - 1.0) < 0.1)
