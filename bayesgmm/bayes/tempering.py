"""Moves under a tempered posterior, compiled: prior times a power of the likelihood.

Hamiltonian Monte Carlo of fixed length. Coordinates, ``sizes`` and ``numbers`` are those of
:mod:`bayesgmm.bayes.log_posterior`.
"""

import numpy as np

from bayesgmm.bayes import log_posterior as density_module
from bayesgmm.bayes.log_posterior import log_posterior_at
from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler
from bayesgmm.core.kernels.random_stream import normal, uniform

compiler = Compiler(*KERNEL_SOURCES, density_module.__file__, __file__)
njit, inner = compiler.njit, compiler.inner

# A log-likelihood that is no number counts as this.
IMPOSSIBLE = -1e300


@njit(error_model="numpy")
def evaluate(thetas, X, sizes, numbers, values, slopes):
    """Write log prior and log-likelihood of thetas (n, P) to (n, 2), their gradients to (n, 2, P).

    As ``log_posterior`` has them: the prior up to a constant.
    """
    for i in range(thetas.shape[0]):
        _evaluate(thetas[i], X, sizes, numbers, values[i], slopes[i])


@inner(error_model="numpy")
def _evaluate(theta, X, sizes, numbers, values, slopes):
    log_posterior = log_posterior_at(sizes[11])
    values[0] = log_posterior(theta, X[:0], sizes, numbers, slopes[0])
    values[1] = log_posterior(theta, X, sizes, numbers, slopes[1]) - values[0]
    if not (np.isfinite(values[1]) and values[1] > IMPOSSIBLE):
        values[1] = IMPOSSIBLE
    for i in range(theta.shape[0]):
        slopes[1, i] -= slopes[0, i]


@njit(error_model="numpy")
def move(thetas, values, slopes, power, X, sizes, numbers, shape, step, n_steps, stream):
    """Move each particle once; returns how many moves were accepted.

    Parameters
    ----------
    thetas : (n, P) in and out
    values, slopes : (n, 2), (n, 2, P) in and out, as :func:`evaluate` writes them
    power : float
        Of the likelihood.
    shape : (P, P) in
        Momenta are standard normal where ``theta = shape z``.
    step : float
        Of the leapfrog; a move's own is between half of it and all of it.
    n_steps : int
    stream : (1,) in and out, uint64
    """
    n, p = thetas.shape
    theta, momentum, push = np.empty(p), np.empty(p), np.empty(p)
    value, slope = np.empty(2), np.empty((2, p))
    n_accepted = 0
    for i in range(n):
        theta[:], value[:], slope[:] = thetas[i], values[i], slopes[i]
        before = value[0] + power * value[1]
        for j in range(p):
            momentum[j] = normal(stream)
            before -= 0.5 * momentum[j] * momentum[j]
        length = step * (0.5 + 0.5 * uniform(stream))
        _push(slope, power, shape, push)
        for _ in range(n_steps):
            for j in range(p):
                momentum[j] += 0.5 * length * push[j]
            for j in range(p):
                for m in range(p):
                    theta[j] += length * shape[j, m] * momentum[m]
            _evaluate(theta, X, sizes, numbers, value, slope)
            _push(slope, power, shape, push)
            for j in range(p):
                momentum[j] += 0.5 * length * push[j]
        after = value[0] + power * value[1]
        for j in range(p):
            after -= 0.5 * momentum[j] * momentum[j]
        # Not so where it is no number.
        if np.log(uniform(stream)) < after - before:
            thetas[i], values[i], slopes[i] = theta, value, slope
            n_accepted += 1
    return n_accepted


@inner(error_model="numpy")
def _push(slope, power, shape, out):
    """The gradient of the tempered density with respect to z."""
    for m in range(out.shape[0]):
        out[m] = 0.0
    for j in range(out.shape[0]):
        total = slope[0, j] + power * slope[1, j]
        for m in range(out.shape[0]):
            out[m] += shape[j, m] * total
