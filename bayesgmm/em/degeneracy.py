"""Spikes: components on so few or so flat rows that the likelihood has no bound there.

With unequal covariances the likelihood grows without limit as a component shrinks onto a few rows.
Such optima say nothing about the data, so the search for the best fit passes over them.
"""

from dataclasses import dataclass

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.data.wording import plural
from bayesgmm.em.problem import Problem

# A component flatter than this in some direction, in variance relative to all rows, is a spike ...
FLATNESS = 1e-4
# ... unless it holds this many times D + 1 rows: in many dimensions real clusters can be so flat.
MANY = 10
# So flat, a component is held by the ridge alone and has never been seen to come back.
LOST = 1e-8


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
    or below 1e-8, on any number of rows. A fit under a proper prior has none,
    whatever it looks like, nor has a single component, which is as wide as the data.
    """
    k = mixture.n_components
    if problem.priors is not None or k == 1:
        return []
    relative = flatness(mixture, problem.centre_and_covariance[1])
    # Weights that sum to less than the number of rows are shares, not counts.
    n = max(problem.n, len(problem.X))
    n_rows = n * mixture.weights
    enough = problem.n_features + 1
    if n < k * enough:
        # Wide data cannot give each component so many, and all but full ones do without.
        enough = 0
    return [
        Spike(j, float(relative[j]), float(n_rows[j]))
        for j in range(k)
        if n_rows[j] < enough
        or relative[j] < LOST
        or (relative[j] < FLATNESS and n_rows[j] < MANY * (problem.n_features + 1))
    ]


def is_lost(mixture: Mixture, problem: Problem) -> bool:
    """Whether a component has collapsed for good."""
    if mixture.n_components == 1:
        return False
    return bool(flatness(mixture, problem.centre_and_covariance[1]).min() < LOST)


def flatness(mixture: Mixture, covariance: np.ndarray) -> np.ndarray:
    """Smallest eigenvalue of ``covariance^-1 Sigma_k`` of each component, (K,).

    Parameters
    ----------
    mixture : Mixture
        Without draws.
    covariance : (D, D) array
        Of all rows; it may be singular.
    """
    variance = np.diag(covariance)
    sd = np.sqrt(np.where(variance > 0, variance, 1.0))
    # In units of the standard deviations, so that columns of very different scale do no harm.
    values, vectors = np.linalg.eigh(covariance / np.outer(sd, sd))
    root = sd[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))
    whitening = mixture.kernel_factors
    if mixture.family.structure == "diagonal":
        relative = whitening[..., None] * root
    else:
        relative = whitening @ root
    largest = np.linalg.svd(relative, compute_uv=False)[:, 0]
    with np.errstate(divide="ignore"):
        return largest**-2.0


def describe_spike(spike: Spike, mixture: Mixture, X: np.ndarray) -> str:
    """One sentence on a spike: which rows it stands on, and what to try."""
    joint = mixture.log_joint(X)
    rows = np.flatnonzero(np.argmax(joint, axis=1) == spike.component)
    shown = ", ".join(str(row) for row in rows[:5]) + (", ..." if len(rows) > 5 else "")
    if spike.flatness < FLATNESS:
        why = (
            f"its smallest variance is {spike.flatness:.1e} of the data's, and the likelihood has "
            "no bound there"
        )
    else:
        why = f"a component needs {X.shape[1] + 1} at least for a shape of its own"
    return (
        f"component {spike.component} has collapsed onto {plural(len(rows), 'row')} ({shown}): "
        f"{why}; use fewer components, give priors=, or a larger reg_covar."
    )
