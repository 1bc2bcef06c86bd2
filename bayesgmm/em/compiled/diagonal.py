"""Diagonal and spherical covariances: the M-step, and the log prior density.

A whitening factor is one over a standard deviation, for each feature or for all of a component.
Sums and variances are in units of the old standard deviations, of the order of one whatever the
units of the data.
"""

from collections.abc import Callable

import numpy as np

from bayesgmm.core.kernels.compiling import made_once
from bayesgmm.em.compiled.compiling import njit, variant
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
        """The M-step; returns whether all variances are positive.

        Arguments as in :func:`bayesgmm.em.compiled.triangular.maximise_for`.
        """
        n_components, d = first.shape
        factors = n_components + n_components * d
        # Variances of a component: one for each feature, or one for all.
        n_each = (len(old) - factors) // n_components
        mean_ridge = table[RIDGE].mean()
        within = np.empty(n_each)
        hyper = hyper_of(numbers, table, old[factors:]) if has_prior else within
        n_hyper = len(hyper)
        for k in range(n_components):
            count = counts[k]
            for j in range(n_each):
                within[j] = second[k * n_each + j]
            # About the mean that the rows have, and from there to the one that is taken.
            for j in range(d):
                within[j % n_each] -= first[k, j] * (first[k, j] / max(count, TINY))
            for j in range(n_each):
                within[j] = max(within[j], 0.0)
            for j in range(d):
                place, loc = n_components + k * d + j, table[LOC, j]
                factor = old[factors + k * n_each + j % n_each]
                found = old[place] + first[k, j] / max(count, TINY) / factor
                mean = found
                if numbers[KEEPS_MEANS]:
                    mean = old[place]
                elif has_prior and numbers[IS_CONJUGATE]:
                    mean = (count * found + numbers[STRENGTH] * loc) / (count + numbers[STRENGTH])
                elif has_prior:
                    # Deviations in prior standard deviations keep this well conditioned.
                    information = count * (factor * table[SPREAD, j]) ** 2
                    mean = loc + information / (1.0 + information) * (found - loc)
                new[place] = mean
                within[j % n_each] += count * (factor * (found - mean)) ** 2
                if has_prior and numbers[IS_CONJUGATE]:
                    within[j % n_each] += numbers[STRENGTH] * (factor * (mean - loc)) ** 2
            divisor = max(count, TINY) + (1.0 if numbers[IS_CONJUGATE] else 0.0)
            for j in range(0 if numbers[KEEPS_COVARIANCES] else n_each):
                place = factors + k * n_each + j
                square = old[place] ** 2
                if has_prior:
                    within[j] += square * (2.0 * hyper[j] if n_hyper > 0 else scatter[j])
                variance = within[j] / (divisor * (d // n_each) + numbers[DIVISOR])
                variance += square * (table[RIDGE, j] if n_each == d else mean_ridge)
                if not variance > 0.0:
                    return False
                new[place] = old[place] / np.sqrt(variance)
        return True

    return variant(maximise, f"with_prior_{has_prior}", error_model="numpy")


@njit(error_model="numpy")
def log_prior(numbers, table, concentration, scatter, mixture):
    """Log prior density of means and covariances, in nats."""
    n_components, d = len(concentration), table.shape[1]
    factors = n_components + n_components * d
    n_each = (len(mixture) - factors) // n_components
    hyper = hyper_of(numbers, table, mixture[factors:])
    n_hyper = len(hyper)
    total = numbers[CONSTANT] + log_hyperprior(numbers, table, hyper)
    for k in range(n_components):
        for j in range(d):
            offset = mixture[n_components + k * d + j] - table[LOC, j]
            factor = mixture[factors + k * n_each + j % n_each]
            if numbers[IS_CONJUGATE]:
                total += np.log(factor) - 0.5 * numbers[STRENGTH] * (factor * offset) ** 2
            else:
                total -= 0.5 * (offset / table[SPREAD, j]) ** 2
        for j in range(n_each):
            factor = mixture[factors + k * n_each + j]
            rate = hyper[j] if n_hyper > 0 else scatter[j] / 2.0
            total += (numbers[DOF] + 2.0) * np.log(factor) - rate * factor**2
            if n_hyper > 0:
                total += numbers[DOF] / 2.0 * np.log(rate)
    return total
