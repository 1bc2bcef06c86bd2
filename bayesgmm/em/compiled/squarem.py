"""Which mixture the next pass is for, and when to stop: EM, plain or accelerated.

A run is a state, and :func:`advance` takes it from one pass over the data to the next. Two EM steps
and their difference give a step along the slow directions (SQUAREM: Varadhan and Roland, 2008,
doi:10.1111/j.1467-9469.2007.00585.x, scheme S3), which is kept only if the objective does not fall:

    FIRST      pass at x0: its EM step leads to x1
    SECOND     pass at x1: its EM step leads to x2; near? else extrapolate from x0, x1 and x2
    TRIED      pass at the extrapolated point: go on from there (SECOND), or from x2 (FIRST)
    LAST       pass at the result
    PLAIN      pass at x0: its EM step leads to the next x0

The gain still to come is estimated from the rate at which the steps shrink (Aitken), so that slow
convergence is not mistaken for arrival.
"""

from typing import NamedTuple

import numpy as np

from bayesgmm.em.compiled import coordinates, weights
from bayesgmm.em.compiled.compiling import njit

FIRST, SECOND, TRIED, LAST, PLAIN = range(5)
# What a pass leads to.
GO_ON, DONE, SINGULAR, TOO_FAR = range(4)
# Stop once the optimum is estimated to lie closer than this, in nats a row: far below what any
# comparison of models could notice.
DISTANCE = 1e-9
# Extrapolations may be this long at first; the limit grows by the same factor while they succeed.
LONGEST = 4.0

_MEMORY = np.dtype(
    [
        # The next pass: what for, and at which of the mixtures; in the end, which is the result.
        ("phase", np.int64),
        ("at", np.int64),
        ("n_passes", np.int64),
        ("max_passes", np.int64),
        ("has_converged", np.int64),
        ("tol", np.float64),
        ("longest", np.float64),
        ("length", np.float64),
        # At x0, and at x1.
        ("value", np.float64),
        ("log_likelihood", np.float64),
        ("value_after", np.float64),
        ("log_likelihood_after", np.float64),
        # By what factor the last steps shrank. The slowest counts: the first step after an
        # extrapolation is mostly in the fast directions and hides the slow ones.
        ("rate", np.float64),
        ("rate_before", np.float64),
        ("rate_before_that", np.float64),
    ]
)


class State(NamedTuple):
    """Where a run is.

    Attributes
    ----------
    memory : (1,) structured array
    mixtures, vectors : (4, P) arrays
        x0, x1, x2 and the extrapolated point, and what they are as vectors.
    history : (max_passes,) array
        The best objective so far after each pass.
    """

    memory: np.ndarray
    mixtures: np.ndarray
    vectors: np.ndarray
    history: np.ndarray


def begin(
    start: np.ndarray, max_passes: int, tol: float | None = None, previous: float = -np.inf
) -> State:
    """The state before the first pass.

    Parameters
    ----------
    start : (P,) array
        A mixture.
    max_passes : int
    tol : float, optional
        For plain EM: stop once a step gains less than this many nats a row.
    previous : float
        The objective of the pass before, where plain EM goes on from there.
    """
    # What a task keeps stands in all the mixtures.
    mixtures = np.tile(start, (4, 1))
    state = State(np.zeros(1, _MEMORY), mixtures, np.empty_like(mixtures), np.empty(max_passes))
    memory = state.memory[0]
    memory["phase"] = LAST if max_passes == 0 else FIRST if tol is None else PLAIN
    memory["max_passes"], memory["longest"] = max_passes, LONGEST
    memory["tol"], memory["value"] = np.nan if tol is None else tol, previous
    return state


