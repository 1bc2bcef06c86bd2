"""Special functions that Numba does not have."""

import numpy as np

from bayesgmm.core.kernels.compiling import njit


@njit(error_model="numpy")
def digamma(x):
    """The logarithmic derivative of the gamma function, for x > 0.

    Up to eight by recurrence, then by the asymptotic series (Abramowitz and Stegun, 6.3.5, 6.3.18).
    """
    total = 0.0
    while x < 8.0:
        total -= 1.0 / x
        x += 1.0
    y = 1.0 / (x * x)
    tail = 1 / 240 - y * (1 / 132 - y * (691 / 32760 - y / 12))
    series = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * tail)))
    return total + np.log(x) - 0.5 / x - series
