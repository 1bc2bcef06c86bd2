"""What any covariance family must do; a new one is tested by adding its name to the fixture."""

import numpy as np
import oracle
import pytest
from sklearn import mixture as sklearn_mixture

from bayesgmm.core.covariance import FAMILIES, get_family
from bayesgmm.core.mixture import Mixture
from bayesgmm.exceptions import DataError

K, D = 3, 4


@pytest.fixture
def native(family, rng):
    return oracle.random_mixture(family, K, D, rng).native_covariances


def test_every_registered_family_is_in_the_fixture():
    assert set(FAMILIES) == set(oracle.FAMILIES)


def test_native_shape_is_that_of_the_arrays(family, native):
    assert native.shape == get_family(family).native_shape(K, D)


def test_whiten_and_covariances_are_inverse(family, native):
    ours = get_family(family)
    np.testing.assert_allclose(ours.covariances(ours.whiten(native)), native, rtol=1e-12)


def test_kernel_factors_whiten_the_full_covariances(family, native):
    ours = get_family(family)
    full = ours.to_full(native, K, D)
    factors = ours.kernel_factors(ours.whiten(native), K, D)
    if ours.structure == "diagonal":
        factors = factors[..., None] * np.eye(D)
    np.testing.assert_allclose(
        factors @ full @ factors.transpose(0, 2, 1),
        np.broadcast_to(np.eye(D), full.shape),
        atol=1e-12,
    )
    assert np.all(np.triu(factors, 1) == 0.0)


def test_full_matrices_and_native_form_are_inverse(family, native):
    ours = get_family(family)
    np.testing.assert_array_equal(ours.from_full(ours.to_full(native, K, D)), native)


def test_leading_axes_are_carried(family, native):
    ours = get_family(family)
    batch = np.stack([[native, 2 * native, 3 * native]] * 2)
    whitening = ours.whiten(batch)
    np.testing.assert_allclose(whitening[1, 2], ours.whiten(3 * native))
    np.testing.assert_allclose(ours.covariances(whitening), batch)
    assert ours.to_full(batch, K, D).shape == (2, 3, K, D, D)
    np.testing.assert_array_equal(ours.to_full(batch, K, D)[0, 1], ours.to_full(2 * native, K, D))
    np.testing.assert_array_equal(ours.from_full(ours.to_full(batch, K, D)), batch)


def test_number_of_parameters_is_scikit_learns(family, rng):
    theirs = sklearn_mixture.GaussianMixture(K, covariance_type=family)
    theirs.means_ = np.zeros((K, D))
    means_and_weights = K * D + K - 1
    assert get_family(family).n_parameters(K, D) == theirs._n_parameters() - means_and_weights


def test_estimate_maximises_the_expected_log_likelihood(family, rng):
    ours = get_family(family)
    X = rng.normal(size=(200, D))
    r = rng.dirichlet(np.ones(K), size=200)
    means = rng.normal(size=(K, D))
    offsets = X[:, None] - means
    scatter = np.einsum("nk,nki,nkj->kij", r, offsets, offsets)
    if ours.structure == "diagonal":
        scatter = scatter.diagonal(axis1=1, axis2=2)
    native = ours.estimate(scatter.sum(0) if ours.shared else scatter, r.sum(0))
    free = oracle.Parameters(family, K, D)

    def loss(covariance_part):
        mixture = free.unpack(np.concatenate([np.zeros(K - 1), means.ravel(), covariance_part]))
        joint = oracle.log_joint(X, np.ones(K), means, mixture.covariances)
        return -np.sum(r * joint)

    # it has one stationary point, the maximum (in the precision it is concave)
    mixture = Mixture.from_covariances(np.ones(K) / K, means, native, family)
    found = free.pack(mixture)[K - 1 + K * D :]
    np.testing.assert_allclose(oracle.gradient(loss, found), 0.0, atol=1e-4)
    aside = found + 0.01 * rng.normal(size=found.shape)
    assert loss(aside) > loss(found) + 1e-3
    assert np.abs(oracle.gradient(loss, aside)).max() > 0.1


def test_ridge_adds_to_the_variances_only(family, native):
    ours = get_family(family)
    ridge = np.arange(1.0, D + 1) if family != "spherical" else np.full(D, 2.5)
    before, after = (ours.to_full(a, K, D) for a in (native, ours.add_ridge(native, ridge)))
    np.testing.assert_allclose(after - before, np.broadcast_to(np.diag(ridge), after.shape))


def test_not_positive_definite_is_an_error(family, native):
    with pytest.raises(np.linalg.LinAlgError):
        get_family(family).whiten(-native)


@pytest.mark.parametrize(
    ("code", "name"), [("VVV", "full"), ("EEE", "tied"), ("VVI", "diag"), ("vii", "spherical")]
)
def test_codes_of_mclust_are_names_too(code, name):
    assert get_family(code).name == name


@pytest.mark.parametrize("name", ["ball", None, 3])
def test_unknown_family_lists_those_there_are(name):
    with pytest.raises(DataError, match=r"'full' \(VVV\).*'spherical' \(VII\), got "):
        get_family(name)
