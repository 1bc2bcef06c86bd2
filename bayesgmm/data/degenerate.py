"""Columns that make every covariance singular, whatever the fit.

A constant column has variance zero; a column that copies another, or is a linear combination of
others, makes every full or tied covariance singular. Both are found from the extremes, means and
correlations of the columns in two passes over blocks of rows, so that no second copy of the data
is made.

The verdict does not depend on units. Columns are measured in their own standard deviation, and
what counts as zero is the arithmetic's own noise: the rounding of the stored numbers (for a column
with mean m and standard deviation s, about eps |m| / s) and of the correlations.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesgmm.data.wording import column_label, joined, plural
from bayesgmm.exceptions import DegenerateDataError

__all__ = ["check_not_degenerate", "why_flat"]

_BLOCK_VALUES = 131_072
_ROUNDINGS = 8  # a column that varies by this many roundings of its largest value is constant
_CORRELATION_NOISE = 64 * np.finfo(np.float64).eps  # per column, of an eigenvalue of correlations
_REMEDY = "give reg_covar= or priors="


def check_not_degenerate(
    values: NDArray[np.floating],
    covariance_type: str,
    feature_names: Sequence[str] | None = None,
    sample_weight: NDArray[np.float64] | None = None,
) -> None:
    """Refuse data on which a covariance of this family is singular whatever the fit.

    Parameters
    ----------
    values : ndarray of shape (N, D)
        Finite values, as `as_data` returns them.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Constant columns are refused for all but "spherical" (there only when every column is
        constant); duplicate and collinear ones for "full" and "tied".
    feature_names : sequence of str, optional
        Names for the message.
    sample_weight : ndarray of shape (N,), optional
        Rows of weight zero are left out of account.

    Raises
    ------
    DegenerateDataError
        Names the columns, and says what to drop or to give.

    Examples
    --------
    >>> check_not_degenerate(np.array([[0.0, 1], [1, 3], [2, 5]]), "full", ("a", "b"))
    Traceback (most recent call last):
    ...
    bayesgmm.exceptions.DegenerateDataError: Every full covariance would be singular: ...
    """
    if covariance_type not in {"full", "tied", "diag", "spherical"}:
        raise ValueError(
            "covariance_type must be 'full', 'tied', 'diag' or 'spherical', "
            f"not {covariance_type!r}; pass the name of the family."
        )
    used = None if sample_weight is None or (sample_weight > 0).all() else sample_weight > 0
    low, spread, rounding = _extremes(values, used)
    constant = 2 * spread <= _ROUNDINGS * rounding
    if constant.all() if covariance_type == "spherical" else constant.any():
        _refuse_constant(np.flatnonzero(constant), low, covariance_type, feature_names)
    if covariance_type in {"full", "tied"} and values.shape[1] > 1:
        if len(values) <= values.shape[1]:
            _refuse_few_rows(values, used, covariance_type)
        correlation, sd = _correlation(values, used, low, spread)
        relations = _linear_relations(correlation, (rounding / sd) ** 2)
        if relations:
            _refuse_few_rows(values, used, covariance_type)
            _refuse_collinear(values, used, relations, covariance_type, feature_names)


def why_flat(
    values: NDArray[np.floating],
    covariance_type: str,
    feature_names: Sequence[str] | None = None,
) -> tuple[str, list[int]] | None:
    """What makes the covariance of some rows singular, in words, and which columns could go.

    None if nothing does, to rounding, or if there are fewer rows than a covariance needs.

    Parameters
    ----------
    values : ndarray of shape (n, D)
        The rows of one component.
    covariance_type : {"full", "tied", "diag", "spherical"}
    feature_names : sequence of str, optional

    Examples
    --------
    >>> why_flat(np.array([[0.0, 1], [0, 3], [0, 4]]), "full", ("a", "b"))
    ("column 'a' is always 0", [0])
    """
    low, spread, rounding = _extremes(values, None)
    constant = 2 * spread <= _ROUNDINGS * rounding
    if constant.all():
        return "they are copies of one another", []
    if covariance_type == "spherical":
        return None
    if constant.any():
        columns = [int(j) for j in np.flatnonzero(constant)]
        said = [f"{column_label(j, feature_names)} is always {low[j] + 0.0:g}" for j in columns]
        return joined(said, quote=False), columns
    if covariance_type == "diag" or len(values) <= values.shape[1]:
        return None
    correlation, sd = _correlation(values, None, low, spread)
    relations = _linear_relations(correlation, (rounding / sd) ** 2)
    if not relations:
        return None
    said = [_say(relation, values, None, feature_names) for relation in relations]
    return joined(said, quote=False), [relation.redundant for relation in relations]


def _blocks(
    values: NDArray[np.floating], used: NDArray[np.bool_] | None
) -> Iterator[NDArray[np.float64]]:
    step = max(1, _BLOCK_VALUES // values.shape[1])
    for start in range(0, len(values), step):
        block = values[start : start + step]
        if used is not None:
            block = block[used[start : start + step]]
        if len(block):
            yield block.astype(np.float64, copy=False)


def _extremes(
    values: NDArray[np.floating], used: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Smallest value, half the range (half, lest it overflow), and rounding of each column."""
    low = np.full(values.shape[1], np.inf)
    high = -low
    for block in _blocks(values, used):
        np.minimum(low, block.min(axis=0), out=low)
        np.maximum(high, block.max(axis=0), out=high)
    spread = high / 2 - low / 2
    largest = np.maximum(abs(low), abs(low + 2 * spread))
    return low, spread, np.asarray(np.finfo(values.dtype).eps * largest, dtype=np.float64)


