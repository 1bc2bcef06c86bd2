"""Relabelling: known permutations are undone, and what each method promises is so."""

from itertools import permutations

import numpy as np
import oracle
import pytest
from scipy.optimize import linear_sum_assignment

from bayesgmm.bayes.labels import METHODS, agreement, overlap, relabel
from bayesgmm.bayes.labels.memberships import Memberships, choose_rows
from bayesgmm.bayes.labels.methods import aligned
from bayesgmm.core.alignment import best_orders
from bayesgmm.core.mixture import Mixture

K, D = 4, 2
SHAPE = (2, 50)


def jittered(family, rng, separation=4.0, spread=0.05):
    """A reference mixture and draws around it."""
    reference = oracle.random_mixture(family, K, D, rng, separation)
    whitening = reference.whitening
    draws = Mixture(
        rng.dirichlet(200 * reference.weights, size=SHAPE),
        reference.means + spread * rng.normal(size=(*SHAPE, K, D)),
        whitening * np.exp(spread * rng.normal(size=(*SHAPE, *whitening.shape))),
        family,
    )
    return reference, draws


def random_orders(rng):
    return rng.permuted(np.broadcast_to(np.arange(K), (*SHAPE, K)), axis=-1)


def share_recovered(draws, orders, found):
    """The share of permuted draws that have their own labels again, under one naming for all."""
    got = np.take_along_axis(orders, found.orders, axis=-1).reshape(-1, K)
    own = np.broadcast_to(np.arange(K), got.shape)
    return (aligned(own, got) == own).all(axis=1).mean()


@pytest.mark.parametrize("method", METHODS)
def test_known_permutations_are_undone(family, method, rng):
    reference, draws = jittered(family, rng)
    X = oracle.random_data(reference, 500)
    orders = random_orders(rng)
    found = relabel(draws.permute(orders), reference, X, method)
    np.testing.assert_array_equal(found.mixture.means, draws.means)
    np.testing.assert_array_equal(found.mixture.weights, draws.weights)
    np.testing.assert_array_equal(found.mixture.covariances, draws.covariances)
    np.testing.assert_array_equal(
        np.take_along_axis(orders, found.orders, axis=-1),
        np.broadcast_to(np.arange(K), orders.shape),
    )


def test_permutations_of_overlapping_components_are_undone_too(rng):
    """Components as far apart as they are wide: memberships of most rows are in doubt."""
    shares = {method: [] for method in METHODS}
    for _ in range(5):
        reference, draws = jittered("full", rng, separation=0.7, spread=0.15)
        X = oracle.random_data(reference, 200)
        orders = random_orders(rng)
        permuted = draws.permute(orders)
        for method, found in shares.items():
            found.append(share_recovered(draws, orders, relabel(permuted, reference, X, method)))
    shares = {method: np.mean(found) for method, found in shares.items()}
    assert shares["membership"] > 0.95
    assert shares["stephens"] > 0.98
    # Hard allocations say least where rows are in doubt.
    assert 0.8 < shares["ecr"] <= shares["membership"]


def test_no_density_changes(family, rng):
    reference, draws = jittered(family, rng)
    X = oracle.random_data(reference, 100)
    found = relabel(draws.permute(np.array([2, 0, 3, 1])), reference, X)
    np.testing.assert_allclose(found.mixture.log_density(X), draws.log_density(X), rtol=1e-12)


def all_orders():
    return np.array(list(permutations(range(K))))


def test_ecr_allocates_most_rows_as_the_reference_does(rng):
    reference, draws = jittered("full", rng, separation=0.7, spread=0.3)
    X = oracle.random_data(reference, 60)
    blocks = list(Memberships(draws.flatten(), X))
    found = METHODS["ecr"](blocks, reference.responsibilities(X))
    target = reference.responsibilities(X).argmax(axis=1)
    for memberships, order in zip(np.concatenate(blocks), found, strict=True):
        labels = memberships.argmax(axis=1)
        alike = [np.sum(other[target] == labels) for other in all_orders()]
        assert np.sum(order[target] == labels) == max(alike)


