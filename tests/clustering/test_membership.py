"""Soft clustering as a table, against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from bayesgmm import GaussianMixture, membership_entropy, membership_table

# Two unit variances, two apart, with equal weights: the odds are exp(2 - 2 x) to one.
HALVES = {
    "weights_init": [0.5, 0.5],
    "means_init": [[0.0], [2.0]],
    "precisions_init": [[1.0], [1.0]],
}


@pytest.fixture(scope="module")
def known():
    fit = GaussianMixture(2, covariance_type="diag", max_iter=0, n_init=1, **HALVES)
    return fit.fit([[0.0], [1.0], [2.0], [5.0]])


def test_entropy_of_known_probabilities():
    p = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.9, 0.1, 0.0]])
    expected = [0.0, np.log(2), np.log(3), -0.9 * np.log(0.9) - 0.1 * np.log(0.1)]
    np.testing.assert_allclose(membership_entropy(p), expected, atol=1e-15)


def test_entropy_of_certainty_is_a_plain_zero():
    entropy = membership_entropy(np.array([[1.0], [1.0]]))
    assert entropy.tolist() == [0.0, 0.0]
    assert not np.signbit(entropy).any()


def test_memberships_by_hand(known):
    np.testing.assert_array_equal(known.means_[:, 0], [0.0, 2.0])
    x = np.array([-1.0, 1.0, 2.0, 2.2])
    p1 = 1.0 / (1.0 + np.exp(2.0 - 2.0 * x))
    table = membership_table(known, x[:, None])
    np.testing.assert_allclose(table["p0"], 1.0 - p1, rtol=1e-12)
    np.testing.assert_allclose(table["p1"], p1, rtol=1e-12)
    assert table["component"].drop(1).tolist() == [0, 1, 1]
    np.testing.assert_allclose(table["probability"], np.maximum(p1, 1.0 - p1), rtol=1e-12)
    np.testing.assert_allclose(
        table["entropy"], -p1 * np.log(p1) - (1 - p1) * np.log(1 - p1), rtol=1e-12
    )
    # 0.982, 0.5, 0.881 and 0.917 against 0.9.
    assert table["in_doubt"].tolist() == [False, True, True, False]
    assert "lower" not in table


def test_the_table_agrees_with_the_estimator(fit, rows):
    table = membership_table(fit, rows)
    p = fit.predict_proba(rows)
    np.testing.assert_array_equal(table[["p0", "p1"]], p)
    np.testing.assert_array_equal(table["component"], fit.predict(rows))
    np.testing.assert_array_equal(table["entropy"], membership_entropy(p))


def test_bounds_of_a_posterior_are_those_of_its_draws(posterior, rows):
    table = membership_table(posterior, rows[:20])
    draws = posterior.mixture_.responsibilities(rows[:20]).reshape(-1, 20, 2)
    at = np.arange(20), table["component"].to_numpy()
    np.testing.assert_allclose(table["probability"], draws.mean(axis=0)[at], rtol=1e-9)
    lower, upper = np.quantile(draws, [0.05, 0.95], axis=0)
    np.testing.assert_allclose(table["lower"], lower[at], rtol=1e-9)
    np.testing.assert_allclose(table["upper"], upper[at], rtol=1e-9)
    assert list(table.columns[:4]) == ["component", "probability", "lower", "upper"]


def test_the_index_of_a_frame_is_kept(em, rows):
    frame = pd.DataFrame(rows[:3], index=["a", "b", "c"])
    frame.columns = frame.columns.astype(str)
    named = GaussianMixture(2, random_state=0).fit(pd.DataFrame(rows, columns=["0", "1"]))
    assert membership_table(named, frame).index.tolist() == ["a", "b", "c"]
    assert membership_table(em, rows[:3].tolist()).index.tolist() == [0, 1, 2]


def test_one_component_holds_everything(rows):
    table = membership_table(GaussianMixture(1).fit(rows), rows)
    assert (table[["component", "entropy"]] == 0).all(axis=None)
    assert (table[["probability", "p0"]] == 1).all(axis=None)
    assert not table["in_doubt"].any()
