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
from numba import float64, int64

from bayesgmm.core.kernels.pointers import MATRIX, VECTOR
from bayesgmm.em.compiled import coordinates, weights
from bayesgmm.em.compiled.compiling import inlined, njit
from bayesgmm.em.compiled.functions import SUMS, TASK, log_prior_at, maximise_at
from bayesgmm.em.compiled.task import HAS_PRIOR, N

FIRST, SECOND, TRIED, LAST, PLAIN = range(5)
# What a pass leads to.
GO_ON, DONE, SINGULAR, TOO_FAR = range(4)
# Stop once the optimum is estimated to lie closer than this, in nats a row: far below what any
# comparison of models could notice.
DISTANCE = 1e-9
# Extrapolations may be this long at first; the limit grows by the same factor while they succeed.
GROWTH = 4.0

# Places in the memory: what the next pass is for, and at which of the mixtures, which in the end is
# the result.
PHASE, AT, N_PASSES, MAX_PASSES, HAS_CONVERGED, TOL, LENGTH, LONGEST = range(8)
# At x0, and at x1.
VALUE, LOG_LIKELIHOOD, VALUE_AFTER, LOG_LIKELIHOOD_AFTER = range(8, 12)
# By what factor the last steps shrank. The slowest counts: the first step after an extrapolation is
# mostly in the fast directions and hides the slow ones.
RATE, RATE_BEFORE, RATE_BEFORE_THAT = range(12, 15)

# Of the function ``advance``.
SIGNATURE = int64(int64[::1], *TASK, VECTOR, MATRIX, MATRIX, VECTOR, float64, *SUMS)


class State(NamedTuple):
    """Where a run is.

    Attributes
    ----------
    memory : (15,) array
    mixtures, vectors : (4, P) arrays
        x0, x1, x2 and the extrapolated point, and what they are as vectors.
    history : array
        The best objective so far after each pass; at least as long as there are passes.
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
    state = State(np.zeros(15), mixtures, np.empty_like(mixtures), np.empty(0))
    memory = state.memory
    memory[PHASE] = LAST if max_passes == 0 else FIRST if tol is None else PLAIN
    memory[MAX_PASSES], memory[LONGEST] = max_passes, GROWTH
    memory[TOL], memory[VALUE] = np.nan if tol is None else tol, previous
    return state


def with_room(state: State, n_passes: int) -> State:
    """The same state with a history that has room for so many more passes."""
    used = int(state.memory[N_PASSES])
    if len(state.history) >= used + n_passes:
        return state
    history = np.empty(2 * (used + n_passes))
    history[:used] = state.history[:used]
    return state._replace(history=history)


@njit(error_model="numpy")
def advance(
    addresses,
    numbers,
    table,
    concentration,
    scatter,
    memory,
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
    addresses : in, of :func:`~bayesgmm.em.compiled.functions.addresses_of`
    numbers, table, concentration, scatter : in, a :class:`~bayesgmm.em.compiled.task.Task`
    memory, mixtures, vectors, history : in and out, a :class:`State`
    log_likelihood, counts, first, second : in, what the pass left
    """
    n_components, at, phase = len(counts), int(memory[AT]), memory[PHASE]
    value = log_likelihood
    if numbers[HAS_PRIOR]:
        log_prior = log_prior_at(addresses[1])
        value += log_prior(numbers, table, concentration, scatter, mixtures[at])
        value += weights.log_prior(concentration, mixtures[at])
    if phase == LAST:
        if np.isnan(memory[TOL]) and memory[N_PASSES] > 0:
            memory[HAS_CONVERGED] = abs(value - memory[VALUE]) <= _rounding(
                numbers[N], memory[VALUE]
            )
        memory[VALUE], memory[LOG_LIKELIHOOD] = value, log_likelihood
        return DONE

    is_higher = True
    if phase == TRIED:
        is_higher = value >= memory[VALUE_AFTER] - 1e-12 * abs(memory[VALUE_AFTER])
    history[int(memory[N_PASSES])] = max(value, memory[VALUE_AFTER]) if phase == TRIED else value
    if phase == TRIED and not is_higher:
        history[int(memory[N_PASSES])] = memory[VALUE_AFTER]
    memory[N_PASSES] += 1
    is_over = memory[N_PASSES] == memory[MAX_PASSES]
    into = 2 if phase == SECOND else 1
    maximise = maximise_at(addresses[0])
    is_regular = is_higher and maximise(
        numbers, table, concentration, scatter, counts, first, second, mixtures[at], mixtures[into]
    )
    if is_regular:
        weights.maximise(numbers, concentration, counts, mixtures[into])
    elif phase != TRIED:
        return SINGULAR

    if phase == PLAIN:
        _copy(mixtures, 1, 0)
        memory[HAS_CONVERGED] = abs(value - memory[VALUE]) < memory[TOL] * numbers[N]
        memory[VALUE] = value
        memory[PHASE] = LAST if memory[HAS_CONVERGED] or is_over else PLAIN
        return GO_ON
    if phase == SECOND:
        memory[VALUE_AFTER], memory[LOG_LIKELIHOOD_AFTER] = value, log_likelihood
        is_near, may_try = _extrapolate(numbers, table, n_components, memory, mixtures, vectors)
        if is_near:
            memory[HAS_CONVERGED], memory[VALUE] = True, value
            memory[LOG_LIKELIHOOD] = log_likelihood
            return DONE
        if may_try and not is_over:
            memory[AT], memory[PHASE] = 3, TRIED
            return GO_ON
    elif is_regular:
        memory[VALUE], memory[LOG_LIKELIHOOD] = value, log_likelihood
        if phase == TRIED:
            _copy(mixtures, 3, 0)
            if memory[LENGTH] == memory[LONGEST]:
                memory[LONGEST] *= GROWTH
        memory[AT], memory[PHASE] = 1, LAST if is_over else SECOND
        return GO_ON
    elif memory[LENGTH] == memory[LONGEST]:
        memory[LONGEST] = max(memory[LONGEST] / GROWTH, GROWTH)
    _copy(mixtures, 2, 0)
    memory[VALUE] = memory[VALUE_AFTER]
    memory[AT], memory[PHASE] = 0, LAST if is_over else FIRST
    return GO_ON


