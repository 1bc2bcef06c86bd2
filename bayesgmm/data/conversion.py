"""From whatever holds numbers to a NumPy array.

Conversion is scikit-learn's (`sklearn.utils.validation.check_array`), so that whatever its
estimators accept is accepted here. What it would convert without a word though no one can mean it
(dates, masked values) is caught before; where it fails, the input is searched for the value that
made it fail, which only inputs that fail have to pay for.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import (
    _get_feature_names,  # pyright: ignore[reportAttributeAccessIssue]
    check_array,
)

from bayesgmm.data.wording import column_label, in_all, joined, place, plural
from bayesgmm.exceptions import DataError, DataTypeError

__all__ = ["short", "to_numbers"]


def to_numbers(
    X: Any, name: str, dtype: DTypeLike | None = None
) -> tuple[NDArray[np.floating], tuple[str, ...] | None]:
    """Convert to floats, of any shape and perhaps not finite, and take the column names.

    Parameters
    ----------
    X : array-like or frame
        The input.
    name : str
        What the messages call it.
    dtype : dtype, optional
        By default float64 and float32 stay as they are and all else becomes float64.

    Returns
    -------
    values : ndarray
        C-contiguous; the input's own memory where nothing had to be converted.
    names : tuple of str or None
        Column names, when they are all text.

    Raises
    ------
    DataError, DataTypeError
        What `bayesgmm.data.validate.as_data` says of values that are no numbers.
    """
    _refuse_sparse(X, name)
    _refuse_dates(X, name)
    names = _column_names(X, name)
    if isinstance(X, np.ma.MaskedArray) and np.ma.getmaskarray(X).any():
        X = np.where(np.ma.getmaskarray(X), np.nan, np.ma.getdata(X))
    return _convert(X, name, names, [np.float64, np.float32] if dtype is None else dtype), names


def _refuse_sparse(X: Any, name: str) -> None:
    frame_is_sparse = _is_frame(X) and any("Sparse" in str(kind) for kind in X.dtypes)
    if issparse(X) or frame_is_sparse:
        remedy = "X.sparse.to_dense()" if frame_is_sparse else "X.toarray()"
        raise DataTypeError(
            f"Sparse data are not supported, but {name} is a sparse {type(X).__name__} of shape "
            f"{X.shape}; pass a dense table, for instance {remedy}."
        )


def _refuse_dates(X: Any, name: str) -> None:
    """Refuse what NumPy would turn into counts of days or nanoseconds without a word."""
    if _is_frame(X):
        dated = [
            column
            for column, kind in zip(X.columns, X.dtypes, strict=True)
            if getattr(kind, "kind", "") in {"M", "m"}
            or bool(getattr(kind, "is_temporal", lambda: False)())
        ]
        what = f"column {dated[0]!r} holds dates or times" if dated else ""
    else:
        dated = getattr(getattr(X, "dtype", None), "kind", "") in {"M", "m"}
        what = f"it is an array of {getattr(X, 'dtype', None)}"
    if dated:
        raise DataTypeError(
            f"{name} must hold numbers, but {what}; leave dates out or turn them into numbers, "
            "for instance days since the first."
        )


def _column_names(X: Any, name: str) -> tuple[str, ...] | None:
    if _is_frame(X):
        repeated = [c for i, c in enumerate(X.columns) if c in list(X.columns)[:i]]
        if repeated:
            raise DataError(
                f"Column names of {name} must differ, but {joined(repeated[:1])} stands there more "
                "than once; rename or drop the repeated column."
            )
    try:
        names = _get_feature_names(X)
    except TypeError as error:
        raise DataTypeError(str(error)) from error
    return None if names is None else tuple(str(column) for column in names)


def _convert(X: Any, name: str, names: tuple[str, ...] | None, dtype: Any) -> NDArray[np.floating]:
    def numbers(table: Any) -> NDArray[np.floating]:
        return check_array(
            table,
            dtype=dtype,
            order="C",
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite=False,
            ensure_min_samples=0,
            ensure_min_features=0,
        )

    try:
        return numbers(X)
    except (ValueError, TypeError) as error:
        # Missing values marked by pd.NA, which NumPy cannot read, become NaN and get through.
        return numbers(_without_missing_marks(X, name, names, error))


def _without_missing_marks(
    X: Any, name: str, names: tuple[str, ...] | None, error: Exception
) -> NDArray[np.object_]:
    """Objects with NaN for missing marks, or the error that says which value is not a number."""
    try:
        objects = np.array(X, dtype=object)
    except ValueError:
        objects = np.empty(len(X), dtype=object)
        objects[:] = list(X)
    if not objects.size:
        return objects
    if objects.ndim == 1 and hasattr(objects[0], "__len__") and not isinstance(objects[0], str):
        lengths = [len(row) if hasattr(row, "__len__") else 1 for row in objects]
        row = next((i for i, length in enumerate(lengths) if length != lengths[0]), None)
        if row is not None:
            raise DataError(
                f"All rows of {name} must be equally long, but row {row} has "
                f"{plural(lengths[row], 'value')} where row 0 has {lengths[0]} (counting from 0); "
                "complete or drop that row."
            ) from error
    if objects.ndim == 0 or isinstance(objects.flat[0], tuple):
        raise DataTypeError(
            f"{name} must be a table of numbers, rows by columns, but its type is "
            f"{type(X).__name__!r} ({short(X)}); pass an array or a frame (load_dataset and "
            "read_table make one)."
        ) from error
    missing = np.vectorize(lambda v: type(v).__name__ in {"NAType", "NaTType"}, otypes=[bool])
    objects[missing(objects)] = np.nan
    _refuse_objects(objects, name, names, error)
    return objects


def _refuse_objects(
    objects: NDArray[np.object_], name: str, names: tuple[str, ...] | None, error: Exception
) -> None:
    bad = np.vectorize(lambda v: not _is_number(v), otypes=[bool])(objects)
    if not bad.any():
        return
    columns = np.flatnonzero(bad.any(axis=0)) if objects.ndim == 2 else np.array([], dtype=int)
    column = int(columns[0]) if len(columns) else None
    row = int(np.argmax(bad if column is None else bad[:, column]))
    value = objects[row] if column is None else objects[row, column]
    where, count = place(row, column, names), in_all(int(bad.sum()), "value")
    if isinstance(value, complex | np.complexfloating):
        raise DataError(
            f"Complex data not supported: {name} holds {value} {where}{count}; pass real "
            "and imaginary parts as separate columns, or X.real."
        ) from error
    kind = "text" if isinstance(value, str | bytes) else f"a {type(value).__name__}"
    others = [column_label(int(j), names) for j in columns[1:]]
    also = f", and the like in {joined(others, quote=False)}" if others else ""
    # scikit-learn's checks look for Python's own words when a value is no number at all.
    python = "" if kind == "text" else ": float() argument must be a string or a real number"
    raise (DataError if kind == "text" else DataTypeError)(
        f"{name} must hold numbers only{python}, but it holds {kind}, {short(value)}, {where}"
        f"{also}{count}; leave such columns out or code them as numbers."
    ) from error


def _is_number(value: Any) -> bool:
    if value is None:
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            float(value)
        except (ValueError, TypeError, Warning):
            return False
    return True


def _is_frame(X: Any) -> bool:
    # A lazy frame has no shape; asking it for its columns would already run its query.
    return hasattr(X, "shape") and hasattr(X, "dtypes") and hasattr(X, "columns")


def short(value: Any) -> str:
    """Return the start of a value's repr, on one line."""
    text = repr(value)
    text = text if len(text) <= 40 else text[:37] + "..."
    return " ".join(text.split())
