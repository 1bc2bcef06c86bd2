"""Spikes: components on so few or so flat rows that the likelihood has no bound there.

With unequal covariances the likelihood grows without limit as a component shrinks onto a few rows.
Such optima say nothing about the data, so the search for the best fit passes over them.
"""

from dataclasses import dataclass

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.em.problem import Problem

# A component flatter than this in some direction, in variance relative to all rows, is a spike.
FLATNESS = 1e-4


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

    A component is one if the smallest eigenvalue of ``cov(X)^-1 Sigma_k`` is below 1e-4 or it holds
    fewer than D + 1 rows. A fit under a proper prior has none, whatever it looks like.
    """
    if problem.priors is not None:
        return []
    overall = problem.centre_and_covariance[1]
    variance = np.diag(overall)
    sd = np.sqrt(np.where(variance > 0, variance, 1.0))
    # In units of the standard deviations, so that columns of very different scale do no harm.
    values, vectors = np.linalg.eigh(overall / np.outer(sd, sd))
    root = sd[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))
    whitening = mixture.kernel_factors
    if mixture.family.structure == "diagonal":
        relative = whitening[..., None] * root
    else:
        relative = whitening @ root
    largest = np.linalg.svd(relative, compute_uv=False)[:, 0]
    with np.errstate(divide="ignore"):
        flatness = largest**-2.0
    n_rows = problem.n * mixture.weights
    return [
        Spike(k, float(flatness[k]), float(n_rows[k]))
        for k in range(mixture.n_components)
        if flatness[k] < FLATNESS or n_rows[k] < problem.n_features + 1
    ]


def describe_spike(spike: Spike, mixture: Mixture, X: np.ndarray) -> str:
    """One sentence on a spike: which rows it stands on, and what to try."""
    joint = mixture.log_joint(X)
    rows = np.flatnonzero(np.argmax(joint, axis=1) == spike.component)
    shown = ", ".join(str(row) for row in rows[:5]) + (", ..." if len(rows) > 5 else "")
    return (
        f"component {spike.component} has collapsed onto {len(rows)} rows ({shown}): its smallest "
        f"variance is {spike.flatness:.1e} of the data's, and the likelihood has no bound there; "
        "use fewer components, give priors=, or a larger reg_covar."
    )