@inlined()
def _extrapolate(numbers, table, n_components, memory, mixtures, vectors):
    """Whether x1 is near enough to the optimum, and whether there is a point to try beyond x2."""
    for place in range(3):
        coordinates.pack(numbers, table, n_components, mixtures[place], vectors[place])
    first = second = curvature = 0.0
    for p in range(vectors.shape[1]):
        step, next_step = vectors[1, p] - vectors[0, p], vectors[2, p] - vectors[1, p]
        first += step**2
        second += next_step**2
        curvature += (next_step - step) ** 2
    memory[RATE_BEFORE_THAT], memory[RATE_BEFORE] = memory[RATE_BEFORE], memory[RATE]
    memory[RATE] = np.sqrt(second / max(first, 1e-300))
    rate = max(memory[RATE], memory[RATE_BEFORE], memory[RATE_BEFORE_THAT])
    rate = min(rate**2, 1.0 - 1e-9)
    gain = memory[VALUE_AFTER] - memory[VALUE]
    # A ridge can make a step fall; then, too, it is the steps to come that count.
    change = abs(gain)
    remaining = change * rate / (1.0 - rate)
    if change <= _rounding(numbers[N], memory[VALUE]) or remaining < DISTANCE * numbers[N]:
        return True, False
    length = min(np.sqrt(first / max(curvature, 1e-300)), memory[LONGEST])
    memory[LENGTH] = length
    if not (gain > 0.0 and length > 1.0 + 1e-4):
        return False, False
    for p in range(vectors.shape[1]):
        step, next_step = vectors[1, p] - vectors[0, p], vectors[2, p] - vectors[1, p]
        vectors[3, p] = vectors[0, p] + 2.0 * length * step + length**2 * (next_step - step)
    coordinates.unpack(numbers, table, n_components, vectors[3], mixtures[3])
    return False, True


@inlined()
def _copy(mixtures, place, into):
    for p in range(mixtures.shape[1]):
        mixtures[into, p] = mixtures[place, p]


@inlined()
def _rounding(n, value):
    """Objectives that differ by less are the same number."""
    return 1e-14 * abs(value) + 1e-13 * n
