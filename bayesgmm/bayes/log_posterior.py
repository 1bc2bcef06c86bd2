"""The log posterior density and its gradient in unconstrained coordinates, compiled.

Coordinates theta of a mixture of K components in D dimensions, data standardised:

===============  ======================  ====================================================
part             length                  meaning
===============  ======================  ====================================================
log odds         K - 1                   log(w_k / w_K)
means            K D                     mu_k
factors          F D (D + 1) / 2         log diagonal of W_f, then its lower triangle by rows
                 or F D, or F            diagonal families: log of one over the sds
log scale        D or 1, or nothing      log beta, where the prior's scale is hierarchical
concentration    1, or nothing           log of that of the weights, where it is learned
===============  ======================  ====================================================

with ``W`` the whitening factor, ``W' W`` the precision, and F = 1 for tied covariances, else K.
In these coordinates an inverse-Wishart prior with nu degrees of freedom and scale S, Jacobian
included, is ``sum_i (nu - D + i) log W_ii - tr(S W' W) / 2`` with i = 1..D: log-gamma diagonals
and, for S = I, standard normal off-diagonals (Bartlett's decomposition).

LKJ correlations with log-normal standard deviations s have ``sum_i (i - 2 D + 1 - 2 eta) log W_ii
- (2 eta + D - 1) sum_i log s_i`` and the normal densities of log s, with i = 1..D.

Everything comes in as flat arrays, so that one compiled function serves every K, D and prior.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import float64, int64

from bayesgmm.core.kernels import gradient
from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler
from bayesgmm.core.kernels.factors import invert_lower
from bayesgmm.core.kernels.pointers import ROWS, VECTOR, caller_of, log_likelihood_at, sums_at
from bayesgmm.core.kernels.special import digamma

compiler = Compiler(*KERNEL_SOURCES, __file__)
njit, inner, inlined = compiler.njit, compiler.inner, compiler.inlined

# Of the densities, which other compiled functions call by their addresses: see ``Sizes``.
_ARGUMENTS = VECTOR, ROWS, int64[::1], VECTOR
LOG_POSTERIOR, LOG_DENSITY = float64(*_ARGUMENTS, VECTOR), float64(*_ARGUMENTS)
log_posterior_at, log_density_at = caller_of(LOG_POSTERIOR), caller_of(LOG_DENSITY)


class Sizes(NamedTuple):
    """The integers of a posterior, in the order the compiled functions expect.

    The last ones are addresses: of passes over the data, ``sums`` and ``log_likelihood`` of a
    kernel, and of :func:`log_posterior` and :func:`log_density` themselves, which would otherwise
    be compiled once more into all that calls them.
    """

    n_components: int
    n_features: int
    is_triangular: int
    n_factors: int
    is_isotropic: int
    is_conjugate: int
    n_hyper: int
    is_lkj: int
    n_concentrations: int
    sums: int
    log_likelihood: int
    log_posterior: int
    log_density: int

    @property
    def factor_length(self) -> int:
        """Coordinates of one whitening factor."""
        d = self.n_features
        if self.is_triangular:
            return d * (d + 1) // 2
        return 1 if self.is_isotropic else d

    @property
    def n_coordinates(self) -> int:
        """Length of theta."""
        k, d = self.n_components, self.n_features
        n = k - 1 + k * d + self.n_factors * self.factor_length
        return n + self.n_hyper + self.n_concentrations


@inlined()
def unpack(theta, sizes):
    """The mixture at theta, as the kernels take it.

    Returns
    -------
    log_weights : (K,)
    means : (K, D)
    factors : (K, D, D) lower triangular, or (K, D, 1) for diagonal families
    hyper : (n_hyper,), beta
    """
    k, d, is_triangular, n_factors, is_isotropic = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]
    log_weights = np.zeros(k)
    top = 0.0
    for j in range(k - 1):
        log_weights[j] = theta[j]
        top = max(top, theta[j])
    total = 0.0
    for j in range(k):
        total += np.exp(log_weights[j] - top)
    log_total = top + np.log(total)
    for j in range(k):
        log_weights[j] -= log_total
    p = k - 1
    means = np.empty((k, d))
    for j in range(k):
        for i in range(d):
            means[j, i] = theta[p]
            p += 1
    factors = np.zeros((k, d, d if is_triangular else 1))
    for f in range(n_factors):
        if is_triangular:
            for i in range(d):
                factors[f, i, i] = np.exp(theta[p + i])
            p += d
            for i in range(d):
                for j in range(i):
                    factors[f, i, j] = theta[p]
                    p += 1
        elif is_isotropic:
            for i in range(d):
                factors[f, i, 0] = np.exp(theta[p])
            p += 1
        else:
            for i in range(d):
                factors[f, i, 0] = np.exp(theta[p + i])
            p += d
    # Loops, here and below: assigning a slice makes Numba compile the formatting of an error.
    for f in range(n_factors, k):
        for i in range(factors.shape[1]):
            for j in range(factors.shape[2]):
                factors[f, i, j] = factors[0, i, j]
    hyper = np.empty(sizes[6])
    for i in range(hyper.shape[0]):
        hyper[i] = np.exp(theta[p + i])
    return log_weights, means, factors, hyper


@inlined()
def _likelihood(X, log_weights, means, factors, sizes):
    """Log-likelihood and its gradient with respect to log weights, means, and factors."""
    counts, first, second = np.empty(len(means)), np.empty(means.shape), np.empty(factors.size)
    kernel = sums_at(sizes[9], X)
    unweighted, flat = np.empty(0), factors.reshape(-1)
    value = kernel(X, unweighted, log_weights, means, flat, np.inf, counts, first, second)
    if sizes[2]:
        squares = second.reshape(factors.shape)
        _, d_means, d_factors = gradient.triangular(
            log_weights, means, factors, counts, first, squares
        )
        return value, counts, d_means, d_factors
    _, d_means, d_flat = gradient.diagonal(
        log_weights, means, flat.reshape(means.shape), counts, first, second.reshape(means.shape)
    )
    return value, counts, d_means, d_flat.reshape(factors.shape)


@inlined()
def _prior_on_means(means, factors, sizes, loc, scale, d_means, d_factors):
    """Add the gradient of the log prior of the means; returns its value.

    ``scale`` holds the prior standard deviations, or in its first place the strength of a
    conjugate prior.
    """
    k, d, is_triangular = sizes[0], sizes[1], sizes[2]
    value = 0.0
    if not sizes[5]:
        for j in range(k):
            for i in range(d):
                z = (means[j, i] - loc[i]) / scale[i]
                value -= 0.5 * z * z
                d_means[j, i] -= z / scale[i]
        return value
    strength = scale[0]
    y = np.empty(d)
    for j in range(k):
        for i in range(d):
            if is_triangular:
                y[i] = 0.0
                for m in range(i + 1):
                    y[i] += factors[j, i, m] * (means[j, m] - loc[m])
                diagonal_entry = factors[j, i, i]
                d_factors[j, i, i] += 1.0 / diagonal_entry
            else:
                diagonal_entry = factors[j, i, 0]
                y[i] = diagonal_entry * (means[j, i] - loc[i])
                d_factors[j, i, 0] += 1.0 / diagonal_entry
            value += np.log(diagonal_entry) - 0.5 * strength * y[i] * y[i]
        for i in range(d):
            if is_triangular:
                for m in range(i + 1):
                    d_means[j, m] -= strength * y[i] * factors[j, i, m]
                    d_factors[j, i, m] -= strength * y[i] * (means[j, m] - loc[m])
            else:
                d_means[j, i] -= strength * y[i] * factors[j, i, 0]
                d_factors[j, i, 0] -= strength * y[i] * (means[j, i] - loc[i])
    return value


@inlined()
def _prior_on_factors(factors, sizes, dof, scatter, hyper, d_factors, d_hyper):
    """Add the gradient of the log prior of the factors, Jacobian included; returns its value.

    ``scatter`` is the scale S (D, D), its diagonal in the first row for diagonal families; for a
    hierarchical scale S = 2 diag(hyper).
    """
    d, is_triangular, n_factors, is_isotropic = sizes[1], sizes[2], sizes[3], sizes[4]
    hierarchical = sizes[6] > 0
    value = 0.0
    for f in range(n_factors):
        if is_triangular:
            for i in range(d):
                value += (dof - d + i + 1) * np.log(factors[f, i, i])
                d_factors[f, i, i] += (dof - d + i + 1) / factors[f, i, i]
                for j in range(i + 1):
                    if hierarchical:
                        product = 2.0 * hyper[j] * factors[f, i, j]
                        d_hyper[j] -= factors[f, i, j] ** 2
                    else:
                        product = 0.0
                        for m in range(i + 1):
                            product += factors[f, i, m] * scatter[m, j]
                    value -= 0.5 * product * factors[f, i, j]
                    d_factors[f, i, j] -= product
        else:
            for i in range(1 if is_isotropic else d):
                w = factors[f, i, 0]
                scale = 2.0 * hyper[i] if hierarchical else scatter[0, i]
                value += dof * np.log(w) - 0.5 * scale * w * w
                d_factors[f, i, 0] += dof / w - scale * w
                if hierarchical:
                    d_hyper[i] -= w * w
    return value


@inlined()
def _lkj_prior_on_factors(factors, sizes, eta, log_medians, precision, d_factors):
    """As :func:`_prior_on_factors`, for LKJ correlations and log-normal standard deviations."""
    d, is_triangular, n_factors, is_isotropic = sizes[1], sizes[2], sizes[3], sizes[4]
    value = 0.0
    inverse = np.empty((d, d))
    for f in range(n_factors):
        if is_triangular:
            invert_lower(factors[f], inverse)
        for i in range(1 if is_isotropic else d):
            if not is_triangular:
                away = -np.log(factors[f, i, 0]) - log_medians[i]
                value -= 0.5 * precision * away * away
                d_factors[f, i, 0] += precision * away / factors[f, i, 0]
                continue
            variance = 0.0
            for m in range(i + 1):
                variance += inverse[i, m] * inverse[i, m]
            log_sd = 0.5 * np.log(variance)
            away = log_sd - log_medians[i]
            power, power_of_sd = i + 2.0 - 2.0 * d - 2.0 * eta, 2.0 * eta + d - 1.0
            value += power * np.log(factors[f, i, i]) - power_of_sd * log_sd
            value -= 0.5 * precision * away * away
            d_factors[f, i, i] += power / factors[f, i, i]
            slope = -(power_of_sd + precision * away) / variance
            # The slope of a variance S_ii is -2 (W S e_i)(S e_i)', and W S = (W^-1)'.
            for b in range(i + 1):
                covariance = 0.0
                for m in range(b + 1):
                    covariance += inverse[i, m] * inverse[b, m]
                for a in range(b, i + 1):
                    d_factors[f, a, b] -= slope * inverse[i, a] * covariance
    return value


@inlined()
def _gather(d_factors, sizes):
    """Add up the gradients of factors that components, or features, share."""
    k, d, n_factors, is_isotropic = sizes[0], sizes[1], sizes[3], sizes[4]
    for f in range(n_factors, k):
        for i in range(d):
            for j in range(d_factors.shape[2]):
                d_factors[0, i, j] += d_factors[f, i, j]
    if is_isotropic:
        for j in range(k):
            for i in range(1, d):
                d_factors[j, 0, 0] += d_factors[j, i, 0]


# Below, a component's share would be smaller than any number can say, its logarithm too.
LEAST_LOG_CONCENTRATION = -300.0


@inlined()
def concentrations(theta, sizes, numbers):
    """Of the Dirichlet on the weights, (K,): fixed, or the last of theta."""
    out = np.empty(sizes[0])
    for j in range(sizes[0]):
        out[j] = np.exp(theta[theta.shape[0] - 1]) if sizes[8] else numbers[j]
    return out


@inlined()
def _prior_on_weights_and_hyper(
    theta, log_weights, concentration, hyper, d_hyper, sizes, numbers, out
):
    """The log prior of the weights and of all hyperparameters, Jacobians included.

    Writes the gradient with respect to the hyperparameters, whose coordinates are the last.
    ``d_hyper`` is that of the prior of the factors with respect to beta.
    """
    k, d, n_factors, n_hyper = sizes[0], sizes[1], sizes[3], sizes[6]
    dof, hyper_prior = numbers[k + 2 * d], numbers[k + 2 * d + 1 + d * d :]
    value, total = 0.0, 0.0
    for j in range(k):
        value += concentration[j] * log_weights[j]
        total += log_weights[j]
    p = theta.shape[0] - n_hyper - sizes[8]
    for i in range(n_hyper):
        power, precision = hyper_prior[0] + 0.5 * dof * n_factors, hyper_prior[1]
        rate, away = hyper_prior[2 + i], theta[p + i] - hyper_prior[2 + n_hyper + i]
        value += power * theta[p + i] - rate * hyper[i] - 0.5 * precision * away * away
        out[p + i] = power + (d_hyper[i] - rate) * hyper[i] - precision * away
    if sizes[8]:
        p, q, e = theta.shape[0] - 1, numbers.shape[0] - 2, concentration[0]
        shape, rate = numbers[q], numbers[q + 1]
        value += math.lgamma(k * e) - k * math.lgamma(e) + shape * theta[p] - rate * e
        out[p] = shape + e * (total + k * (digamma(k * e) - digamma(e)) - rate)
    return value


@inner(error_model="numpy")
def _log_prior(theta, log_weights, means, factors, hyper, sizes, numbers, d_means, d_factors, out):
    """The log prior density; adds to the gradients of means and factors.

    The hyperparameters' own is written to the last of ``out`` (P,).
    """
    k, d = sizes[0], sizes[1]
    loc, scale = numbers[k : k + d], numbers[k + d : k + 2 * d]
    q = k + 2 * d
    dof = numbers[q]
    scatter = numbers[q + 1 : q + 1 + d * d].reshape(d, d)
    hyper_prior = numbers[q + 1 + d * d :]
    d_hyper = np.zeros(hyper.shape[0])
    value = _prior_on_means(means, factors, sizes, loc, scale, d_means, d_factors)
    _gather(d_factors, sizes)
    if sizes[7]:
        precision = hyper_prior[1]
        value += _lkj_prior_on_factors(factors, sizes, dof, scatter[0], precision, d_factors)
    else:
        value += _prior_on_factors(factors, sizes, dof, scatter, hyper, d_factors, d_hyper)
    concentration = concentrations(theta, sizes, numbers)
    return value + _prior_on_weights_and_hyper(
        theta, log_weights, concentration, hyper, d_hyper, sizes, numbers, out
    )


@njit(error_model="numpy")
def log_posterior(theta, X, sizes, numbers, slope):
    """The log posterior density at theta, up to a constant; its gradient is written to ``slope``.

    Parameters
    ----------
    theta : (P,) in
    X : (N, D) in, float64, C order; without rows, this is the log prior
    sizes : in, int64, see :class:`Sizes`
    numbers : in, float64: concentration (K), loc (D), scale (D), dof, scatter (D D), and where the
        scale is hierarchical its prior: the power of beta in the density of log beta, precision,
        rates and centres (2 + 2 n_hyper), see :class:`~bayesgmm.priors.hyper.Hyperprior`.
        With LKJ correlations, eta stands for dof, the log medians of the standard deviations in the
        first row of scatter, and zero and the precision of their logarithms after it. Where the
        concentration is learned, its shape and rate come last
    slope : (P,) out
    """
    k, d, is_triangular, n_factors, is_isotropic = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]
    log_weights, means, factors, hyper = unpack(theta, sizes)
    value, counts, d_means, d_factors = _likelihood(X, log_weights, means, factors, sizes)
    value += _log_prior(
        theta, log_weights, means, factors, hyper, sizes, numbers, d_means, d_factors, slope
    )
    concentration, total = concentrations(theta, sizes, numbers), float(X.shape[0])
    for j in range(k):
        total += concentration[j]
    for j in range(k - 1):
        slope[j] = counts[j] + concentration[j] - np.exp(log_weights[j]) * total
    p = k - 1
    for j in range(k):
        for i in range(d):
            slope[p] = d_means[j, i]
            p += 1
    for f in range(n_factors):
        for i in range(1 if is_isotropic else d):
            m = i if is_triangular else 0
            slope[p] = d_factors[f, i, m] * factors[f, i, m]
            p += 1
        for i in range(d if is_triangular else 0):
            for j in range(i):
                slope[p] = d_factors[f, i, j]
                p += 1
    return value


@njit(error_model="numpy")
def log_posteriors(thetas, X, sizes, numbers, values, slopes):
    """Write :func:`log_posterior` at each of thetas (n, P) to values (n,) and slopes (n, P)."""
    log_posterior = log_posterior_at(sizes[11])
    for i in range(thetas.shape[0]):
        values[i] = log_posterior(thetas[i], X, sizes, numbers, slopes[i])


@njit(error_model="numpy")
def log_density(theta, X, sizes, numbers):
    """The value of :func:`log_posterior`, by a pass that leaves no sums."""
    log_weights, means, factors, hyper = unpack(theta, sizes)
    log_likelihood = log_likelihood_at(sizes[10])
    value = log_likelihood(X, log_weights, means, factors.reshape(-1))
    d_means, d_factors = np.zeros(means.shape), np.zeros(factors.shape)
    unused = np.empty(theta.shape[0])
    return value + _log_prior(
        theta, log_weights, means, factors, hyper, sizes, numbers, d_means, d_factors, unused
    )
