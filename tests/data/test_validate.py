import datetime
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted

from bayesgmm.data import (
    as_data,
    as_sample_weight,
    check_distinct_rows,
    check_enough_rows,
    check_features,
)
from bayesgmm.exceptions import DataError, DataTypeError

NAN, INF = np.nan, np.inf


def says(text):
    return pytest.raises(DataError, match=re.escape(text))


# --- what is accepted -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table",
    [
        [[1, 2], [3, 4]],
        np.array([[1, 2], [3, 4]], np.int32),
        np.array([[1, 2], [3, 4]], ">f8"),
        np.array([[1, 2], [3, 4]], np.float16),
        np.array([[1, 2], [3, 4]], object),
        np.array([["1", "2"], ["3", "4"]], object),
        np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]),
        np.ma.masked_array([[1, 2], [3, 4]], mask=False),
        pd.DataFrame([[1, 2], [3, 4]]),
        pd.DataFrame({"a": pd.array([1, 3], "Int64"), "b": [2.0, 4.0]}),
        pl.DataFrame({"a": [1, 3], "b": [2.0, 4.0]}),
    ],
)
def test_numbers_become_contiguous_float64(table):
    values = as_data(table).values
    np.testing.assert_array_equal(values, [[1.0, 2.0], [3.0, 4.0]])
    assert values.dtype == np.float64
    assert values.flags.c_contiguous


def test_booleans_become_zeros_and_ones():
    np.testing.assert_array_equal(as_data([[True], [False]]).values, [[1.0], [0.0]])


def test_float32_is_kept_unless_another_type_is_asked_for():
    single = np.ones((3, 2), np.float32)
    assert as_data(single).values.dtype == np.float32
    assert np.shares_memory(as_data(single).values, single)
    assert as_data(single, dtype=np.float64).values.dtype == np.float64


def test_read_only_and_memory_mapped_arrays_are_not_copied(tmp_path):
    path = tmp_path / "values.npy"
    np.save(path, np.arange(6.0).reshape(3, 2))
    for mode in ("r", "r+"):
        mapped = np.load(path, mmap_mode=mode)
        assert np.shares_memory(as_data(mapped).values, mapped)
    frozen = np.arange(6.0).reshape(3, 2)
    frozen.flags.writeable = False
    values = as_data(frozen).values
    assert np.shares_memory(values, frozen)
    assert not values.flags.writeable


def test_values_whose_squares_add_up_to_too_much_are_accepted():
    assert as_data(np.full((4, 2), 9.9e99)).n_rows == 4
    assert as_data(np.full((4, 2), 3e38, np.float32)).n_rows == 4


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_names_of_frames_are_kept(frame):
    data = as_data(frame({"length": [1.0, 2.0], "width": [3.0, 5.0]}))
    assert data.feature_names == ("length", "width")
    assert data.n_features == 2
    assert all(type(name) is str for name in data.feature_names)


def test_names_that_are_not_text_are_no_names():
    assert as_data(pd.DataFrame([[1.0, 2.0]])).feature_names is None
    assert as_data([[1.0, 2.0]]).feature_names is None


# --- what is refused --------------------------------------------------------------------------


def test_missing_values_are_counted_and_the_first_is_placed():
    table = pd.DataFrame({"a": [1.0, 2, 3], "b": [1, NAN, 3], "c": [NAN, 2, INF]})
    with says(
        "Input X contains NaN: 2 missing values, besides 1 infinite value, the first at "
        "row 0, column 'c'"
    ):
        as_data(table)
    with says(
        "Input Y contains NaN: 1 missing value, the first at row 2, column 1 (counting from 0)"
    ):
        as_data([[1, 2], [3, 4], [5, NAN]], name="Y")


def test_a_missing_value_beyond_the_first_block_of_rows_is_placed():
    table = np.zeros((300_000, 2))
    table[299_998, 1] = NAN
    with says("1 missing value, the first at row 299998, column 1"):
        as_data(table)


@pytest.mark.parametrize(
    "table",
    [
        [[None, 1], [2, 3]],
        np.ma.masked_array([[1, 2], [2, 3]], mask=[[1, 0], [0, 0]]),
        pd.DataFrame({"a": pd.array([None, 1], "Int64"), "b": [1, 2]}),
        pd.DataFrame({"a": [pd.NA, 1], "b": [1, 2]}, dtype=object),
        pl.DataFrame({"a": [None, 1], "b": [1, 2]}),
    ],
)
def test_every_mark_of_a_missing_value_is_called_missing(table):
    with says("contains NaN: 1 missing value, the first at row 0, column"):
        as_data(table)


def test_infinite_values_are_counted_and_the_first_is_placed():
    with says(
        "Input X contains infinity or a value too large for dtype('float32'): 2 infinite "
        "values, the first -inf at row 1, column 0"
    ):
        as_data(np.array([[1, 2], [-INF, INF]], np.float32))


