"""The compiled log posterior: one description of the priors serves it and MAP-EM alike."""

import numpy as np
import oracle
import pytest
from posterior_problems import KINDS, posterior_of, random_theta


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.mark.parametrize(("k", "d"), [(1, 1), (3, 2), (2, 5)])
def test_gradient_is_that_of_the_value(family, kind, k, d, rng):
    posterior = posterior_of(family, kind, k, d)
    for _ in range(3):
        theta = random_theta(posterior, rng)
        found = posterior.value_and_gradient(theta)[1]
        expected = oracle.gradient(lambda t: posterior.value_and_gradient(t)[0], theta)
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-5)


@pytest.mark.parametrize("d", range(1, 21))
def test_gradient_is_right_to_nine_digits(family, d, rng):
    """Central differences of eighth order: their error is some 1e-10 of the largest slope."""
    posterior = posterior_of(family, "default", 2, d)
    theta = 0.3 * random_theta(posterior, rng)
    h = 0.003
    expected = np.zeros_like(theta)
    for i, step in enumerate(h * np.eye(len(theta))):
        for j, c in enumerate((4 / 5, -1 / 5, 4 / 105, -1 / 280), 1):
            there, back = (posterior.value_and_gradient(theta + s * j * step)[0] for s in (1, -1))
            expected[i] += c * (there - back) / h
    found = posterior.value_and_gradient(theta)[1]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def natural(posterior, theta):
    """Weights but the last, means, free entries of the covariances, hyperparameter: one vector."""
    mixture, hyper = posterior.unpack(theta)
    native = mixture.native_covariances
    if posterior.sizes.is_triangular:
        rows = np.tril_indices(posterior.problem.n_features)
        native = np.atleast_3d(native).reshape(-1, *native.shape[-2:])[:, rows[0], rows[1]]
    return np.concatenate([mixture.weights[:-1], mixture.means.ravel(), native.ravel(), hyper])


def log_jacobian(posterior, theta):
    """log |d natural / d theta|, by central differences with Richardson's correction."""

    def differences(h):
        columns = []
        for i in range(len(theta)):
            step = np.zeros_like(theta)
            step[i] = h
            columns.append(natural(posterior, theta + step) - natural(posterior, theta - step))
        return np.array(columns).T / (2 * h)

    jacobian = (4 * differences(1e-4) - differences(2e-4)) / 3
    return np.linalg.slogdet(jacobian)[1]


@pytest.mark.parametrize("unit", [1.0, 1e3])
def test_it_is_likelihood_times_prior_times_jacobian(family, kind, unit, rng):
    """Up to a constant, with the likelihood of SciPy and the prior's own density.

    This is what makes one description of the priors serve MAP-EM and the sampler.
    """
    posterior = posterior_of(family, kind, unit=unit)
    constants = []
    for _ in range(5):
        theta = random_theta(posterior, rng)
        mixture, hyper = posterior.unpack(theta)
        half_scale, concentration = np.split(hyper, [posterior.sizes.n_hyper])
        if len(half_scale):
            half_scale = half_scale.reshape(posterior.priors.hyperprior.rate.shape)
        expected = (
            oracle.log_likelihood(posterior.problem.X, mixture)
            + posterior.priors.log_density(
                mixture.weights,
                mixture.means,
                mixture.native_covariances,
                half_scale if len(np.atleast_1d(half_scale)) else None,
                *concentration,
            )
            + log_jacobian(posterior, theta)
        )
        constants.append(posterior.value_and_gradient(theta)[0] - expected)
    assert np.ptp(constants) < 1e-5


def test_extreme_points_are_no_numbers_of_note(family):
    posterior = posterior_of(family, "default")
    for size in (1e3, -1e3):
        value, _ = posterior.value_and_gradient(np.full(posterior.sizes.n_coordinates, size))
        assert not value > -1e3


def test_callbacks_give_the_density_along_the_basis(family, rng):
    """What nutpie is handed: C functions of z, with theta = origin + basis z."""
    from bayesgmm.bayes import callbacks

    posterior = posterior_of(family, "hierarchical")
    n = posterior.sizes.n_coordinates
    origin, basis = random_theta(posterior, rng), rng.normal(size=(n, n)) / n
    sizes = np.asarray(posterior.sizes, dtype=np.int64)
    arrays = (origin, basis, posterior.rows, sizes, posterior.numbers)
    head = [*posterior.rows.shape, n, len(posterior.numbers)]
    block = np.array([*head, *(a.ctypes.data for a in arrays)], dtype=np.int64)

    from ctypes import POINTER, c_double, c_int64

    def pointer(array, kind):
        return array.ctypes.data_as(POINTER(kind))

    z, slope, value, theta = rng.normal(size=n), np.empty(n), np.empty(1), np.empty(n)
    integers = pointer(block, c_int64)
    code = callbacks.density.ctypes(
        0, pointer(z, c_double), pointer(slope, c_double), pointer(value, c_double), integers
    )
    expected, gradient = posterior.value_and_gradient(origin + basis @ z)
    assert code == 0
    assert value[0] == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(slope, basis.T @ gradient, rtol=1e-9, atol=1e-9)
    assert (
        callbacks.expand.ctypes(0, n, pointer(z, c_double), pointer(theta, c_double), integers) == 0
    )
    np.testing.assert_allclose(theta, origin + basis @ z, rtol=1e-13)
    z[:] = 1e6
    assert callbacks.density.ctypes(
        0, pointer(z, c_double), pointer(slope, c_double), pointer(value, c_double), integers
    )
