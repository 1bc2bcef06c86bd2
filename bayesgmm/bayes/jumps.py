"""Chains that jump to draws of a normal approximation, with a Gibbs sweep now and then, compiled.

Where the posterior is near normal in the coordinates of :mod:`~bayesgmm.bayes.complete_data`, a
draw of that normal is as good a next state as any: an independent draw, taken or not by the rule of
Metropolis and Hastings (Tierney, 1994, doi:10.1214/aos/1176325750). A jump costs a pass over the
data without sums or gradient. The sweeps (:mod:`~bayesgmm.bayes.conditionals`) bring a chain back
from where the normal hardly comes.
"""

from typing import NamedTuple

import numpy as np

from bayesgmm.bayes import complete_data, conditionals, frames, log_posterior
from bayesgmm.bayes.complete_data import Centre, to_phi, to_theta
from bayesgmm.bayes.conditionals import sweep_at
from bayesgmm.bayes.coordinates import INFORMATION_FLOOR, LogPosterior
from bayesgmm.bayes.frames import theta_at, z_at
from bayesgmm.bayes.log_posterior import log_density_at
from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler
from bayesgmm.core.kernels.random_stream import normal, uniform

_SOURCES = complete_data.__file__, conditionals.__file__, frames.__file__, log_posterior.__file__
compiler = Compiler(*KERNEL_SOURCES, *_SOURCES, __file__)
njit, inlined = compiler.njit, compiler.inlined

# For differences: phi is of the order of one.
_STEP = 1e-3


class Proposal(NamedTuple):
    """A normal in the coordinates phi: ``origin + basis z``, z standard normal.

    Attributes
    ----------
    centre : Centre
        Of the coordinates.
    origin : (P,) array
    basis, inverse : (P, P) arrays
        The latter is the inverse of the former.
    """

    centre: Centre
    origin: np.ndarray
    basis: np.ndarray
    inverse: np.ndarray


def proposal_at(posterior: LogPosterior, mode: np.ndarray, basis: np.ndarray) -> Proposal:
    """The normal approximation at a mode.

    Parameters
    ----------
    posterior : LogPosterior
    mode : (P,) array
        Of the density over theta.
    basis : (P, P) array
        The inverse of the information there is ``basis basis'``.

    Notes
    -----
    The density over phi has a Jacobian besides, so its mode is a small step away, and its
    information is another one.
    """
    sizes = np.asarray(posterior.sizes, dtype=np.int64)
    log_weights, means, factors, _ = log_posterior.unpack(mode, sizes)
    n_factors, n = posterior.sizes.n_factors, len(mode)
    rows = len(posterior.rows) * np.exp(log_weights)
    centre = Centre(means, np.ascontiguousarray(factors[:n_factors]), rows)
    at = np.empty(n)
    to_phi(mode, centre, sizes, at)

    jacobian, slope, curvature = np.empty((n, n)), np.empty(n), np.empty(n)
    ahead, behind = np.empty(n), np.empty(n)
    volume = to_theta(at, centre, sizes, ahead)
    for i in range(n):
        step = np.zeros(n)
        step[i] = _STEP
        up = to_theta(at + step, centre, sizes, ahead)
        down = to_theta(at - step, centre, sizes, behind)
        jacobian[:, i] = (ahead - behind) / (2.0 * _STEP)
        slope[i] = (up - down) / (2.0 * _STEP)
        curvature[i] = (up - 2.0 * volume + down) / _STEP**2
    whitened = np.linalg.solve(basis, jacobian)
    values, vectors = np.linalg.eigh(whitened.T @ whitened - np.diag(curvature))
    values = np.maximum(values, INFORMATION_FLOOR)
    new_basis = np.ascontiguousarray(vectors / np.sqrt(values))
    origin = at + vectors @ ((vectors.T @ slope) / values)
    return Proposal(centre, origin, new_basis, np.linalg.inv(new_basis))


def plain(posterior: LogPosterior, place: np.ndarray, basis: np.ndarray) -> Proposal:
    """A normal over theta itself: ``place + basis z``."""
    sizes = posterior.sizes
    k, d = sizes.n_components, sizes.n_features
    own = np.eye(d) if sizes.is_triangular else np.ones((d, 1))
    centre = Centre(np.zeros((k, d)), np.tile(own, (sizes.n_factors, 1, 1)), np.zeros(k))
    return Proposal(centre, place, np.ascontiguousarray(basis), np.linalg.inv(basis))


