"""The fused pass for diagonal whitening factors: diagonal and spherical covariances.

As :mod:`~bayesgmm.core.kernels.triangular`, with ``y = (x - mu) / sd`` feature by feature, so that
only the diagonal of ``sum r y y'`` is needed; y is cheap enough to be computed twice.
"""

import numpy as np

from bayesgmm.core.kernels import softmax, tiles
from bayesgmm.core.kernels.compiling import inlined, njit
from bayesgmm.core.kernels.tiles import TILE


@inlined()
def add_moments(resp, r0, U, means, factors, k, d, first, second, stride, n_rows):
    """Add component k's sums of resp * y and resp * y^2 over a block to ``first``, ``second``."""
    for i in range(0, d, TILE):
        height = min(TILE, d - i)
        u0, m0 = i * stride, k * d + i
        if height == 5:
            tiles.moment_5(resp, r0, U, u0, means, factors, m0, first, second, stride, n_rows)
        elif height == 4:
            tiles.moment_4(resp, r0, U, u0, means, factors, m0, first, second, stride, n_rows)
        elif height == 3:
            tiles.moment_3(resp, r0, U, u0, means, factors, m0, first, second, stride, n_rows)
        elif height == 2:
            tiles.moment_2(resp, r0, U, u0, means, factors, m0, first, second, stride, n_rows)
        else:
            tiles.moment_1(resp, r0, U, u0, means, factors, m0, first, second, stride, n_rows)


@inlined()
def constants(log_weights, factors, d):
    """What the log joint densities (K,) are where y is zero."""
    n_components = log_weights.shape[0]
    out = np.empty(n_components)
    for k in range(n_components):
        log_determinant = 0.0
        for i in range(d):
            log_determinant += np.log(factors[k * d + i])
        out[k] = softmax.constant(log_weights[k], log_determinant, d)
    return out


@inlined()
def block_joint(U, means, factors, offsets, d, joint, stride, n_rows):
    """Write the log joint densities (K * stride) of a block U."""
    for k in range(offsets.shape[0]):
        for i in range(n_rows):
            joint[k * stride + i] = offsets[k]
        tiles.distance(U, means, factors, k * d, d, joint, k * stride, stride, n_rows)


@njit()
def sums(X, sample_weight, log_weights, means, factors, far, counts, first, second):
    """One pass: fills the whitened sums and returns the log-likelihood.

    Parameters
    ----------
    X, sample_weight, log_weights, means, far, counts, first
        As in :func:`bayesgmm.core.kernels.triangular.sums`.
    factors : flat in: (K, D), one over the standard deviations; or (K,), alike for all features
    second : flat out: (K, D), sum of r y^2; or (K,), its sum over the features
    """
    n, d = X.shape
    n_components = log_weights.shape[0]
    block = softmax.block_rows(1, d)
    stride = block + 8
    counts[:] = 0.0
    first[:] = 0.0
    flat_means, flat_first = means.reshape(-1), first.reshape(-1)
    flat_factors, squares = np.empty(n_components * d), np.zeros(n_components * d)
    n_each = factors.shape[0] // n_components
    for k in range(n_components):
        for j in range(d):
            flat_factors[k * d + j] = factors[k * n_each + j % n_each]
    offsets = constants(log_weights, flat_factors, d)
    U = softmax.buffer(d * stride)
    joint = softmax.buffer(n_components * stride)
    weight = softmax.buffer(stride)
    work = softmax.buffer(2 * stride)
    log_likelihood = 0.0
    for start in range(0, n, block):
        _, n_rows, is_uniform = softmax.load_block(
            X, d, sample_weight, start, block, stride, U, weight
        )
        block_joint(U, flat_means, flat_factors, offsets, d, joint, stride, n_rows)
        log_likelihood += softmax.responsibilities(
            joint, n_components, weight, is_uniform, work, counts, stride, n_rows
        )
        for k in range(n_components):
            add_moments(
                joint,
                k * stride,
                U,
                flat_means,
                flat_factors,
                k,
                d,
                flat_first,
                squares,
                stride,
                n_rows,
            )
    second[:] = 0.0
    for k in range(n_components):
        for j in range(d):
            second[k * n_each + j % n_each] += squares[k * d + j]
    return log_likelihood


@njit(error_model="numpy")
def for_each_draw(X, log_weights, means, factors, densities, by_component, normalise):
    """Write log densities, log joint densities or responsibilities under each of S draws.

    Parameters
    ----------
    X : (N, D) in
    log_weights, means : in, as in :func:`sums`, with a leading axis of length S
    factors : (S, K, D) in
    densities, by_component, normalise
        As in :func:`bayesgmm.core.kernels.softmax.write_predictions`.
    """
    n, d = X.shape
    n_components = log_weights.shape[1]
    block = softmax.block_rows(1, d)
    stride = block + 8
    U = softmax.buffer(d * stride)
    joint = softmax.buffer(n_components * stride)
    work = softmax.buffer(2 * stride)
    for s in range(log_weights.shape[0]):
        flat_means, flat_factors = means[s].reshape(-1), factors[s].reshape(-1)
        offsets = constants(log_weights[s], flat_factors, d)
        for start in range(0, n, block):
            n_used, n_rows = softmax.load_rows(X, d, start, block, stride, U)
            block_joint(U, flat_means, flat_factors, offsets, d, joint, stride, n_rows)
            softmax.write_predictions(
                joint, s, start, n_used, work, densities, by_component, normalise, stride, n_rows
            )


@njit()
def log_density(X, log_weights, means, factors):
    """The log density of each row, (N,); arguments as in :func:`sums`, factors (K, D)."""
    out = np.empty((1, X.shape[0]))
    draw = log_weights[np.newaxis], means[np.newaxis], factors[np.newaxis]
    for_each_draw(X, *draw, out, np.empty((1, 0, 0)), False)
    return out[0]


@njit()
def log_likelihood(X, log_weights, means, factors):
    """The sum of the rows' log densities; arguments as in :func:`sums`, factors flat (K, D)."""
    return log_density(X, log_weights, means, factors.reshape(means.shape)).sum()
