"""Full and tied covariances: the M-step, and the log prior density.

The step is made in the whitened coordinates of the mixture that the pass was made under, where sums
are of the order of one whatever the units of the data. With C what a covariance is to become, seen
under the old factor W, the new factor is the inverse Cholesky factor of C times W: no covariance is
formed. Priors add rows or scatter. With priors on means that do not depend on the covariances the
step is conditional (ECM: means given covariances, then covariances given means; Meng and Rubin,
1993, doi:10.1093/biomet/80.2.267).
"""

from collections.abc import Callable

import numpy as np

from bayesgmm.core.kernels.compiling import ANY_ORDER, made_once
from bayesgmm.em.compiled.compiling import inlined, inner, njit, variant
from bayesgmm.em.compiled.hyper import hyper_of, log_hyperprior
from bayesgmm.em.compiled.task import (
    CONSTANT,
    DIVISOR,
    DOF,
    IS_CONJUGATE,
    KEEPS_COVARIANCES,
    KEEPS_MEANS,
    LOC,
    RIDGE,
    SPREAD,
    STRENGTH,
)

TINY = np.finfo(float).tiny


@made_once
def maximise_for(has_prior: bool) -> Callable[..., bool]:
    """The M-step, compiled with or without what a prior adds to it."""

    def maximise(numbers, table, concentration, scatter, counts, first, second, old, new):
        """The M-step; returns whether all covariances are positive definite.

        Parameters
        ----------
        numbers, table, concentration, scatter : in, a :class:`~bayesgmm.em.compiled.task.Task`
        counts, first, second : in, the sums of a pass
        old : in, the mixture of the pass
        new : out, the next mixture; what the task keeps stands there already
        """
        n_components, d = first.shape
        start = n_components + n_components * d
        n_factors = (len(old) - start) // (d * d)
        within, lower = np.empty(d * d), np.empty(d * d)
        shift, away, y = np.empty(d), np.empty(d), np.empty(d)
        hyper = hyper_of(numbers, table, old[start:]) if has_prior else away
        divisor = 0.0
        for k in range(n_components):
            count, here = counts[k], slice(n_components + k * d, n_components + (k + 1) * d)
            W = old[start + k % n_factors * d * d : start + (k % n_factors + 1) * d * d]
            old_mean, mean = old[here], new[here]
            if k < n_factors:
                divisor = 0.0
                for p in range(d * d):
                    within[p] = second[k * d * d + p]
            divisor += max(count, TINY)
            for i in range(d):
                shift[i] = first[k, i] / max(count, TINY)
            if not numbers[KEEPS_MEANS]:
                _add_outer(within, -count, shift)
            # From whitened coordinates to those of the data: the mean that the rows have.
            for i in range(d):
                total = shift[i]
                for j in range(i):
                    total -= W[i * d + j] * away[j]
                away[i] = total / W[i * d + i]
                shift[i] = old_mean[i] + away[i]
                mean[i] = old_mean[i] if numbers[KEEPS_MEANS] else shift[i]
            if has_prior and not numbers[KEEPS_MEANS]:
                _pull(numbers, table, count, W, shift, lower, y, mean)
                _add_deviation(within, count, W, shift, mean, away, y)
            if has_prior and numbers[IS_CONJUGATE]:
                divisor += 1.0
                _add_deviation(within, numbers[STRENGTH], W, mean, table[LOC], away, y)
            if numbers[KEEPS_COVARIANCES] or (n_factors == 1 and k < n_components - 1):
                continue
            if has_prior:
                _add_scatter(within, W, scatter, hyper, shift)
            for p in range(d * d):
                within[p] /= divisor + numbers[DIVISOR]
            _add_diagonal(within, W, table[RIDGE])
            into = start + k % n_factors * d * d
            if not _cholesky(within, lower, d):
                return False
            _divide(lower, W, new[into : into + d * d], d)
        return True

    return variant(maximise, f"with_prior_{has_prior}", error_model="numpy")


@njit(error_model="numpy")
def log_prior(numbers, table, concentration, scatter, mixture):
    """Log prior density of means and covariances, in nats."""
    n_components, d = len(concentration), table.shape[1]
    start = n_components + n_components * d
    n_factors = (len(mixture) - start) // (d * d)
    hyper = hyper_of(numbers, table, mixture[start:])
    n_hyper = len(hyper)
    total = numbers[CONSTANT] + log_hyperprior(numbers, table, hyper)
    for k in range(n_components):
        W = mixture[start + k % n_factors * d * d : start + (k % n_factors + 1) * d * d]
        for i in range(d):
            offset = mixture[n_components + k * d + i] - table[LOC, i]
            if numbers[IS_CONJUGATE]:
                y = 0.0
                for j in range(i + 1):
                    y += W[i * d + j] * (mixture[n_components + k * d + j] - table[LOC, j])
                total += np.log(W[i * d + i]) - 0.5 * numbers[STRENGTH] * y * y
            else:
                total -= 0.5 * (offset / table[SPREAD, i]) ** 2
    within, row = np.zeros(d * d), np.empty(d)
    for f in range(n_factors):
        W = mixture[start + f * d * d : start + (f + 1) * d * d]
        for p in range(d * d):
            within[p] = 0.0
        _add_scatter(within, W, scatter, hyper, row)
        for i in range(d):
            total += (numbers[DOF] + d + 1.0) * np.log(W[i * d + i]) - 0.5 * within[i * d + i]
            if n_hyper > 0:
                total += numbers[DOF] / 2.0 * np.log(2.0 * hyper[i])
    return total


