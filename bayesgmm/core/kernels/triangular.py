"""The fused pass for lower triangular whitening factors: full and tied covariances, and their kin.

For row n and component k, ``y = W_k (x_n - mu_k)`` is standard normal under the component. One
pass over the rows, a block at a time, computes every y, the responsibilities r, and their sums
``sum r``, ``sum r y`` and ``sum r y y'``. Nothing of size (N, K) is formed. Whitened sums keep full
accuracy for data far from zero and for narrow, distant components, where sums of raw products
cancel.
"""

import numpy as np

from bayesgmm.core.kernels import softmax, tiles
from bayesgmm.core.kernels.compiling import inlined, inner, njit
from bayesgmm.core.kernels.tiles import TILE


@inner()
def _model_size(d):
    """Doubles that the means and factors of one component take as the tiles want them."""
    total = 0
    for i in range(0, d, TILE):
        height = min(TILE, d - i)
        total += (i + height) * (height + 1)
    return total


@inlined()
def pack_model(means, factors):
    """Means, and factors or the one that all share, tile by tile, in the order of their use."""
    n_components, d = means.shape
    model = np.empty(n_components * _model_size(d))
    p = 0
    for k in range(n_components):
        for i in range(0, d, TILE):
            height = min(TILE, d - i)
            for column in range(i + height):
                model[p] = means[k, column]
                for r in range(height):
                    model[p + 1 + r] = factors[k % len(factors), i + r, column]
                p += height + 1
    return model


@inlined()
def whiten(U, model, m0, d, Y, y0, joint, j0, stride, n_rows):
    """Y = W (U - mean) of one component, tile by tile; ``joint`` loses half the sum of squares."""
    m = m0
    for i in range(0, d, TILE):
        height = min(TILE, d - i)
        y = y0 + i * stride
        if height == 5:
            tiles.whiten_5(U, model, m, i, Y, y, joint, j0, stride, n_rows)
        elif height == 4:
            tiles.whiten_4(U, model, m, i, Y, y, joint, j0, stride, n_rows)
        elif height == 3:
            tiles.whiten_3(U, model, m, i, Y, y, joint, j0, stride, n_rows)
        elif height == 2:
            tiles.whiten_2(U, model, m, i, Y, y, joint, j0, stride, n_rows)
        else:
            tiles.whiten_1(U, model, m, i, Y, y, joint, j0, stride, n_rows)
        m += (i + height) * (height + 1)


