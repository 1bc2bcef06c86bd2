"""One sweep of blocked Gibbs sampling, compiled: every part of a mixture from its full conditional.

Given which component each row belongs to, the parts have conditionals in closed form (Diebolt and
Robert, 1994, doi:10.1111/j.2517-6161.1994.tb01985.x):

===============  =================================================================================
concentration    where it is learned, by a step of slice sampling (Neal, 2003,
                 doi:10.1214/aos/1056562461), with the weights summed out
weights          Dirichlet: concentration + rows of each component
means            normal; independent ones given the covariances, conjugate ones jointly with them
covariances      inverse-Wishart (of one variance: inverse-gamma), by Bartlett's decomposition
hierarchical     Gamma, given the covariances: see :class:`bayesgmm.GammaScale`; a log-normal one
                 by a step of slice sampling
===============  =================================================================================

They are written with the whitened sums of the pass, ``y = W (x - mu)`` under the parameters before
the sweep, so that far and narrow components lose no digits. Coordinates, ``sizes`` and ``numbers``
are those of :mod:`bayesgmm.bayes.log_posterior`.
"""

import math
from functools import cache

import numpy as np
from numba import float64, int64, uint64, void

from bayesgmm.bayes import log_posterior as density_module
from bayesgmm.bayes.log_posterior import (
    LEAST_LOG_CONCENTRATION,
    concentrations,
    unpack,
)
from bayesgmm.core.kernels import allocation
from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler
from bayesgmm.core.kernels.factors import invert_lower
from bayesgmm.core.kernels.pointers import MATRIX, ROWS, VECTOR, address_of, caller_of
from bayesgmm.core.kernels.random_stream import log_gamma, normal, uniform

compiler = Compiler(*KERNEL_SOURCES, density_module.__file__, __file__)
njit, inner, inlined = compiler.njit, compiler.inner, compiler.inlined

_CUBE, _STREAM, _SIZES = float64[:, :, ::1], uint64[::1], int64[::1]
_SUMS = VECTOR, MATRIX, _CUBE
_SWEEP = float64(int64[::1], VECTOR, ROWS, _SIZES, VECTOR, _STREAM)
_ALLOCATE = float64(ROWS, VECTOR, MATRIX, _CUBE, _STREAM, *_SUMS)
_DRAW = void(*_SUMS, MATRIX, _CUBE, _SIZES, VECTOR, VECTOR, float64, MATRIX, _STREAM)
sweep_at, _allocate_at, _draw_at = caller_of(_SWEEP), caller_of(_ALLOCATE), caller_of(_DRAW)


@cache
def addresses_of(is_triangular: bool) -> np.ndarray:
    """Addresses of a sweep, and of the two functions that one calls.

    Those draw the labels, and the means and whitening factors given the labels.
    """
    allocate = allocation.triangular if is_triangular else allocation.diagonal
    draw = draw_triangular if is_triangular else draw_diagonal
    return np.array(
        [address_of(sweep, _SWEEP), address_of(allocate, _ALLOCATE), address_of(draw, _DRAW)]
    )