@inlined()
def _pull(numbers, table, count, W, found, work, y, out):
    """The mean given its prior, where the rows' own is ``found`` and the precision ``W' W``.

    A prior with a spread of its own is met in deviations from its mean, in prior standard
    deviations, which keeps this well conditioned: ``(I + A) z = A z0`` with A the information of
    the rows.
    """
    d = len(found)
    if numbers[IS_CONJUGATE]:
        for i in range(d):
            total = count * found[i] + numbers[STRENGTH] * table[LOC, i]
            out[i] = total / (count + numbers[STRENGTH])
        return
    z = np.empty(d)
    for i in range(d):
        z[i] = found[i] - table[LOC, i]
    _whiten(W, z, y)
    for i in range(d):
        z[i] = 0.0
        for m in range(i, d):
            z[i] += count * W[m * d + i] * table[SPREAD, i] * y[m]
        for j in range(i + 1):
            total = 0.0
            for m in range(i, d):
                total += W[m * d + i] * W[m * d + j]
            work[i * d + j] = count * total * table[SPREAD, i] * table[SPREAD, j]
        work[i * d + i] += 1.0
    _cholesky(work, work, d)
    for i in range(d):
        for j in range(i):
            z[i] -= work[i * d + j] * z[j]
        z[i] /= work[i * d + i]
    for i in range(d - 1, -1, -1):
        for j in range(i + 1, d):
            z[i] -= work[j * d + i] * z[j]
        z[i] /= work[i * d + i]
        out[i] = table[LOC, i] + z[i] * table[SPREAD, i]


@inner(error_model="numpy")
def _add_deviation(within, times, W, vector, centre, away, y):
    """``within += times y y'``, its lower triangle, with ``y = W (vector - centre)``."""
    for i in range(len(away)):
        away[i] = vector[i] - centre[i]
    _whiten(W, away, y)
    _add_outer(within, times, y)


@inlined()
def _whiten(W, vector, out):
    d = len(vector)
    for i in range(d):
        total = 0.0
        for j in range(i + 1):
            total += W[i * d + j] * vector[j]
        out[i] = total


@inlined()
def _add_outer(within, times, vector):
    """``within += times v v'``, its lower triangle."""
    d = len(vector)
    for i in range(d):
        for j in range(i + 1):
            within[i * d + j] += times * vector[i] * vector[j]


@inlined()
def _add_diagonal(within, W, diagonal):
    """``within += W diag W'``, its lower triangle."""
    d = len(diagonal)
    for i in range(d):
        for j in range(i + 1):
            total = 0.0
            for m in range(j + 1):
                total += W[i * d + m] * diagonal[m] * W[j * d + m]
            within[i * d + j] += total


@inner(error_model="numpy", fastmath=ANY_ORDER)
def _add_scatter(within, W, scatter, hyper, row):
    """``within += W S W'``, its lower triangle, with the fixed scale or twice ``hyper``."""
    d = len(row)
    if len(hyper) > 0:
        _add_diagonal(within, W, 2.0 * hyper)
        return
    for i in range(d):
        for m in range(d):
            row[m] = 0.0
        for p in range(i + 1):
            for m in range(d):
                row[m] += W[i * d + p] * scatter[p * d + m]
        for j in range(i + 1):
            total = 0.0
            for m in range(j + 1):
                total += row[m] * W[j * d + m]
            within[i * d + j] += total


@inner(error_model="numpy", fastmath=ANY_ORDER)
def _cholesky(matrix, lower, d):
    """The Cholesky factor from the lower triangle of ``matrix``; both may be one array.

    Returns whether the matrix is positive definite.
    """
    for i in range(d):
        for j in range(i + 1):
            total = matrix[i * d + j]
            for m in range(j):
                total -= lower[i * d + m] * lower[j * d + m]
            if j < i:
                lower[i * d + j] = total / lower[j * d + j]
            elif total > 0.0:
                lower[i * d + i] = np.sqrt(total)
            else:
                return False
    return True


@inner(error_model="numpy", fastmath=ANY_ORDER)
def _divide(lower, W, out, d):
    """``out = lower^-1 W``, lower triangular, zeros above."""
    for i in range(d):
        for j in range(d):
            out[i * d + j] = W[i * d + j]
        for m in range(i):
            for j in range(m + 1):
                out[i * d + j] -= lower[i * d + m] * out[m * d + j]
        for j in range(i + 1):
            out[i * d + j] /= lower[i * d + i]
