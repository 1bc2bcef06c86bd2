"""Between mixtures and coordinates, and the shape of the posterior around its mode."""

import numpy as np
import oracle
import pytest
from posterior_problems import KINDS, posterior_of, random_theta
from scipy.optimize import minimize


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.mark.parametrize(("k", "d"), [(1, 1), (3, 2), (2, 4)])
def test_pack_and_unpack_are_inverse(family, kind, k, d, rng):
    posterior = posterior_of(family, kind, k, d)
    theta = random_theta(posterior, rng)
    mixture, hyper = posterior.unpack(theta)
    np.testing.assert_allclose(posterior.pack(mixture, hyper), theta, atol=1e-12)
    assert mixture.covariance_type == family
    assert hyper.shape == (posterior.sizes.n_hyper + posterior.sizes.n_concentrations,)


def test_mixtures_survive_the_way_there_and_back(family, rng):
    posterior = posterior_of(family, "default")
    mixture = oracle.random_mixture(family, 3, 2, rng)
    again, _ = posterior.unpack(posterior.pack(mixture))
    np.testing.assert_allclose(again.weights, mixture.weights, rtol=1e-12)
    np.testing.assert_allclose(again.means, mixture.means, rtol=1e-12)
    np.testing.assert_allclose(again.covariances, mixture.covariances, rtol=1e-11, atol=1e-13)


def test_draws_are_unpacked_with_their_axes(family, kind, rng):
    posterior = posterior_of(family, kind)
    theta = rng.normal(size=(2, 4, posterior.sizes.n_coordinates))
    mixture, hyper = posterior.unpack(theta)
    assert mixture.batch_shape == (2, 4)
    one, its_hyper = posterior.unpack(theta[1, 3])
    np.testing.assert_allclose(mixture[1, 3].means, one.means)
    np.testing.assert_allclose(mixture[1, 3].covariances, one.covariances)
    np.testing.assert_allclose(hyper[1, 3], its_hyper)


def test_coordinates_do_not_depend_on_units(family, kind, rng):
    """Data a thousand times as long: the same density at the same coordinates."""
    here, there = (posterior_of(family, kind, unit=unit) for unit in (1.0, 1e3))
    values = [
        [p.value_and_gradient(theta)[0] for p in (here, there)]
        for theta in (random_theta(here, rng), random_theta(here, rng))
    ]
    if kind == "uneven":
        assert np.all(np.isfinite(values))
    assert values[0][0] - values[0][1] == pytest.approx(values[1][0] - values[1][1], abs=1e-7)


def test_information_is_the_second_derivative(family, kind, rng):
    posterior = posterior_of(family, kind)
    theta = 0.3 * random_theta(posterior, rng)
    found = posterior.information(theta)
    np.testing.assert_allclose(found, found.T)
    for i in range(0, len(theta), 3):
        expected = -oracle.gradient(lambda t: posterior.value_and_gradient(t)[1][i], theta, 1e-5)  # noqa: B023
        np.testing.assert_allclose(found[i], expected, atol=1e-3 * np.abs(found).max())


def test_centre_is_a_mode_and_the_basis_its_shape(family):
    posterior = posterior_of(family, "default", k=1, n=200)
    start = posterior.pack(oracle.random_mixture(family, 1, 2, np.random.default_rng(0)))
    best = minimize(
        lambda t: [-v for v in posterior.value_and_gradient(t)],
        start,
        jac=True,
        method="BFGS",
        options={"gtol": 1e-6},
    ).x
    mode, basis = posterior.centre(best + 0.02, n_steps=20)
    np.testing.assert_allclose(posterior.value_and_gradient(mode)[1], 0.0, atol=1e-2)
    np.testing.assert_allclose(mode, best, atol=1e-3)
    information = posterior.information(mode)
    np.testing.assert_allclose(basis.T @ information @ basis, np.eye(len(mode)), atol=1e-3)
