"""DATA: a bundled data set by its name, or a file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bayesgmm.cli.screen import Screen

if TYPE_CHECKING:
    import pandas as pd


# So few different whole numbers in so many rows are more likely codes than measurements.
_FEW_VALUES, _MANY_ROWS = 5, 30


@dataclass(frozen=True)
class Table:
    """The columns to work on, all numbers.

    Attributes
    ----------
    frame : pandas.DataFrame
    name : str
        What to call the data.
    title : str or None
        A longer name, where there is one.
    units : dict of str to str
    left_out : dict of str to str
        Column -> why it is not among them.
    incomplete : tuple of int
        Rows with gaps that were dropped, counted from 0.
    """

    frame: "pd.DataFrame"
    name: str
    title: str | None = None
    units: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    incomplete: tuple[int, ...] = ()

    @property
    def size(self) -> str:
        """Rows and columns in words."""
        from bayesgmm.data.wording import plural

        n, d = self.frame.shape
        return f"{plural(n, 'row')}, {plural(d, 'column')}"


def read_data(
    data: str, columns: Sequence[str] | None, drop_incomplete: bool, screen: Screen
) -> Table:
    """Read what DATA names to fit it: pick the columns, and check that they hold numbers only.

    Parameters
    ----------
    data : str
        As typed.
    columns : sequence of str or None
        Take exactly these; None takes all measurements and says what was left out.
    drop_incomplete : bool
        Drop rows with gaps, and say how many; else they are an error.
    screen : Screen

    Raises
    ------
    DataError
        If there is no such data set, file or column, or a value cannot be used.
    """
    from bayesgmm.data import DATASETS, as_data, numeric_columns
    from bayesgmm.data.sources import stem_of

    whole, left_out = numeric_columns(_frame(data, columns), columns)
    frame, incomplete = _complete_rows(whole, repr(data), drop_incomplete, screen)
    if columns is None and incomplete:
        # Some may have varied only in rows that are gone.
        frame, more = numeric_columns(frame)
        left_out = left_out | more
    as_data(frame, name=repr(data), min_rows=2)
    if left_out:
        reasons = ", ".join(f"{column} ({reason})" for column, reason in left_out.items())
        screen.note(f"left out: {reasons}")
    if columns is None:
        _tell_codes(frame, screen)
    name, title, units = stem_of(Path(data)), None, {}
    if data in DATASETS:
        name, title, units = data, DATASETS[data].title, DATASETS[data].units
    return Table(frame, name, title, units, left_out, incomplete)


def _tell_codes(frame: "pd.DataFrame", screen: Screen) -> None:
    """Say which columns may hold codes of groups, which are as numbers as measurements are."""
    from bayesgmm.data.wording import joined

    if len(frame) < _MANY_ROWS:
        return
    few = [
        f"{column!r} ({values.nunique()})"
        for column, values in frame.items()
        if 1 < values.nunique() <= _FEW_VALUES and (values % 1 == 0).all()
    ]
    if few:
        screen.note(
            f"few different values, all whole numbers: {joined(few, quote=False)}; codes of groups "
            "are no measurements: choose columns with --columns where they are such"
        )


def read_rows(
    data: str, columns: Sequence[str] | None, drop_incomplete: bool, screen: Screen
) -> "pd.DataFrame":
    """Read what DATA names for a fit that is there already; the index numbers the rows from 0.

    Parameters
    ----------
    data : str
        As typed.
    columns : sequence of str or None
        The columns of the fit; None, where it has no names, takes all numbers.
    drop_incomplete : bool
        Drop rows with gaps, and say how many; else they are an error.
    screen : Screen

    Raises
    ------
    DataError
        If there is no such data set, file or column, or a value cannot be used.
    """
    from bayesgmm.data import as_data, numeric_columns

    frame = _frame(data, columns)
    if columns is None:
        columns = list(frame.select_dtypes("number").columns)
    frame, _ = numeric_columns(frame.reset_index(drop=True), columns)
    frame, _ = _complete_rows(frame, repr(data), drop_incomplete, screen)
    as_data(frame, name=repr(data))
    return frame


def _complete_rows(
    frame: "pd.DataFrame", name: str, drop_incomplete: bool, screen: Screen
) -> tuple["pd.DataFrame", tuple[int, ...]]:
    """The rows without gaps, and the numbers from 0 of those that are dropped."""
    import numpy as np

    from bayesgmm.data import as_data
    from bayesgmm.data.wording import joined, place, plural
    from bayesgmm.exceptions import DataError

    is_gap = frame.isna().to_numpy()
    incomplete = is_gap.any(axis=1)
    n = int(incomplete.sum())
    if not n:
        return frame, ()
    gaps = zip(frame.columns, is_gap.sum(axis=0), strict=True)
    by_column = joined([f"{column} ({count})" for column, count in gaps if count], quote=False)
    if n == len(frame):
        raise DataError(
            f"No row of {name} is complete; gaps by column: {by_column}. Fill them, or fit without "
            "the columns that have most."
        )
    if not drop_incomplete:
        row, column = np.argwhere(is_gap)[0]
        where = place(int(row), int(column), [str(name) for name in frame.columns])
        raise DataError(
            f"{name} has gaps in {n} of {plural(len(frame), 'row')}, the first {where}; by column: "
            f"{by_column}. Drop such rows with --drop-incomplete, or fill them."
        )
    # What else is wrong is told before rows go, while they have their numbers in the file.
    as_data(frame.astype(float).fillna(0.0), name=name)
    screen.note(
        f"dropped: {n} of {plural(len(frame), 'row')}, which have gaps; warnings count the rest"
    )
    return frame.loc[~incomplete], tuple(np.flatnonzero(incomplete).tolist())


def _frame(data: str, columns: Sequence[str] | None) -> "pd.DataFrame":
    from bayesgmm.data import DATASETS, load_dataset, read_table
    from bayesgmm.data.sources import stem_of, tables_in
    from bayesgmm.data.wording import did_you_mean
    from bayesgmm.exceptions import DataError

    if data in DATASETS:
        return load_dataset(data)
    path = Path(data).expanduser()
    if path.exists() or not path.parent.is_dir():
        return read_table(path, columns)
    tables = tables_in(path.parent)
    near = did_you_mean(stem_of(path), [*DATASETS, *tables], tables)
    raise DataError(
        f"There is no bundled data set and no file {data!r}{near}; bundled are "
        f"{', '.join(DATASETS)}."
    )
