"""Normals at the modes of the posterior, in coordinates in which it is nearly normal, compiled."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bayesgmm.bayes import complete_data, frames, log_posterior
from bayesgmm.bayes.complete_data import Centre, to_phi, to_theta
from bayesgmm.bayes.coordinates import INFORMATION_FLOOR, LogPosterior
from bayesgmm.bayes.frames import theta_at
from bayesgmm.core.kernels.compiling import ANY_ORDER, KERNEL_SOURCES, Compiler
from bayesgmm.core.kernels.random_stream import uniform

SOURCES = complete_data.__file__, frames.__file__, log_posterior.__file__, __file__
compiler = Compiler(*KERNEL_SOURCES, *SOURCES)
njit, inner = compiler.njit, compiler.inner

# For differences: phi is of the order of one.
_STEP = 1e-3
# Normals whose log density is lower than the others' together by more than this are left out.
_NEGLIGIBLE = 40.0


class Normal(NamedTuple):
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


class Proposal(NamedTuple):
    """A mixture of M normals, each in coordinates of its own.

    Attributes
    ----------
    normals : Normal
        With a leading axis, (M, ...), in each array.
    shares : (M,) array
        In sum one.
    log_heights : (M,) array
        Log density of each at its origin, its share included, up to a constant.
    """

    normals: Normal
    shares: np.ndarray
    log_heights: np.ndarray


def normal_at(posterior: LogPosterior, mode: np.ndarray, basis: np.ndarray) -> Normal:
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
    return Normal(centre, origin, new_basis, np.linalg.inv(new_basis))


def plain(posterior: LogPosterior, place: np.ndarray, basis: np.ndarray) -> Normal:
    """A normal over theta itself: ``place + basis z``."""
    sizes = posterior.sizes
    k, d = sizes.n_components, sizes.n_features
    own = np.eye(d) if sizes.is_triangular else np.ones((d, 1))
    centre = Centre(np.zeros((k, d)), np.tile(own, (sizes.n_factors, 1, 1)), np.zeros(k))
    return Normal(centre, place, np.ascontiguousarray(basis), np.linalg.inv(basis))


def mixture_of(normals: Sequence[Normal], shares: np.ndarray) -> Proposal:
    """The mixture of normals with shares, in sum one."""
    centres = Centre(*map(np.array, zip(*(normal.centre for normal in normals), strict=True)))
    rest = map(np.array, zip(*(normal[1:] for normal in normals), strict=True))
    stacked = Normal(centres, *rest)
    return Proposal(stacked, shares, np.log(shares) + np.linalg.slogdet(stacked.inverse)[1])


@inner(error_model="numpy")
def pick(proposal, stream):
    """Draw the number of one of the normals, by their shares."""
    last = proposal.shares.shape[0] - 1
    left = uniform(stream)
    for m in range(last):
        left -= proposal.shares[m]
        if left < 0.0:
            return m
    return last


@inner(error_model="numpy")
def propose(z, m, proposal, sizes, theta):
    """Write theta (P,) at z (P,) of normal number m; returns the log of the mixture's density.

    That is up to a constant, and minus infinity where there is no theta.
    """
    normal = _normal(proposal, m)
    phi = np.empty(theta.shape[0])
    theta_at(z, normal.origin, normal.basis, phi)
    log_volume = to_theta(phi, normal.centre, sizes, theta)
    if not np.isfinite(log_volume):
        return -np.inf
    if proposal.shares.shape[0] == 1:
        return proposal.log_heights[0] - _half_square(z) - log_volume
    return log_probability(theta, proposal, sizes)


@inner(error_model="numpy")
def log_probability(theta, proposal, sizes):
    """The log of the mixture's density at theta (P,), up to the same constant."""
    phi = np.empty(theta.shape[0])
    total = -np.inf
    for m in range(proposal.shares.shape[0]):
        normal = _normal(proposal, m)
        log_volume = to_phi(theta, normal.centre, sizes, phi)
        height = proposal.log_heights[m] - log_volume
        part = height - _half_square_at(phi, normal, height - total + _NEGLIGIBLE)
        high, low = max(total, part), min(total, part)
        total = high if low == -np.inf else high + np.log1p(np.exp(low - high))
    return total


@inner(fastmath=ANY_ORDER, error_model="numpy")
def _half_square_at(phi, normal, most):
    """Half the square of the z at phi, or, where it is more than ``most``, so much or more."""
    away = np.empty(phi.shape[0])
    for j in range(away.shape[0]):
        away[j] = phi[j] - normal.origin[j]
    total = 0.0
    # The directions in which the normal is narrowest are last, and soon tell that it is far off.
    for i in range(away.shape[0] - 1, -1, -1):
        z = 0.0
        for j in range(away.shape[0]):
            z += normal.inverse[i, j] * away[j]
        total += 0.5 * z * z
        if total > most:
            break
    return total


@inner(error_model="numpy")
def _normal(proposal, m):
    centre, origin, basis, inverse = proposal.normals
    centre = Centre(centre.means[m], centre.factors[m], centre.rows[m])
    return Normal(centre, origin[m], basis[m], inverse[m])


@inner(error_model="numpy")
def _half_square(z):
    total = 0.0
    for i in range(z.shape[0]):
        total += z[i] * z[i]
    return 0.5 * total


@njit(error_model="numpy")
def propose_all(z, which, proposal, sizes, thetas, log_q):
    """Write thetas (n, P) at z (n, P) of normals ``which`` (n,), and the log densities (n,).

    NaN and minus infinity where there is no theta.
    """
    for i in range(z.shape[0]):
        log_q[i] = propose(z[i], which[i], proposal, sizes, thetas[i])
        if log_q[i] == -np.inf:
            for j in range(thetas.shape[1]):
                thetas[i, j] = np.nan
