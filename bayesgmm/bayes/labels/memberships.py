"""Memberships of some of the rows under every draw, a block of draws at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bayesgmm.core.mixture import Mixture

# Memberships of this many rows settle the order of the components ...
MAX_ROWS = 2000
# ... chosen alike for each component of the reference, from this many rows.
_LOOKED_AT = 50_000


@dataclass(frozen=True)
class Memberships:
    """Who belongs where, draw by draw; computed when asked for, in 8 MB at a time.

    Attributes
    ----------
    draws : Mixture
        With one leading axis.
    rows : (n, D) array
    """

    draws: Mixture
    rows: np.ndarray

    def __iter__(self) -> Iterator[np.ndarray]:
        """Blocks of draws, (draw, n, K)."""
        for draws in self.draws.blocks(len(self.rows)):
            yield draws.responsibilities(self.rows)

    def collect(self, *functions: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
        """What functions of a block give, for all draws, in one go through them."""
        parts = [[function(block) for function in functions] for block in self]
        return [np.concatenate(part) for part in zip(*parts, strict=True)]


def choose_rows(X: np.ndarray, reference: Mixture, n_rows: int) -> np.ndarray:
    """Positions of at most so many rows, ascending; all of them if there are no more.

    As many of each component of the reference as it has, up to an equal share.
    """
    if len(X) <= n_rows:
        return np.arange(len(X))
    looked_at = _spaced(np.arange(len(X)), _LOOKED_AT)
    labels = reference.responsibilities(X[looked_at]).argmax(axis=1)
    k = reference.n_components
    chosen = [_spaced(looked_at[labels == j], max(1, n_rows // k)) for j in range(k)]
    return np.sort(np.concatenate(chosen))


def _spaced(values: np.ndarray, n: int) -> np.ndarray:
    """At most ``n`` of the values, evenly spaced."""
    if len(values) <= n:
        return values
    return values[np.linspace(0, len(values) - 1, n).astype(int)]
