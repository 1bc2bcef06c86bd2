"""Coordinates phi in which the posterior would be near normal if the labels of the rows were known.

Given the labels, the mean of a component is normal about the mean of its rows, at a spread that
follows the component's own, and its precision is a Wishart matrix. About a mixture with means m and
whitening factors F, as at a mode of the posterior:

===============  ========================================================================
part             coordinates
===============  ========================================================================
means            ``u_k = W_k (mu_k - m_k)``
factors          of the lower triangle ``L = W F^-1``: ``3/2 (L_ii^(2/3) - 1)``, as cube
                 roots of chi-squares are nearly normal (Wilson and Hilferty, 1931,
                 doi:10.1073/pnas.17.12.684), and L_ij below the diagonal
the others       as in theta (:mod:`~bayesgmm.bayes.log_posterior`)
===============  ========================================================================

What is left of a posterior's skewness comes from rows whose component is in doubt. A component of
few rows is ruled by its prior, which has another shape: its mean is a coordinate as it is, and so
are the logarithms of L_ii where no other component shares its covariance.
"""

from typing import NamedTuple

import numpy as np

from bayesgmm.bayes import log_posterior as density_module
from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler

compiler = Compiler(*KERNEL_SOURCES, density_module.__file__, __file__)
njit, inlined = compiler.njit, compiler.inlined

# Components of fewer rows are ruled by their prior.
LEAST_ROWS = 10.0


class Centre(NamedTuple):
    """What the coordinates are about.

    Attributes
    ----------
    means : (K, D) array
    factors : (F, D, D) array, or (F, D, 1) for diagonal families
    rows : (K,) array
        Of each component.
    """

    means: np.ndarray
    factors: np.ndarray
    rows: np.ndarray


@njit(error_model="numpy")
def to_theta(phi, centre, sizes, theta):
    """Write theta (P,) at phi (P,); returns the log of the determinant of its derivative.

    Where there is no theta, ``L_ii`` being negative, it returns minus infinity.
    """
    means, whitening, rows = centre
    k, d, is_triangular, n_factors = sizes[0], sizes[1], sizes[2], sizes[3]
    n_entries = _entries(sizes)
    n_lines = whitening.shape[1] if not sizes[4] else 1
    start, log_volume = k - 1 + k * d, 0.0
    for p in range(phi.shape[0]):
        theta[p] = phi[p]
    W = np.zeros((n_factors, d, d if is_triangular else 1))
    row = np.empty(d)
    for f in range(n_factors):
        p = start + f * n_entries
        has_rows = _rows_of(f, n_factors, rows) >= LEAST_ROWS
        below = p + d
        for i in range(n_lines):
            log_scale = phi[p + i]
            if has_rows:
                base = 1.0 + phi[p + i] / 1.5
                if base <= 0.0:
                    return -np.inf
                log_scale = 1.5 * np.log(base)
                log_volume -= np.log(base)
            own = whitening[f, i, i if is_triangular else 0]
            theta[p + i] = log_scale + np.log(own)
            diagonal = np.exp(theta[p + i])
            if not is_triangular:
                W[f, i, 0] = diagonal
                continue
            for m in range(i):
                row[m] = phi[below + m]
            row[i] = diagonal / own
            for j in range(i):
                entry = 0.0
                for m in range(j, i + 1):
                    entry += row[m] * whitening[f, m, j]
                W[f, i, j] = entry
                theta[below + j] = entry
                log_volume += np.log(whitening[f, j, j])
            W[f, i, i] = diagonal
            below += i
        for i in range(n_lines, W.shape[1]):
            W[f, i, 0] = W[f, 0, 0]
    for j in range(k):
        if rows[j] < LEAST_ROWS:
            continue
        f, p = j % n_factors, k - 1 + j * d
        for i in range(d):
            entry = phi[p + i]
            if is_triangular:
                for m in range(i):
                    entry -= W[f, i, m] * (theta[p + m] - means[j, m])
            diagonal = W[f, i, i if is_triangular else 0]
            theta[p + i] = means[j, i] + entry / diagonal
            log_volume -= np.log(diagonal)
    return log_volume


@njit(error_model="numpy")
def to_phi(theta, centre, sizes, phi):
    """Write phi (P,) at theta (P,); returns the same as :func:`to_theta` from there."""
    means, whitening, rows = centre
    k, d, is_triangular, n_factors = sizes[0], sizes[1], sizes[2], sizes[3]
    n_entries = _entries(sizes)
    n_lines = whitening.shape[1] if not sizes[4] else 1
    start, log_volume = k - 1 + k * d, 0.0
    for p in range(theta.shape[0]):
        phi[p] = theta[p]
    for f in range(n_factors):
        p = start + f * n_entries
        has_rows = _rows_of(f, n_factors, rows) >= LEAST_ROWS
        below = p + d
        for i in range(n_lines):
            log_scale = theta[p + i] - np.log(whitening[f, i, i if is_triangular else 0])
            phi[p + i] = log_scale
            if has_rows:
                base = np.exp(log_scale / 1.5)
                phi[p + i] = 1.5 * (base - 1.0)
                log_volume -= log_scale / 1.5
            if not is_triangular:
                continue
            for j in range(i - 1, -1, -1):
                entry = theta[below + j] - np.exp(log_scale) * whitening[f, i, j]
                for m in range(j + 1, i):
                    entry -= phi[below + m] * whitening[f, m, j]
                phi[below + j] = entry / whitening[f, j, j]
                log_volume += np.log(whitening[f, j, j])
            below += i
    for j in range(k):
        if rows[j] < LEAST_ROWS:
            continue
        q, p = k - 1 + j * d, start + j % n_factors * n_entries
        below = p + d
        for i in range(d):
            log_diagonal = theta[p + (i if n_lines > 1 else 0)]
            entry = np.exp(log_diagonal) * (theta[q + i] - means[j, i])
            if is_triangular:
                for m in range(i):
                    entry += theta[below + m] * (theta[q + m] - means[j, m])
                below += i
            phi[q + i] = entry
            log_volume -= log_diagonal
    return log_volume


@inlined()
def _entries(sizes):
    """Coordinates of one factor."""
    d = sizes[1]
    if sizes[2]:
        return d * (d + 1) // 2
    return 1 if sizes[4] else d


@inlined()
def _rows_of(f, n_factors, rows):
    """Rows that covariance ``f`` has."""
    total = 0.0
    for j in range(f, rows.shape[0], n_factors):
        total += rows[j]
    return total
