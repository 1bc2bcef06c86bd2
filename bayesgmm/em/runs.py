"""What becomes of the runs of a search: where each ended, which is best, how many agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.em.atlas import SAME, Atlas, End, group_ends, optima_of
from bayesgmm.em.degeneracy import Spike, find_spikes
from bayesgmm.em.loop import Run, Watch, run_accelerated, run_plain
from bayesgmm.em.problem import Problem

# Of several runs at one optimum, objectives that differ by less are the same, in nats a row.
TIE = 1e-7


@dataclass(frozen=True)
class SearchResult:
    """The best run, the spikes it stands on if all did, and what became of the starts.

    Attributes
    ----------
    run : Run
        The best that is no spike, if there is one.
    groups : list of list of End
        All ends by optimum: the kept one, the other sound ones, the spurious ones.
    n_failed, n_returned, n_outrun : int
        As in :class:`~bayesgmm.em.atlas.Atlas`.
    """

    run: Run
    groups: list[list[End]]
    n_failed: int
    n_returned: int
    n_outrun: int

    @property
    def spikes(self) -> list[Spike]:
        """The spikes that the best run stands on: none, unless every start collapsed."""
        return self.groups[0][0].spikes

    @property
    def others(self) -> tuple[Run, ...]:
        """The best run of each other sound optimum (of each other one, if all are spurious)."""
        is_sound = not self.spikes
        return tuple(g[0].run for g in self.groups[1:] if bool(g[0].spikes) is not is_sound)

    def atlas(
        self,
        problem: Problem,
        feature_names: Sequence[str] | None = None,
        row_numbers: np.ndarray | None = None,
    ) -> Atlas:
        """The account of all starts, in the words of the user's columns and rows."""
        return Atlas(
            optima_of(self.groups, problem, feature_names, row_numbers),
            self.n_failed,
            self.n_returned,
            self.n_outrun,
            "log_likelihood" if problem.priors is None else "log_posterior",
        )


@dataclass(frozen=True)
class Settings:
    """How to search: the constructor arguments of the estimator that matter here."""

    n_components: int
    n_init: int | str
    method: str
    tol: float | None
    max_passes: int


def _rank(end: End) -> tuple[bool, float]:
    return not end.spikes, end.run.objective


class Runs:
    """Runs EM from starts and keeps account of where they end."""

    def __init__(
        self,
        problem: Problem,
        settings: Settings,
        watch: Watch | None,
        previous: float | None = None,
    ):
        self.problem, self.settings, self.watch = problem, settings, watch
        self.previous = previous
        self.finished: list[End] = []
        self.failures: list[np.linalg.LinAlgError] = []
        self.n_returned = self.n_outrun = 0

    def add(self, start: Mixture, n_starts: int = 1) -> None:
        """Run to the end."""
        end = self._end_of(start, n_starts)
        if end is not None:
            self.finished.append(end)

    def add_move(self, start: Mixture) -> bool:
        """Run from a move on the best end, and tell whether it leads to a better one.

        If it falls back there it says nothing new.
        """
        n_failures, best = len(self.failures), self.best
        end = self._end_of(start)
        if end is None:
            del self.failures[n_failures:]
        elif abs(end.run.objective - best.run.objective) > self.distance or (
            best.spikes and not end.spikes
        ):
            self.finished.append(end)
            return self.best is end
        else:
            self.n_returned += 1
        return False

    def add_rival(self, start: Mixture, n_starts: int) -> None:
        """Run to the end only what is above the best sound end before it has begun."""
        if self.all_collapsed:
            self.add(start, n_starts)
            return
        statistics = self.problem.expectation(start)
        value = self.problem.objective(statistics, start)
        if value > self.best.run.objective:
            self.add(start, n_starts)
            return
        run = Run(start, value, statistics.log_likelihood, (value,), False)
        self.finished.append(End(run, find_spikes(start, self.problem), n_starts))

    def _end_of(self, start: Mixture, n_starts: int = 1) -> End | None:
        settings = self.settings
        try:
            if settings.tol is None:
                run = run_accelerated(self.problem, start, settings.max_passes, self.watch)
            else:
                run = run_plain(
                    self.problem,
                    start,
                    settings.max_passes,
                    settings.tol,
                    self.watch,
                    self.previous,
                )
        except np.linalg.LinAlgError as error:
            self.failures.append(error)
            return None
        return End(run, find_spikes(run.mixture, self.problem), n_starts)

    @property
    def best(self) -> End:
        """The best end; of several at one optimum the first, so that rounding decides nothing."""
        top = max(self.finished, key=_rank)
        return next(
            end
            for end in self.finished
            if bool(end.spikes) == bool(top.spikes)
            and top.run.objective - end.run.objective <= TIE * self.problem.n
        )

    @property
    def distance(self) -> float:
        """Objectives that differ by less are the same optimum."""
        return SAME * self.problem.n

    @property
    def share_sound(self) -> float:
        """The share of all runs that ended at a sound optimum."""
        n_sound = sum(not end.spikes for end in self.finished)
        return n_sound / (len(self.finished) + len(self.failures))

    @property
    def all_collapsed(self) -> bool:
        """Whether there is no sound end."""
        return all(end.spikes for end in self.finished)

    @property
    def share_at_best(self) -> float:
        """The share of all runs that came to the best optimum; zero if there is no sound one."""
        if self.all_collapsed:
            return 0.0
        best = self.best
        gaps = [best.run.objective - end.run.objective for end in self.finished if not end.spikes]
        n_at_best = sum(gap < self.distance for gap in gaps)
        return n_at_best / (len(self.finished) + len(self.failures))

    def result(self) -> SearchResult:
        """What has become of them, the best first.

        Raises
        ------
        numpy.linalg.LinAlgError
            If every run failed because a covariance became singular.
        """
        if not self.finished:
            raise self.failures[-1]
        best = self.best
        others = sorted((end for end in self.finished if end is not best), key=_rank, reverse=True)
        groups = group_ends([best, *others], self.problem)
        return SearchResult(best.run, groups, len(self.failures), self.n_returned, self.n_outrun)
