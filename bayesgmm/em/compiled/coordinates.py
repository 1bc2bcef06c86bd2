"""Mixtures as unconstrained vectors, in units that do not depend on those of the data.

They are the logarithms of the weights, the means in units of the data's scale, and the whitening
factors in those units, their diagonals as logarithms. Every entry stands where it does in the
mixture.
"""

import numpy as np

from bayesgmm.em.compiled.compiling import inlined
from bayesgmm.em.compiled.task import (
    CENTRE,
    IS_DIAGONAL,
    KEEPS_COVARIANCES,
    KEEPS_MEANS,
    KEEPS_WEIGHTS,
    SCALE,
)

# Beyond this a factor would not be finite.
_LARGEST = 300.0


@inlined()
def pack(numbers, table, n_components, mixture, vector):
    """Write a mixture as a vector."""
    d = table.shape[1]
    for k in range(n_components):
        vector[k] = np.log(max(mixture[k], 1e-300))
    for p in range(n_components, n_components + n_components * d):
        j = (p - n_components) % d
        vector[p] = (mixture[p] - table[CENTRE, j]) / table[SCALE, j]
    start = n_components + n_components * d
    for p in range(start, len(mixture)):
        row, j = (p - start) // d % d, (p - start) % d
        value = mixture[p] * table[SCALE, j]
        vector[p] = np.log(value) if numbers[IS_DIAGONAL] or row == j else value


@inlined()
def unpack(numbers, table, n_components, vector, mixture):
    """Write the mixture that a vector stands for; what a task keeps stands there already."""
    d = table.shape[1]
    if not numbers[KEEPS_WEIGHTS]:
        top = total = 0.0
        for k in range(n_components):
            top = vector[k] if k == 0 else max(top, vector[k])
        for k in range(n_components):
            mixture[k] = np.exp(vector[k] - top)
            total += mixture[k]
        for k in range(n_components):
            mixture[k] /= total
    start = n_components + n_components * d
    for p in range(n_components, start if not numbers[KEEPS_MEANS] else 0):
        j = (p - n_components) % d
        mixture[p] = vector[p] * table[SCALE, j] + table[CENTRE, j]
    for p in range(start, len(vector) if not numbers[KEEPS_COVARIANCES] else 0):
        row, j = (p - start) // d % d, (p - start) % d
        value = vector[p]
        if numbers[IS_DIAGONAL] or row == j:
            value = np.exp(min(max(value, -_LARGEST), _LARGEST))
        mixture[p] = value / table[SCALE, j]
