"""Steps and whole runs in compiled code."""

import numpy as np

from bayesgmm.core.covariance import CovarianceFamily
from bayesgmm.core.kernels.pointers import address_of, caller_of, sums_at
from bayesgmm.core.statistics import FAR, Pass
from bayesgmm.em.compiled import squarem, weights
from bayesgmm.em.compiled.compiling import njit
from bayesgmm.em.compiled.functions import addresses_of, module_of
from bayesgmm.em.compiled.squarem import State
from bayesgmm.em.compiled.task import HAS_PRIOR, Task


def step(
    family: CovarianceFamily,
    task: Task,
    sums: tuple[np.ndarray, np.ndarray, np.ndarray],
    old: np.ndarray,
) -> np.ndarray | None:
    """The mixture that an EM step leads to, or None where a covariance becomes singular.

    ``sums`` are the counts, first and flat second sums of a pass at ``old``.
    """
    new = old.copy()
    weights.maximise(task.numbers, task.concentration, sums[0], new)
    maximise = module_of(family).maximise_for(bool(task.numbers[HAS_PRIOR]))
    is_regular = maximise(*task, *sums, old, new)
    return new if is_regular else None


def log_prior(family: CovarianceFamily, task: Task, mixture: np.ndarray) -> float:
    """The log prior density of a mixture, in nats."""
    own = module_of(family).log_prior(*task, mixture)
    return own + weights.log_prior(task.concentration, mixture)


def make_passes(one_pass: Pass, task: Task, state: State, n_passes: int) -> int:
    """Make the passes that a run over few rows asks for; returns what they led to.

    Parameters
    ----------
    one_pass : Pass
    task : Task
    state : State
        Changed in place.
    n_passes : int
        At most, and no more than the history has room for.
    """
    family, rows = one_pass.family, one_pass.rows
    has_prior = bool(task.numbers[HAS_PRIOR])
    status, kernels = squarem.TOO_FAR, one_pass.kernels
    advance = address_of(squarem.advance, squarem.SIGNATURE)
    for kernel in kernels:
        if status == squarem.TOO_FAR:
            addresses = addresses_of(family, has_prior, kernel, rows.dtype.char)
            far = np.inf if kernel is kernels[-1] else FAR
            status = _follow(
                addresses, advance, *task, *state, rows, one_pass.weight, far, n_passes
            )
    return status


def take_sums(
    family: CovarianceFamily, task: Task, state: State, log_likelihood: float, *sums: np.ndarray
) -> int:
    """Take the sums of one pass over many rows; returns what it led to."""
    addresses = addresses_of(family, bool(task.numbers[HAS_PRIOR]))
    return squarem.advance(addresses, *task, *state, log_likelihood, *sums)


_advance_at = caller_of(squarem.SIGNATURE)


@njit(error_model="numpy")
def _follow(
    addresses,
    advance_address,
    numbers,
    table,
    concentration,
    scatter,
    memory,
    mixtures,
    vectors,
    history,
    X,
    sample_weight,
    far,
    n_passes,
):
    kernel, advance = sums_at(addresses[2], X), _advance_at(advance_address)
    n_components, d = len(concentration), X.shape[1]
    start = n_components + n_components * d
    counts, first = np.empty(n_components), np.empty((n_components, d))
    second = np.empty(mixtures.shape[1] - start)
    log_weights = np.empty(n_components)
    for _ in range(n_passes):
        if memory[squarem.N_PASSES] >= len(history):
            return squarem.GO_ON
        mixture = mixtures[int(memory[squarem.AT])]
        for k in range(n_components):
            log_weights[k] = np.log(mixture[k])
        means = mixture[n_components:start].reshape(n_components, d)
        log_likelihood = kernel(
            X, sample_weight, log_weights, means, mixture[start:], far, counts, first, second
        )
        if far < np.inf and np.isnan(log_likelihood):
            return squarem.TOO_FAR
        status = advance(
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
        )
        if status != squarem.GO_ON:
            return status
    return squarem.GO_ON