@njit(error_model="numpy")
def sweep(addresses, theta, X, sizes, numbers, stream):
    """Move theta by one sweep; returns the log-likelihood where it was.

    ``addresses`` are those of :func:`addresses_of`; the others as in
    :func:`~bayesgmm.bayes.log_posterior.log_posterior`, and the stream of random numbers.
    """
    k, d, is_triangular, n_factors = sizes[0], sizes[1], sizes[2], sizes[3]
    concentration = concentrations(theta, sizes, numbers)
    loc, spread = numbers[k : k + d], numbers[k + d : k + 2 * d]
    dof = numbers[k + 2 * d]
    q = k + 2 * d + 1
    scatter = np.empty((d, d))
    for i in range(d):
        for j in range(d):
            scatter[i, j] = numbers[q + i * d + j]
    hyper_prior = numbers[q + d * d :]
    log_weights, means, factors, hyper = unpack(theta, sizes)
    for i in range(hyper.shape[0]):
        scatter[i if is_triangular else 0, i] = 2.0 * hyper[i]
    counts, first, second = np.empty(k), np.empty((k, d)), np.empty(factors.shape)
    allocate, draw = _allocate_at(addresses[1]), _draw_at(addresses[2])
    value = allocate(X, log_weights, means, factors, stream, counts, first, second)
    draw(counts, first, second, means, factors, sizes, loc, spread, dof, scatter, stream)
    if sizes[8]:
        p, q = theta.shape[0] - 1, numbers.shape[0] - 2
        log_e = _slice(theta[p], numbers[q], numbers[q + 1], 0.0, 0.0, counts, stream)
        for j in range(k):
            concentration[j] = np.exp(max(log_e, LEAST_LOG_CONCENTRATION))
    for j in range(k):
        log_weights[j] = log_gamma(concentration[j] + counts[j], stream)
    n_hyper = hyper.shape[0]
    for i in range(n_hyper):
        power, precision = hyper_prior[0] + 0.5 * dof * n_factors, hyper_prior[1]
        rate, centre = hyper_prior[2 + i], hyper_prior[2 + n_hyper + i]
        for f in range(n_factors):
            for m in range(d if is_triangular else 1):
                rate += (factors[f, m, i] if is_triangular else factors[f, i, 0]) ** 2
        if precision > 0.0:
            log_b = np.log(hyper[i])
            log_b = _slice(log_b, power, rate, precision, centre, counts[:0], stream)
            hyper[i] = np.exp(log_b)
        else:
            hyper[i] = np.exp(log_gamma(power, stream)) / rate
    pack(log_weights, means, factors, hyper, concentration, sizes, theta)
    return value


@inner(error_model="numpy")
def _slice(x, power, rate, precision, centre, counts, stream):
    """A step of slice sampling under ``power x - rate exp(x) - precision (x - centre)^2 / 2``.

    If there are counts, with the log probability of the labels given a concentration exp(x) added.
    A window of length one about x is stepped out to both sides of the slice, and shrinks towards x
    until a place in it is inside.
    """
    # At the place itself; at the left end, at the right end, and at places between them.
    low = x - uniform(stream)
    high, at, phase, level = low + 1.0, x, 0, 0.0
    while True:
        away = at - centre
        value = power * at - rate * np.exp(at) - 0.5 * precision * away * away
        if counts.shape[0] > 0:
            e = np.exp(at)
            total = counts.shape[0] * e
            n = 0.0
            for j in range(counts.shape[0]):
                n += counts[j]
            value += math.lgamma(total) - math.lgamma(total + n)
            for j in range(counts.shape[0]):
                if counts[j] > 0.0:
                    value += math.lgamma(e + counts[j]) - math.lgamma(e)
        if phase == 0:
            level, at, phase = value + np.log(uniform(stream)), low, 1
        elif phase == 1:
            if value > level:
                low -= 1.0
                at = low
            else:
                at, phase = high, 2
        elif phase == 2:
            if value > level:
                high += 1.0
                at = high
            else:
                at, phase = low + uniform(stream) * (high - low), 3
        elif value > level or not high - low > 1e-12:
            return at
        else:
            low, high = (at, high) if at < x else (low, at)
            at = low + uniform(stream) * (high - low)


@inlined()
def pack(log_weights, means, factors, hyper, concentration, sizes, theta):
    """Write theta; ``log_weights`` need not be normalised."""
    k, d, is_triangular, n_factors, is_isotropic = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]
    for j in range(k - 1):
        theta[j] = log_weights[j] - log_weights[k - 1]
    p = k - 1
    for j in range(k):
        for i in range(d):
            theta[p] = means[j, i]
            p += 1
    for f in range(n_factors):
        for i in range(1 if is_isotropic else d):
            theta[p] = np.log(factors[f, i, i if is_triangular else 0])
            p += 1
        if is_triangular:
            for i in range(d):
                for j in range(i):
                    theta[p] = factors[f, i, j]
                    p += 1
    for i in range(hyper.shape[0]):
        theta[p + i] = np.log(hyper[i])
    if sizes[8]:
        theta[p + hyper.shape[0]] = np.log(concentration[0])


