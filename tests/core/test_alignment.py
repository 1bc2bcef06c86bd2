"""Matching the components of mixtures by the rows they hold."""

import numpy as np
import oracle
import pytest
from scipy.optimize import linear_sum_assignment

from bayesgmm.core.alignment import best_orders, matching_order

K = 4


def test_best_orders_have_the_largest_total(rng):
    shared = rng.random((300, K, K))
    found = best_orders(shared)
    for table, order in zip(shared, found, strict=True):
        best = linear_sum_assignment(table, maximize=True)[1]
        assert table[range(K), order].sum() == pytest.approx(table[range(K), best].sum())
        assert sorted(order) == list(range(K))


def test_one_mixture_is_matched_too(family, rng):
    reference = oracle.random_mixture(family, K, 2, rng, separation=4.0)
    X = oracle.random_data(reference, 300)
    mixed = reference.permute(np.array([2, 0, 3, 1]))
    order = matching_order(mixed, reference, X)
    assert order.tolist() == [1, 3, 0, 2]
    np.testing.assert_array_equal(mixed.permute(order).means, reference.means)