def test_values_whose_squares_are_not_finite_are_counted_and_the_first_is_placed():
    with says(
        "Input X has 2 values beyond 1e+100, too large to be squared, the first -1e+150 at row 1, "
        "column 0"
    ):
        as_data([[1.0, 2.0], [-1e150, 1e101]])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_text_columns_are_named_with_their_first_value(frame):
    table = frame({"size": [1, 2], "species": ["x", "y"], "sex": ["f", "f"]})
    with says(
        "it holds text, 'x', at row 0, column 'species' (counting from 0), and the like "
        "in column 'sex', 4 such values in all; leave such columns out"
    ):
        as_data(table)


def test_one_text_value_in_an_array_is_placed():
    with says("it holds text, 'q', at row 1, column 1 (counting from 0);"):
        as_data([[1, 2], [3, "q"]])
    with says("it holds text, 'r', at row 1, column 0 (counting from 0), and the like in column 1"):
        as_data([[1, "q"], ["r", 2]])
    with says("it holds text, 'q', at row 1, column 0"):
        as_data(np.array([["1", "2"], ["q", "3"]]))


def test_objects_that_are_no_numbers_are_a_type_error_in_pythons_words():
    with pytest.raises(
        DataTypeError,
        match=(r"argument must be .* string.* number.*a dict, \{\}, at row 0, column 1"),
    ):
        as_data(np.array([[1, {}]], dtype=object))


@pytest.mark.parametrize(
    "table",
    [[[1.0, 2 + 1j]], pd.DataFrame({"a": [0.0], "b": [2 + 1j]}), np.array([[1, 2 + 1j]], object)],
)
def test_complex_values_are_refused(table):
    with says("Complex data not supported: X holds"):
        as_data(table)


def test_sparse_tables_are_refused():
    with pytest.raises(
        DataTypeError, match=(r"Sparse data .* sparse csr_array of shape \(2, 2\).*toarray")
    ):
        as_data(sparse.csr_array(np.eye(2)))
    with pytest.raises(DataTypeError, match=r"Sparse data .*to_dense"):
        as_data(pd.DataFrame({"a": pd.arrays.SparseArray([0.0, 1.0])}))


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"x": [1.0], "day": pd.to_datetime(["2020-01-01"])}),
        pl.DataFrame({"x": [1.0], "day": [datetime.date(2020, 1, 1)]}),
    ],
)
def test_date_columns_are_refused_instead_of_counted_in_days(table):
    with pytest.raises(DataTypeError, match="column 'day' holds dates"):
        as_data(table)


def test_date_arrays_are_refused():
    with pytest.raises(DataTypeError, match=r"array of timedelta64\[D\]"):
        as_data(np.zeros((2, 2), "m8[D]"))


@pytest.mark.parametrize("column", [[1, 2], np.array([1.0, 2.0])])
def test_one_dimension_asks_for_a_reshape(column):
    with says(
        "Expected 2D array, got 1D array instead: X has shape (2,). Reshape your data: "
        "X.reshape(-1, 1)"
    ):
        as_data(column)


@pytest.mark.parametrize("series", [pd.Series([1.0, 2.0]), pl.Series([1.0, 2.0])])
def test_a_series_is_told_how_to_become_a_frame(series):
    with pytest.raises(DataError, match=r"Reshape your data.*X\.to_frame\(\)"):
        as_data(series)


def test_other_numbers_of_dimensions():
    with says("Found array with dim 3, while dim <= 2 is required: X has shape (2, 3, 4)"):
        as_data(np.zeros((2, 3, 4)))
    with says("Expected 2D array, got scalar array instead: X is 3. Reshape your data"):
        as_data(3)


@pytest.mark.parametrize(
    "thing",
    [
        "faithful",
        {"a": [1]},
        pl.LazyFrame({"a": [1.0]}),
        np.array([(1, 2), (3, 4)], dtype=[("a", int), ("b", int)]),
    ],
)
def test_things_that_are_no_tables(thing):
    with says(
        f"X must be a table of numbers, rows by columns, but its type is '{type(thing).__name__}'"
    ):
        as_data(thing)


def test_ragged_lists_name_the_first_row_that_differs():
    with says("row 2 has 1 value where row 0 has 2"):
        as_data([[1, 2], [3, 4], [5]])


def test_too_few_rows_and_columns():
    with says(
        "Found array with 0 sample(s) (shape=(0, 3)) while a minimum of 1 is required; "
        "give X more rows"
    ):
        as_data(np.zeros((0, 3)))
    with says(
        "Found array with 0 feature(s) (shape=(12, 0)) while a minimum of 1 is required; "
        "give X more columns"
    ):
        as_data(np.zeros((12, 0)))
    with says("Found array with 1 sample(s) (shape=(1, 2)) while a minimum of 2 is required"):
        as_data([[1, 2]], min_rows=2)
    with says("Found array with 0 sample(s)"):
        as_data(pd.DataFrame())