def test_stephens_ends_where_no_draw_can_come_nearer_to_the_mean(rng):
    """Each draw's Kullback-Leibler divergence from the mean, over all orders."""
    reference, draws = jittered("full", rng, separation=0.7, spread=0.3)
    X = oracle.random_data(reference, 60)
    blocks = list(Memberships(draws.flatten(), X))
    found = METHODS["stephens"](iter_again(blocks), reference.responsibilities(X))
    memberships = np.concatenate(blocks)
    ordered = np.take_along_axis(memberships, found[:, None, :], axis=2)
    mean = ordered.mean(axis=0)
    orders = all_orders()

    def divergence(p):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nansum(p * np.log(p / mean), axis=(-1, -2))

    for draw, own in zip(memberships, ordered, strict=True):
        others = np.array([divergence(draw[:, order]) for order in orders])
        assert divergence(own) == pytest.approx(others.min(), abs=1e-9)


class iter_again:
    """Blocks that are computed anew in every pass."""

    def __init__(self, blocks):
        self.blocks = blocks

    def __iter__(self):
        return iter([block.copy() for block in self.blocks])


def test_blocks_of_draws_change_nothing(rng, monkeypatch):
    reference, draws = jittered("diag", rng, separation=1.0)
    X = oracle.random_data(reference, 80)
    permuted = draws.permute(random_orders(rng))
    whole = {method: relabel(permuted, reference, X, method) for method in METHODS}
    monkeypatch.setattr("bayesgmm.core.mixture._BLOCK", 80 * K * 7)
    for method, expected in whole.items():
        found = relabel(permuted, reference, X, method)
        np.testing.assert_array_equal(found.orders, expected.orders)
        np.testing.assert_array_equal(found.n_occupied, expected.n_occupied)
        assert found.functionals.keys() == expected.functionals.keys()


def test_methods_agree_where_components_are_apart_and_less_where_not(rng):
    reference, draws = jittered("full", rng)
    X = oracle.random_data(reference, 200)
    assert agreement(draws.permute(random_orders(rng)), reference, X) == 1.0
    reference, draws = jittered("full", rng, separation=0.2, spread=0.4)
    X = oracle.random_data(reference, 200)
    assert 0.1 < agreement(draws.permute(random_orders(rng)), reference, X) < 0.9


def test_names_alone_are_no_disagreement(rng):
    orders = random_orders(rng).reshape(-1, K)
    others = orders[:, [2, 0, 3, 1]]
    np.testing.assert_array_equal(aligned(orders, others), orders)
    others[0] = orders[0, [2, 3, 0, 1]]
    assert (aligned(orders, others) == orders).all(axis=1).mean() == 1 - 1 / len(orders)


def test_switched_is_the_share_of_draws_away_from_their_chains_usual_order(rng):
    reference, draws = jittered("diag", rng)
    X = oracle.random_data(reference, 300)
    orders = np.broadcast_to(np.arange(K), (2, 50, K)).copy()
    orders[1] = [1, 0, 2, 3]  # a whole chain under other names has not switched
    orders[0, 10:15] = [3, 1, 2, 0]
    found = relabel(draws.permute(orders), reference, X)
    assert found.switched == pytest.approx(5 / 100)
    assert found.n_namings == 2
    found = relabel(draws, reference, X)
    assert (found.switched, found.n_namings) == (0.0, 1)


def test_assignments_have_the_largest_total(rng):
    tables = rng.random((300, K, K))
    for table, order in zip(tables, best_orders(tables), strict=True):
        best = linear_sum_assignment(table, maximize=True)[1]
        assert table[range(K), order].sum() == pytest.approx(table[range(K), best].sum())
        assert sorted(order) == list(range(K))


