"""What comes in as data: one plain array of numbers and its column names, or one clear error.

Every message has the rule, the first value that breaks it with its row and column, how many there
are, and what to try. Fragments of scikit-learn's own messages come first, because its checks of an
estimator (and many users' tests) look for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bayesgmm.data.conversion import short, to_numbers
from bayesgmm.data.degenerate import check_not_degenerate
from bayesgmm.data.wording import in_all, joined, place, plural
from bayesgmm.exceptions import DataError

__all__ = [
    "Data",
    "as_data",
    "as_sample_weight",
    "check_distinct_rows",
    "check_enough_rows",
    "check_features",
    "check_not_degenerate",
]

_BLOCK_VALUES = 131_072
# Squares of larger values, in units of a narrow component, would not be finite.
_LARGEST = 1e100
_RESHAPE = (
    "Reshape your data: {0}.reshape(-1, 1) if it is one feature, "
    "{0}.reshape(1, -1) if it is one row"
)


@dataclass(frozen=True, eq=False)
class Data:
    """A validated table: finite numbers, at least one row and one column.

    Attributes
    ----------
    values : ndarray of shape (N, D), float64 or float32, C-contiguous
        The caller's own memory where nothing had to be converted; never written to.
    feature_names : tuple of str or None
        Column names, when the input had names that are all text.
    """

    values: NDArray[np.floating]
    feature_names: tuple[str, ...] | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows, N."""
        return self.values.shape[0]

    @property
    def n_features(self) -> int:
        """Number of columns, D."""
        return self.values.shape[1]


def as_data(
    X: Any,
    *,
    name: str = "X",
    min_rows: int = 1,
    min_cols: int = 1,
    dtype: DTypeLike | None = None,
) -> Data:
    """Validate a table of numbers.

    Parameters
    ----------
    X : array-like or frame of shape (N, D)
        NumPy array (memory-mapped or read-only too), nested lists, pandas or Polars frame.
        Integers, booleans and objects that hold numbers become float64; float32 stays float32.
    name : str, default "X"
        What the messages call the input.
    min_rows, min_cols : int, default 1
        Fewest rows and columns accepted.
    dtype : dtype, optional
        Convert to this type instead of keeping float64 or float32.

    Returns
    -------
    Data
        Values without a copy where `X` is already C-contiguous of the right type.

    Raises
    ------
    DataError
        NaN, infinite, text or complex values, values beyond 1e100, wrong number of dimensions, too
        few rows or columns, repeated column names.
    DataTypeError
        Sparse matrices, dates, values that are no numbers at all, names that mix text and
        numbers.

    Examples
    --------
    >>> as_data([[1, 2], [3, 4]]).values
    array([[1., 2.],
           [3., 4.]])
    """
    values, names = to_numbers(X, name, dtype)
    _check_shape(values, X, name, min_rows, min_cols)
    _check_finite(values, name, names)
    return Data(values, names)


def check_features(
    data: Data,
    n_features: int,
    feature_names: Sequence[str] | None = None,
    *,
    estimator: str = "Mixture",
) -> None:
    """Check that new data have the columns that a mixture was fitted on.

    Names are compared only when both sides have them; the right names in another order are an
    error, as in scikit-learn, because silently reordering would hide a mistake.

    Parameters
    ----------
    data : Data
        The new rows.
    n_features : int
        Columns at fit.
    feature_names : sequence of str, optional
        Their names, when the fit had names.
    estimator : str, default "Mixture"
        Class name for the message.

    Raises
    ------
    DataError
        Other names, another order or another number of columns.
    """
    if feature_names is not None and data.feature_names is not None:
        _check_names(data.feature_names, tuple(feature_names))
    if data.n_features != n_features:
        expected = "" if feature_names is None else f": {joined(feature_names)}"
        found = "" if data.feature_names is None else f"; it was given {joined(data.feature_names)}"
        raise DataError(
            f"X has {data.n_features} features, but {estimator} is expecting {n_features} features "
            f"as input{expected}{found}; pass the columns used in fit, in the same order."
        )


def as_sample_weight(sample_weight: Any, n: int) -> NDArray[np.float64] | None:
    """Validate the weights of `n` rows.

    Parameters
    ----------
    sample_weight : array-like of shape (n,), float or None
        Frequencies of the rows; need not be whole numbers. One number is repeated for every row.
    n : int
        Number of rows.

    Returns
    -------
    ndarray of shape (n,), float64, or None
        None for None: every row counts once.

    Raises
    ------
    DataError
        Wrong shape, NaN, infinite, negative, all zero, or not numbers.
    """
    if sample_weight is None:
        return None
    try:
        weights = np.asarray(sample_weight, dtype=np.float64, order="C")
    except (ValueError, TypeError) as error:
        raise DataError(
            f"sample_weight must hold one number per row, but it could not be read as numbers "
            f"({_one_line(error)}); pass a 1-D array of {n} numbers."
        ) from error
    if weights.ndim == 0:
        weights = np.full(n, weights.item())
    if weights.ndim != 1:
        raise DataError(
            f"Sample weights must be 1D array or scalar, got {weights.ndim}D array of shape "
            f"{weights.shape}; pass one number for each of the {plural(n, 'row')}, "
            "for instance sample_weight.ravel()."
        )
    if len(weights) != n:
        raise DataError(
            f"sample_weight.shape == {weights.shape}, expected ({n},): pass exactly one weight "
            "for each row of X."
        )
    _check_weights(weights)
    return weights


