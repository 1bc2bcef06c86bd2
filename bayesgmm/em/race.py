"""Large problems: starts race on a few rows, moves improve the leaders, the best go on to all."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.em.atlas import End, group_ends
from bayesgmm.em.degeneracy import find_spikes
from bayesgmm.em.loop import Run, run_accelerated
from bayesgmm.em.problem import Problem
from bayesgmm.em.split_merge import Move, apply_moves, find_moves
from bayesgmm.em.starts import subsample

# Starts race on this many rows of larger data,
RACE_ROWS = 10_000
# and on all rows where components are so many that moves find more than starts do.
MANY_COMPONENTS = 10
ROWS_EACH = 50
N_RACERS = 16
# Passes of each round of the race, and how many go on after it.
HEATS = ((8, 6), (24, 2))
# The best of the leaders is improved on this many rows before it goes on to all: what is best on a
# few rows need not be on all.
CLIMB_ROWS = 50_000
CLIMB_PASSES = 60
# Tries before a climber gives up, passes of a try, and of its first stage.
TRIES = 6
TRY_PASSES = 40
FIRST_PASSES = 10
# Runs that were not finished are at one optimum if their objectives differ by less, in nats a row.
NEAR = 1e-3
# Steps of a climb at most.
STEPS = 20
# An objective is better if it is by this much, in nats a row.
BETTER = 1e-4


@dataclass(frozen=True)
class Finalists:
    """Where the leaders of a race came to.

    Attributes
    ----------
    ends : list of (Mixture, int)
        The distinct ones, best first, and how many leaders came there.
    reserves : list of Mixture
        Where those came to that were given up last, best first.
    n_outrun : int
        Starts that were given up on the way, with the reserves.
    """

    ends: list[tuple[Mixture, int]]
    reserves: list[Mixture]
    n_outrun: int


def is_large(problem: Problem, n_components: int) -> bool:
    """Whether rows or components are so many that a race finds as good an optimum in less time."""
    n = len(problem.X)
    if n_components == 1:
        return False
    many = n_components >= MANY_COMPONENTS and n >= ROWS_EACH * n_components
    return many or n > RACE_ROWS


def race(
    problem: Problem,
    starts_for: Callable[[Problem], Iterator[Mixture]],
    rng: np.random.Generator,
    may_move: bool,
) -> Finalists:
    """Which mixtures to begin from on all rows.

    Parameters
    ----------
    problem : Problem
    starts_for : callable
        Starts for the same problem on fewer rows.
    rng : numpy.random.Generator
    may_move : bool
        Whether leaders are improved by moves.
    """
    small = subsample(problem, RACE_ROWS, rng)
    starts = list(islice(starts_for(small), N_RACERS))
    leaders, reserves = heats(small, starts)
    if may_move:
        leaders = [climb(small, run, rng, small) for run in leaders]
    ends = _distinct([(run, 1) for run in leaders], small)
    more = subsample(problem, CLIMB_ROWS, rng)
    runs = [(_run(more, end.run.mixture, CLIMB_PASSES), end.n_starts) for end in ends]
    ends = _distinct([(run, n) for run, n in runs if run is not None], more)
    if may_move and ends:
        ends[0] = replace(ends[0], run=climb(more, ends[0].run, rng, small))
    n_outrun = len(starts) - sum(end.n_starts for end in ends)
    if not ends:
        # No start gets far; on all rows the error will say so.
        return Finalists([(starts[0], 1)], [], n_outrun - 1)
    return Finalists([(end.run.mixture, end.n_starts) for end in ends], reserves, n_outrun)


def heats(problem: Problem, starts: Iterable[Mixture]) -> tuple[list[Run], list[Mixture]]:
    """The leaders among runs from many starts, and who was given up last, both best first.

    All make a few passes, and ever fewer go on for longer.
    """
    candidates, runs = list(starts), []
    for n_passes, n_keep in HEATS:
        found = [_run(problem, start, n_passes) for start in candidates]
        ends = _ranked([(run, 1) for run in found if run is not None], problem)
        runs, candidates = [end.run for end in ends], [end.run.mixture for end in ends[:n_keep]]
    n_leaders = len(candidates)
    return runs[:n_leaders], [run.mixture for run in runs[n_leaders:]]


def _run(problem: Problem, start: Mixture, n_passes: int) -> Run | None:
    try:
        return run_accelerated(problem, start, n_passes)
    except np.linalg.LinAlgError:
        return None


def _ranked(runs: list[tuple[Run, int]], problem: Problem) -> list[End]:
    ends = [End(run, find_spikes(run.mixture, problem), n) for run, n in runs]
    return sorted(ends, key=lambda end: (bool(end.spikes), -end.run.objective))


def _distinct(runs: list[tuple[Run, int]], problem: Problem) -> list[End]:
    """Ends, the best first; those on their way to one place are one."""
    groups = group_ends(_ranked(runs, problem), problem, NEAR)
    return [replace(group[0], n_starts=sum(end.n_starts for end in group)) for group in groups]


def climb(problem: Problem, run: Run, rng: np.random.Generator, small: Problem) -> Run:
    """Improve on where a run has come to by split-merge moves, until none helps.

    Parameters
    ----------
    problem : Problem
        On which moves are tried.
    run : Run
        On that problem.
    rng : numpy.random.Generator
    small : Problem
        The same or fewer rows, on which moves are found.
    """
    for _ in range(STEPS):
        better = _step(problem, run, rng, small)
        if better is None:
            break
        run = better
    return run


def _step(problem: Problem, run: Run, rng: np.random.Generator, small: Problem) -> Run | None:
    try:
        moves = find_moves(small, run.mixture, rng)
    except np.linalg.LinAlgError:
        return None
    sure = _disjoint([move for move in moves if move.gain > BETTER * small.n])
    tries = ([sure] if sure else []) + [[move] for move in moves[:TRIES] if [move] != sure]
    for chosen in tries[:TRIES]:
        tried = _try(problem, apply_moves(run.mixture, chosen), run.objective)
        if tried is not None:
            return tried
    return None


def _try(problem: Problem, start: Mixture, objective: float) -> Run | None:
    """A run that ends above ``objective``, or None; given up where it would come too late."""
    wanted = objective + BETTER * problem.n
    try:
        run = run_accelerated(problem, start, FIRST_PASSES)
        if len(run.history) == FIRST_PASSES:
            left = TRY_PASSES - FIRST_PASSES
            pace = 2.0 * (run.objective - run.history[FIRST_PASSES // 2]) / FIRST_PASSES
            if run.objective + left * pace < wanted:
                return None
            run = run_accelerated(problem, run.mixture, left)
    except np.linalg.LinAlgError:
        return None
    if run.objective < wanted or find_spikes(run.mixture, problem):
        return None
    return run


def _disjoint(moves: list[Move]) -> list[Move]:
    taken: set[int] = set()
    chosen = []
    for move in moves:
        if taken.isdisjoint(move.components):
            chosen.append(move)
            taken.update(move.components)
    return chosen
