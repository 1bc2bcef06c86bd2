import numpy as np
import pandas as pd
import pytest

from bayesgmm.core.mixture import Mixture
from bayesgmm.exceptions import DataError, DataTypeError
from bayesgmm.plots.scene import check_prob, feature_pair, most_separating, read_scene


class Fit:
    """Stand-in for a fitted estimator."""

    def __init__(self, mixture, names=None):
        self.mixture_ = mixture
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)

    def fit(self, X):
        return self


class Unfitted:
    def fit(self, X):
        return self


def plain(mixture):
    return Mixture(mixture.weights, mixture.means, mixture.whitening)


def test_names_come_from_mixture_then_fit_then_frame_then_positions(em, rows):
    frame = pd.DataFrame(rows, columns=["a", "b"])
    assert read_scene(em, rows).names == ("length", "width")
    assert read_scene(Fit(plain(em), ["u", "v"]), rows).names == ("u", "v")
    assert read_scene(plain(em), frame).names == ("a", "b")
    assert read_scene(plain(em), rows).names == ("x0", "x1")


def test_units_of_the_frame_stand_beside_the_names(em, rows):
    frame = pd.DataFrame(rows, columns=["length", "width"])
    frame.attrs["units"] = {"length": "cm"}
    assert read_scene(em, frame).labels == ("length (cm)", "width")


def test_a_unit_that_the_name_says_is_not_said_again(em, rows):
    frame = pd.DataFrame(rows, columns=["bill_length_mm", "Mass kg"])
    frame.attrs["units"] = {"bill_length_mm": "mm", "Mass kg": "kg"}
    assert read_scene(plain(em), frame).labels == ("bill_length_mm", "Mass kg")


def test_rows_are_called_by_their_index(em, rows):
    frame = pd.DataFrame(rows[:3], columns=["length", "width"], index=["p", "q", "r"])
    assert list(read_scene(em, frame).rows) == ["p", "q", "r"]
    assert list(read_scene(em, rows[:3]).rows) == [0, 1, 2]
    assert list(read_scene(em, rows[:3].tolist()).rows) == [0, 1, 2]


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (Unfitted(), r"got Unfitted without one; call fit\(X\) first"),
        (Unfitted, r"got Unfitted without one; call fit\(X\) first"),
        (3.0, r"got float without one; pass what fit\(X\) returns"),
    ],
)
def test_what_is_no_fit_is_refused(fit, message):
    with pytest.raises(DataTypeError, match=message):
        read_scene(fit, [[0.0, 1.0]])


def test_rows_must_have_the_features_of_the_fit(em, rows):
    with pytest.raises(DataError, match=r"X has 1 features, but .* expecting 2"):
        read_scene(em, rows[:, :1])
    with pytest.raises(DataError, match="NaN"):
        read_scene(em, np.where(rows > 4, np.nan, rows))
    with pytest.raises(DataError, match="pass X"):
        _ = read_scene(em).data


@pytest.mark.parametrize("prob", [0.0, 1.0, 90, -0.1, float("nan")])
def test_prob_lies_between_0_and_1(prob):
    with pytest.raises(DataError, match=f"between 0 and 1, got {prob}; write 0.9"):
        check_prob(prob)


@pytest.fixture
def wide():
    """Components that differ in feature 1, then 3 (farther apart, but wider), hardly in others."""
    means = np.array([[0.0, 0.0, 0.0, 0.0], [0.1, 3.0, 0.0, 4.0]])
    covariances = np.stack([np.diag([1.0, 1.0, 1.0, 25.0])] * 2)
    return Mixture.from_covariances(
        np.array([0.5, 0.5]), means, covariances, "full", ("a", "b", "c", "d")
    )


def test_default_features_are_those_that_differ_most_whatever_their_scale(wide):
    assert most_separating(wide, 3) == [1, 3, 0]
    assert feature_pair(read_scene(wide), None) == (1, 3)


def test_features_by_name_and_position(wide):
    scene = read_scene(wide)
    assert feature_pair(scene, ["c", "a"]) == (2, 0)
    assert feature_pair(scene, [0, -1]) == (0, 3)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["a", "bb"], r"one of 'a', 'b', 'c' and 'd', got 'bb' \(did you mean 'b'\?\)"),
        (["a"], r"must name two features, got \['a'\]"),
        ("ab", "must name two features, got 'ab'"),
        ([0, 4], "between 0 and 3, got 4"),
        ([1, "b"], "must differ, got 'b' twice"),
        ([0.5, 1], "by its name or its position, got 0.5"),
    ],
)
def test_bad_features_are_named(wide, features, message):
    with pytest.raises(DataError, match=message):
        feature_pair(read_scene(wide), features)
