"""The pass with a drawn component for each row, as Gibbs sampling asks for it.

As :mod:`~bayesgmm.core.kernels.triangular` and :mod:`~bayesgmm.core.kernels.diagonal`, whose blocks
and sums it uses, but each row belongs to one component, drawn by its responsibilities.
"""

import numpy as np
from numba.extending import intrinsic

from bayesgmm.core.kernels import diagonal as diagonal_kernel
from bayesgmm.core.kernels import simd, softmax
from bayesgmm.core.kernels import triangular as triangular_kernel
from bayesgmm.core.kernels.compiling import inlined, njit
from bayesgmm.core.kernels.random_stream import skip, uniforms
from bayesgmm.core.kernels.tiles import TILE


@intrinsic
def _exceeds(typingctx, x, y):
    """1 in the lanes where x > y, else 0."""

    def codegen(context, builder, signature, arguments):
        larger = builder.fcmp_ordered(">", *arguments)
        return builder.select(larger, simd.constant(1.0), simd.constant(0.0))

    return simd.vector(x, y), codegen


@inlined()
def _draw(joint, n_components, weight, state, first, counts, stride, n_rows):
    """Turn weighted responsibilities into weighted indicators of one drawn component.

    joint : (K * stride) in: responsibilities; out: the weight where the component was drawn, else 0
    weight : (stride) in: one, or zero for the rows that only fill the block
    state, first : number ``first + i`` of the stream decides on row i
    counts : (K,) in and out: the indicators are added
    """
    minus = simd.broadcast(-1.0)
    for v in range(0, n_rows, simd.WIDTH):
        threshold = uniforms(state, first + v)
        w = simd.load(weight, v)
        below = w
        total = simd.broadcast(0.0)
        for k in range(n_components):
            place = k * stride + v
            # Whether it is none of the components up to k; rounding must not leave a row without.
            rest = simd.broadcast(0.0)
            if k < n_components - 1:
                total = simd.add(total, simd.load(joint, place))
                rest = simd.multiply(w, _exceeds(threshold, total))
            simd.store(joint, place, simd.add(below, simd.multiply(rest, minus)))
            below = rest
    for k in range(n_components):
        count = simd.broadcast(0.0)
        for v in range(0, n_rows, simd.WIDTH):
            count = simd.add(count, simd.load(joint, k * stride + v))
        counts[k] += simd.sum_lanes(count)


@njit()
def triangular(X, log_weights, means, factors, stream, counts, first, second):
    """Draw labels, fill the whitened sums over the rows of each; returns the log-likelihood.

    That is the sum of the rows' log densities, whatever their components.

    Parameters
    ----------
    X : (N, D) in, float64, C order
    log_weights : (K,) in
    means : (K, D) in, C order
    factors : (K, D, D) in, C order, lower triangular with zeros above
    stream : (1,) in and out, uint64; N numbers are taken
    counts : (K,) out, numbers of rows
    first : (K, D) out, sums of y
    second : (K, D, D) out, sums of y y', symmetric
    """
    n, d = X.shape
    n_components = log_weights.shape[0]
    block = softmax.block_rows(n_components, d)
    stride = block + 8
    expected = np.empty(n_components)
    for k in range(n_components):
        counts[k] = expected[k] = 0.0
    model = triangular_kernel.pack_model(means, factors)
    offsets = triangular_kernel.constants(log_weights, factors, d)
    U = softmax.buffer(d * stride)
    Y = softmax.buffer(n_components * d * stride)
    Z = softmax.buffer(TILE * stride)
    joint = softmax.buffer(n_components * stride)
    weight = softmax.buffer(stride)
    work = softmax.buffer(2 * stride)
    slots = triangular_kernel.packed_slots(d)
    packed = softmax.buffer(n_components * slots)
    softmax.fill(packed, 0, 0.0, n_components * slots)
    log_likelihood, unweighted = 0.0, np.empty(0)
    for start in range(0, n, block):
        _, n_rows, is_uniform = softmax.load_block(
            X, d, unweighted, start, block, stride, U, weight
        )
        triangular_kernel.block_joint(U, model, offsets, d, Y, d * stride, joint, stride, n_rows)
        log_likelihood += softmax.responsibilities(
            joint, n_components, weight, is_uniform, work, expected, stride, n_rows
        )
        _draw(joint, n_components, weight, stream[0], start + 1, counts, stride, n_rows)
        for k in range(n_components):
            r0, y0 = k * stride, k * d * stride
            triangular_kernel.add_products(
                joint, r0, Y, y0, Z, packed, k * slots, d, stride, n_rows
            )
    for k in range(n_components):
        triangular_kernel.unpack(packed, k * slots, d, first[k], second[k])
    skip(stream, n)
    return log_likelihood


@njit()
def diagonal(X, log_weights, means, factors, stream, counts, first, second):
    """As :func:`triangular`, for diagonal covariances.

    ``factors`` are (K, D, 1), one over the standard deviations; ``second`` (K, D, 1), sums of y^2.
    """
    n, d = X.shape
    n_components = log_weights.shape[0]
    block = softmax.block_rows(1, d)
    stride = block + 8
    expected = np.empty(n_components)
    for k in range(n_components):
        counts[k] = expected[k] = 0.0
    flat_means, flat_factors = means.reshape(-1), factors.reshape(-1)
    flat_first, flat_second = first.reshape(-1), second.reshape(-1)
    for i in range(n_components * d):
        flat_first[i] = flat_second[i] = 0.0
    offsets = diagonal_kernel.constants(log_weights, flat_factors, d)
    U = softmax.buffer(d * stride)
    joint = softmax.buffer(n_components * stride)
    weight = softmax.buffer(stride)
    work = softmax.buffer(2 * stride)
    log_likelihood, unweighted = 0.0, np.empty(0)
    for start in range(0, n, block):
        _, n_rows, is_uniform = softmax.load_block(
            X, d, unweighted, start, block, stride, U, weight
        )
        diagonal_kernel.block_joint(U, flat_means, flat_factors, offsets, d, joint, stride, n_rows)
        log_likelihood += softmax.responsibilities(
            joint, n_components, weight, is_uniform, work, expected, stride, n_rows
        )
        _draw(joint, n_components, weight, stream[0], start + 1, counts, stride, n_rows)
        for k in range(n_components):
            r0 = k * stride
            diagonal_kernel.add_moments(
                joint,
                r0,
                U,
                flat_means,
                flat_factors,
                k,
                d,
                flat_first,
                flat_second,
                stride,
                n_rows,
            )
    skip(stream, n)
    return log_likelihood
