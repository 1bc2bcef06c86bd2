"""Draws of chains as a sampler leaves them, whole or interrupted."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Fewer draws a chain are no result.
MIN_DRAWS = 4
# Seconds between two times that the draws so far are kept.
KEEP_EVERY = 20.0


@dataclass(frozen=True)
class RawDraws:
    """What a sampler of chains returns.

    Attributes
    ----------
    draws : (chain, draw, P) array
        Coordinates.
    sample_stats : dict of (chain, draw) arrays
        What the sampler has to say about each draw; "lp" among them.
    complete : bool
        False if sampling was interrupted (Ctrl-C): then these are the draws so far, and coordinates
        of draws that a chain has not reached are NaN.
    """

    draws: np.ndarray
    sample_stats: dict[str, np.ndarray]
    complete: bool = True

    @property
    def counts(self) -> np.ndarray:
        """How many draws each chain has, (chain,)."""
        return np.isfinite(self.draws).all(axis=-1).sum(axis=1)

    def even(self) -> "RawDraws":
        """The same with as many draws of each chain, and without chains that have hardly begun.

        Raises
        ------
        KeyboardInterrupt
            If no chain has four draws.
        """
        if self.complete:
            return self
        chains, n = most_draws(self.counts)
        stats = {name: values[chains, :n] for name, values in self.sample_stats.items()}
        return RawDraws(self.draws[chains, :n], stats, complete=False)


Keep = Callable[[RawDraws], None]


def most_draws(counts: np.ndarray) -> tuple[np.ndarray, int]:
    """Which chains to keep of an interrupted run, and how many draws of each: the most in all.

    Parameters
    ----------
    counts : (chain,) array of int
        Draws of each chain so far.

    Raises
    ------
    KeyboardInterrupt
        If no chain has four draws.
    """
    order = np.argsort(-counts, kind="stable")
    totals = counts[order] * np.arange(1, len(counts) + 1)
    n_kept = len(counts) - int(np.argmax(totals[::-1]))  # of equal totals that with more chains
    n = int(counts[order[n_kept - 1]])
    if n < MIN_DRAWS:
        raise KeyboardInterrupt
    return np.sort(order[:n_kept]), n
