"""Steps and whole runs in compiled code.

The functions of a family are called through pointers: compiled in, each would be compiled once more
with the loop, for every family.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import boolean, float64, int64, types, typeof

from bayesgmm.core.covariance import CovarianceFamily
from bayesgmm.core.kernels.compiling import specialised
from bayesgmm.em.compiled import diagonal, squarem, triangular, weights
from bayesgmm.em.compiled.compiling import njit
from bayesgmm.em.compiled.squarem import State
from bayesgmm.em.compiled.task import Task

_VECTOR, _MATRIX = float64[::1], float64[:, ::1]


@njit()
def _no_prior(numbers, table, concentration, scatter, mixture):
    return 0.0


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


class Advance:
    """:func:`bayesgmm.em.compiled.squarem.advance` for one family and task.

    Parameters
    ----------
    family : CovarianceFamily
    task : Task
    """

    def __init__(self, family: CovarianceFamily, task: Task):
        module = _module(family)
        arrays = [typeof(array) for array in task]
        self._density = float64(*arrays, _VECTOR)
        self._step = boolean(*arrays, _VECTOR, _MATRIX, _VECTOR, _VECTOR, _VECTOR)
        prior = module.log_prior if task.numbers["has_prior"][0] else _no_prior
        self._functions = (
            specialised(module.maximise, self._step),
            specialised(prior, self._density),
        )
        self._task, self._types = task, arrays

    def once(self, state: State, log_likelihood: float, *sums: np.ndarray) -> int:
        """Take the sums of one pass."""
        signature = self._signature(state, float64, _VECTOR, _MATRIX, _VECTOR)
        advance = specialised(squarem.advance, signature)
        return advance(*self._functions, *self._task, *state, log_likelihood, *sums)

    def often(
        self,
        kernel: Callable[..., float],
        X: np.ndarray,
        sample_weight: np.ndarray,
        far: float,
        state: State,
        n_passes: int,
    ) -> int:
        """Make the passes that a run asks for, ``n_passes`` at most; returns what they led to.

        Parameters
        ----------
        kernel : compiled function
            Of :func:`bayesgmm.core.statistics.kernels_of`.
        X, sample_weight : read-only arrays, as kernels take them
        far : float
            For kernels that may find rows too far out: the run then stays where it is, TOO_FAR.
        state : State
            Changed in place.
        n_passes : int
        """
        rows = typeof(X), typeof(sample_weight)
        sums = float64(*rows, _VECTOR, _MATRIX, _VECTOR, float64, _VECTOR, _MATRIX, _VECTOR)
        signature = self._signature(state, types.FunctionType(sums), *rows, float64, int64)
        return specialised(_follow, signature)(
            *self._functions,
            *self._task,
            *state,
            specialised(kernel, sums),
            X,
            sample_weight,
            far,
            n_passes,
        )

    def _signature(self, state: State, *others: Any) -> Any:
        pointers = types.FunctionType(self._step), types.FunctionType(self._density)
        return int64(*pointers, *self._types, *(typeof(array) for array in state), *others)


def _module(family: CovarianceFamily):
    return diagonal if family.structure == "diagonal" else triangular


@njit(error_model="numpy")
def _follow(
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
    kernel,
    X,
    sample_weight,
    far,
    n_passes,
):
    n_components, d = len(concentration), X.shape[1]
    start = n_components + n_components * d
    counts, first = np.empty(n_components), np.empty((n_components, d))
    second = np.empty(mixtures.shape[1] - start)
    log_weights = np.empty(n_components)
    for _ in range(n_passes):
        mixture = mixtures[memories[0].at]
        for k in range(n_components):
            log_weights[k] = np.log(mixture[k])
        means = mixture[n_components:start].reshape(n_components, d)
        log_likelihood = kernel(
            X, sample_weight, log_weights, means, mixture[start:], far, counts, first, second
        )
        if far < np.inf and np.isnan(log_likelihood):
            return squarem.TOO_FAR
        status = squarem.advance(
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
        )
        if status != squarem.GO_ON:
            return status
    return squarem.GO_ON
