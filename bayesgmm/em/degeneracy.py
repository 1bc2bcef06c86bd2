"""Spikes: components on so few or so flat rows that the likelihood has no bound there.

With unequal covariances the likelihood grows without limit as a component shrinks onto a few rows.
Such optima say nothing about the data, so the search for the best fit passes over them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.data.degenerate import why_flat
from bayesgmm.data.wording import column_label, joined, plural
from bayesgmm.em.problem import Problem

# A component flatter than this in some direction, in variance relative to all rows, is a spike ...
FLATNESS = 1e-4
# ... unless it holds this many times D + 1 rows: in many dimensions real clusters can be so flat.
MANY = 10
# So flat, a component is held by the ridge alone and has never been seen to come back.
LOST = 1e-8
# A larger ridge that is given holds a component, too, where it is more than this of a variance.
HELD = 0.5
# Rows that are assigned to components at a time.
BLOCK = 65_536


@dataclass(frozen=True)
class Spike:
    """One degenerate component.

    Attributes
    ----------
    component : int
    flatness : float
        Smallest eigenvalue of ``cov(X)^-1 Sigma_k``.
    n_rows : float
        Its weight times the number of rows.
    """

    component: int
    flatness: float
    n_rows: float


def find_spikes(mixture: Mixture, problem: Problem) -> list[Spike]:
    """The components of a maximum-likelihood fit that are spikes.

    A component is one if it holds fewer than D + 1 rows, where there are so many for each; or if
    the smallest eigenvalue of ``cov(X)^-1 Sigma_k`` is below 1e-4, on fewer than 10 (D + 1) rows,
    or held by the ridge, or below 1e-8. A covariance that all share is held by all rows: a
    component of one row is no spike there. A fit under a proper prior, or with given covariances,
    has none, whatever it looks like, nor has a single component, which is as wide as the data.
    """
    k = mixture.n_components
    if problem.is_bounded or k == 1:
        return []
    relative = flatness(mixture, problem)
    # Weights that sum to less than the number of rows are shares, not counts.
    n = max(problem.n, len(problem.X))
    n_rows = np.full(k, float(n)) if problem.family.shared else n * mixture.weights
    enough = problem.n_features + 1
    if n < k * enough:
        # Wide data cannot give each component so many, and all but full ones do without.
        enough = 0
    is_flat = relative < FLATNESS
    if is_flat.any():
        few = n_rows < MANY * (problem.n_features + 1)
        # What share of a component's variance the ridge is in some direction.
        share = _largest_share(mixture, np.sqrt(problem.ridge))
        is_flat &= few | (share > HELD)
    is_spike = (n_rows < enough) | (relative < LOST) | is_flat
    return [
        Spike(j, float(relative[j]), float(n_rows[j])) for j in np.flatnonzero(is_spike).tolist()
    ]


def is_lost(mixture: Mixture, problem: Problem) -> bool:
    """Whether a component has collapsed for good."""
    if problem.is_bounded or mixture.n_components == 1:
        return False
    return bool(flatness(mixture, problem).min() < LOST)


def flatness(mixture: Mixture, problem: Problem) -> np.ndarray:
    """Smallest eigenvalue of ``cov(X)^-1 Sigma_k`` of each component, (K,).

    Parameters
    ----------
    mixture : Mixture
        Without draws.
    problem : Problem
        Whose rows ``X`` are; their covariance may be singular.
    """
    with np.errstate(divide="ignore"):
        return 1.0 / _largest_share(mixture, problem.covariance_root)


def _largest_share(mixture: Mixture, root: np.ndarray) -> np.ndarray:
    """Largest eigenvalue of ``Sigma_k^-1 root root'`` of each component, (K,).

    A root (D,) is that of a diagonal matrix.
    """
    whitening = mixture.kernel_factors
    if mixture.family.structure == "diagonal":
        if root.ndim == 1:
            return np.max((whitening * root) ** 2, axis=-1)
        relative = whitening[..., None] * root
    else:
        relative = whitening * root if root.ndim == 1 else whitening @ root
    if root.shape[-1] < len(root):
        relative = relative.mT
    return np.linalg.eigvalsh(relative @ relative.mT)[:, -1]


def describe_spike(
    spike: Spike,
    mixture: Mixture,
    X: np.ndarray,
    feature_names: Sequence[str] | None = None,
    row_numbers: np.ndarray | None = None,
) -> str:
    """One sentence on a spike: which rows it stands on, why, and what to try.

    Parameters
    ----------
    spike : Spike
    mixture : Mixture
        Where it was found.
    X : (N, D) array
    feature_names : sequence of str, optional
        Names of the columns.
    row_numbers : (N,) array of int, optional
        What the user calls the rows; by default they are numbered from 0.
    """
    rows = _rows_of(spike.component, mixture, X)
    numbers = rows if row_numbers is None else row_numbers[rows]
    shown = ", ".join(str(row) for row in numbers[:5]) + (", ..." if len(rows) > 5 else "")
    why, drop = _reason(spike, mixture, X, rows, feature_names)
    first = f"drop {drop}" if drop else "use fewer components"
    return (
        f"component {spike.component} has collapsed onto {plural(len(rows), 'row')} ({shown}): "
        f"{why}; {first}, give priors=, or a larger reg_covar."
    )


def _reason(
    spike: Spike,
    mixture: Mixture,
    X: np.ndarray,
    rows: np.ndarray,
    feature_names: Sequence[str] | None,
) -> tuple[str, str]:
    """Why a component is a spike, and the columns that could go where they are the cause."""
    least = X.shape[1] + 1
    if spike.flatness >= FLATNESS:
        return f"a component needs {least} at least for a shape of its own", ""
    flat = why_flat(X[rows], mixture.covariance_type, feature_names) if len(rows) else None
    if flat is None:
        return (
            f"its smallest variance is {spike.flatness:.1e} of the data's, and the likelihood has "
            "no bound there"
        ), ""
    said, columns = flat
    # On a handful of rows it is chance that a column does not vary, and no fault of the column.
    to_blame = columns if len(rows) >= MANY * least else []
    drop = [column_label(j, feature_names) for j in to_blame]
    return (
        f"{said} there, and the likelihood has no bound",
        joined(drop, quote=False) if drop else "",
    )


def _rows_of(component: int, mixture: Mixture, X: np.ndarray) -> np.ndarray:
    """The rows that are more likely of this component than of any other."""
    parts = [
        start + np.flatnonzero(mixture.log_joint(X[start : start + BLOCK]).argmax(1) == component)
        for start in range(0, len(X), BLOCK)
    ]
    return np.concatenate(parts)