def test_names_that_repeat_or_mix_types():
    with says("Column names of X must differ, but 'a' stands there more than once"):
        as_data(pd.DataFrame(np.eye(2), columns=["a", "a"]))
    with pytest.raises(TypeError, match="Feature names are only supported if all input features"):
        as_data(pd.DataFrame(np.eye(2), columns=["a", 1]))


# --- columns at predict -----------------------------------------------------------------------


def test_matching_or_unnamed_columns_pass():
    named = as_data(pd.DataFrame({"a": [1.0], "b": [2.0]}))
    check_features(named, 2, ["a", "b"])
    check_features(named, 2, None)
    check_features(as_data([[1.0, 2.0]]), 2, ["a", "b"])


def test_another_number_of_columns():
    with says(
        "X has 1 features, but GaussianMixture is expecting 2 features as input: 'a' and 'b'; pass"
    ):
        check_features(as_data([[1.0]]), 2, ["a", "b"], estimator="GaussianMixture")
    with says("expecting 2 features as input; it was given 'c'; pass"):
        check_features(as_data(pd.DataFrame({"c": [1.0]})), 2, None)


def test_other_names_and_another_order():
    rule = "The feature names should match those that were passed during fit.\n"
    data = as_data(pd.DataFrame({"a": [1.0], "b": [2.0]}))
    with says(
        rule
        + "Feature names unseen at fit time:\n- b\n"
        + "Feature names seen at fit time, yet now missing:\n- c\n"
        + "Expected 'a' and 'c', found 'a' and 'b'"
    ):
        check_features(data, 2, ["a", "c"])
    with says(rule + "Feature names must be in the same order as they were in fit.\n"):
        check_features(data, 2, ["b", "a"])


def test_many_other_names_are_cut_as_in_scikit_learn():
    data = as_data(pd.DataFrame({f"new{i}": [1.0] for i in range(9)}))
    with says("- new4\n- ...\nFeature names seen at fit time, yet now missing:\n- a\n"):
        check_features(data, 1, ["a"])


# --- weights and rows -------------------------------------------------------------------------


def test_weights_are_float64_of_one_dimension():
    assert as_sample_weight(None, 3) is None
    np.testing.assert_array_equal(as_sample_weight(2, 3), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(as_sample_weight(pd.Series([1, 0, 2]), 3), [1.0, 0.0, 2.0])
    given = np.array([1.0, 0.5, 0.0])
    assert np.shares_memory(as_sample_weight(given, 3), given)
    assert as_sample_weight([True, False], 2).dtype == np.float64


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], "sample_weight.shape == (2,), expected (3,)"),
        (
            np.ones((3, 1)),
            "Sample weights must be 1D array or scalar, got 2D array of",
        ),
        (
            [1, -2, -1],
            "zero or positive, but row 1 (counting from 0) has -2, 2 such weights",
        ),
        ([1, 2, NAN], "must be finite, but row 2 (counting from 0) has nan; give"),
        (
            [INF, 1, NAN],
            "must be finite, but row 0 (counting from 0) has inf",
        ),
        ([0, 0, 0], "Sample weights must contain at least one non-zero number, but all 3 are zero"),
        (0, "Sample weights must contain at least one non-zero number"),
        (["a", 1, 2], "could not be read as numbers (could not convert string to float: 'a')"),
    ],
)
def test_bad_weights(weights, message):
    with says(message):
        as_sample_weight(weights, 3)


def test_rows_and_components():
    check_enough_rows(5, 5)
    with says("Expected n_samples >= n_components but got n_components = 5, n_samples = 2"):
        check_enough_rows(2, 5)


def test_fewer_distinct_rows_than_components():
    X = np.repeat([[0.0, 1.0], [2.0, 3.0], [2.0, 4.0]], [30, 40, 30], axis=0)
    check_distinct_rows(X, 3)
    with says(
        "there must be at least as many distinct rows as components, got n_components = 4 and 3 "
        "distinct rows among 100; ask for at most 3 components"
    ):
        check_distinct_rows(X, 4)


class Sign(ClusterMixin, BaseEstimator):
    """The smallest estimator that uses all checks (at the module's level so that it pickles)."""

    def fit(self, X, y=None, sample_weight=None):
        data = as_data(X)
        as_sample_weight(sample_weight, data.n_rows)
        self.n_features_in_ = data.n_features
        if data.feature_names is not None:
            self.feature_names_in_ = np.array(data.feature_names, dtype=object)
        self.labels_ = self.predict(X)
        return self

    def predict(self, X):
        check_is_fitted(self, "n_features_in_")
        data = as_data(X)
        names = getattr(self, "feature_names_in_", None)
        check_features(data, self.n_features_in_, names, estimator="Sign")
        return (data.values[:, 0] > 0).astype(int)


def test_an_estimator_built_on_these_checks_passes_scikit_learns_own():
    check_estimator(Sign(), on_skip=None)
