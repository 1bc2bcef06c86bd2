"""Relabelling: known permutations are undone."""

import numpy as np
import oracle
import pytest

from bayesgmm.bayes.labels import relabel
from bayesgmm.core.mixture import Mixture

K, D = 4, 2


def jittered(family, rng, separation=4.0, shape=(2, 50)):
    """A reference mixture and draws around it."""
    reference = oracle.random_mixture(family, K, D, rng, separation)
    n = int(np.prod(shape))
    draws = Mixture(
        rng.dirichlet(200 * reference.weights, size=n).reshape(*shape, K),
        reference.means + 0.05 * rng.normal(size=(*shape, K, D)),
        reference.whitening * np.exp(0.05 * rng.normal(size=(*shape, *reference.whitening.shape))),
        family,
    )
    return reference, draws


def test_known_permutations_are_undone(family, rng):
    reference, draws = jittered(family, rng)
    X = oracle.random_data(reference, 500)
    orders = rng.permuted(np.broadcast_to(np.arange(K), (2, 50, K)), axis=-1)
    found = relabel(draws.permute(orders), reference, X)
    np.testing.assert_array_equal(found.mixture.means, draws.means)
    np.testing.assert_array_equal(found.mixture.weights, draws.weights)
    np.testing.assert_array_equal(found.mixture.covariances, draws.covariances)
    np.testing.assert_array_equal(
        np.take_along_axis(orders, found.orders, axis=-1),
        np.broadcast_to(np.arange(K), orders.shape),
    )


def test_no_density_changes(family, rng):
    reference, draws = jittered(family, rng)
    X = oracle.random_data(reference, 100)
    found = relabel(draws.permute(np.array([2, 0, 3, 1])), reference, X)
    np.testing.assert_allclose(found.mixture.log_density(X), draws.log_density(X), rtol=1e-12)


def test_switched_is_the_share_of_draws_away_from_their_chains_usual_order(rng):
    reference, draws = jittered("diag", rng)
    X = oracle.random_data(reference, 300)
    orders = np.broadcast_to(np.arange(K), (2, 50, K)).copy()
    orders[1] = [1, 0, 2, 3]  # a whole chain under other names has not switched
    orders[0, 10:15] = [3, 1, 2, 0]
    assert relabel(draws.permute(orders), reference, X).switched == pytest.approx(5 / 100)
    assert relabel(draws, reference, X).switched == 0.0


def test_one_component_has_one_name(family, rng):
    mixture = oracle.random_mixture(family, 1, D, rng)
    draws = Mixture(
        np.ones((1, 3, 1)),
        np.stack([[mixture.means] * 3]),
        np.stack([[mixture.whitening] * 3]),
        family,
    )
    found = relabel(draws, mixture, np.zeros((5, D)))
    assert found.orders.shape == (1, 3, 1)
    assert found.switched == 0.0


def test_other_variables_are_ordered_alike(rng):
    import xarray as xr

    reference, draws = jittered("diag", rng)
    X = oracle.random_data(reference, 300)
    orders = rng.permuted(np.broadcast_to(np.arange(K), (2, 50, K)), axis=-1)
    permuted = draws.permute(orders)
    found = relabel(permuted, reference, X)
    variables = xr.Dataset(
        {
            "theirs": (("chain", "draw", "component"), permuted.weights),
            "global": (("chain", "draw"), np.zeros((2, 50))),
        }
    )
    ordered = found.apply(variables)
    np.testing.assert_array_equal(ordered["theirs"], draws.weights)
    assert ordered["global"].shape == (2, 50)


def test_large_data_are_thinned(rng, monkeypatch):
    reference, draws = jittered("diag", rng)
    monkeypatch.setattr("bayesgmm.core.alignment.MAX_ROWS", 100)
    X = oracle.random_data(reference, 5_000)
    orders = rng.permuted(np.broadcast_to(np.arange(K), (2, 50, K)), axis=-1)
    np.testing.assert_array_equal(
        relabel(draws.permute(orders), reference, X).mixture.means, draws.means
    )
