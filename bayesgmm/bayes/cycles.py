"""Chains that make Hamiltonian moves and Gibbs sweeps in turn, compiled.

A move follows Hamiltonian dynamics for a random time, and is taken or not by a Metropolis rule. In
coordinates z, with ``theta = origin + basis z`` at a mode and shaped by the curvature there, the
potential is ``|z|^2 / 2 + r(z)``, and r varies little where the posterior is close to normal. The
normal part turns position and momentum in a circle, exactly; r gives half a kick before and half a
kick after the turn (Shahbaba, Lan, Johnson and Neal, 2014, doi:10.1007/s11222-012-9373-1; Beskos,
Pinski, Sanz-Serna and Stuart, 2011, doi:10.1016/j.spa.2011.06.003). One gradient then takes a chain
about as far as it can go, where the leapfrog of NUTS needs several.

A sweep (:mod:`~bayesgmm.bayes.conditionals`) moves by one's length of the conditionals whatever the
shape of the posterior. Each of the two leaves the posterior as it is, so both in turn do (Tierney,
1994, doi:10.1214/aos/1176325750), and either gets on where the other is stuck.
"""

import numpy as np

from bayesgmm.bayes import conditionals, frames, log_posterior
from bayesgmm.bayes.conditionals import sweep_at
from bayesgmm.bayes.frames import log_posterior_along, theta_at, z_at
from bayesgmm.bayes.log_posterior import log_density_at
from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler
from bayesgmm.core.kernels.random_stream import normal, uniform

_SOURCES = (conditionals.__file__, frames.__file__, log_posterior.__file__, __file__)
njit = Compiler(*KERNEL_SOURCES, *_SOURCES).njit

# The angle of a turn is at most this: a little over a quarter, where draws are independent, so that
# short turns and long ones balance. Short ones are rarer, and bring a chain back from far outside.
MAX_ANGLE = 2.4


@njit(error_model="numpy")
def run(
    addresses,
    theta,
    origin,
    basis,
    inverse,
    X,
    sizes,
    numbers,
    stream,
    n_moves,
    sweep_every,
    thin,
    first,
    draws,
    log_density,
    acceptance,
    energies,
):
    """Write down the states of a chain.

    Parameters
    ----------
    addresses : in, of :func:`bayesgmm.bayes.conditionals.addresses_of`
    theta : (P,) in and out
    origin : (P,), basis : (P, P), inverse : (P, P) in
        Of the coordinates of the moves; the inverse is that of the basis.
    X, sizes, numbers : in, as in :func:`~bayesgmm.bayes.log_posterior.log_posterior`
    stream : (1,) in and out, uint64
    n_moves : int
        Moves in a cycle.
    sweep_every : int
        A sweep comes before the moves of the first of so many cycles.
    thin : int
        Cycles for each draw.
    first : int
        Cycles that the chain has behind it.
    draws : (n, P) out
    log_density : (n,) out
        The log posterior density, as ``log_posterior`` has it.
    acceptance : (n,) out
        The mean probability with which a draw's moves were taken.
    energies : (n,) out
        Of the last move, where it began: minus the log density, and half the squared momentum.
    """
    n = theta.shape[0]
    momentum = np.empty(n)
    z, there = np.empty(n), np.empty(n)
    slope, new_slope = np.empty(n), np.empty(n)
    sweep = sweep_at(addresses[0])
    z_at(theta, origin, inverse, z)
    value = log_posterior_along(z, origin, basis, X, sizes, numbers, slope)
    for i in range(draws.shape[0]):
        probability, total, has_moved = 0.0, 0.0, False
        for cycle in range(first + i * thin, first + (i + 1) * thin):
            if cycle % sweep_every == 0:
                sweep(addresses, theta, X, sizes, numbers, stream)
                z_at(theta, origin, inverse, z)
                value = log_posterior_along(z, origin, basis, X, sizes, numbers, slope)
            for _ in range(n_moves):
                energy = -value
                angle = MAX_ANGLE * np.sqrt(uniform(stream))
                cosine, sine = np.cos(angle), np.sin(angle)
                for j in range(n):
                    p = normal(stream)
                    energy += 0.5 * p * p
                    p += 0.5 * angle * (slope[j] + z[j])
                    there[j] = z[j] * cosine + p * sine
                    momentum[j] = p * cosine - z[j] * sine
                total = energy
                new_value = log_posterior_along(there, origin, basis, X, sizes, numbers, new_slope)
                energy += new_value
                for j in range(n):
                    p = momentum[j] + 0.5 * angle * (new_slope[j] + there[j])
                    energy -= 0.5 * p * p
                if np.isfinite(energy):
                    probability += np.exp(min(energy, 0.0))
                    if np.log(uniform(stream)) < energy:
                        z, there, value = there, z, new_value
                        slope, new_slope = new_slope, slope
                        has_moved = True
            if has_moved:
                theta_at(z, origin, basis, theta)
                has_moved = False
        log_density[i] = value
        acceptance[i] = probability / (thin * n_moves)
        energies[i] = total
        # Last, as a draw counts as made once it is there.
        for j in range(n):
            draws[i, j] = theta[j]


@njit(error_model="numpy")
def sweeps(addresses, theta, X, sizes, numbers, stream, thin, draws, log_density):
    """Write down the states of a chain that makes ``thin`` sweeps a draw, before those.

    A sweep tells the likelihood where it began, so that is a draw's. Arguments as in :func:`run`.
    """
    sweep, prior = sweep_at(addresses[0]), log_density_at(sizes[12])
    before = np.empty(theta.shape[0])
    for i in range(draws.shape[0]):
        for j in range(theta.shape[0]):
            before[j] = theta[j]
        log_density[i] = prior(theta, X[:0], sizes, numbers)
        log_density[i] += sweep(addresses, theta, X, sizes, numbers, stream)
        for j in range(theta.shape[0]):
            draws[i, j] = before[j]
        for _ in range(thin - 1):
            sweep(addresses, theta, X, sizes, numbers, stream)
