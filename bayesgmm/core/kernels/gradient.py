"""The gradient of the log-likelihood, from the statistics of the pass (Fisher's identity).

With ``y = W (x - mu)`` and ``log N(x) = sum_i log W_ii - y'y / 2 + const``, the derivatives are
``d/dmu = W' sum r y`` and ``d/dW = diag(N / W_ii) - (sum r y y') W^-T``: algebra on the sums.
"""

import numpy as np

from bayesgmm.core.kernels.compiling import njit
from bayesgmm.core.kernels.factors import invert_lower


@njit(error_model="numpy")
def triangular(log_weights, means, factors, counts, first, second):
    """Gradients for lower triangular whitening factors.

    Parameters
    ----------
    log_weights : (K,) in
    means : (K, D) in
    factors : (K, D, D) in, lower triangular
    counts, first, second : (K,), (K, D), (K, D, D) in, the sums of one pass

    Returns
    -------
    d_log_weights, d_means, d_factors : (K,), (K, D), (K, D, D) lower triangular
    """
    n_components, d = means.shape
    d_means = np.empty((n_components, d))
    d_factors = np.zeros((n_components, d, d))
    inverse = np.empty((d, d))
    for k in range(n_components):
        factor = factors[k]
        for j in range(d):
            total = 0.0
            for i in range(j, d):
                total += factor[i, j] * first[k, i]
            d_means[k, j] = total
        invert_lower(factor, inverse)
        for i in range(d):
            for j in range(i + 1):
                total = 0.0
                for m in range(j + 1):
                    total += second[k, i, m] * inverse[j, m]
                d_factors[k, i, j] = -total
            d_factors[k, i, i] += counts[k] / factor[i, i]
    return counts.copy(), d_means, d_factors


@njit(error_model="numpy")
def diagonal(log_weights, means, factors, counts, first, second):
    """Gradients for diagonal whitening factors (K, D), the reciprocals of the sds.

    Parameters and returns as in :func:`triangular`, with ``second`` and ``d_factors`` (K, D).
    """
    n_components, d = means.shape
    d_means = np.empty((n_components, d))
    d_factors = np.empty((n_components, d))
    for k in range(n_components):
        for i in range(d):
            d_means[k, i] = factors[k, i] * first[k, i]
            d_factors[k, i] = (counts[k] - second[k, i]) / factors[k, i]
    return counts.copy(), d_means, d_factors