@inner()
def _gram_slots(height):
    """Doubles that a tile's sums and products take, in whole vectors."""
    return (height + height * (height + 1) // 2 + 7) // 8 * 8


@inner()
def _cross_slots(height):
    return (height * TILE + 7) // 8 * 8


@inner()
def packed_slots(d):
    """Doubles that the sums and products of one component take."""
    total = 0
    for i in range(0, d, TILE):
        height = min(TILE, d - i)
        total += _gram_slots(height) + i // TILE * _cross_slots(height)
    return total


@inlined()
def add_products(resp, r0, Y, y0, Z, packed, p0, d, stride, n_rows):
    """Add ``sum r y`` and ``sum r y y'`` over a block, tile by tile, in packed form."""
    p = p0
    for i in range(0, d, TILE):
        height = min(TILE, d - i)
        y = y0 + i * stride
        if height == 5:
            tiles.gram_5(resp, r0, Y, y, Z, packed, p, stride, n_rows)
        elif height == 4:
            tiles.gram_4(resp, r0, Y, y, Z, packed, p, stride, n_rows)
        elif height == 3:
            tiles.gram_3(resp, r0, Y, y, Z, packed, p, stride, n_rows)
        elif height == 2:
            tiles.gram_2(resp, r0, Y, y, Z, packed, p, stride, n_rows)
        else:
            tiles.gram_1(resp, r0, Y, y, Z, packed, p, stride, n_rows)
        p += _gram_slots(height)
        for j in range(0, i, TILE):
            y = y0 + j * stride
            if height == 5:
                tiles.cross_5(Z, 0, Y, y, packed, p, stride, n_rows)
            elif height == 4:
                tiles.cross_4(Z, 0, Y, y, packed, p, stride, n_rows)
            elif height == 3:
                tiles.cross_3(Z, 0, Y, y, packed, p, stride, n_rows)
            elif height == 2:
                tiles.cross_2(Z, 0, Y, y, packed, p, stride, n_rows)
            else:
                tiles.cross_1(Z, 0, Y, y, packed, p, stride, n_rows)
            p += _cross_slots(height)


@inlined()
def unpack(packed, p0, d, first, second):
    """Write the packed sums and products of a component into ``first`` (D,), ``second`` (D, D)."""
    p = p0
    for i in range(0, d, TILE):
        height = min(TILE, d - i)
        q = p + height
        for r in range(height):
            first[i + r] = packed[p + r]
            for c in range(r + 1):
                second[i + r, i + c] = packed[q]
                second[i + c, i + r] = packed[q]
                q += 1
        p += _gram_slots(height)
        for j in range(0, i, TILE):
            for r in range(height):
                for c in range(TILE):
                    second[i + r, j + c] = packed[p + r * TILE + c]
                    second[j + c, i + r] = packed[p + r * TILE + c]
            p += _cross_slots(height)


@inlined()
def constants(log_weights, factors, d):
    """What the log joint densities (K,) are where y is zero."""
    n_components = log_weights.shape[0]
    out = np.empty(n_components)
    for k in range(n_components):
        log_determinant = 0.0
        for i in range(d):
            log_determinant += np.log(factors[k % len(factors), i, i])
        out[k] = softmax.constant(log_weights[k], log_determinant, d)
    return out


@inlined()
def block_joint(U, model, offsets, d, Y, y_step, joint, stride, n_rows):
    """Write a block's log joint densities (K * stride), and y of component k at k * y_step.

    With ``y_step`` zero only the last one's y is left.
    """
    size = _model_size(d)
    for k in range(offsets.shape[0]):
        softmax.fill(joint, k * stride, offsets[k], n_rows)
        whiten(U, model, k * size, d, Y, k * y_step, joint, k * stride, stride, n_rows)


@njit()
def sums(X, sample_weight, log_weights, means, factors, far, counts, first, second):
    """One pass: fills the whitened sums and returns the log-likelihood.

    Every kernel has a function with these arguments, so that a loop can be told which one to call.

    Parameters
    ----------
    X : (N, D) in, float64 or float32, C order
    sample_weight : (N,) in, or (0,) for weights of one
    log_weights : (K,) in
    means : (K, D) in, C order
    factors : flat in: (K, D, D), lower triangular with zeros above; or one (D, D) that all share
    far : float in, of no concern here: sums about the components' own means do not cancel
    counts : (K,) out, sum of responsibilities
    first : (K, D) out, sum of r y
    second : flat out, sum of r y y', symmetric, in the shape of the factors
    """
    n, d = X.shape
    n_components = log_weights.shape[0]
    n_factors = factors.shape[0] // (d * d)
    matrices = factors.reshape(n_factors, d, d)
    block = softmax.block_rows(n_components, d)
    stride = block + 8
    model = pack_model(means, matrices)
    offsets = constants(log_weights, matrices, d)
    U = softmax.buffer(d * stride)
    Y = softmax.buffer(n_components * d * stride)
    Z = softmax.buffer(TILE * stride)
    joint = softmax.buffer(n_components * stride)
    weight = softmax.buffer(stride)
    work = softmax.buffer(2 * stride)
    slots = packed_slots(d)
    packed = softmax.buffer(n_components * slots)
    packed[:] = 0.0
    counts[:] = 0.0
    log_likelihood = 0.0
    for start in range(0, n, block):
        _, n_rows, is_uniform = softmax.load_block(
            X, d, sample_weight, start, block, stride, U, weight
        )
        block_joint(U, model, offsets, d, Y, d * stride, joint, stride, n_rows)
        log_likelihood += softmax.responsibilities(
            joint, n_components, weight, is_uniform, work, counts, stride, n_rows
        )
        for k in range(n_components):
            add_products(
                joint, k * stride, Y, k * d * stride, Z, packed, k * slots, d, stride, n_rows
            )
    products = second.reshape(n_factors, d, d)
    matrix = np.empty((d, d))
    for k in range(n_components):
        unpack(packed, k * slots, d, first[k], matrix)
        into = products[k % n_factors]
        for i in range(d):
            for j in range(d):
                into[i, j] = matrix[i, j] + (into[i, j] if k >= n_factors else 0.0)
    return log_likelihood


@njit(error_model="numpy")
def for_each_draw(X, log_weights, means, factors, densities, by_component, normalise):
    """Write log densities, log joint densities or responsibilities under each of S draws.

    Parameters
    ----------
    X : (N, D) in
    log_weights, means : in, as in :func:`sums`, with a leading axis of length S
    factors : (S, K, D, D) in
    densities, by_component, normalise
        As in :func:`bayesgmm.core.kernels.softmax.write_predictions`.
    """
    n, d = X.shape
    n_components = log_weights.shape[1]
    block = softmax.block_rows(1, d)
    stride = block + 8
    U = softmax.buffer(d * stride)
    Y = softmax.buffer(d * stride)
    joint = softmax.buffer(n_components * stride)
    work = softmax.buffer(2 * stride)
    for s in range(log_weights.shape[0]):
        model = pack_model(means[s], factors[s])
        offsets = constants(log_weights[s], factors[s], d)
        for start in range(0, n, block):
            n_used, n_rows = softmax.load_rows(X, d, start, block, stride, U)
            block_joint(U, model, offsets, d, Y, 0, joint, stride, n_rows)
            softmax.write_predictions(
                joint, s, start, n_used, work, densities, by_component, normalise, stride, n_rows
            )


@njit()
def log_density(X, log_weights, means, factors):
    """The log density of each row, (N,); arguments as in :func:`sums`, factors (K, D, D)."""
    out = np.empty((1, X.shape[0]))
    draw = log_weights[np.newaxis], means[np.newaxis], factors[np.newaxis]
    for_each_draw(X, *draw, out, np.empty((1, 0, 0)), False)
    return out[0]


@njit()
def log_likelihood(X, log_weights, means, factors):
    """The sum of the rows' log densities; arguments as in :func:`sums`, factors flat (K, D, D)."""
    d = X.shape[1]
    return log_density(X, log_weights, means, factors.reshape(-1, d, d)).sum()
