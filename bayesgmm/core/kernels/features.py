"""The pass in feature form: diagonal and spherical covariances, at half the operations.

With rows u centred once for all components, the log joint density is linear in the features
(u, u^2), or (u, |u|^2) for spherical covariances, and the sums of a pass are sums of features: both
are products of small matrices. Expanding the square cancels where rows lie many standard deviations
from the centre, so every pass finds how far out they lie and gives up beyond a bound;
:mod:`~bayesgmm.core.kernels.diagonal` has the sums without cancellation.
"""

import numpy as np

from bayesgmm.core.kernels import products, simd, softmax
from bayesgmm.core.kernels.compiling import inlined, njit


@inlined()
def centre_of(log_weights, means):
    """The weighted mean of the components' means, (D,)."""
    n_components, d = means.shape
    out = np.zeros(d)
    for k in range(n_components):
        for j in range(d):
            out[j] += np.exp(log_weights[k]) * means[k, j]
    return out


@inlined()
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


@inlined()
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


@inlined()
def _linear_form(log_weights, means, factors, centre):
    """Coefficients (K, number of features) of the log joint densities, and their constants (K,)."""
    n_components, d = means.shape
    n_each = factors.shape[0] // n_components
    coefficients = np.empty((n_components, d + n_each))
    constants = np.empty(n_components)
    for k in range(n_components):
        log_determinant = 0.0
        for j in range(d):
            log_determinant += np.log(factors[k * n_each + j % n_each])
        constants[k] = softmax.constant(log_weights[k], log_determinant, d)
        for j in range(d):
            precision = factors[k * n_each + j % n_each] ** 2
            mean = means[k, j] - centre[j]
            coefficients[k, j] = precision * mean
            coefficients[k, d + j % n_each] = -0.5 * precision
            constants[k] -= 0.5 * precision * mean * mean
    return coefficients, constants


@inlined()
def _are_near(factors, n_components, farthest, far):
    """Whether all rows lie within ``far``, in the standard deviations of every component."""
    d = farthest.shape[0]
    n_each = factors.shape[0] // n_components
    for k in range(n_components):
        total = 0.0
        for j in range(d):
            total += (factors[k * n_each + j % n_each] * farthest[j]) ** 2
        # A comparison that NaN does not pass.
        if not total <= far * d:
            return False
    return True


@njit()
def sums(X, sample_weight, log_weights, means, factors, far, counts, first, second):
    """One pass: fills the whitened sums and returns the log-likelihood, or NaN.

    Parameters
    ----------
    X, sample_weight, log_weights, means, factors, counts, first, second
        As in :func:`bayesgmm.core.kernels.diagonal.sums`.
    far : float in
        How far out a row may lie: the mean over the features of its squared distance from the
        common centre, in the standard deviations of any component. Where one lies further, the
        result is NaN and what is filled in is not to be used.
    """
    n, d = X.shape
    n_components = log_weights.shape[0]
    stride = softmax.BLOCK_ROWS + 8
    centre = centre_of(log_weights, means)
    coefficients, constants = _linear_form(log_weights, means, factors, centre)
    n_features = coefficients.shape[1]
    is_isotropic = n_features < 2 * d
    model = products.pack(coefficients)
    F = softmax.buffer(products.whole_tiles(n_features) * stride)
    F[:] = 0.0
    joint = softmax.buffer(n_components * stride)
    work = softmax.buffer(2 * stride)
    weight = softmax.buffer(stride)
    packed = products.accumulators(n_components, n_features)
    counts[:] = 0.0
    farthest = np.zeros(d)
    log_likelihood = 0.0
    for start in range(0, n, softmax.BLOCK_ROWS):
        n_used, n_rows, is_uniform = softmax.load_block(
            X, d, sample_weight, start, softmax.BLOCK_ROWS, stride, F, weight
        )
        centre_rows(F, centre, farthest, stride, n_used, n_rows)
        _add_squares(F, d, is_isotropic, stride, n_rows)
        for k in range(n_components):
            softmax.fill(joint, k * stride, constants[k], n_rows)
        products.add_product(model, F, n_components, n_features, joint, stride, n_rows)
        log_likelihood += softmax.responsibilities(
            joint, n_components, weight, is_uniform, work, counts, stride, n_rows
        )
        products.add_sums(joint, F, n_components, n_features, packed, stride, n_rows)
    if not _are_near(factors, n_components, farthest, far):
        return np.nan
    raw = products.unpack(packed, n_components, n_features)
    _whiten(raw, counts, means, factors, centre, first, second)
    return log_likelihood


@inlined()
def _whiten(raw, counts, means, factors, centre, first, second):
    """The sums of features (K, number of features) about the means, in standard deviations."""
    n_components, d = means.shape
    n_each = factors.shape[0] // n_components
    for k in range(n_components):
        for j in range(n_each):
            second[k * n_each + j] = raw[k, d + j]
        for j in range(d):
            mean = means[k, j] - centre[j]
            first[k, j] = factors[k * n_each + j % n_each] * (raw[k, j] - counts[k] * mean)
            second[k * n_each + j % n_each] += mean * (counts[k] * mean - 2.0 * raw[k, j])
        for j in range(n_each):
            place = k * n_each + j
            second[place] = max(second[place] * factors[place] ** 2, 0.0)
