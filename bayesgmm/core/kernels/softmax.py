"""From log joint densities to responsibilities, for one block of rows."""

import numpy as np
from numba import njit

from bayesgmm.core.kernels import simd

# Stands for the logarithm of zero: adding finite numbers to it cannot overflow, and the relaxed
# arithmetic of the vectors never meets an infinity.
LOG_ZERO = -1e290


@njit(cache=True, nogil=True)
def block_rows(n_components, d):
    """Rows of a block: as many as let the whitened block stay in the second-level cache."""
    rows = 256
    while rows > 64 and n_components * d * rows * 8 > 600_000:
        rows //= 2
    return rows


@njit(cache=True, nogil=True)
def log_sum(joint, n_components, out, stride, n_rows):
    """``out[row] = log sum_k exp(joint[k, row])``; returns nothing, changes ``joint`` to exp.

    joint : (K * stride) in: log joint; out: exp(joint - maximum over k)
    out : (2 * stride) out: the log sum in the first line, the sum of the exponentials in the second
    """
    for v in range(0, n_rows, simd.WIDTH):
        top = simd.broadcast(LOG_ZERO)
        for k in range(n_components):
            top = simd.maximum(simd.load(joint, k * stride + v), top)
        total = simd.broadcast(0.0)
        negative = simd.multiply(top, simd.broadcast(-1.0))
        for k in range(n_components):
            value = simd.exp(simd.add(simd.load(joint, k * stride + v), negative))
            simd.store(joint, k * stride + v, value)
            total = simd.add(total, value)
        simd.store(out, v, simd.add(top, simd.log(total)))
        simd.store(out, stride + v, total)


@njit(cache=True, nogil=True)
def responsibilities(joint, n_components, sums, weight, counts, stride, n_rows):
    """Turn log joint densities into weighted responsibilities; returns the log-likelihood.

    joint : (K * stride) in: log joint densities; out: weight * responsibility
    sums : (2 * stride) work space
    weight : (stride) in: the weight of each row, zero for the rows that only fill the block
    counts : (K) in and out: the sum of the responsibilities is added
    """
    log_sum(joint, n_components, sums, stride, n_rows)
    log_likelihood = simd.broadcast(0.0)
    for v in range(0, n_rows, simd.WIDTH):
        w = simd.load(weight, v)
        log_likelihood = simd.add(log_likelihood, simd.multiply(w, simd.load(sums, v)))
        simd.store(sums, v, simd.divide(w, simd.load(sums, stride + v)))
    for k in range(n_components):
        total = simd.broadcast(0.0)
        for v in range(0, n_rows, simd.WIDTH):
            value = simd.multiply(simd.load(joint, k * stride + v), simd.load(sums, v))
            simd.store(joint, k * stride + v, value)
            total = simd.add(total, value)
        counts[k] += simd.sum_lanes(total)
    return simd.sum_lanes(log_likelihood)


@njit(cache=True, nogil=True)
def load_rows(X, sample_weight, start, n_used, n_rows, stride, U, weight):
    """Transpose rows ``start`` to ``start + n_used`` of X into the block U; zeros after them."""
    d = X.shape[1]
    for i in range(n_used):
        for j in range(d):
            U[j * stride + i] = X[start + i, j]
    for i in range(n_used):
        weight[i] = 1.0 if sample_weight.shape[0] == 0 else sample_weight[start + i]
    for i in range(n_used, n_rows):
        weight[i] = 0.0
        for j in range(d):
            U[j * stride + i] = 0.0


@njit(cache=True, nogil=True)
def constants(log_weights, log_determinants, d, out):
    """``out[k]``: the part of the log joint density that no row changes."""
    for k in range(log_weights.shape[0]):
        value = log_weights[k] + log_determinants[k] - 0.5 * d * np.log(2.0 * np.pi)
        out[k] = max(value, LOG_ZERO)
