"""The pass for one whitening factor that all components share, in feature form: tied covariances.

The rows are whitened once, ``y = W (x - c)`` about a common centre, and not once a component. The
log joint density is then linear in y, and the pooled scatter within components is that of the rows
less that of the means. Both cancel where rows lie many standard deviations from the centre, so
every pass finds how far out they lie and gives up beyond a bound;
:mod:`~bayesgmm.core.kernels.triangular` has the sums without cancellation.
"""

import numpy as np

from bayesgmm.core.kernels import products, simd, softmax, triangular
from bayesgmm.core.kernels.compiling import inlined, njit
from bayesgmm.core.kernels.features import centre_of
from bayesgmm.core.kernels.tiles import TILE


@inlined()
def _whitened_means(means, factor, centre):
    n_components, d = means.shape
    out = np.zeros((n_components, d))
    for k in range(n_components):
        for i in range(d):
            for j in range(i + 1):
                out[k, i] += factor[i, j] * (means[k, j] - centre[j])
    return out


@inlined()
def _constants(log_weights, factor, whitened_means):
    n_components, d = whitened_means.shape
    log_determinant = 0.0
    for i in range(d):
        log_determinant += np.log(factor[i, i])
    out = np.empty(n_components)
    for k in range(n_components):
        out[k] = softmax.constant(log_weights[k], log_determinant, d)
        for i in range(d):
            out[k] -= 0.5 * whitened_means[k, i] ** 2
    return out


@inlined()
def _farthest(half_squares, n_used, n_rows):
    """The largest squared distance; rows that only fill the block count for nothing."""
    if n_used < n_rows:
        farthest = 0.0
        for i in range(n_used):
            farthest = max(farthest, -2.0 * half_squares[i])
        return farthest
    most = simd.broadcast(0.0)
    for v in range(0, n_rows, simd.WIDTH):
        most = simd.maximum(simd.multiply(simd.load(half_squares, v), simd.broadcast(-2.0)), most)
    return simd.largest_lane(most)


@njit()
def sums(X, sample_weight, log_weights, means, factors, far, counts, first, second):
    """One pass: fills the whitened sums, the squares pooled; returns the log-likelihood, or NaN.

    Parameters
    ----------
    X, sample_weight, log_weights, means, counts, first
        As in :func:`bayesgmm.core.kernels.triangular.sums`.
    factors : (D * D,) in, one matrix, lower triangular with zeros above
    far : float in, as in :func:`bayesgmm.core.kernels.features.sums`
    second : (D * D,) out, sum of r y y' over rows and components, symmetric
    """
    n, d = X.shape
    n_components = log_weights.shape[0]
    factor = factors.reshape(d, d)
    stride = softmax.BLOCK_ROWS + 8
    centre = centre_of(log_weights, means)
    places = _whitened_means(means, factor, centre)
    constants = _constants(log_weights, factor, places)
    whitening = triangular.pack_model(centre.reshape(1, d), factor.reshape(1, d, d))
    model = products.pack(places)
    U = softmax.buffer(d * stride)
    Y = softmax.buffer(products.whole_tiles(d) * stride)
    Y[:] = 0.0
    Z = softmax.buffer(TILE * stride)
    half_squares = softmax.buffer(stride)
    joint = softmax.buffer(n_components * stride)
    work = softmax.buffer(2 * stride)
    weight = softmax.buffer(stride)
    packed = products.accumulators(n_components, d)
    gram = softmax.buffer(triangular.packed_slots(d))
    gram[:] = 0.0
    counts[:] = 0.0
    log_likelihood, farthest = 0.0, 0.0
    for start in range(0, n, softmax.BLOCK_ROWS):
        n_used, n_rows, is_uniform = softmax.load_block(
            X, d, sample_weight, start, softmax.BLOCK_ROWS, stride, U, weight
        )
        softmax.fill(half_squares, 0, 0.0, n_rows)
        triangular.whiten(U, whitening, 0, d, Y, 0, half_squares, 0, stride, n_rows)
        farthest = max(farthest, _farthest(half_squares, n_used, n_rows))
        for k in range(n_components):
            softmax.fill_sum(joint, k * stride, half_squares, constants[k], n_rows)
        products.add_product(model, Y, n_components, d, joint, stride, n_rows)
        log_likelihood += softmax.responsibilities(
            joint, n_components, weight, is_uniform, work, counts, stride, n_rows
        )
        products.add_sums(joint, Y, n_components, d, packed, stride, n_rows)
        triangular.add_products(weight, 0, Y, 0, Z, gram, 0, d, stride, n_rows)
    # A comparison that NaN does not pass.
    if not farthest <= far * d:
        return np.nan
    raw = products.unpack(packed, n_components, d)
    total = np.empty(d)
    pooled = second.reshape(d, d)
    triangular.unpack(gram, 0, d, total, pooled)
    for k in range(n_components):
        for i in range(d):
            first[k, i] = raw[k, i] - counts[k] * places[k, i]
            for j in range(d):
                within = raw[k, j] - counts[k] * places[k, j]
                pooled[i, j] -= places[k, i] * within + raw[k, i] * places[k, j]
    return log_likelihood