@njit(error_model="numpy")
def propose(z, proposal, sizes, theta):
    """Write theta (P,) at z (P,); returns minus the log of the proposal's density there."""
    centre, origin, basis, _ = proposal
    phi = np.empty(theta.shape[0])
    theta_at(z, origin, basis, phi)
    return _half_square(z) + to_theta(phi, centre, sizes, theta)


@njit(error_model="numpy")
def log_improbability(theta, proposal, sizes):
    """Minus the log of the proposal's density at theta (P,), up to the same constant."""
    centre, origin, _, inverse = proposal
    phi, z = np.empty(theta.shape[0]), np.empty(theta.shape[0])
    log_volume = to_phi(theta, centre, sizes, phi)
    z_at(phi, origin, inverse, z)
    return _half_square(z) + log_volume


@inlined()
def _half_square(z):
    total = 0.0
    for i in range(z.shape[0]):
        total += z[i] * z[i]
    return 0.5 * total


@njit(error_model="numpy")
def propose_all(z, proposal, sizes, thetas):
    """Write thetas (n, P) at z (n, P); NaN where there is none."""
    for i in range(z.shape[0]):
        if not np.isfinite(propose(z[i], proposal, sizes, thetas[i])):
            for j in range(thetas.shape[1]):
                thetas[i, j] = np.nan


@njit(error_model="numpy")
def log_improbabilities(thetas, proposal, sizes, out):
    """Write :func:`log_improbability` at each of thetas (n, P)."""
    for i in range(thetas.shape[0]):
        out[i] = log_improbability(thetas[i], proposal, sizes)


@njit(error_model="numpy")
def run(
    addresses,
    theta,
    proposal,
    X,
    sizes,
    numbers,
    stream,
    n_jumps,
    sweep_every,
    thin,
    first,
    draws,
    lp,
    acceptance,
):
    """Write down the states of a chain.

    Parameters
    ----------
    addresses : in, of :func:`bayesgmm.bayes.conditionals.addresses_of`
    theta : (P,) in and out
    proposal : Proposal
    X, sizes, numbers : in, as in :func:`~bayesgmm.bayes.log_posterior.log_posterior`
    stream : (1,) in and out, uint64
    n_jumps : int
        Jumps in a cycle.
    sweep_every : int
        A sweep comes before the jumps of the first of so many cycles.
    thin : int
        Cycles for each draw.
    first : int
        Cycles that the chain has behind it.
    draws : (n, P) out
    lp : (n,) out
        The log posterior density, as ``log_posterior`` has it.
    acceptance : (n,) out
        The mean probability with which a draw's jumps were taken.
    """
    n = theta.shape[0]
    z, there = np.empty(n), np.empty(n)
    sweep, log_density = sweep_at(addresses[0]), log_density_at(sizes[12])
    value = log_density(theta, X, sizes, numbers)
    weight = value + log_improbability(theta, proposal, sizes)
    for i in range(draws.shape[0]):
        probability = 0.0
        for cycle in range(first + i * thin, first + (i + 1) * thin):
            if cycle % sweep_every == 0:
                sweep(addresses, theta, X, sizes, numbers, stream)
                value = log_density(theta, X, sizes, numbers)
                weight = value + log_improbability(theta, proposal, sizes)
            for _ in range(n_jumps):
                for j in range(n):
                    z[j] = normal(stream)
                improbability = propose(z, proposal, sizes, there)
                if not np.isfinite(improbability):
                    continue
                new_value = log_density(there, X, sizes, numbers)
                new_weight = new_value + improbability
                if np.isfinite(new_weight):
                    probability += np.exp(min(new_weight - weight, 0.0))
                    if np.log(uniform(stream)) < new_weight - weight:
                        value, weight = new_value, new_weight
                        for j in range(n):
                            theta[j] = there[j]
        lp[i] = value
        acceptance[i] = probability / (thin * n_jumps)
        # Last, as a draw counts as made once it is there.
        for j in range(n):
            draws[i, j] = theta[j]