def check_enough_rows(n: int, n_components: int) -> None:
    """Check that there is at least one row for each component.

    Parameters
    ----------
    n : int
        Number of rows.
    n_components : int
        Number of components asked for.

    Raises
    ------
    DataError
        More components than rows.
    """
    if n < n_components:
        raise DataError(
            f"Expected n_samples >= n_components but got n_components = {n_components}, "
            f"n_samples = {n}; ask for at most {plural(n, 'component')} or give more rows."
        )


def check_distinct_rows(values: NDArray[np.floating], n_components: int) -> None:
    """Check that there are at least as many distinct rows as components.

    Parameters
    ----------
    values : (N, D) array
    n_components : int
        Number of components asked for.

    Raises
    ------
    DataError
        If rows repeat so much that some components could only be copies of others.
    """
    # Few rows settle it, unless nearly all are the same.
    for part in (values[: 10 * n_components], values):
        n_distinct = len(np.unique(part, axis=0))
        if n_distinct >= n_components:
            return
    raise DataError(
        f"there must be at least as many distinct rows as components, got n_components = "
        f"{n_components} and {plural(n_distinct, 'distinct row')} among {len(values)}; ask for "
        f"at most {plural(n_distinct, 'component')}."
    )


def _check_shape(
    values: NDArray[np.floating], X: Any, name: str, min_rows: int, min_cols: int
) -> None:
    if values.ndim == 0:
        raise DataError(
            f"Expected 2D array, got scalar array instead: {name} is {short(X)}. "
            f"{_RESHAPE.format(name)}."
        )
    if values.ndim == 1:
        series = f", or {name}.to_frame()" if hasattr(X, "to_frame") else ""
        raise DataError(
            f"Expected 2D array, got 1D array instead: {name} has shape {values.shape}. "
            f"{_RESHAPE.format(name)}{series}."
        )
    if values.ndim > 2:
        raise DataError(
            f"Found array with dim {values.ndim}, while dim <= 2 is required: {name} has shape "
            f"{values.shape}; pass rows by columns, for instance X.reshape(len(X), -1)."
        )
    for found, least, what, more in (
        (values.shape[0], min_rows, "sample", "rows"),
        (values.shape[1], min_cols, "feature", "columns"),
    ):
        if found < least:
            raise DataError(
                f"Found array with {found} {what}(s) (shape={values.shape}) while a minimum of "
                f"{least} is required; give {name} more {more}."
            )


def _check_finite(values: NDArray[np.floating], name: str, names: tuple[str, ...] | None) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        # The sum of squares of good data is small enough, and needs no array of its own.
        flat = values.reshape(-1)
        if np.vdot(flat, flat) < _LARGEST**2:
            return
    first: dict[str, tuple[int, int]] = {}
    count = {"nan": 0, "inf": 0, "large": 0}
    step = max(1, _BLOCK_VALUES // values.shape[1])
    for start in range(0, len(values), step):
        block = values[start : start + step].astype(float)  # the limit is none of float32's numbers
        is_infinite = np.isinf(block)
        is_large = (np.abs(block) > _LARGEST) & ~is_infinite
        for kind, found in (("nan", np.isnan(block)), ("inf", is_infinite), ("large", is_large)):
            number = int(found.sum())
            if number and kind not in first:
                row, column = np.argwhere(found)[0]
                first[kind] = (start + int(row), int(column))
            count[kind] += number
    if "nan" in first:
        besides = f", besides {plural(count['inf'], 'infinite value')}" if count["inf"] else ""
        raise DataError(
            f"Input {name} contains NaN: {plural(count['nan'], 'missing value')}{besides}, the "
            f"first {place(*first['nan'], names)}; drop the rows with gaps (X.dropna() of a frame) "
            "or fill them, for instance with sklearn.impute.SimpleImputer."
        )
    if "inf" in first:
        raise DataError(
            f"Input {name} contains infinity or a value too large for {values.dtype!r}: "
            f"{plural(count['inf'], 'infinite value')}, the first {values[first['inf']]} "
            f"{place(*first['inf'], names)}; drop or correct those rows."
        )
    if "large" in first:
        raise DataError(
            f"Input {name} has {plural(count['large'], 'value')} beyond {_LARGEST:.0e}, too large "
            f"to be squared, the first {values[first['large']]} {place(*first['large'], names)}; "
            "drop or correct those rows, or use another unit."
        )


def _check_names(found: tuple[str, ...], expected: tuple[str, ...]) -> None:
    if found == expected:
        return
    unseen, missing = sorted(set(found) - set(expected)), sorted(set(expected) - set(found))

    def listed(title: str, names: list[str]) -> str:
        lines = [f"- {name}\n" for name in names[:5]] + ["- ...\n"] * (len(names) > 5)
        return title + "".join(lines) if names else ""

    # The layout up to the last line is scikit-learn's, word for word.
    raise DataError(
        "The feature names should match those that were passed during fit.\n"
        + listed("Feature names unseen at fit time:\n", unseen)
        + listed("Feature names seen at fit time, yet now missing:\n", missing)
        + (
            ""
            if unseen or missing
            else "Feature names must be in the same order as they were in fit.\n"
        )
        + f"Expected {joined(expected)}, found {joined(found)}: select the columns by name, in the "
        "order of the fit."
    )


def _check_weights(weights: NDArray[np.float64]) -> None:
    bad = ~np.isfinite(weights)
    rule = "finite"
    if not bad.any():
        bad, rule = weights < 0, "zero or positive"
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"Every value of sample_weight must be {rule}, but row {row} (counting from 0) has "
            f"{weights[row]:g}{in_all(int(bad.sum()), 'weight')}; give a row that "
            "should not count the weight 0."
        )
    if not weights.any():
        raise DataError(
            "Sample weights must contain at least one non-zero number, but all "
            f"{len(weights)} are zero; give the rows to be used a positive weight."
        )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
