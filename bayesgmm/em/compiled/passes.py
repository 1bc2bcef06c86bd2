"""Steps and whole runs in compiled code.

The functions of a family are called through pointers: compiled in, each would be compiled once more
with the loop, for every family.
"""

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from numba import boolean, float64, types
from numba.extending import intrinsic

from bayesgmm.core.covariance import CovarianceFamily
from bayesgmm.core.kernels.pointers import address_of, address_of_sums, function_at, sums_at
from bayesgmm.core.statistics import FAR, Pass, kernels_of
from bayesgmm.em.compiled import diagonal, squarem, triangular, weights
from bayesgmm.em.compiled.compiling import njit
from bayesgmm.em.compiled.squarem import State
from bayesgmm.em.compiled.task import HAS_PRIOR, Task

_VECTOR, _MATRIX = float64[::1], float64[:, ::1]
_TASK = (_VECTOR, _MATRIX, _VECTOR, _VECTOR)
_MAXIMISE = boolean(*_TASK, _VECTOR, _MATRIX, _VECTOR, _VECTOR, _VECTOR)
_LOG_PRIOR = float64(*_TASK, _VECTOR)


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
    is_regular = _module(family).maximise(*task, *sums, old, new)
    return new if is_regular else None


def log_prior(family: CovarianceFamily, task: Task, mixture: np.ndarray) -> float:
    """The log prior density of a mixture, in nats."""
    own = _module(family).log_prior(*task, mixture)
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
    status, n_kernels = squarem.TOO_FAR, len(kernels_of(family))
    for i in range(n_kernels):
        if status == squarem.TOO_FAR:
            addresses = _addresses(family, i, rows.dtype.char, bool(task.numbers[HAS_PRIOR]))
            far = np.inf if i == n_kernels - 1 else FAR
            status = _follow(addresses, *task, *state, rows, one_pass.weight, far, n_passes)
    return status


def take_sums(
    family: CovarianceFamily, task: Task, state: State, log_likelihood: float, *sums: np.ndarray
) -> int:
    """Take the sums of one pass over many rows; returns what it led to."""
    addresses = _addresses(family, None, "d", bool(task.numbers[HAS_PRIOR]))
    return _advance(addresses, *task, *state, log_likelihood, *sums)


def _module(family: CovarianceFamily) -> ModuleType:
    return diagonal if family.structure == "diagonal" else triangular


@cache
def _addresses(
    family: CovarianceFamily, kernel: int | None, dtype: str, has_prior: bool
) -> np.ndarray:
    """Addresses of the M-step, the prior density and a kernel."""
    module = _module(family)
    addresses = [
        address_of(module.maximise, _MAXIMISE),
        address_of(module.log_prior, _LOG_PRIOR) if has_prior else 0,
    ]
    if kernel is not None:
        addresses.append(address_of_sums(kernels_of(family)[kernel], dtype))
    return np.array(addresses)


def _at(kind: types.FunctionType) -> Any:
    """In compiled code: the function of that kind at an address."""

    @intrinsic
    def convert(typingctx, address):
        def codegen(context, builder, signature, arguments):
            return function_at(context, builder, kind, arguments[0])

        return kind(address), codegen

    return convert


_maximise_at = _at(types.FunctionType(_MAXIMISE))
_log_prior_at = _at(types.FunctionType(_LOG_PRIOR))


@njit(error_model="numpy")
def _advance(
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
    return squarem.advance(
        _maximise_at(addresses[0]),
        _log_prior_at(addresses[1]),
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


@njit(error_model="numpy")
def _follow(
    addresses,
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
    kernel = sums_at(addresses[2], X)
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
        status = squarem.advance(
            _maximise_at(addresses[0]),
            _log_prior_at(addresses[1]),
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