def test_one_component_has_one_name(family, rng):
    mixture = oracle.random_mixture(family, 1, D, rng)
    draws = Mixture(
        np.ones((1, 3, 1)),
        np.stack([[mixture.means] * 3]),
        np.stack([[mixture.whitening] * 3]),
        family,
    )
    X = np.zeros((5, D))
    found = relabel(draws, mixture, X)
    assert found.orders.shape == (1, 3, 1)
    assert (found.switched, found.functionals, found.n_occupied) == (0.0, {}, None)
    assert agreement(draws, mixture, X) == 1.0


def test_other_variables_are_ordered_alike(rng):
    import xarray as xr

    reference, draws = jittered("diag", rng)
    X = oracle.random_data(reference, 300)
    permuted = draws.permute(random_orders(rng))
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


def test_rows_of_large_data_are_chosen_from_every_component(rng):
    reference = Mixture(
        np.array([0.5, 0.498, 0.002]), np.array([[0.0], [9.0], [50.0]]), np.ones((3, 1)), "diag"
    )
    X = oracle.random_data(reference, 20_000)
    rare = np.flatnonzero(X[:, 0] > 40)
    rows = choose_rows(X, reference, 300)
    assert len(rows) <= 300
    assert np.all(np.diff(rows) > 0)
    assert set(rare) <= set(rows)
    assert np.sum(X[rows, 0] < 4.5) == 100
    np.testing.assert_array_equal(choose_rows(X[:50], reference, 300), np.arange(50))


def test_large_data_are_thinned(rng, monkeypatch):
    reference, draws = jittered("diag", rng)
    monkeypatch.setattr("bayesgmm.bayes.labels.relabelling.MAX_ROWS", 100)
    X = oracle.random_data(reference, 5_000)
    orders = random_orders(rng)
    np.testing.assert_array_equal(
        relabel(draws.permute(orders), reference, X).mixture.means, draws.means
    )


# --- what the memberships say ----------------------------------------------------------------


def test_co_clustering_is_that_of_the_draws_and_free_of_labels(rng):
    reference, draws = jittered("full", rng, separation=1.0, spread=0.2)
    X = oracle.random_data(reference, 90)
    found = relabel(draws.permute(random_orders(rng)), reference, X).functionals
    assert found.keys() == relabel(draws, reference, X).functionals.keys()
    assert len(found) == 3
    rows = set()
    for name, values in found.items():
        i, j = (int(word) for word in name.split() if word.isdigit())
        rows |= {i, j}
        p = draws.responsibilities(X[[i, j]])
        np.testing.assert_allclose(values, (p[..., 0, :] * p[..., 1, :]).sum(-1), rtol=1e-10)
    assert len(rows) == 6


def test_pairs_that_are_sure_are_not_followed(rng):
    reference, draws = jittered("full", rng, separation=1000.0)
    assert relabel(draws, reference, oracle.random_data(reference, 50)).functionals == {}


def test_empty_components_are_not_counted(rng):
    reference, draws = jittered("diag", rng, separation=10.0)
    X = oracle.random_data(reference, 200)
    assert np.all(relabel(draws, reference, X).n_occupied == K)
    weights = draws.weights.copy()
    weights[0, :20, 2] = 1e-300
    emptied = Mixture(weights, draws.means, draws.whitening, "diag")
    counts = relabel(emptied, reference, X).n_occupied
    assert np.all(counts[0, :20] == K - 1)
    assert np.all(counts[1] == K)


def test_overlap_is_the_share_of_the_smaller_component(rng):
    """Two components in one place share half of each; a third one apart shares nothing."""
    mixture = Mixture(
        np.full((2, 5, 3), [0.3, 0.3, 0.4]),
        np.full((2, 5, 3, 1), [[0.0], [0.0], [50.0]]),
        np.ones((2, 5, 3, 1)),
        "diag",
    )
    X = oracle.random_data(mixture[0, 0], 400)
    found = overlap(mixture, X)
    np.testing.assert_allclose(found, [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0, 0, 1.0]], atol=1e-12)
