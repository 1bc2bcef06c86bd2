"""The weights: the M-step, and the log prior density."""

import numpy as np

from bayesgmm.em.compiled.compiling import inlined
from bayesgmm.em.compiled.task import KEEPS_WEIGHTS


@inlined(error_model="numpy")
def maximise(numbers, concentration, counts, new):
    """Write the next weights in front of the next mixture; those kept stand there already."""
    if numbers[KEEPS_WEIGHTS]:
        return
    total = 0.0
    for k in range(len(counts)):
        # In this order, so that small counts are not rounded away where there is no prior.
        new[k] = max(counts[k] + (concentration[k] - 1.0), 0.0)
        total += new[k]
    for k in range(len(counts)):
        new[k] /= total


@inlined(error_model="numpy")
def log_prior(concentration, mixture):
    """Log prior density of the weights, in nats, but for its constant."""
    total = 0.0
    for k in range(len(concentration)):
        if concentration[k] != 1.0:
            total += (concentration[k] - 1.0) * np.log(mixture[k])
    return total
