"""From many starts to one fit: which runs are worth finishing, and which end is the best."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from threadpoolctl import threadpool_limits

from bayesgmm.core.mixture import Mixture
from bayesgmm.em.degeneracy import Spike, find_spikes
from bayesgmm.em.loop import Run, Watch, run_accelerated, run_plain
from bayesgmm.em.problem import Problem
from bayesgmm.em.starts import proposals, subsample

# Starts of n_init="auto": enough that on the small reference data sets the best optimum known is
# reached several times over for K up to six.
N_STARTS = 30
# Fewer will do where the first ones all end at the same place.
N_AGREEING = 10
# On larger data the starts first compete on this many rows, for a few passes a round.
RACE_ROWS = 10_000
RACE_PASSES = (8, 24)
RACE_KEEPS = (6, 3)
# Two runs are at the same optimum if their objectives differ by less than this, in nats a row.
SAME = 1e-5


@dataclass(frozen=True)
class StartSummary:
    """What became of the starts that were run to the end.

    Attributes
    ----------
    n_starts : int
        Runs that were finished.
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
    runs. ``given`` puts the parts of a start that the user fixed in their place.
    """
    starts = proposals(problem, settings.n_components, settings.method, rng)
    if given is not None:
        starts = map(given, starts)
    # Clusterings of a few thousand rows lose more by waking threads than they gain.
    with threadpool_limits(1):
        return _search(problem, settings, rng, starts, watch)


def _search(
    problem: Problem,
    settings: Settings,
    rng: np.random.Generator,
    starts: Iterator[Mixture],
    watch: Watch | None,
) -> SearchResult:
    automatic = settings.n_init == "auto"
    n_starts = N_STARTS if automatic else int(settings.n_init)
    candidates = islice(starts, 1 if settings.n_components == 1 else n_starts)
    if automatic and len(problem.X) > RACE_ROWS and settings.n_components > 1:
        candidates = iter(_race(problem, list(candidates), rng))
    return best_of(problem, settings, candidates, watch, may_stop_early=automatic)


def best_of(
    problem: Problem,
    settings: Settings,
    candidates: Iterable[Mixture],
    watch: Watch | None = None,
    may_stop_early: bool = False,
) -> SearchResult:
    """Run EM from each candidate to the end and keep the best that is no spike.

    Raises
    ------
    numpy.linalg.LinAlgError
        If every run fails because a covariance becomes singular.
    """
    finished: list[tuple[Run, list[Spike]]] = []
    failure: np.linalg.LinAlgError | None = None
    n_failed = 0
    for start in candidates:
        try:
            run = _run(problem, settings, start, watch)
        except np.linalg.LinAlgError as error:
            failure, n_failed = error, n_failed + 1
            continue
        finished.append((run, find_spikes(run.mixture, problem)))
        if may_stop_early and len(finished) == N_AGREEING and n_failed == 0:
            ends = [run.objective for run, _ in finished]
            if max(ends) - min(ends) < SAME * problem.n:
                break
    if not finished:
        raise failure or ValueError("no start to run from")
    sound = [item for item in finished if not item[1]] or finished
    run, spikes = max(sound, key=lambda item: item[0].objective)
    objectives = sorted((item[0].objective for item in sound), reverse=True)
    at_best = sum(run.objective - value < SAME * problem.n for value in objectives)
    n_spikes = n_failed + sum(bool(item[1]) for item in finished)
    summary = StartSummary(n_failed + len(finished), at_best, n_spikes, tuple(objectives))
    return SearchResult(run, spikes, summary, _other_optima(run, sound, SAME * problem.n))


def _other_optima(
    best: Run, finished: list[tuple[Run, list[Spike]]], distance: float
) -> tuple[Run, ...]:
    others: list[Run] = []
    last = best.objective
    for run, _ in sorted(finished, key=lambda item: -item[0].objective):
        if last - run.objective > distance:
            others.append(run)
            last = run.objective
    return tuple(others)


def _run(problem: Problem, settings: Settings, start: Mixture, watch: Watch | None) -> Run:
    if settings.tol is None:
        return run_accelerated(problem, start, settings.max_passes, watch)
    return run_plain(problem, start, settings.max_passes, settings.tol, watch)


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
