"""Triangular factors of many small matrices, without LAPACK's cost of a call for each."""

import numpy as np

from bayesgmm.core.kernels.compiling import inner, njit


@inner(error_model="numpy")
def invert_lower(lower, out):
    """Write the inverse of the lower triangle ``lower`` (D, D) into ``out``, zeros above."""
    d = lower.shape[0]
    for j in range(d):
        for i in range(j):
            out[i, j] = 0.0
        out[j, j] = 1.0 / lower[j, j]
        for i in range(j + 1, d):
            total = 0.0
            for m in range(j, i):
                total += lower[i, m] * out[m, j]
            out[i, j] = -total / lower[i, i]


@njit(error_model="numpy")
def inverses(lowers, out):
    """Inverses of lower triangular matrices (M, D, D); returns whether all have one."""
    for m in range(len(lowers)):
        for i in range(lowers.shape[1]):
            if lowers[m, i, i] == 0.0:
                return False
        invert_lower(lowers[m], out[m])
    return True


@njit(error_model="numpy")
def inverse_choleskys(covariances, lower, out):
    """Inverse Cholesky factors of matrices (M, D, D); returns whether all are positive definite.

    ``lower`` (D, D) is overwritten.
    """
    for m in range(len(covariances)):
        for j in range(len(lower)):
            for i in range(j, len(lower)):
                total = covariances[m, i, j]
                for c in range(j):
                    total -= lower[i, c] * lower[j, c]
                if i > j:
                    lower[i, j] = total / lower[j, j]
                elif total > 0.0:
                    lower[j, j] = np.sqrt(total)
                else:
                    return False
        invert_lower(lower, out[m])
    return True
