"""How sure an EM fit is of its parameters."""

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

from bayesgmm.core.mixture import Mixture
from bayesgmm.data.wording import joined, plural
from bayesgmm.em.bootstrap import RESAMPLERS, Replicates, bootstrap
from bayesgmm.em.information import curvature
from bayesgmm.em.parameters import Layout
from bayesgmm.em.problem import Problem
from bayesgmm.exceptions import DataError, StandardErrorWarning

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("information", *RESAMPLERS)
# Every interval of the package: equal-tailed, 90%.
PROB = 0.9
# A fit farther below the maximum than this, in nats, is about a third of a standard error away.
FAR = 0.05


@dataclass(frozen=True, eq=False, repr=False)
class StandardErrors:
    """Standard errors of the parameters of an EM fit.

    Attributes
    ----------
    weights : (K,) array
    means : (K, D) array
    covariances : array
        Of the entries of ``covariances_``, in its shape: (K, D, D), (D, D), (K, D) or (K,).
    method : str
        "information", "weighted", "nonparametric" or "parametric".
    mixture : Mixture
        The fit.
    draws : Mixture or None
        The refitted mixtures of a bootstrap, with one leading axis and the fit's labels:
        ``draws.responsibility_interval(X, 0.9)`` is an interval for the memberships.
    reason : str or None
        Why the standard errors are NaN, where they are.

    Examples
    --------
    >>> from bayesgmm import GaussianMixture, load_dataset
    >>> faithful = load_dataset("faithful")
    >>> fit = GaussianMixture(2, random_state=0).fit(faithful)
    >>> fit.standard_errors(faithful).means.round(2).tolist()
    [[0.03, 0.46], [0.03, 0.59]]
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    method: str
    mixture: Mixture
    draws: Mixture | None = None
    reason: str | None = None
    _inverse_information: np.ndarray | None = field(default=None)

    @cached_property
    def covariance_matrix(self) -> np.ndarray:
        """Covariances of the estimates, (P, P), in the order of the rows of :attr:`table`.

        All K weights are among them, so its rank is one less: they sum to one. NaN where the
        standard errors are.
        """
        layout = Layout.of(self.mixture)
        if self._inverse_information is not None:
            return self._inverse_information
        if self.draws is None or self.reason is not None:
            return np.full((layout.size, layout.size), np.nan)
        return np.cov(layout.pack(self.draws), rowvar=False)

    @cached_property
    def table(self) -> "pd.DataFrame":
        """One row a parameter: estimate, standard error and 90% interval.

        Columns: ``parameter`` ("weight", "mean", "variance" or "covariance"), ``component`` (or
        "all" for what the components share), ``feature``, ``estimate``, ``se``, ``lower`` and
        ``upper`` bound. Of a bootstrap the interval holds 90% of the draws; else it is the normal
        one, made for the logarithm of a variance and the log odds of a weight, so that it ends
        where they do.
        """
        import pandas as pd

        layout, mixture = Layout.of(self.mixture), self.mixture
        names = mixture.feature_names or tuple(f"x{i}" for i in range(mixture.n_features))
        rows = layout.labels(names)
        estimate = layout.pack(mixture)
        native = self.covariances
        if layout.family.structure == "triangular":
            native = native[..., *layout.entries]
        se = np.concatenate([self.weights, self.means.ravel(), native.ravel()])
        if self.draws is not None and self.reason is None:
            tail = (1.0 - PROB) / 2.0
            lower, upper = np.quantile(layout.pack(self.draws), [tail, 1.0 - tail], axis=0)
        else:
            lower, upper = _normal_interval(estimate, se, [kind for kind, _, _ in rows])
        table = pd.DataFrame(rows, columns=["parameter", "component", "feature"])
        return table.assign(estimate=estimate, se=se, lower=lower, upper=upper)

    def __repr__(self) -> str:
        draws = "" if self.draws is None else f", {plural(len(self.draws), 'draw')}"
        reason = "" if self.reason is None else f", NaN: {self.reason}"
        return f"StandardErrors({self.method}{draws}{reason})"


def standard_errors(
    problem: Problem,
    mixture: Mixture,
    method: str,
    n_boot: int,
    rng: np.random.Generator,
    n_jobs: int | None = None,
    progressbar: bool = False,
) -> StandardErrors:
    """Standard errors of a fit to a problem; see :meth:`GaussianMixture.standard_errors`."""
    if method not in METHODS:
        raise DataError(f"method must be {joined(METHODS)}, one of them, got {method!r}.")
    if method == "information":
        return _from_information(problem, mixture)
    _check_whole(n_boot, "n_boot", 2)
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or n_jobs == 0):
        raise DataError(f"n_jobs must be a whole number other than 0, or None, got {n_jobs!r}.")
    replicates = bootstrap(problem, mixture, method, n_boot, rng, n_jobs, progressbar)
    return _from_replicates(replicates, mixture, method)


def _from_information(problem: Problem, mixture: Mixture) -> StandardErrors:
    found = curvature(problem, mixture)
    if found.covariance is None:
        reason = (
            "the observed information is not positive definite (smallest eigenvalue "
            f"{found.least:.1e} of the complete data's, in a direction that moves component "
            f"{found.component} most), so the fit is at no strict maximum; use fewer components, "
            "give priors=, fit to the end (tol=None, reg_covar=None), or use method='weighted'."
        )
        _warn(f"standard errors are NaN: {reason}")
        return _without(mixture, "information", reason)
    if found.gain > FAR:
        _warn(
            f"the fit is about {found.gain:.2g} nats below the maximum for these rows, so its "
            "standard errors are of the curvature at another place: give the rows and weights of "
            "fit, or fit to the end (tol=None, reg_covar=None)."
        )
    layout = Layout.of(mixture)
    errors = np.sqrt(np.maximum(np.diag(found.covariance), 0.0))
    return StandardErrors(
        *layout.split(errors),
        method="information",
        mixture=mixture,
        _inverse_information=found.covariance,
    )


def _from_replicates(replicates: Replicates, mixture: Mixture, method: str) -> StandardErrors:
    draws, n_collapsed = replicates.draws, replicates.n_collapsed
    n_left = 0 if draws is None else len(draws)
    told = (
        f"{n_collapsed} of {plural(n_left + n_collapsed, 'refit')} collapsed onto a few rows and "
        f"{'is' if n_collapsed == 1 else 'are'} left out"
    )
    if draws is None or n_left < 2:
        reason = f"{told}, so no spread can be seen; use fewer components, or give priors=."
        _warn(f"standard errors are NaN: {reason}")
        return _without(mixture, method, reason, draws)
    if n_collapsed:
        _warn(f"{told}: the errors are of the others; fewer components or priors= are safer.")
    parts = (draws.weights, draws.means, draws.native_covariances)
    weights, means, covariances = (part.std(axis=0, ddof=1) for part in parts)
    return StandardErrors(weights, means, covariances, method, mixture, draws)


def _without(
    mixture: Mixture, method: str, reason: str | None, draws: Mixture | None = None
) -> StandardErrors:
    layout = Layout.of(mixture)
    parts = layout.split(np.full(layout.size, np.nan))
    return StandardErrors(*parts, method=method, mixture=mixture, draws=draws, reason=reason)


def _normal_interval(
    estimate: np.ndarray, se: np.ndarray, kinds: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    z = NormalDist().inv_cdf((1.0 + PROB) / 2.0)
    kind = np.array(kinds)
    bounds = []
    for sign in (-1.0, 1.0):
        bound = estimate + sign * z * se
        is_variance = kind == "variance"
        v = estimate[is_variance]
        bound[is_variance] = v * np.exp(sign * z * se[is_variance] / v)
        # A single component has the weight 1 for certain.
        is_weight = (kind == "weight") & (estimate < 1.0)
        w = estimate[is_weight]
        bound[is_weight] = expit(logit(w) + sign * z * se[is_weight] / (w * (1.0 - w)))
        bounds.append(bound)
    return bounds[0], bounds[1]


def _check_whole(value: int, name: str, least: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise DataError(f"{name} must be a whole number of at least {least}, got {value!r}.")


def _warn(message: str) -> None:
    # Seen from where the user called the estimator's method.
    warnings.warn(message, StandardErrorWarning, stacklevel=5)
