"""Half the prior's scale, where that has a prior of its own: its mode given the covariances."""

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.em.compiled.compiling import njit
from bayesgmm.em.compiled.task import HYPER_COUNT, HYPER_RATE, N_HYPER, Task
from bayesgmm.priors import ResolvedPriors


def hyper_at(task: Task, mixture: Mixture, prior: ResolvedPriors) -> np.ndarray | None:
    """The mode at a mixture in the shape of its rate, (D,) or (); None where the scale is fixed."""
    if prior.hyper_rate is None:
        return None
    factors = np.array(mixture.whitening).reshape(-1)
    return hyper_of(task.numbers, task.table, factors).reshape(prior.hyper_rate.shape)


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
        out[j] = numbers[HYPER_COUNT] / (table[HYPER_RATE, j] + out[j])
    return out
