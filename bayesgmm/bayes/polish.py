"""From modes under a prior that EM takes to those under the prior that is meant."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.modes import Optimum
from bayesgmm.em.degeneracy import FLATNESS, flatness

# What SciPy says where it stops before it has arrived.
_LIMIT = 1


def polished(posterior: LogPosterior, optima: Sequence[Optimum]) -> list[Optimum]:
    """The modes of the joint density near each of some places, the highest first.

    The density is that of weights, means and covariances themselves, as ``map_`` has it: not that
    of the sampler's coordinates. Weights that have no mode have near priors that do. Where the way
    up leads to a component without spread there is no mode, and the place itself stands for it.
    """
    priors = posterior.priors.bounded()
    bounded = replace(posterior, problem=replace(posterior.problem, priors=priors))

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        with np.errstate(all="ignore"):
            value, slope = bounded.value_and_gradient(theta)
            log_volume, slope_of_volume = _log_volume(bounded, theta)
        value -= log_volume
        if not (np.isfinite(value) and np.all(np.isfinite(slope))):
            return np.inf, np.zeros_like(theta)
        return -value, slope_of_volume - slope

    options = {"maxiter": 2000, "maxfun": 4000, "ftol": 1e-14, "gtol": 1e-7}
    found = []
    for mixture, hyper in optima:
        start = bounded.pack(mixture, hyper)
        at = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
        there = bounded.unpack(at.x)[0]
        if at.status == _LIMIT or flatness(there, posterior.problem).min() < FLATNESS:
            found.append((loss(start)[0], mixture))
        else:
            found.append((at.fun, there))
    found.sort(key=lambda each: each[0])
    names = optima[0][0].feature_names
    return [(replace(mixture, feature_names=names), None) for _, mixture in found]


def _log_volume(posterior: LogPosterior, theta: np.ndarray) -> tuple[float, np.ndarray]:
    """How much weights, means and covariances change with theta: log and gradient, but a constant.

    A covariance has, over its free entries, a product of powers ``i - 2 D - 1`` of the diagonal of
    its whitening factor; a variance the power -2.
    """
    sizes = posterior.sizes
    k, d, length = sizes.n_components, sizes.n_features, sizes.factor_length
    gradient = np.zeros_like(theta)
    start = k - 1 + k * d
    powers = np.zeros(length)
    powers[: d if sizes.is_triangular else length] = (
        np.arange(d) - 2.0 * d if sizes.is_triangular else -2.0
    )
    gradient[start : start + sizes.n_factors * length] = np.tile(powers, sizes.n_factors)
    value = gradient @ theta
    log_odds = np.append(theta[: k - 1], 0.0)
    log_total = np.logaddexp.reduce(log_odds)
    value += log_odds.sum() - k * log_total
    gradient[: k - 1] = 1.0 - k * np.exp(log_odds[:-1] - log_total)
    return float(value), gradient
