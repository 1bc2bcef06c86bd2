"""The atlas of local optima: where the starts of EM ended, and how those places differ."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from bayesgmm.core.mixture import Mixture
from bayesgmm.data.wording import plural
from bayesgmm.em.degeneracy import Spike, describe_spike
from bayesgmm.em.loop import Run
from bayesgmm.em.problem import Problem

if TYPE_CHECKING:
    import pandas as pd

# Two runs are at the same optimum if their objectives differ by less than this, in nats a row ...
SAME = 1e-5
# ... and less than this share of the rows belongs elsewhere.
SAME_ROWS = 0.05
# Memberships are compared on at most this many rows.
MAX_ROWS = 2_000


@dataclass(frozen=True)
class Optimum:
    """A local optimum that EM found.

    Attributes
    ----------
    mixture : Mixture
        The best of the runs that ended here, its components in the order of the kept fit.
    objective : float
        Log-likelihood (plus log prior under priors) there, in nats.
    n_starts : int
        How many starts ended here.
    moved : float
        The share of the rows that belongs to other clusters than in the kept fit, once components
        are matched: half the sum of the differences of the memberships, averaged over rows.
    settled : bool
        Whether EM converged. If not, it was stopped by ``max_iter``, or left behind in a race
        before its end, and the optimum itself is higher.
    why_spurious : str
        Why this is no sensible optimum and was passed over, and on which rows it stands; empty for
        a sound one.
    """

    mixture: Mixture
    objective: float
    n_starts: int
    moved: float
    settled: bool
    why_spurious: str


@dataclass(frozen=True, repr=False)
class Atlas:
    """What became of the starts: the local optima that they found.

    Attributes
    ----------
    optima : tuple of Optimum
        The kept one, the other sound ones, then the spurious ones; each best first.
    n_failed : int
        Runs without an end, because a covariance became singular.
    n_returned : int
        Moves on the best fit so far that fell back to it. They are no starts.
    n_outrun : int
        Starts that were given up early in a race on a part of the rows; where they would have
        ended is not known.
    objective_name : str
        "log_likelihood", or "log_posterior" under priors.
    """

    optima: tuple[Optimum, ...]
    n_failed: int = 0
    n_returned: int = 0
    n_outrun: int = 0
    objective_name: str = "log_likelihood"

    @property
    def sound(self) -> tuple[Optimum, ...]:
        """The optima that are not spurious."""
        return tuple(optimum for optimum in self.optima if not optimum.why_spurious)

    @property
    def n_starts(self) -> int:
        """Starts that were run to an end or failed on the way."""
        return self.n_failed + sum(optimum.n_starts for optimum in self.optima)

    @property
    def n_at_best(self) -> int:
        """Starts that ended at the optimum that is kept."""
        return self.optima[0].n_starts

    @property
    def n_spikes(self) -> int:
        """Starts that collapsed, or failed, and were passed over."""
        return self.n_starts - sum(optimum.n_starts for optimum in self.sound)

    @property
    def all_collapsed(self) -> bool:
        """Whether the fit itself stands on a spike, for want of a sound one."""
        return not self.sound

    def table(self) -> "pd.DataFrame":
        """The optima as a table, one row each.

        Columns: ``n_starts``; ``log_likelihood`` (``log_posterior`` under priors), in nats;
        ``behind``, how far it is below the kept one, in nats (spikes may be above: negative);
        ``moved``, the share of the rows that belongs to other clusters than in the kept fit;
        ``settled``; ``why_spurious``, empty for sound optima.
        """
        import pandas as pd

        kept = self.optima[0].objective
        rows = [
            {
                "n_starts": o.n_starts,
                self.objective_name: o.objective,
                "behind": kept - o.objective,
                "moved": o.moved,
                "settled": o.settled,
                "why_spurious": o.why_spurious,
            }
            for o in self.optima
        ]
        return pd.DataFrame(rows).rename_axis("optimum")

    @property
    def sentence(self) -> str:
        """The account in one sentence."""
        sound = self.sound
        n_collapsed = self.n_spikes - self.n_failed
        parts = []
        if sound:
            parts.append(f"{self.n_at_best} ended at the optimum that is kept")
        if len(sound) > 1:
            parts.append(self._on_others(sound[1:]))
        if n_collapsed:
            parts.append(f"{n_collapsed} collapsed onto a few rows")
        if self.n_failed:
            parts.append(f"{self.n_failed} failed because a covariance became singular")
        if self.n_outrun:
            parts.append(f"{self.n_outrun} more were given up early in a race")
        return f"{plural(self.n_starts, 'start')}: {'; '.join(parts)}."

    def _on_others(self, others: tuple[Optimum, ...]) -> str:
        nearest = others[0]
        n = sum(optimum.n_starts for optimum in others)
        where = "another" if len(others) == 1 else f"{len(others)} others, the best of them"
        behind = self.optima[0].objective - nearest.objective
        return (
            f"{n} at {where} {behind:.3g} nats below, where {100 * nearest.moved:.0f} % of the "
            "rows belong elsewhere"
        )

    def __repr__(self) -> str:
        return f"Atlas({self.sentence})"


@dataclass(frozen=True)
class End:
    """Where a run came to, and how many starts it stands for."""

    run: Run
    spikes: list[Spike]
    n_starts: int = 1


def group_ends(ends: Sequence[End], problem: Problem, same: float = SAME) -> list[list[End]]:
    """The ends by optimum, best first in each, groups in the order of their best.

    Parameters
    ----------
    ends : sequence of End
        The best first.
    problem : Problem
    same : float
        Objectives that differ by less can be of one optimum, in nats a row.
    """
    groups: list[list[End]] = []
    memberships = Memberships(problem)
    for end in ends:
        for group in groups:
            apart = abs(group[0].run.objective - end.run.objective)
            if (
                bool(group[0].spikes) == bool(end.spikes)
                and apart <= same * problem.n
                and memberships.match(group[0].run.mixture, end.run.mixture)[1] < SAME_ROWS
            ):
                group.append(end)
                break
        else:
            groups.append([end])
    return groups


def optima_of(
    groups: Sequence[Sequence[End]],
    problem: Problem,
    feature_names: Sequence[str] | None = None,
    row_numbers: np.ndarray | None = None,
) -> tuple[Optimum, ...]:
    """The optimum of each group; the first is the kept one."""
    kept = groups[0][0].run.mixture
    memberships = Memberships(problem)
    optima = []
    for group in groups:
        best = group[0]
        order, moved = memberships.match(kept, best.run.mixture)
        why = ""
        if best.spikes:
            why = describe_spike(
                best.spikes[0], best.run.mixture, problem.X, feature_names, row_numbers
            )
        optima.append(
            Optimum(
                replace(
                    best.run.mixture.permute(order),
                    feature_names=None if feature_names is None else tuple(feature_names),
                ),
                best.run.objective,
                sum(end.n_starts for end in group),
                moved,
                any(end.run.converged for end in group),
                why,
            )
        )
    return tuple(optima)


class Memberships:
    """Which rows of a problem belong where under several mixtures; each is looked at once."""

    def __init__(self, problem: Problem):
        n = len(problem.X)
        rows = np.unique(np.linspace(0, n - 1, min(n, MAX_ROWS)).astype(int))
        weight = problem.sample_weight
        weight = np.ones(len(rows)) if weight is None else weight[rows]
        self._weight = weight / weight.sum()
        self._rows = np.ascontiguousarray(problem.X[rows])
        self._known: dict[Mixture, np.ndarray] = {}

    def match(self, reference: Mixture, other: Mixture) -> tuple[np.ndarray, float]:
        """How the components of another mixture match a reference's, and how many rows move.

        Returns
        -------
        order : (K,) array of int
            Component ``j`` of the reference is component ``order[j]`` of the other one.
        moved : float
            The total variation distance of the memberships, averaged over rows, under the order
            that makes it least: from 0 to 1, the share of the rows that belongs elsewhere.
        """
        here, there = self._under(reference), self._under(other)
        cost = np.stack([np.abs(there - column) @ self._weight for column in here]) / 2.0
        of_reference, order = linear_sum_assignment(cost)
        return order, float(cost[of_reference, order].sum())

    def _under(self, mixture: Mixture) -> np.ndarray:
        if mixture not in self._known:
            self._known[mixture] = np.ascontiguousarray(mixture.responsibilities(self._rows).T)
        return self._known[mixture]