@njit(error_model="numpy")
def advance(
    maximise,
    log_prior,
    numbers,
    table,
    concentration,
    scatter,
    memories,
    mixtures,
    vectors,
    history,
    log_likelihood,
    counts,
    first,
    second,
):
    """Take the sums of the pass that the state asked for; returns what that leads to.

    GO_ON: make a pass at mixture ``at``; DONE: that one is the result; SINGULAR: a covariance is
    not positive definite.

    Parameters
    ----------
    maximise, log_prior : of the family's structure, as pointers
    numbers, table, concentration, scatter : in, a :class:`~bayesgmm.em.compiled.task.Task`
    memories, mixtures, vectors, history : in and out, a :class:`State`
    log_likelihood, counts, first, second : in, what the pass left
    """
    of, memory = numbers[0], memories[0]
    n_components, at, phase = len(counts), memory.at, memory.phase
    value = log_likelihood
    if of.has_prior:
        value += log_prior(numbers, table, concentration, scatter, mixtures[at])
        value += weights.log_prior(concentration, mixtures[at])
    if phase == LAST:
        if np.isnan(memory.tol) and memory.n_passes > 0:
            memory.has_converged = abs(value - memory.value) <= _rounding(of.n, memory.value)
        memory.value, memory.log_likelihood = value, log_likelihood
        return DONE

    is_higher = True
    if phase == TRIED:
        is_higher = value >= memory.value_after - 1e-12 * abs(memory.value_after)
    history[memory.n_passes] = max(value, memory.value_after) if phase == TRIED else value
    if phase == TRIED and not is_higher:
        history[memory.n_passes] = memory.value_after
    memory.n_passes += 1
    is_over = memory.n_passes == memory.max_passes
    into = 2 if phase == SECOND else 1
    is_regular = is_higher and maximise(
        numbers, table, concentration, scatter, counts, first, second, mixtures[at], mixtures[into]
    )
    if is_regular:
        weights.maximise(numbers, concentration, counts, mixtures[into])
    elif phase != TRIED:
        return SINGULAR

    if phase == PLAIN:
        _copy(mixtures, 1, 0)
        memory.has_converged = abs(value - memory.value) < memory.tol * of.n
        memory.value = value
        memory.phase = LAST if memory.has_converged or is_over else PLAIN
        return GO_ON
    if phase == SECOND:
        memory.value_after, memory.log_likelihood_after = value, log_likelihood
        is_near, may_try = _extrapolate(numbers, table, n_components, memories, mixtures, vectors)
        if is_near:
            memory.has_converged, memory.value = True, value
            memory.log_likelihood = log_likelihood
            return DONE
        if may_try and not is_over:
            memory.at, memory.phase = 3, TRIED
            return GO_ON
    elif is_regular:
        memory.value, memory.log_likelihood = value, log_likelihood
        if phase == TRIED:
            _copy(mixtures, 3, 0)
            if memory.length == memory.longest:
                memory.longest *= LONGEST
        memory.at, memory.phase = 1, LAST if is_over else SECOND
        return GO_ON
    elif memory.length == memory.longest:
        memory.longest = max(memory.longest / LONGEST, LONGEST)
    _copy(mixtures, 2, 0)
    memory.value = memory.value_after
    memory.at, memory.phase = 0, LAST if is_over else FIRST
    return GO_ON


@njit(error_model="numpy")
def _extrapolate(numbers, table, n_components, memories, mixtures, vectors):
    """Whether x1 is near enough to the optimum, and whether there is a point to try beyond x2."""
    of, memory = numbers[0], memories[0]
    for place in range(3):
        coordinates.pack(numbers, table, n_components, mixtures[place], vectors[place])
    first = second = curvature = 0.0
    for p in range(vectors.shape[1]):
        step, next_step = vectors[1, p] - vectors[0, p], vectors[2, p] - vectors[1, p]
        first += step**2
        second += next_step**2
        curvature += (next_step - step) ** 2
    memory.rate_before_that, memory.rate_before = memory.rate_before, memory.rate
    memory.rate = np.sqrt(second / max(first, 1e-300))
    rate = max(memory.rate, memory.rate_before, memory.rate_before_that)
    rate = min(rate**2, 1.0 - 1e-9)
    gain = memory.value_after - memory.value
    # A ridge can make a step fall; then, too, it is the steps to come that count.
    change = abs(gain)
    remaining = change * rate / (1.0 - rate)
    if change <= _rounding(of.n, memory.value) or remaining < DISTANCE * of.n:
        return True, False
    length = min(np.sqrt(first / max(curvature, 1e-300)), memory.longest)
    memory.length = length
    if not (gain > 0.0 and length > 1.0 + 1e-4):
        return False, False
    for p in range(vectors.shape[1]):
        step, next_step = vectors[1, p] - vectors[0, p], vectors[2, p] - vectors[1, p]
        vectors[3, p] = vectors[0, p] + 2.0 * length * step + length**2 * (next_step - step)
    coordinates.unpack(numbers, table, n_components, vectors[3], mixtures[3])
    return False, True


@njit(error_model="numpy")
def _copy(mixtures, place, into):
    for p in range(mixtures.shape[1]):
        mixtures[into, p] = mixtures[place, p]


@njit(error_model="numpy")
def _rounding(n, value):
    """Objectives that differ by less are the same number."""
    return 1e-14 * abs(value) + 1e-13 * n
