"""LKJ correlations with log-normal standard deviations: the density, and too many rows on a line.

With ``S = diag(s) R diag(s)`` the density of S is ``p(R) prod_i p(s_i) / (2 s_i^D)``.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln  # pyright: ignore[reportAttributeAccessIssue]

from bayesgmm.core.covariance import CovarianceFamily
from bayesgmm.data.wording import column_label

# Slopes of lines through two rows are the same if they differ by no more, relatively.
_SAME_SLOPE = 1e-9
# So many pairs of rows, over all pairs of columns, are looked at for lines: under a second.
_MAX_PAIRS = 4e6
# So many of them at a time.
_BLOCK = 100_000


def log_density(
    covariances: np.ndarray,
    family: CovarianceFamily,
    eta: float,
    log_median: np.ndarray,
    sigma: float,
) -> float:
    """Log density of covariances in the family's native shape, over all of them."""
    if family.structure == "diagonal":
        log_sds = 0.5 * np.log(covariances)
        d, volume = 1, np.log(2.0)
    else:
        d = covariances.shape[-1]
        log_sds = 0.5 * np.log(np.diagonal(covariances, axis1=-2, axis2=-1))
        log_det = np.linalg.slogdet(covariances)[1] - 2.0 * log_sds.sum(axis=-1)
        volume = np.log(2.0) + (_log_constant(eta, d) - (eta - 1.0) * log_det[..., None]) / d
    z = (log_sds - log_median) / sigma
    of_sds = -0.5 * z**2 - np.log(sigma * np.sqrt(2.0 * np.pi)) - log_sds
    return float(np.sum(of_sds - d * log_sds - volume))


def _log_constant(eta: float, d: int) -> float:
    """Log of the integral of ``|R|^(eta - 1)``: partial correlations are independent."""
    left = np.arange(d - 1, 0, -1)  # features after the one that is correlated with them
    b = eta + (left - 1.0) / 2.0
    return float(np.sum(left * ((2.0 * b - 1.0) * np.log(2.0) + betaln(b, b))))


@dataclass(frozen=True)
class Flat:
    """Rows that are equal, or that lie on one sloping line in two columns.

    Attributes
    ----------
    columns : tuple of int
        Two for a line; all of them for equal rows.
    count : int
    limit : float
        So many are too many.
    """

    columns: tuple[int, ...]
    count: int
    limit: float

    def describe(self, feature_names: tuple[str, ...] | None) -> str:
        """In words."""
        if len(self.columns) > 2:
            return f"{self.count} rows are the same"
        first, second = (column_label(j, feature_names) for j in self.columns)
        return f"{self.count} rows lie exactly on one sloping line of {first} and {second}"


def crowded_flat(
    X: np.ndarray, eta: float, n_components: int, *, is_conjugate: bool = False
) -> Flat | None:
    """The rows that make the posterior improper, or None.

    A component that holds m rows of a flat of p dimensions may shrink onto it. The likelihood, the
    mean integrated out, grows as ``a^-((m - 1) / 2)`` with the determinant a of the covariance; the
    share of the covariances that are flat enough vanishes as ``a^(p / 2)``, and their density as
    ``a^(eta - 1)``. That is integrable at zero while ``m < 2 eta + 1 + p``. A column of equal
    values alone does no harm, since the density of a standard deviation vanishes at zero. Columns
    that are left out may raise p by one each.

    Means that are tied to the covariances count as one more row, at their centre: no line without
    that is a flat of such rows, and equal rows are as many too many as before.

    Notes
    -----
    Equal rows are looked for, and lines in two columns: among the first 2000 rows where there are
    two columns, among fewer where there are more.
    """
    n, d = X.shape
    if d < 2:
        return None
    least = n if n_components == 1 else 0
    found = []
    _, counts = np.unique(X, axis=0, return_counts=True)
    found.append(Flat(tuple(range(d)), int(counts.max()), 2.0 * eta + 1.0))
    pairs = list(zip(*np.triu_indices(d, 1), strict=True))
    rows = X[: int(np.sqrt(_MAX_PAIRS / len(pairs)))]
    for i, j in () if is_conjugate else pairs:
        on_line = _most_on_a_line(rows[:, [i, j]])
        found.append(Flat((int(i), int(j)), on_line, 2.0 * eta + d))
    worst = max(found, key=lambda flat: flat.count - flat.limit)
    return worst if worst.count >= max(worst.limit, least) else None


def _most_on_a_line(points: np.ndarray) -> int:
    """The largest number of points (N, 2) on a line that is parallel to no axis."""
    n, most = len(points), 0
    place = np.arange(n)
    step = max(1, _BLOCK // n)
    for start in range(0, n, step):
        offsets = points[start : start + step, None] - points
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = offsets[..., 1] / offsets[..., 0]
        slopes[~np.all(offsets != 0, axis=-1)] = np.nan
        slopes.sort(axis=1)
        # How many slopes before one, itself included, are the same.
        is_new = np.ones(slopes.shape, dtype=bool)
        is_new[:, 1:] = ~(np.diff(slopes) <= _SAME_SLOPE * np.abs(slopes[:, 1:]))
        runs = place - np.maximum.accumulate(np.where(is_new, place, 0), axis=1) + 1
        longest = np.where(np.isnan(slopes), 0, runs).max(axis=1)
        equal = np.all(offsets == 0, axis=-1).sum(axis=1)
        most = max(most, int(np.where(longest > 0, longest + equal, 0).max()))
    return most
