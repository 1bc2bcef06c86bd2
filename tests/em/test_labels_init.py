"""Starts from labels that the user gives."""

import numpy as np
import pandas as pd
import pytest

from bayesgmm import GaussianMixture, load_dataset
from bayesgmm.exceptions import DataError


@pytest.fixture(scope="module")
def iris():
    frame = load_dataset("iris")
    return frame.select_dtypes("number"), frame["species"]


def test_one_run_from_the_moments_of_the_labels(iris, family):
    X, species = iris
    labels = np.unique(species, return_inverse=True)[1]
    start = GaussianMixture(3, covariance_type=family, labels_init=labels, max_iter=0).fit(X)
    np.testing.assert_allclose(start.weights_, 1 / 3)
    np.testing.assert_allclose(start.means_, X.groupby(species.to_numpy()).mean(), rtol=1e-10)
    fit = GaussianMixture(3, covariance_type=family, labels_init=labels, n_init=7).fit(X)
    assert fit.starts_.n_starts == 1
    assert fit.lower_bound_ > start.lower_bound_
    assert np.mean(fit.predict(X) == labels) > 0.85


@pytest.mark.parametrize(
    "kind", [list, pd.Series, np.float64, np.bool_], ids=["list", "Series", "float", "bool"]
)
def test_labels_of_any_numeric_kind(iris, kind):
    X, species = iris
    labels = (species == "setosa").to_numpy().astype(int)
    fits = [GaussianMixture(2, labels_init=given).fit(X) for given in (labels, kind(labels))]
    np.testing.assert_array_equal(fits[0].means_, fits[1].means_)


def test_memberships_are_taken_as_they_are(iris):
    X, species = iris
    labels = np.unique(species, return_inverse=True)[1]
    soft = 0.8 * np.eye(3)[labels] + 0.2 / 3
    start = GaussianMixture(3, labels_init=soft, max_iter=0).fit(X)
    np.testing.assert_allclose(start.means_, (soft.T @ X.to_numpy()) / soft.sum(0)[:, None])


def test_rows_of_weight_zero_are_left_out_with_their_labels(iris):
    X, species = iris
    labels = np.unique(species, return_inverse=True)[1]
    weight = np.ones(len(X))
    weight[::3] = 0.0
    used = weight > 0
    whole = GaussianMixture(3, labels_init=labels).fit(X, sample_weight=weight)
    part = GaussianMixture(3, labels_init=labels[used]).fit(X[used])
    np.testing.assert_array_equal(whole.means_, part.means_)


def test_given_parts_go_before_what_labels_say(iris):
    X, species = iris
    labels = np.unique(species, return_inverse=True)[1]
    weights = [0.2, 0.3, 0.5]
    start = GaussianMixture(3, labels_init=labels, weights_init=weights, max_iter=0).fit(X)
    np.testing.assert_array_equal(start.weights_, weights)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], r"one label for each of the 150 rows, or memberships of shape \(150, 3\)"),
        (["a", "b", "c"] * 50, r"integers from 0 to 2, got values like .*return_inverse"),
        ([1, 2, 3] * 50, r"integers from 0 to 2, got 3 at row 2 \(counting from 0\)"),
        ([0, 1, 0.5] * 50, r"got 0\.5 at row 2"),
        ([0, 1, np.nan] * 50, r"got nan at row 2"),
        ([0, 1, -1] * 50, r"got -1.* at row 2"),
        ([0, 1] * 75, r"component 2 has none; set n_components"),
        (np.full((150, 3), 0.5), r"sum to 1 in each row, but row 0 \(counting from 0\) holds"),
        ([["a", "b", "c"]] * 150, "must hold numbers"),
        ([[0.5, 0.5, 0.0]] * 150, "component 2 has none"),
    ],
)
def test_labels_that_cannot_be_used(iris, labels, message):
    with pytest.raises(DataError, match=message):
        GaussianMixture(3, labels_init=labels).fit(iris[0])
