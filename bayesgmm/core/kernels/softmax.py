"""From log joint densities to responsibilities, for one block of rows."""

import numpy as np

from bayesgmm.core.kernels import simd
from bayesgmm.core.kernels.compiling import njit

# Stands for the logarithm of zero: adding finite numbers to it cannot overflow, and the relaxed
# arithmetic of the vectors never meets an infinity.
LOG_ZERO = -1e290


@njit()
def block_rows(n_components, d):
    """Rows of a block: as many as let the whitened block stay in the second-level cache."""
    rows = 256
    while rows > 64 and n_components * d * rows * 8 > 600_000:
        rows //= 2
    return rows


@njit()
def filled(n_used):
    """Rows that a block of ``n_used`` rows is filled up to: the widest tile takes 64 at a time."""
    return (n_used + 63) // 64 * 64


@njit()
def buffer(n):
    """``n`` uninitialised doubles that begin on a cache line, so that no vector straddles two."""
    memory = np.empty(n + simd.WIDTH)
    skip = (-(memory.ctypes.data // 8)) % simd.WIDTH
    return memory[skip : skip + n]


@njit()
def _exponentials(joint, n_components, v, stride):
    """Replace eight rows of ``joint`` by exp(joint - maximum); returns maximum and sum."""
    top = simd.broadcast(LOG_ZERO)
    for k in range(n_components):
        top = simd.maximum(simd.load(joint, k * stride + v), top)
    total = simd.broadcast(0.0)
    negative = simd.multiply(top, simd.broadcast(-1.0))
    for k in range(n_components):
        value = simd.exp(simd.add(simd.load(joint, k * stride + v), negative))
        simd.store(joint, k * stride + v, value)
        total = simd.add(total, value)
    return top, total


@njit()
def log_sum(joint, n_components, out, stride, n_rows):
    """``out[row] = log sum_k exp(joint[k, row])``; ``joint`` (K * stride) is overwritten."""
    for v in range(0, n_rows, simd.WIDTH):
        top, total = _exponentials(joint, n_components, v, stride)
        simd.store(out, v, simd.add(top, simd.log(total)))


@njit()
def responsibilities(joint, n_components, weight, is_uniform, counts, stride, n_rows):
    """Turn log joint densities into weighted responsibilities; returns the log-likelihood.

    joint : (K * stride) in: log joint densities; out: weight * responsibility
    weight : (stride) in: the weight of each row, zero for the rows that only fill the block
    is_uniform : whether every row of the block has weight one
    counts : (K * 8) in and out: the responsibilities are added, lane by lane
    """
    log_likelihood = simd.broadcast(0.0)
    product = simd.broadcast(1.0)
    for v in range(0, n_rows, simd.WIDTH):
        top, total = _exponentials(joint, n_components, v, stride)
        w = simd.load(weight, v)
        if is_uniform:
            # A logarithm costs as much as two exponentials: one for sixteen rows of a lane.
            log_likelihood = simd.add(log_likelihood, top)
            product = simd.multiply(product, total)
            if v % 128 == 120:
                log_likelihood = simd.add(log_likelihood, simd.log(product))
                product = simd.broadcast(1.0)
        else:
            density = simd.multiply(w, simd.add(top, simd.log(total)))
            log_likelihood = simd.add(log_likelihood, density)
        scale = simd.divide(w, total)
        for k in range(n_components):
            value = simd.multiply(simd.load(joint, k * stride + v), scale)
            simd.store(joint, k * stride + v, value)
            place = k * simd.WIDTH
            simd.store(counts, place, simd.add(simd.load(counts, place), value))
    log_likelihood = simd.add(log_likelihood, simd.log(product))
    return simd.sum_lanes(log_likelihood)


@njit()
def load_rows(X, start, n_used, n_rows, stride, U):
    """Transpose rows ``start`` to ``start + n_used`` of X into the block U; zeros after them."""
    d = X.shape[1]
    for j in range(d):
        for i in range(n_used):
            U[j * stride + i] = X[start + i, j]
        for i in range(n_used, n_rows):
            U[j * stride + i] = 0.0


@njit()
def load_weights(sample_weight, start, n_used, n_rows, weight):
    """The weights of a block, zero after its rows; returns whether all of them are one."""
    if sample_weight.shape[0] > 0:
        weight[:n_used] = sample_weight[start : start + n_used]
    else:
        weight[:n_used] = 1.0
    weight[n_used:n_rows] = 0.0
    return sample_weight.shape[0] == 0 and n_used == n_rows


@njit()
def add_lanes(lanes, out):
    """``out[k]`` = the sum of the k-th eight of ``lanes``."""
    for k in range(out.shape[0]):
        out[k] = simd.sum_lanes(simd.load(lanes, k * simd.WIDTH))


@njit()
def constants(log_weights, log_determinants, d, out):
    """``out[k]``: the part of the log joint density that no row changes."""
    for k in range(log_weights.shape[0]):
        value = log_weights[k] + log_determinants[k] - 0.5 * d * np.log(2.0 * np.pi)
        out[k] = max(value, LOG_ZERO)
