"""Tables from files, and the columns of a table that a mixture can use."""

import gzip
import re
import zlib
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesgmm.data.wording import did_you_mean, in_all, joined, place
from bayesgmm.exceptions import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NumericColumns", "numeric_columns", "read_table"]

_TEXT = {".csv": ",", ".tsv": "\t"}
_PARQUET = {".parquet", ".pq"}
_READABLE = ".csv, .tsv (also .gz), .parquet or a folder of .parquet files"
_IDENTIFIER = re.compile(
    r"^(unnamed: ?\d+|index|idx|row|row_?(id|num|number|names?))$|(^|[ _.])id$", re.I
)
_CLASSES = {"label", "labels", "class", "classes", "target", "cluster", "species", "group"}
_MOST_CLASSES = 20


class NumericColumns(NamedTuple):
    """The columns to fit, and why the others were left out.

    Attributes
    ----------
    frame : pandas.DataFrame
        The columns that serve.
    left_out : dict of str to str
        Column -> reason, in the table's order; empty when everything serves.
    """

    frame: "pd.DataFrame"
    left_out: dict[str, str]


def read_table(path: str | PathLike[str], columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """Read a CSV or Parquet file.

    Parameters
    ----------
    path : str or path
        ``.csv`` or ``.tsv``, with a first line of column names, compressed or not; ``.parquet``,
        or a folder of Parquet files. A CSV whose first line holds semicolons and no commas is
        read with semicolons (and decimal commas, where the second line has some).
    columns : sequence of str, optional
        Read these columns only, in this order; by default all.

    Returns
    -------
    pandas.DataFrame
        The columns as they are in the file; nothing is converted or dropped.

    Raises
    ------
    DataError
        Missing, unreadable or empty file, a file that is no table, unknown columns.
    """
    path = Path(path).expanduser()
    _check_there(path)
    suffix = _kind_of(path)
    if not path.is_dir() and suffix not in _TEXT and suffix not in _PARQUET:
        raise DataError(
            f"A table is read from {_READABLE}, but '{path}' ends in {suffix or 'nothing'!r}; "
            "save it as one of these."
        )
    if columns is not None:
        _check_distinct(columns)
    try:
        if suffix in _TEXT and not path.is_dir():
            frame = _read_text(path, _TEXT[suffix], columns)
        else:
            frame = _read_parquet(path, columns)
    except DataError:
        raise
    except PermissionError as error:
        raise DataError(
            f"'{path}' may not be read (permission denied); change its mode."
        ) from error
    except (OSError, ValueError, EOFError, zlib.error) as error:
        # pandas' and Arrow's parse errors are ValueErrors; the rest are for broken files.
        raise DataError(
            f"'{path}' could not be read as a table ({' '.join(str(error).split())}); check that "
            "it is complete and what its name says."
        ) from error
    if frame.empty:
        what = "columns" if frame.shape[1] == 0 else "rows below its column names"
        raise DataError(f"A table needs rows and columns, but '{path}' has no {what}; fill it.")
    return frame


def numeric_columns(frame: "pd.DataFrame", columns: Sequence[str] | None = None) -> NumericColumns:
    """Pick the columns of a table that a mixture can use.

    By default these are the numeric measurements. Left out, each with its reason: text,
    categories, dates, true/false, columns that are empty or constant, identifiers (columns that
    number the rows, or whole numbers under a name such as ``id`` or ``Unnamed: 0``) and known
    classes (a few whole numbers under a name such as ``label`` or ``class``): one rarely wants
    clusters found from the row number, or from the answer. Whatever is named in `columns` is
    taken without these guesses.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (N, columns)
        The table.
    columns : sequence of str, optional
        Take exactly these, in this order.

    Returns
    -------
    NumericColumns
        ``(frame, left_out)``.

    Raises
    ------
    DataError
        Unknown or non-numeric `columns`, a column of numbers with some text among them, or no
        column that serves.
    """
    if columns is not None:
        _check_distinct(columns)
        _check_known(columns, frame.columns, "the table")
        for column in columns:
            _check_few_slips(column, frame.loc[:, column])
            reason = _not_a_number(frame.loc[:, column])
            if reason not in {None, "true/false"}:
                row = int(_is_text(frame.loc[:, column]).argmax())
                raise DataError(
                    f"A mixture needs numeric columns, but column {column!r} holds {reason}, first "
                    f"{frame.loc[:, column].iloc[row]!r} {place(row, None, None)}; leave it out or "
                    "code it as numbers."
                )
        return NumericColumns(frame.loc[:, list(columns)], {})
    left_out = {}
    for column in frame.columns:
        values = frame.loc[:, column]
        _check_few_slips(str(column), values)
        reason = _not_a_number(values) or _not_a_measurement(str(column), values)
        if reason:
            left_out[column] = reason
    kept = [column for column in frame.columns if column not in left_out]
    if not kept:
        reasons = [f"{column!r} ({reason})" for column, reason in left_out.items()]
        raise DataError(
            "A mixture needs at least one numeric column that varies, but the table has only "
            f"{joined(reasons, quote=False)}; name the columns to use (columns=) if one of them is "
            "meant."
        )
    return NumericColumns(frame.loc[:, kept], left_out)


def _not_a_number(values: "pd.Series") -> str | None:
    from pandas.api import types

    kind: Any = values.dtype
    if types.is_bool_dtype(kind):
        return "true/false"
    if types.is_complex_dtype(kind):
        return "complex numbers"
    if types.is_numeric_dtype(kind):
        return None
    if types.is_datetime64_any_dtype(kind) or types.is_timedelta64_dtype(kind):
        return "dates"
    if getattr(kind, "name", "") == "category":
        return "categories"
    return "no values" if values.isna().all() else "text"


def _is_text(values: "pd.Series") -> np.ndarray:
    """Which values are text that is no number; where the column holds something else, none."""
    import pandas as pd

    if _not_a_number(values) != "text":
        return np.zeros(len(values), dtype=bool)
    numbers = pd.to_numeric(values.astype(str), errors="coerce")
    return np.asarray(pd.isna(numbers)) & np.asarray(pd.notna(values))


def _check_few_slips(name: str, values: "pd.Series") -> None:
    """Refuse a column of numbers that some text among them has made one of text."""
    text = _is_text(values)
    if text.any() and text.sum() < values.notna().sum() / 2:
        row = int(text.argmax())
        raise DataError(
            f"A column to fit holds numbers only, but {name!r} has {values.iloc[row]!r} "
            f"{place(row, None, None)}{in_all(int(text.sum()), 'value')}; correct it, or "
            "name other columns to use (columns=)."
        )


def _not_a_measurement(name: str, values: "pd.Series") -> str | None:
    present = values.dropna()
    if present.empty:
        return "no values"
    if present.min() == present.max() and len(values) > 1:
        return f"constant, always {present.iloc[0]:g}"
    if not (present == present.round()).all():
        return None
    if len(values) > 2 and len(present) == len(values):
        first = values.iloc[0]
        if first in {0, 1} and (values.diff().iloc[1:] == 1).all():
            return f"numbers the rows, {first:g} to {values.iloc[-1]:g}"
    if _IDENTIFIER.search(name):
        return "identifier"
    if name.lower() in _CLASSES and present.nunique() <= _MOST_CLASSES:
        return "known classes"
    return None


def _kind_of(path: Path) -> str:
    """The suffix that says what a file is, compressed or not: ``.csv`` of ``a.csv.gz``."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def stem_of(path: Path) -> str:
    """The name of a file without what says its kind."""
    return path.name.split(".")[0]


def tables_in(folder: Path) -> dict[str, str]:
    """The files of a folder that look like tables: their names by their stems."""
    paths = folder.iterdir() if folder.is_dir() else ()
    return {
        stem_of(path): path.name
        for path in sorted(paths)
        if stem_of(path) and _kind_of(path) in {*_TEXT, *_PARQUET}
    }


def _check_there(path: Path) -> None:
    if not path.exists():
        where = "" if path.parent.is_dir() else f", nor a folder '{path.parent}'"
        tables = tables_in(path.parent)
        near = did_you_mean(stem_of(path), tables, tables)
        raise DataError(f"There is no file '{path}'{where}{near}; check the path.")
    if path.is_dir() and not any(p.suffix.lower() in _PARQUET for p in path.rglob("*")):
        raise DataError(
            f"A folder is read as one table of Parquet files, but '{path}' holds none; give a file."
        )


def _check_distinct(columns: Sequence[str]) -> None:
    if isinstance(columns, str):
        raise DataError(
            f"columns must be a list of names, not the text {columns!r}; use [{columns!r}]."
        )
    repeated = [c for i, c in enumerate(columns) if c in columns[:i]]
    if repeated or not len(columns):
        found = f"{repeated[0]!r} is named twice" if repeated else "none is named"
        raise DataError(f"Each column to use is named once, but {found}; correct the list.")


def _check_known(columns: Sequence[str], known: Any, where: str) -> None:
    names = [str(column) for column in known]
    left = [name for name in names if name not in columns]
    for column in columns:
        if column not in names:
            raise DataError(
                f"There is no column {column!r} in {where}{did_you_mean(column, left)}; it has "
                f"{joined(names)}."
            )


def _read_text(path: Path, separator: str, columns: Sequence[str] | None) -> "pd.DataFrame":
    import pandas as pd

    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig") as lines:
        header, first = lines.readline(), lines.readline()
    decimal = "."
    if separator == "," and ";" in header and "," not in header:
        separator, decimal = ";", "," if "," in first else "."
    if not header.strip():
        raise DataError(
            f"The first line of '{path}' must hold the column names, but it is empty; "
            "write a table into it."
        )
    if all(_is_number(cell) for cell in header.split(separator)):
        raise DataError(
            f"The first line of '{path}' must hold the column names, but it holds numbers "
            f"({header.strip()[:40]!r}); add a line of names."
        )
    how: dict[str, Any] = {
        "sep": separator,
        "decimal": decimal,
        "skipinitialspace": True,
    }
    if columns is not None:
        _check_known(columns, pd.read_csv(path, nrows=0, **how).columns, f"'{path}'")
        return pd.read_csv(path, usecols=list(columns), **how).loc[:, list(columns)]
    return pd.read_csv(path, **how)


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip().strip('"').replace(",", "."))
    except ValueError:
        return False
    return True


def _read_parquet(path: Path, columns: Sequence[str] | None) -> "pd.DataFrame":
    import pandas as pd
    from pyarrow import dataset

    if columns is None:
        return pd.read_parquet(path)
    _check_known(columns, dataset.dataset(path, partitioning="hive").schema.names, f"'{path}'")
    return pd.read_parquet(path, columns=list(columns)).loc[:, list(columns)]
