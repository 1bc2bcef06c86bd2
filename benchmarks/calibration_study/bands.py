"""Simultaneous bands for the empirical distribution of uniform ranks, without simulation.

At every rank the count of ranks up to there is binomial; a band holds it where neither tail
probability is below a level, and the probability that all counts are in theirs follows by going
through the ranks one after another (Saeilynoja, Buerkner and Vehtari, 2022,
doi:10.1007/s11222-022-10090-6).
"""

from bisect import bisect_left
from functools import cached_property

import numpy as np
from scipy import stats


class UniformRanks:
    """The counts of ``n`` ranks, uniform over 0 to ``n_ranks - 1``."""

    def __init__(self, n: int, n_ranks: int):
        self.n, self.n_ranks = n, n_ranks
        self.shares = np.arange(1, n_ranks) / n_ranks

    @cached_property
    def tails(self) -> np.ndarray:
        """Twice the smaller tail probability of every count (n + 1) up to every rank."""
        counts = np.arange(self.n + 1)[:, None]
        below = stats.binom.cdf(counts, self.n, self.shares)
        above = stats.binom.sf(counts - 1, self.n, self.shares)
        return 2.0 * np.minimum(below, above).T

    @cached_property
    def _steps(self) -> list[np.ndarray]:
        """The probability of each next count (columns) given each count (rows)."""
        counts = np.arange(self.n + 1)
        more = counts[None, :] - counts[:, None]
        before = np.r_[0.0, self.shares[:-1]]
        return [
            stats.binom.pmf(more, self.n - counts[:, None], (share - last) / (1.0 - last))
            for share, last in zip(self.shares, before, strict=True)
        ]

    def coverage(self, level: float) -> float:
        """The probability that at every rank the tail probability is at least ``level``."""
        state = np.zeros(self.n + 1)
        state[0] = 1.0
        for step, tail in zip(self._steps, self.tails, strict=True):
            state = (state @ step) * (tail >= level)
        return float(state.sum())

    def p_value(self, ranks: np.ndarray) -> float:
        """The probability that uniform ranks stray as far somewhere as these do."""
        counts = self.counts(ranks)
        least = self.tails[np.arange(len(self.shares)), counts].min()
        return 1.0 - self.coverage(np.nextafter(least, 2.0))

    def counts(self, ranks: np.ndarray) -> np.ndarray:
        """How many ranks lie at 0, up to 1, ..., up to the last but one."""
        return np.cumsum(np.bincount(ranks, minlength=self.n_ranks))[:-1]

    def band(self, error: float) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest counts that leave the band with probability ``error`` at most."""
        levels = np.unique(self.tails)  # the coverage falls from one to the next
        n_allowed = bisect_left(levels, True, key=lambda level: self.coverage(level) < 1.0 - error)
        inside = self.tails >= levels[n_allowed - 1]
        return inside.argmax(axis=1), self.n - inside[:, ::-1].argmax(axis=1)