@njit(error_model="numpy")
def draw_triangular(
    counts, first, second, means, factors, sizes, loc, spread, dof, scatter, stream
):
    """Replace means (K, D) and factors (K, D, D) by draws given the whitened sums.

    ``spread`` holds the prior standard deviations of the means, or in its first place the strength
    of a conjugate prior.
    """
    k, d, n_factors, is_conjugate = sizes[0], sizes[1], sizes[3], sizes[5]
    total = np.zeros((n_factors, d, d))
    rows = np.zeros(n_factors)
    inverse, product = np.empty((d, d)), np.empty((d, d))
    before, away, gap = np.empty(d), np.empty(d), np.empty(d)
    for j in range(k):
        factor, n, a, squares = factors[j], counts[j], first[j], second[j]
        f = j if n_factors > 1 else 0
        rows[f] += n
        for i in range(d):
            before[i], away[i] = means[j, i], means[j, i] - loc[i]
        if is_conjugate:
            # With the mean summed out: about the rows' own mean, and that about the prior's.
            _whitened(factor, away, gap)
            shrunk = 1.0 / (spread[0] + n)
            for i in range(d):
                gap[i] += a[i] / max(n, 1.0)
                for m in range(i + 1):
                    within = squares[i, m] - a[i] * a[m] / max(n, 1.0)
                    product[i, m] = within + spread[0] * n * shrunk * gap[i] * gap[m]
        else:
            _draw_mean(factor, n, a, loc, spread, means[j], stream)
            for i in range(d):
                away[i] = before[i] - means[j, i]
            _whitened(factor, away, gap)
            for i in range(d):
                for m in range(i + 1):
                    crossed = a[i] * gap[m] + gap[i] * a[m]
                    product[i, m] = squares[i, m] + crossed + n * gap[i] * gap[m]
        invert_lower(factor, inverse)
        _add_congruent(inverse, product, total[f])
        if is_conjugate:
            # The centre of the mean's conditional; its spread waits for the covariance.
            for i in range(d):
                means[j, i] = loc[i]
                for m in range(i + 1):
                    means[j, i] += inverse[i, m] * n * shrunk * gap[m]
    for f in range(n_factors):
        for i in range(d):
            for m in range(d):
                total[f, i, m] += scatter[i, m]
        _draw_whitening(dof + rows[f], total[f], factors[f], stream)
    for f in range(n_factors, k):
        for i in range(d):
            for j in range(i + 1):
                factors[f, i, j] = factors[0, i, j]
    if is_conjugate:
        for j in range(k):
            invert_lower(factors[j], inverse)
            for m in range(d):
                e = normal(stream) / np.sqrt(spread[0] + counts[j])
                for i in range(m, d):
                    means[j, i] += inverse[i, m] * e


@inner(error_model="numpy")
def _whitened(factor, vector, out):
    """``out = factor @ vector`` for a lower triangle."""
    for i in range(vector.shape[0]):
        out[i] = 0.0
        for m in range(i + 1):
            out[i] += factor[i, m] * vector[m]


@inlined()
def _draw_mean(factor, n, a, loc, spread, mean, stream):
    """Replace a mean by a draw given its covariance, under Normal(loc, spread^2).

    In units of ``spread`` the information is ``I + n V'V`` with V the factor in those units.
    """
    d = loc.shape[0]
    gap, pull, away = np.empty(d), np.empty(d), np.empty(d)
    for i in range(d):
        away[i] = mean[i] - loc[i]
    _whitened(factor, away, gap)
    information = np.zeros((d, d))
    for i in range(d):
        information[i, i] = 1.0
        pull[i] = 0.0
        for m in range(i, d):
            pull[i] += factor[m, i] * spread[i] * (a[m] + n * gap[m])
        for j in range(i + 1):
            for m in range(i, d):
                information[i, j] += n * factor[m, i] * factor[m, j] * spread[i] * spread[j]
    root, inverse = np.empty((d, d)), np.empty((d, d))
    _cholesky(information, root)
    invert_lower(root, inverse)
    _whitened(inverse, pull, gap)
    for i in range(d):
        gap[i] += normal(stream)
    for i in range(d):
        offset = 0.0
        for m in range(i, d):
            offset += inverse[m, i] * gap[m]
        mean[i] = loc[i] + spread[i] * offset


