"""From many starts to one fit: which runs are worth making."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from bayesgmm.core import threads
from bayesgmm.core.mixture import Mixture
from bayesgmm.em.clusterings import small_tree_size
from bayesgmm.em.given import Given
from bayesgmm.em.loop import Watch, run_accelerated
from bayesgmm.em.moves import Moves
from bayesgmm.em.problem import Problem
from bayesgmm.em.race import climb, is_large, race
from bayesgmm.em.runs import Runs, SearchResult, Settings
from bayesgmm.em.starts import proposals
from bayesgmm.exceptions import DataError
from bayesgmm.priors import Priors, resolve

# Starts of n_init="auto", of which the share below are moves where moves are made.
N_STARTS = 45
MOVES = 2 / 3
# Fewer starts and moves will do where the first starts all end at the same place ...
N_AGREEING, N_MOVES_AGREEING = 8, 8
# ... and where less than this share of them does, there are moves of both kinds, until so many
# rounds of them in a row found nothing better, but not beyond so many rounds.
AT_ODDS = 0.5
IDLE_ROUNDS, MAX_ROUNDS = 2, 10
# The share of moves that shift rows.
SHIFTS = 0.5
# Where fewer of the starts than that are sound, so many more begin from a regularised fit, after so
# many passes, and so do all moves.
FEW = 0.1
N_RESCUES = 20
RESCUE_PASSES = 200
# Passes of the run that shows where others fail.
DIAGNOSTIC_PASSES = 200


def search(
    problem: Problem,
    settings: Settings,
    rng: np.random.Generator,
    watch: Watch | None = None,
    given: Given | None = None,
) -> SearchResult:
    """Run EM from many starts and keep the best end that is no spike.

    With ``n_init="auto"`` all starts run to the end on small problems; on large ones they race on a
    subsample and the leaders finish on all rows. A number means that many full runs. Of mixed
    starts two thirds are moves on the best fit so far. Those of "auto" are few where the starts
    agree; where they are at odds they go on until many in a row find nothing better, and the best
    fit is improved by split-merge moves at last. Where hardly any start is sound, EM under a weak
    prior prepares more of them. ``given`` are the parts of a start that the user gives; where they
    are all of it, there is one run.
    """
    runs = Runs(problem, settings, watch)
    # Clusterings of a few thousand rows lose more by waking threads than they gain.
    with threads.single_blas():
        if given is not None and given.is_whole:
            runs.add(given.start(problem))
        elif settings.n_init == "auto" and is_large(problem, settings.n_components):
            _finish_race(runs, rng, given)
        else:
            _try_all(runs, rng, given)
    return runs.result()


def _starts(
    problem: Problem, settings: Settings, rng: np.random.Generator, given: Given | None
) -> Iterator[Mixture]:
    k, method = settings.n_components, settings.method
    if given is None:
        return proposals(problem, k, method, rng)
    return map(given.put_into, proposals(problem, k, method, rng, given.parts.get("means")))


def _whole_hierarchy(
    problem: Problem, settings: Settings, rng: np.random.Generator
) -> Iterator[Mixture]:
    """A start that takes longer to find than others, where the first one saw fewer rows."""
    k = settings.n_components
    if len(problem.X) > small_tree_size(k):
        yield from islice(proposals(problem, k, "hierarchical", rng), 1)


def _may_move(settings: Settings, given: Given | None) -> bool:
    return given is None and settings.method == "mixed"


def _finish_race(runs: Runs, rng: np.random.Generator, given: Given | None) -> None:
    settings = runs.settings
    may_move = _may_move(settings, given)

    def starts_for(small: Problem) -> Iterator[Mixture]:
        if may_move:
            yield from _whole_hierarchy(small, settings, rng)
        yield from _starts(small, settings, rng, given)

    finalists = race(runs.problem, starts_for, rng, may_move)
    runs.n_outrun = finalists.n_outrun
    (first, n_starts), *others = finalists.ends
    runs.add(first, n_starts)
    for start, n_starts in others:
        runs.add_rival(start, n_starts)
    for start in finalists.reserves:
        if not runs.all_collapsed:
            break
        runs.add(start)
        runs.n_outrun -= 1


def _try_all(runs: Runs, rng: np.random.Generator, given: Given | None) -> None:
    settings, problem = runs.settings, runs.problem
    automatic = settings.n_init == "auto"
    n_starts = N_STARTS if automatic else int(settings.n_init)
    if settings.n_components == 1:
        n_starts = 1
    starts = _starts(problem, settings, rng, given)
    n_moves = int(MOVES * n_starts) if _may_move(settings, given) else 0
    for i, start in enumerate(islice(starts, n_starts - n_moves), 1):
        runs.add(start)
        if automatic and i == N_AGREEING and runs.share_at_best == 1.0:
            break
    prepare = None
    if automatic and runs.share_sound < FEW:
        prepare = _steadied(problem, settings)
        if prepare is not None:
            for start in islice(_starts(problem, settings, rng, given), N_RESCUES):
                runs.add(prepare(start))
    if n_moves and runs.finished:
        if automatic and runs.share_at_best < AT_ODDS:
            for start in _whole_hierarchy(problem, settings, rng):
                runs.add(start if prepare is None else prepare(start))
        _try_moves(runs, rng, n_moves, prepare)


def _try_moves(
    runs: Runs,
    rng: np.random.Generator,
    n_moves: int,
    prepare: Callable[[Mixture], Mixture] | None,
) -> None:
    """Move on the best fit: so many times, or until nothing better is found."""
    share = runs.share_at_best if runs.settings.n_init == "auto" else AT_ODDS
    are_at_odds = share < AT_ODDS
    most = MAX_ROUNDS * n_moves if are_at_odds else N_MOVES_AGREEING if share == 1.0 else n_moves
    moves, idle = Moves(runs.problem, rng), 0
    for _ in range(most):
        move = moves.shift if are_at_odds and rng.random() < SHIFTS else moves.relocate
        start = move(runs.best.run.mixture)
        found_better = runs.add_move(start if prepare is None else prepare(start))
        idle = 0 if found_better else idle + 1
        if idle == IDLE_ROUNDS * n_moves:
            break
    best = runs.best.run
    # A run that max_iter stopped is where the user wants it.
    if are_at_odds and best.converged and not runs.all_collapsed:
        higher = climb(runs.problem, best, rng, runs.problem)
        if higher is not best:
            runs.add(higher.mixture)


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
    runs = Runs(problem, settings, watch, previous)
    for start in candidates:
        runs.add(start)
    return runs.result()


def _steadied(problem: Problem, settings: Settings) -> Callable[[Mixture], Mixture] | None:
    """From a start to where EM leads under a weak prior, which keeps components from collapsing.

    None for singular data, which have no scale to set a prior by.
    """
    weight, n_rows = problem.sample_weight, len(problem.X)
    if weight is not None and problem.n < n_rows:
        weight = weight * (n_rows / problem.n)  # shares: the prior is worth some rows, not all
    try:
        priors = resolve(
            Priors.conjugate(), problem.X, settings.n_components, problem.family.name, weight
        )
    except DataError:
        return None
    steadied = replace(problem, priors=priors, sample_weight=weight)
    n_passes = min(RESCUE_PASSES, settings.max_passes)
    return lambda start: run_accelerated(steadied, start, n_passes).mixture


def diagnosis(
    problem: Problem,
    settings: Settings,
    feature_names: Sequence[str] | None,
    row_numbers: np.ndarray | None,
) -> str:
    """A sentence on the component that makes every run fail, or nothing where none is found.

    A little ridge lets one run pass the place where a covariance turns singular.
    """
    settings = replace(settings, n_init=1, tol=None, max_passes=DIAGNOSTIC_PASSES)
    regular = replace(problem, reg_covar=None, priors=None, fixed=frozenset())
    try:
        found = search(regular, settings, np.random.default_rng(0))
    except np.linalg.LinAlgError:
        return ""
    why = found.atlas(regular, feature_names, row_numbers).optima[0].why_spurious
    return f" With a little of it, {why}" if why else ""
