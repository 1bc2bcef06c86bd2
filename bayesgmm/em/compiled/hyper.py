"""Half the prior's scale, where that has a prior of its own: its mode given the covariances."""

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.em.compiled.compiling import njit
from bayesgmm.em.compiled.task import (
    HYPER_CENTRE,
    HYPER_COUNT,
    HYPER_POWER,
    HYPER_PRECISION,
    HYPER_RATE,
    N_HYPER,
    Task,
)
from bayesgmm.priors import ResolvedPriors

# Steps of Newton's method, which is there to the last digit after six.
N_NEWTON = 8
# The logarithm of the least number that the mode may be in its own units, so that it is not zero.
_LEAST = -600.0


def hyper_at(task: Task, mixture: Mixture, prior: ResolvedPriors) -> np.ndarray | None:
    """The mode at a mixture of its own shape, (D,) or (); None where the scale is fixed."""
    if prior.hyperprior is None:
        return None
    factors = np.array(mixture.whitening).reshape(-1)
    return hyper_of(task.numbers, task.table, factors).reshape(prior.hyperprior.rate.shape)


@njit(error_model="numpy")
def hyper_of(numbers, table, factors):
    """The mode, (D,) or (1,); of length 0 where the scale is fixed.

    ``factors`` are flat: the squares of a column of a matrix, as of a feature of a diagonal family,
    add up to the precision.
    """
    n = int(numbers[N_HYPER])
    out = np.zeros(n)
    for f in range(len(factors) if n > 0 else 0):
        out[f % n] += factors[f] ** 2
    for j in range(n):
        rate, precision = table[HYPER_RATE, j] + out[j], numbers[HYPER_PRECISION]
        if precision == 0.0:
            out[j] = numbers[HYPER_COUNT] / rate
            continue
        # With b = w precision / rate, the slope vanishes where w + log w is this.
        goal = np.log(rate / precision) + table[HYPER_CENTRE, j] + numbers[HYPER_COUNT] / precision
        goal = max(goal, _LEAST)
        w = goal if goal > 1.0 else np.exp(goal)
        for _ in range(N_NEWTON):
            w *= (1.0 + goal - np.log(w)) / (1.0 + w)
        out[j] = w * precision / rate
    return out


@njit(error_model="numpy")
def log_hyperprior(numbers, table, hyper):
    """The log prior density of half the scale, in nats, but for its constant."""
    total = 0.0
    for j in range(len(hyper)):
        away = np.log(hyper[j]) - table[HYPER_CENTRE, j]
        total += numbers[HYPER_POWER] * np.log(hyper[j]) - table[HYPER_RATE, j] * hyper[j]
        total -= 0.5 * numbers[HYPER_PRECISION] * away * away
    return total