def _correlation(
    values: NDArray[np.floating],
    used: NDArray[np.bool_] | None,
    low: NDArray[np.float64],
    spread: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlations (D, D) and standard deviations (D,), in units that neither over- nor underflow.

    Blocks are joined by the update of Chan, Golub and LeVeque (1983), The American Statistician
    37, 242-247, doi:10.1080/00031305.1983.10483115, which never subtracts large sums.
    """
    count, mean, scatter = 0, np.zeros_like(low), np.zeros((len(low), len(low)))
    for block in _blocks(values, used):
        unit = (block / 2 - low / 2) / spread
        centre = unit.mean(axis=0)
        unit -= centre
        shift = centre - mean
        total = count + len(unit)
        scatter += unit.T @ unit + np.outer(shift, shift) * (count * len(unit) / total)
        mean += shift * (len(unit) / total)
        count = total
    root = np.sqrt(np.diagonal(scatter))
    return scatter / np.outer(root, root), root / np.sqrt(count) * spread


@dataclass(frozen=True)
class _Relation:
    """Column `redundant` is a linear function of the columns `others`."""

    redundant: int
    others: tuple[int, ...]


def _linear_relations(
    correlation: NDArray[np.float64], rounding: NDArray[np.float64]
) -> list[_Relation]:
    """Relations among standardised columns, taken in their order; `rounding` are noise variances.

    A column is redundant when the combination v that predicts it from the columns before has a
    variance v' R v within the noise. As v' R v / v' v is at least the smallest eigenvalue of R,
    one eigenvalue computation clears ordinary data.
    """
    n_columns = len(correlation)
    noise = _CORRELATION_NOISE * n_columns + rounding
    if np.linalg.eigvalsh(correlation)[0] > noise.max():
        return []
    kept, relations = [0], []
    for column in range(1, n_columns):
        slopes = np.linalg.solve(correlation[np.ix_(kept, kept)], correlation[kept, column])
        members = [*kept, column]
        v = np.append(-slopes, 1.0)
        if v @ correlation[np.ix_(members, members)] @ v > v**2 @ noise[members]:
            kept.append(column)
            continue
        weight = abs(slopes) > 1e-6 * max(1.0, abs(slopes).max())
        relations.append(_Relation(column, tuple(int(j) for j in np.array(kept)[weight])))
    return relations


def _refuse_constant(
    columns: NDArray[np.intp],
    low: NDArray[np.float64],
    covariance_type: str,
    names: Sequence[str] | None,
) -> None:
    labels = [f"{column_label(int(j), names)} (always {low[j] + 0.0:g})" for j in columns]
    verb, what = ("is", "it") if len(labels) == 1 else ("are", "them")
    drop = f"drop {what}, or " if covariance_type != "spherical" else ""
    raise DegenerateDataError(
        f"Every {covariance_type} covariance would be singular: {joined(labels, quote=False)} "
        f"{verb} constant; {drop}{_REMEDY}."
    )


def _refuse_few_rows(
    values: NDArray[np.floating], used: NDArray[np.bool_] | None, covariance_type: str
) -> None:
    n_columns = values.shape[1]
    distinct: set[bytes] = set()
    for block in _blocks(values, used):
        for row in block + 0.0:  # makes -0.0 and 0.0 the same bytes
            distinct.add(row.tobytes())
            if len(distinct) > n_columns:
                return
    raise DegenerateDataError(
        f"Every {covariance_type} covariance would be singular: {plural(n_columns, 'column')} need "
        f"at least {n_columns + 1} distinct rows, but only {len(distinct)} "
        f"{'is' if len(distinct) == 1 else 'are'} distinct; give more rows, use "
        f"covariance_type='diag', {_REMEDY}."
    )


def _refuse_collinear(
    values: NDArray[np.floating],
    used: NDArray[np.bool_] | None,
    relations: list[_Relation],
    covariance_type: str,
    names: Sequence[str] | None,
) -> None:
    said = [_say(relation, values, used, names) for relation in relations]
    what = joined([column_label(relation.redundant, names) for relation in relations], quote=False)
    raise DegenerateDataError(
        f"Every {covariance_type} covariance would be singular: {joined(said, quote=False)}; "
        f"drop {what}, use covariance_type='diag', or {_REMEDY}."
    )


def _say(
    relation: _Relation,
    values: NDArray[np.floating],
    used: NDArray[np.bool_] | None,
    names: Sequence[str] | None,
) -> str:
    others = [column_label(j, names) for j in relation.others]
    redundant = column_label(relation.redundant, names)
    if _is_one_hot(values, used, [*relation.others, relation.redundant]):
        return f"{joined([*others, redundant], quote=False)} are one-hot (one is 1, the others 0)"
    how = "equals" if len(others) == 1 else "is a linear combination of"
    scaled = " up to scale and shift" if len(others) == 1 else ""
    return f"{redundant} {how} {joined(others, quote=False)}{scaled}"


def _is_one_hot(
    values: NDArray[np.floating], used: NDArray[np.bool_] | None, columns: list[int]
) -> bool:
    """Whether in every row one of these columns is 1 and the others are 0."""
    for block in _blocks(values, used):
        part = block[:, columns]
        if not (np.all((part == 0) | (part == 1)) and np.all(part.sum(axis=1) == 1)):
            return False
    return True