@inlined()
def _add_congruent(lower, product, out):
    """``out += lower @ product @ lower'``; of symmetric matrices the lower triangle counts."""
    d = lower.shape[0]
    half = np.zeros((d, d))
    for i in range(d):
        for m in range(d):
            for j in range(i + 1):
                half[i, m] += lower[i, j] * (product[j, m] if j >= m else product[m, j])
    for i in range(d):
        for j in range(i + 1):
            for m in range(j + 1):
                out[i, j] += half[i, m] * lower[j, m]


@inner(error_model="numpy")
def _cholesky(matrix, out):
    """Write the Cholesky factor of the matrix whose lower triangle is given, zeros above."""
    d = matrix.shape[0]
    for j in range(d):
        for i in range(j):
            out[i, j] = 0.0
        for i in range(j, d):
            value = matrix[i, j]
            for m in range(j):
                value -= out[i, m] * out[j, m]
            out[i, j] = np.sqrt(value) if i == j else value / out[j, j]


@inlined()
def _draw_whitening(dof, scatter, factor, stream):
    """Write the whitening factor of a draw from the inverse-Wishart with these numbers."""
    d = scatter.shape[0]
    root, inverse = np.empty((d, d)), np.empty((d, d))
    _cholesky(scatter, root)
    invert_lower(root, inverse)
    bartlett = np.empty(d)
    for i in range(d):
        for j in range(i):
            bartlett[j] = normal(stream)
        bartlett[i] = np.sqrt(2.0) * np.exp(0.5 * log_gamma(0.5 * (dof - d + i + 1.0), stream))
        for j in range(d):
            factor[i, j] = 0.0
            for m in range(j, i + 1):
                factor[i, j] += bartlett[m] * inverse[m, j]


@njit(error_model="numpy")
def draw_diagonal(counts, first, second, means, factors, sizes, loc, spread, dof, scatter, stream):
    """As :func:`draw_triangular`, for factors (K, D, 1): feature by feature."""
    k, d, is_isotropic, is_conjugate = sizes[0], sizes[1], sizes[4], sizes[5]
    for j in range(k):
        n = counts[j]
        shrunk = 1.0 / (spread[0] + n)
        total, rows = 0.0, 0.0
        for i in range(d):
            factor, a, square, before = factors[j, i, 0], first[j, i], second[j, i, 0], means[j, i]
            gap = factor * (before - loc[i])
            if is_conjugate:
                gap += a / max(n, 1.0)
                square += spread[0] * n * shrunk * gap * gap - a * a / max(n, 1.0)
                means[j, i] = loc[i] + n * shrunk * gap / factor
            else:
                relative = factor * spread[i]
                information = 1.0 + n * relative * relative
                offset = relative * (a + n * gap) / information
                offset += normal(stream) / np.sqrt(information)
                means[j, i] = loc[i] + spread[i] * offset
                gap = factor * (before - means[j, i])
                square += 2.0 * a * gap + n * gap * gap
            total += square / (factor * factor)
            rows += n
            if not is_isotropic:
                factors[j, i, 0] = _draw_factor(dof + rows, scatter[0, i] + total, stream)
                total, rows = 0.0, 0.0
        if is_isotropic:
            factor = _draw_factor(dof + rows, scatter[0, 0] + total, stream)
            for i in range(d):
                factors[j, i, 0] = factor
        if is_conjugate:
            for i in range(d):
                means[j, i] += normal(stream) * np.sqrt(shrunk) / factors[j, i, 0]


@inner(error_model="numpy")
def _draw_factor(dof, scatter, stream):
    """One over the sd of a draw from the inverse-gamma with shape dof / 2 and rate scatter / 2."""
    return np.sqrt(2.0 / scatter) * np.exp(0.5 * log_gamma(0.5 * dof, stream))
