"""Coordinates z in which a sampler moves, ``theta = origin + basis z``, in compiled code.

Instead of theta it can be phi (:mod:`~bayesgmm.bayes.complete_data`).
"""

import numpy as np

from bayesgmm.bayes import log_posterior as density_module
from bayesgmm.bayes.log_posterior import log_posterior_at
from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler
from bayesgmm.core.kernels.vectors import multiply, multiply_transposed

inner = Compiler(*KERNEL_SOURCES, density_module.__file__, __file__).inner


@inner(error_model="numpy")
def theta_at(z, origin, basis, theta):
    """Write ``theta = origin + basis z``."""
    multiply(basis, z, theta)
    for i in range(theta.shape[0]):
        theta[i] += origin[i]


@inner(error_model="numpy")
def z_at(theta, origin, inverse, z):
    """Write ``z = inverse (theta - origin)``."""
    away = np.empty(theta.shape[0])
    for i in range(away.shape[0]):
        away[i] = theta[i] - origin[i]
    multiply(inverse, away, z)


@inner(error_model="numpy")
def log_posterior_along(z, origin, basis, X, sizes, numbers, slope):
    """The log posterior density at z; writes its gradient with respect to z to ``slope``.

    The others as in :func:`~bayesgmm.bayes.log_posterior.log_posterior`.
    """
    theta, d_theta = np.empty(z.shape[0]), np.empty(z.shape[0])
    theta_at(z, origin, basis, theta)
    value = log_posterior_at(sizes[11])(theta, X, sizes, numbers, d_theta)
    multiply_transposed(basis, d_theta, slope)
    return value
