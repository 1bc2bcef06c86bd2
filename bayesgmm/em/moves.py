"""Moves: starts made from a fit, by putting a component elsewhere or giving it other rows.

EM cannot carry a component across a gap between clusters. A fit with two components in one cluster
and one across two others is therefore left behind more often by a move than by a new start.
"""

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.em.problem import Problem
from bayesgmm.em.starts import clustering_rows, from_responsibilities

# Least and largest part of a component that a relocated one takes over.
PART = (0.1, 0.6)
# Largest share of the rows that are shifted.
SHIFTED = 0.3


class Moves:
    """Proposes moves on fits to one problem.

    Parameters
    ----------
    problem : Problem
    rng : numpy.random.Generator
    """

    def __init__(self, problem: Problem, rng: np.random.Generator):
        self._rows = clustering_rows(problem, rng)
        self._rng = rng
        self._last: tuple[Mixture, np.ndarray] | None = None

    def relocate(self, mixture: Mixture) -> Mixture:
        """Give the rows of a random component to the others, and it a part of one of them.

        The part is the neighbourhood of a random row; each row is as likely as any other.
        """
        rows, rng = self._rows, self._rng
        k = mixture.n_components
        moved = int(rng.integers(k))
        joint = self._log_joint(mixture).copy()
        joint[:, moved] = -np.inf
        r = _memberships(joint)
        near = self._around_a_row()
        donor = int(rng.choice(k, p=r[near[0]]))
        taken = np.cumsum(r[near, donor])
        near = near[taken <= max(rng.uniform(*PART) * taken[-1], taken[0])]
        r[near, moved], r[near, donor] = r[near, donor], 0.0
        return from_responsibilities(rows, r)

    def shift(self, mixture: Mixture) -> Mixture:
        """Give the neighbourhood of a random row to a random component.

        A smaller step than to relocate one, between the many optima of few rows in many dimensions.
        """
        rows, rng = self._rows, self._rng
        r = _memberships(self._log_joint(mixture))
        near = self._around_a_row()[: max(1, int(rng.uniform(0.0, SHIFTED) * rows.n))]
        r[near] = 0.0
        r[near, rng.integers(mixture.n_components)] = 1.0
        return from_responsibilities(rows, r)

    def _around_a_row(self) -> np.ndarray:
        """All rows, by their distance from a random one."""
        rows = self._rows
        centre = int(self._rng.choice(rows.n, p=rows.probability))
        distance = np.sum((rows.scaled - rows.scaled[centre]) ** 2, axis=1)
        return np.argsort(distance, kind="stable")

    def _log_joint(self, mixture: Mixture) -> np.ndarray:
        """Of the rows, (N, K); the same fit is moved on many times."""
        if self._last is None or self._last[0] is not mixture:
            self._last = mixture, mixture.log_joint(self._rows.problem.X)
        return self._last[1]


def _memberships(log_joint: np.ndarray) -> np.ndarray:
    r = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
    return r / r.sum(axis=1, keepdims=True)
