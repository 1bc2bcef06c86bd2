"""The pass in feature form: diagonal and spherical covariances, at half the operations.

With rows u centred once for all components, the log joint density is linear in the features
(u, u^2), or (u, |u|^2) for spherical covariances, and the sums of a pass are sums of features: both
are products of small matrices. Expanding the square cancels where rows lie many standard deviations
from the centre, so every pass returns how far out they lie, and the caller decides
(:mod:`bayesgmm.core.statistics`) whether that is exact enough; else
:mod:`~bayesgmm.core.kernels.diagonal` has the sums without cancellation.
"""

import numpy as np

from bayesgmm.core.kernels import products, simd, softmax
from bayesgmm.core.kernels.compiling import njit


@njit()
def centre_of(log_weights, means):
    """The weighted mean of the components' means, (D,)."""
    n_components, d = means.shape
    out = np.zeros(d)
    for k in range(n_components):
        for j in range(d):
            out[j] += np.exp(log_weights[k]) * means[k, j]
    return out


@njit()
def centre_rows(F, centre, farthest, stride, n_used, n_rows):
    """Subtract the centre from the first lines of F; ``farthest`` (D,) grows to the largest."""
    for j in range(centre.shape[0]):
        shift = simd.broadcast(-centre[j])
        most = simd.broadcast(0.0)
        for v in range(j * stride, j * stride + n_rows, simd.WIDTH):
            u = simd.add(simd.load(F, v), shift)
            simd.store(F, v, u)
            most = simd.maximum(simd.multiply(u, u), most)
        # Rows that only fill the block count for nothing, also here.
        for i in range(n_used, n_rows):
            F[j * stride + i] = 0.0
        if n_used == n_rows:
            farthest[j] = max(farthest[j], np.sqrt(simd.largest_lane(most)))
        else:
            for i in range(n_used):
                farthest[j] = max(farthest[j], abs(F[j * stride + i]))


@njit()
def _add_squares(F, d, is_isotropic, stride, n_rows):
    """The squares of the first d lines of F after them, or their sum."""
    if is_isotropic:
        for v in range(0, n_rows, simd.WIDTH):
            total = simd.broadcast(0.0)
            for j in range(d):
                u = simd.load(F, j * stride + v)
                total = simd.add(simd.multiply(u, u), total)
            simd.store(F, d * stride + v, total)
        return
    for j in range(d):
        for v in range(0, n_rows, simd.WIDTH):
            u = simd.load(F, j * stride + v)
            simd.store(F, (d + j) * stride + v, simd.multiply(u, u))


@njit()
def _linear_form(log_weights, means, factors, centre, is_isotropic):
    """Coefficients (K, number of features) of the log joint densities, and their constants (K,)."""
    n_components, d = means.shape
    n_features = d + 1 if is_isotropic else 2 * d
    coefficients = np.empty((n_components, n_features))
    log_determinants = np.zeros(n_components)
    for k in range(n_components):
        for j in range(d):
            log_determinants[k] += np.log(factors[k, j])
    constants = np.empty(n_components)
    softmax.constants(log_weights, log_determinants, d, constants)
    for k in range(n_components):
        for j in range(d):
            precision = factors[k, j] ** 2
            mean = means[k, j] - centre[j]
            coefficients[k, j] = precision * mean
            coefficients[k, d if is_isotropic else d + j] = -0.5 * precision
            constants[k] -= 0.5 * precision * mean * mean
    return coefficients, constants


@njit()
def statistics(X, sample_weight, log_weights, means, factors, is_isotropic):
    """Log-likelihood and whitened sums of one pass, and how far out the rows lie.

    Parameters and results are those of :func:`bayesgmm.core.kernels.diagonal.statistics`, and

    Parameters
    ----------
    is_isotropic : whether the factors of a component are all the same; its sums of squares then
        come right in total, divided evenly among the features but for the shift of the mean

    Returns
    -------
    farthest : (D,), largest distance of a row from the common centre, in each feature
    """
    n, d = X.shape
    n_components = log_weights.shape[0]
    stride = softmax.BLOCK_ROWS + 8
    centre = centre_of(log_weights, means)
    coefficients, constants = _linear_form(log_weights, means, factors, centre, is_isotropic)
    n_features = coefficients.shape[1]
    model = products.pack(coefficients)
    F = softmax.buffer(products.whole_tiles(n_features) * stride)
    F[:] = 0.0
    joint = softmax.buffer(n_components * stride)
    work = softmax.buffer(2 * stride)
    weight = softmax.buffer(stride)
    packed = products.accumulators(n_components, n_features)
    counts, farthest = np.zeros(n_components), np.zeros(d)
    log_likelihood = 0.0
    for start in range(0, n, softmax.BLOCK_ROWS):
        n_used = min(softmax.BLOCK_ROWS, n - start)
        n_rows = softmax.filled(n_used)
        softmax.load_rows(X, start, n_used, n_rows, stride, F)
        is_uniform = softmax.load_weights(sample_weight, start, n_used, n_rows, weight)
        centre_rows(F, centre, farthest, stride, n_used, n_rows)
        _add_squares(F, d, is_isotropic, stride, n_rows)
        for k in range(n_components):
            softmax.fill(joint, k * stride, constants[k], n_rows)
        products.add_product(model, F, n_components, n_features, joint, stride, n_rows)
        log_likelihood += softmax.responsibilities(
            joint, n_components, weight, is_uniform, work, counts, stride, n_rows
        )
        products.add_sums(joint, F, n_components, n_features, packed, stride, n_rows)
    sums = products.unpack(packed, n_components, n_features)
    first, second = _whitened(sums, counts, means, factors, centre, is_isotropic)
    return log_likelihood, counts, first, second, farthest


@njit()
def _whitened(sums, counts, means, factors, centre, is_isotropic):
    """The sums of features (K, number of features) about the means, in standard deviations."""
    n_components, d = means.shape
    first, second = np.empty((n_components, d)), np.empty((n_components, d))
    for k in range(n_components):
        total = sums[k, d]
        for j in range(d):
            mean, factor = means[k, j] - centre[j], factors[k, j]
            first[k, j] = factor * (sums[k, j] - counts[k] * mean)
            back = mean * (counts[k] * mean - 2.0 * sums[k, j])
            if is_isotropic:
                total += back
            else:
                second[k, j] = max(factor**2 * (sums[k, d + j] + back), 0.0)
        if is_isotropic:
            total *= factors[k, 0] ** 2
            for j in range(d):
                # An empty component has no sums.
                second[k, j] = first[k, j] ** 2 / max(counts[k], 1e-300)
                total -= second[k, j]
            for j in range(d):
                second[k, j] += max(total, 0.0) / d
    return first, second
