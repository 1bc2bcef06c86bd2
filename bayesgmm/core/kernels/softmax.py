"""From log joint densities to responsibilities, for one block of rows."""

import math

import numpy as np

from bayesgmm.core.kernels import elementary, simd
from bayesgmm.core.kernels.compiling import inlined, inner

# Stands for the logarithm of zero: adding finite numbers to it cannot overflow, and the relaxed
# arithmetic of the vectors never meets an infinity.
LOG_ZERO = -1e290

_HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)

# Rows of a block where nothing is kept for each component: 256 rows of a feature are 2 kB.
BLOCK_ROWS = 256


@inner()
def block_rows(n_components, d):
    """Rows of a block: as many as let the whitened block stay in a cache.

    That is the second-level cache, or with many features, where there is so much arithmetic that it
    keeps up, a share of the third.
    """
    rows, most = BLOCK_ROWS, 600_000 if d < 32 else 5_000_000
    while rows > 64 and n_components * d * rows * 8 > most:
        rows //= 2
    return rows


@inner()
def filled(n_used):
    """Rows that a block of ``n_used`` rows is filled up to: the widest tile takes 64 at a time."""
    return (n_used + 63) // 64 * 64


@inner()
def buffer(n):
    """``n`` uninitialised doubles that begin on a cache line, so that no vector straddles two."""
    memory = np.empty(n + simd.WIDTH)
    skip = (-(memory.ctypes.data // 8)) % simd.WIDTH
    return memory[skip : skip + n]


@inlined()
def log_likelihood(work, weight, is_uniform, stride, n_rows):
    """The weighted sum of the rows' log densities, from their maxima and sums in ``work``."""
    result = simd.broadcast(0.0)
    product = simd.broadcast(1.0)
    for v in range(0, n_rows, simd.WIDTH):
        top, total = simd.load(work, v), simd.load(work, stride + v)
        if is_uniform:
            # A logarithm costs as much as two exponentials: one for sixteen rows of a lane.
            result = simd.add(result, top)
            product = simd.multiply(product, total)
            if v % 128 == 120:
                result = simd.add(result, elementary.log(product))
                product = simd.broadcast(1.0)
        else:
            density = simd.add(top, elementary.log(total))
            result = simd.add(result, simd.multiply(simd.load(weight, v), density))
    return simd.sum_lanes(simd.add(result, elementary.log(product)))


@inlined()
def responsibilities(joint, n_components, weight, is_uniform, work, counts, stride, n_rows):
    """Turn log joint densities into weighted responsibilities; returns the log-likelihood.

    joint : (K * stride) in: log joint densities; out: weight * responsibility
    weight : (stride) in: the weight of each row, zero for the rows that only fill the block
    is_uniform : whether every row of the block has weight one
    work : (2 * stride) overwritten
    counts : (K,) in and out: the sums of the responsibilities are added
    """
    elementary.exponentials(
        joint, n_components, LOG_ZERO, work[:stride], work[stride:], stride, n_rows
    )
    result = log_likelihood(work, weight, is_uniform, stride, n_rows)
    for v in range(0, n_rows, simd.WIDTH):
        scale = simd.divide(simd.load(weight, v), simd.load(work, stride + v))
        simd.store(work, v, scale)
    for k in range(n_components):
        count = simd.broadcast(0.0)
        for v in range(0, n_rows, simd.WIDTH):
            value = simd.multiply(simd.load(joint, k * stride + v), simd.load(work, v))
            simd.store(joint, k * stride + v, value)
            count = simd.add(count, value)
        counts[k] += simd.sum_lanes(count)
    return result


@inlined()
def write_predictions(
    joint, s, start, n_used, work, densities, by_component, normalise, stride, n_rows
):
    """Write the log densities of a block's rows, or what each component has of them.

    joint : (K * stride) in: log joint densities; overwritten
    s, start, n_used : of what draw this is, the first row, and the number of rows
    work : (2 * stride) overwritten
    densities : (S, N) out: log densities; or (S, 0)
    by_component : (S, N, K) out; or (S, 0, 0), which leaves them out and writes ``densities``
    normalise : bool, whether ``by_component`` is responsibilities, not log joint densities
    """
    is_density = by_component.shape[1] == 0
    n_components = joint.shape[0] // stride
    if is_density or normalise:
        elementary.exponentials(
            joint, n_components, LOG_ZERO, work[:stride], work[stride:], stride, n_rows
        )
    if is_density:
        for v in range(0, n_rows, simd.WIDTH):
            total = elementary.log(simd.load(work, stride + v))
            simd.store(work, v, simd.add(simd.load(work, v), total))
        for i in range(n_used):
            densities[s, start + i] = work[i]
        return
    for i in range(n_used):
        scale = 1.0 / work[stride + i] if normalise else 1.0
        for k in range(n_components):
            by_component[s, start + i, k] = joint[k * stride + i] * scale


@inlined()
def load_rows(X, d, start, block, stride, U):
    """Transpose at most ``block`` rows of X from ``start`` on into the block U; zeros after them.

    Returns the number of rows, and what they are filled up to. Where ``d`` is a constant, only its
    own case is compiled.
    """
    n_used = min(block, X.shape[0] - start)
    n_rows = filled(n_used)
    n_whole = n_used // simd.WIDTH * simd.WIDTH
    rows = X.reshape(-1)
    for i in range(0, n_whole, simd.WIDTH):
        first = (start + i) * d
        if d == 1:
            simd.columns_1(rows, first, U, i, stride)
        elif d == 2:
            simd.columns_2(rows, first, U, i, stride)
        elif d == 3:
            simd.columns_3(rows, first, U, i, stride)
        elif d < simd.WIDTH:
            for j in range(d):
                simd.store(U, j * stride + i, simd.load_strided(rows, first + j, d))
        for j in range(0, d if d >= simd.WIDTH else 0, simd.WIDTH):
            # The last eight columns begin earlier where d is no multiple of eight.
            column = min(j, d - simd.WIDTH)
            simd.transpose(rows, first + column, d, U, column * stride + i, stride)
    for j in range(d):
        for i in range(n_whole, n_used):
            U[j * stride + i] = X[start + i, j]
        for i in range(n_used, n_rows):
            U[j * stride + i] = 0.0
    return n_used, n_rows


@inner()
def fill(joint, j0, value, n_rows):
    """``joint[j0 : j0 + n_rows] = value``."""
    copies = simd.broadcast(value)
    for v in range(0, n_rows, simd.WIDTH):
        simd.store(joint, j0 + v, copies)


@inner()
def fill_sum(joint, j0, values, constant, n_rows):
    """``joint[j0 : j0 + n_rows] = values + constant``."""
    copies = simd.broadcast(constant)
    for v in range(0, n_rows, simd.WIDTH):
        simd.store(joint, j0 + v, simd.add(simd.load(values, v), copies))


@inlined()
def load_weights(sample_weight, start, n_used, n_rows, weight):
    """The weights of a block, zero after its rows; returns whether all of them are one."""
    # Loops, as assigning a slice would make Numba compile the formatting of its error message.
    is_given = sample_weight.shape[0] > 0
    if is_given:
        for i in range(n_used):
            weight[i] = sample_weight[start + i]
    else:
        fill(weight, 0, 1.0, n_rows)
    for i in range(n_used, n_rows):
        weight[i] = 0.0
    return not is_given and n_used == n_rows


@inlined()
def load_block(X, d, sample_weight, start, block, stride, U, weight):
    """Rows and weights from ``start`` on, at most ``block`` of them.

    Returns the number of rows, what they are filled up to, and whether all weights are one.
    """
    n_used, n_rows = load_rows(X, d, start, block, stride, U)
    return n_used, n_rows, load_weights(sample_weight, start, n_used, n_rows, weight)


@inlined()
def constant(log_weight, log_determinant, d):
    """The part of a log joint density that no row changes."""
    return max(log_weight + log_determinant - d * _HALF_LOG_2_PI, LOG_ZERO)
