"""Draws from the prior, compiled; coordinates, ``sizes`` and ``numbers`` as the density's."""

import numpy as np

from bayesgmm.bayes import conditionals
from bayesgmm.bayes import log_posterior as density_module
from bayesgmm.bayes.conditionals import draw_diagonal, draw_triangular, pack
from bayesgmm.bayes.log_posterior import LEAST_LOG_CONCENTRATION
from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler
from bayesgmm.core.kernels.factors import invert_lower
from bayesgmm.core.kernels.random_stream import log_gamma, normal

njit = Compiler(*KERNEL_SOURCES, density_module.__file__, conditionals.__file__, __file__).njit


@njit(error_model="numpy")
def draw_prior(sizes, numbers, stream, thetas):
    """Write independent draws from the prior (n, P): conditionals given no rows.

    A hierarchical scale is drawn before the covariances that it is the scale of.
    """
    k, d, is_triangular = sizes[0], sizes[1], sizes[2]
    concentration = numbers[:k].copy()
    loc, spread = numbers[k : k + d], numbers[k + d : k + 2 * d]
    dof = numbers[k + 2 * d]
    q = k + 2 * d + 1
    scatter = numbers[q : q + d * d].copy().reshape(d, d)
    hyper_prior = numbers[q + d * d :]
    none, first = np.zeros(k), np.zeros((k, d))
    log_weights, means, hyper = np.empty(k), np.empty((k, d)), np.empty(sizes[6])
    factors = np.empty((k, d, d if is_triangular else 1))
    second = np.zeros(factors.shape)
    for n in range(thetas.shape[0]):
        for i in range(hyper.shape[0]):
            if hyper_prior[1] > 0.0:
                away = normal(stream) / np.sqrt(hyper_prior[1])
                hyper[i] = np.exp(hyper_prior[2 + hyper.shape[0] + i] + away)
            else:
                hyper[i] = np.exp(log_gamma(hyper_prior[0], stream)) / hyper_prior[2 + i]
            scatter[i if is_triangular else 0, i] = 2.0 * hyper[i]
        if sizes[8]:
            q = numbers.shape[0] - 2
            log_e = log_gamma(numbers[q], stream) - np.log(numbers[q + 1])
            e = np.exp(max(log_e, LEAST_LOG_CONCENTRATION))
            for j in range(k):
                concentration[j] = e
        for j in range(k):
            log_weights[j] = log_gamma(concentration[j], stream)
            for i in range(d):
                means[j, i] = loc[i]
                for m in range(factors.shape[2]):
                    factors[j, i, m] = 1.0 if m == i or not is_triangular else 0.0
        if sizes[7]:
            _draw_lkj(means, factors, sizes, loc, spread, dof, scatter[0], hyper_prior[1], stream)
        elif is_triangular:
            draw_triangular(
                none, first, second, means, factors, sizes, loc, spread, dof, scatter, stream
            )
        else:
            draw_diagonal(
                none, first, second, means, factors, sizes, loc, spread, dof, scatter, stream
            )
        pack(log_weights, means, factors, hyper, concentration, sizes, thetas[n])


@njit(error_model="numpy")
def _draw_lkj(means, factors, sizes, loc, spread, eta, log_medians, precision, stream):
    """Replace factors and means by draws: partial correlations are independent (C-vine)."""
    k, d, is_triangular, n_factors, is_isotropic = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]
    lower, sd = np.zeros((d, d)), 0.0
    for j in range(k):
        for i in range(d):
            if i == 0 or not is_isotropic:
                sd = np.exp(log_medians[i] + normal(stream) / np.sqrt(precision))
            if not is_triangular:
                factors[j, i, 0] = 1.0 / sd
                continue
            left = 1.0
            for m in range(i):
                b = eta + 0.5 * (d - 2 - m)
                # 2 Beta(b, b) - 1, from two gammas.
                partial = np.tanh(0.5 * (log_gamma(b, stream) - log_gamma(b, stream)))
                lower[i, m] = sd * partial * np.sqrt(left)
                left *= 1.0 - partial * partial
            lower[i, i] = sd * np.sqrt(left)
        if is_triangular and j < n_factors:
            invert_lower(lower, factors[j])
        elif is_triangular:
            for i in range(d):
                for m in range(i + 1):
                    factors[j, i, m] = factors[0, i, m]
            invert_lower(factors[0], lower)
        for i in range(d):
            if not sizes[5]:
                means[j, i] = loc[i] + spread[i] * normal(stream)
            elif not is_triangular:
                means[j, i] = loc[i] + normal(stream) / (factors[j, i, 0] * np.sqrt(spread[0]))
            else:
                means[j, i] = loc[i]
        for m in range(d if sizes[5] and is_triangular else 0):
            e = normal(stream) / np.sqrt(spread[0])
            for i in range(m, d):
                means[j, i] += lower[i, m] * e
