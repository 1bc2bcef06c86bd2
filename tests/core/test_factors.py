"""Triangular factors: the compiled ones of small matrices and LAPACK's of larger ones."""

import numpy as np
import oracle
import pytest

from bayesgmm.core.covariance.family import invert_triangular, whiten_full


@pytest.mark.parametrize("shape", [(2, 2), (1, 1, 1), (3, 4, 4), (2, 5, 24, 24), (3, 25, 25)])
def test_factors_are_those_of_lapack(shape, rng):
    covariances = oracle.random_spd(rng, int(np.prod(shape[:-2])), shape[-1]).reshape(shape)
    lower = np.linalg.cholesky(covariances)
    for view in (lower, np.asfortranarray(lower), np.broadcast_to(lower, (2, *shape))):
        inverse = invert_triangular(view)
        np.testing.assert_allclose(inverse, np.linalg.inv(view), rtol=1e-9, atol=1e-12)
        assert np.all(np.triu(inverse, 1) == 0.0)
    whitening = whiten_full(covariances)
    np.testing.assert_allclose(
        whitening @ covariances @ np.swapaxes(whitening, -1, -2),
        np.broadcast_to(np.eye(shape[-1]), shape),
        atol=1e-10,
    )


@pytest.mark.parametrize("d", [2, 30])
@pytest.mark.parametrize("flaw", [0.0, -1.0])
def test_a_matrix_that_is_not_positive_definite_is_an_error(d, flaw):
    covariances = np.stack([np.eye(d)] * 3)
    covariances[1, -1, -1] = flaw
    with pytest.raises(np.linalg.LinAlgError):
        whiten_full(covariances)


@pytest.mark.parametrize("d", [2, 30])
def test_a_singular_factor_is_an_error(d):
    lower = np.stack([np.eye(d)] * 2)
    lower[1, 0, 0] = 0.0
    with pytest.raises(np.linalg.LinAlgError):
        invert_triangular(lower)
