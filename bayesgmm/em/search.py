"""From many starts to one fit: which runs are worth finishing, and which end is the best."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from threadpoolctl import threadpool_limits

from bayesgmm.core.mixture import Mixture
from bayesgmm.em.degeneracy import Spike, find_spikes
from bayesgmm.em.loop import Run, Watch, run_accelerated, run_plain
from bayesgmm.em.moves import Moves
from bayesgmm.em.problem import Problem
from bayesgmm.em.starts import proposals, subsample

# Starts of n_init="auto": enough that on the small reference data sets the best optimum known is
# reached several times over for K up to six.
N_STARTS = 30
# Fewer will do where the first ones all end at the same place, and a few moves fall back to it.
N_AGREEING = 8
N_MOVES_AGREEING = 4
# The share of mixed starts that are moves.
MOVES = 1 / 3
# On larger data the starts first compete on this many rows, for a few passes a round.
RACE_ROWS = 10_000
RACE_PASSES = (8, 24)
RACE_KEEPS = (6, 3)
# Two runs are at the same optimum if their objectives differ by less than this, in nats a row.
SAME = 1e-5
# And their values are the same but for how closely each run came.
TIE = 1e-7


@dataclass(frozen=True)
class StartSummary:
    """What became of the starts that were run to the end.

    Attributes
    ----------
    n_starts : int
        Runs of EM; moves that fell back to where they set out from are left out.
    n_at_best : int
        Those that ended at the optimum that was kept (within 1e-5 nats a row).
    n_spikes : int
        Those that collapsed and were passed over.
    log_likelihoods : tuple of float
        Where the finished runs ended: log-likelihood (plus log prior under priors), best first,
        spikes left out.
    """

    n_starts: int
    n_at_best: int
    n_spikes: int
    log_likelihoods: tuple[float, ...]

    @property
    def all_collapsed(self) -> bool:
        """Whether the fit itself stands on a spike, for want of a sound one."""
        return self.n_spikes == self.n_starts


@dataclass(frozen=True)
class SearchResult:
    """The best run, the spikes it stands on if all did, and what became of the starts.

    ``others`` are the best run of each other optimum that was found, best first.
    """

    run: Run
    spikes: list[Spike]
    summary: StartSummary
    others: tuple[Run, ...]


@dataclass(frozen=True)
class Settings:
    """How to search: the constructor arguments of the estimator that matter here."""

    n_components: int
    n_init: int | str
    method: str
    tol: float | None
    max_passes: int


def search(
    problem: Problem,
    settings: Settings,
    rng: np.random.Generator,
    watch: Watch | None = None,
    given: Callable[[Mixture], Mixture] | None = None,
) -> SearchResult:
    """Run EM from many starts and keep the best end that is no spike.

    With ``n_init="auto"`` all starts run to the end on small data; on large data they race on a
    subsample (successive halving) and the leaders finish on all rows. A number means that many full
    runs. Of mixed starts the last third are moves on the best fit so far. ``given`` puts the parts
    of a start that the user fixed in their place.
    """
    starts = proposals(problem, settings.n_components, settings.method, rng)
    if given is not None:
        starts = map(given, starts)
    # Clusterings of a few thousand rows lose more by waking threads than they gain.
    with threadpool_limits(1):
        may_move = given is None and settings.method == "mixed"
        return _search(problem, settings, rng, starts, watch, may_move)


def _search(
    problem: Problem,
    settings: Settings,
    rng: np.random.Generator,
    starts: Iterator[Mixture],
    watch: Watch | None,
    may_move: bool,
) -> SearchResult:
    automatic = settings.n_init == "auto"
    n_starts = N_STARTS if automatic else int(settings.n_init)
    runs = _Runs(problem, settings, watch)
    if settings.n_components == 1:
        return runs.add(next(starts)).result()
    if automatic and len(problem.X) > RACE_ROWS:
        for start in _race(problem, list(islice(starts, n_starts)), rng):
            runs.add(start)
        return runs.result()
    n_moves = int(MOVES * n_starts) if may_move else 0
    for i, start in enumerate(islice(starts, n_starts - n_moves), 1):
        runs.add(start)
        if automatic and i == N_AGREEING and runs.agree:
            n_moves = min(n_moves, N_MOVES_AGREEING)
            break
    if n_moves and runs.finished:
        moves = Moves(problem, rng)
        for _ in range(n_moves):
            runs.add_move(moves.relocate(runs.best.run.mixture))
    return runs.result()


def best_of(
    problem: Problem,
    settings: Settings,
    candidates: Iterable[Mixture],
    watch: Watch | None = None,
    previous: float | None = None,
) -> SearchResult:
    """Run EM from each candidate to the end and keep the best that is no spike.

    ``previous`` is the objective at the last pass of a run that is gone on with.

    Raises
    ------
    numpy.linalg.LinAlgError
        If every run fails because a covariance becomes singular.
    """
    runs = _Runs(problem, settings, watch, previous)
    for start in candidates:
        runs.add(start)
    return runs.result()


@dataclass(frozen=True)
class _End:
    run: Run
    spikes: list[Spike]

    @property
    def rank(self) -> tuple[bool, float]:
        return not self.spikes, self.run.objective


class _Runs:
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
        self.finished: list[_End] = []
        self.failures: list[np.linalg.LinAlgError] = []

    def add(self, start: Mixture) -> "_Runs":
        end = self._end_of(start)
        if end is not None:
            self.finished.append(end)
        return self

    def add_move(self, start: Mixture) -> None:
        """Run from a move on the best end; if it falls back there it says nothing new."""
        n_failures = len(self.failures)
        end = self._end_of(start)
        if end is None:
            del self.failures[n_failures:]
        elif abs(end.run.objective - self.best.run.objective) > self.distance or (
            self.best.spikes and not end.spikes
        ):
            self.finished.append(end)

    def _end_of(self, start: Mixture) -> _End | None:
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
        return _End(run, find_spikes(run.mixture, self.problem))

    @property
    def best(self) -> _End:
        """The best end; of several at one optimum the first, so that rounding decides nothing."""
        top = max(self.finished, key=lambda end: end.rank)
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
    def agree(self) -> bool:
        ends = [end.run.objective for end in self.finished]
        return not self.failures and max(ends) - min(ends) < self.distance

    def result(self) -> SearchResult:
        if not self.finished:
            raise self.failures[-1]
        best = self.best
        sound = [end.run for end in self.finished if not end.spikes]
        kept = sorted(sound or [end.run for end in self.finished], key=lambda run: -run.objective)
        n_failed = len(self.failures)
        summary = StartSummary(
            n_starts=n_failed + len(self.finished),
            n_at_best=sum(best.run.objective - run.objective < self.distance for run in kept),
            n_spikes=n_failed + len(self.finished) - len(sound),
            log_likelihoods=tuple(run.objective for run in kept),
        )
        return SearchResult(best.run, best.spikes, summary, _other_optima(kept, self.distance))


def _other_optima(runs: list[Run], distance: float) -> tuple[Run, ...]:
    """The best run of each optimum but the first; ``runs`` are sorted, best first."""
    others: list[Run] = []
    last = runs[0].objective
    for run in runs:
        if last - run.objective > distance:
            others.append(run)
            last = run.objective
    return tuple(others)


def _race(problem: Problem, candidates: list[Mixture], rng: np.random.Generator) -> list[Mixture]:
    small = subsample(problem, RACE_ROWS, rng)
    for n_passes, n_keep in zip(RACE_PASSES, RACE_KEEPS, strict=True):
        runs = []
        for start in candidates:
            try:
                run = run_accelerated(small, start, n_passes)
            except np.linalg.LinAlgError:
                continue
            runs.append((bool(find_spikes(run.mixture, small)), -run.objective, run.mixture))
        if not runs:
            return candidates[:n_keep]
        runs.sort(key=lambda item: item[:2])
        candidates = [mixture for _, _, mixture in runs[:n_keep]]
    return candidates
