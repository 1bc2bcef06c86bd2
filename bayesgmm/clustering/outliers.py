"""Rows of low density: anomaly detection with a promised rate."""

import warnings
from collections.abc import Callable
from functools import wraps
from inspect import signature
from numbers import Real
from typing import Any, ClassVar, Self, cast

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from bayesgmm.core.random_state import as_generator
from bayesgmm.data.arguments import refuse_unknown
from bayesgmm.data.validate import as_data
from bayesgmm.em.estimator import GaussianMixture
from bayesgmm.exceptions import DataError, DegeneracyWarning
from bayesgmm.prediction import MixturePredictor

# Rows simulated from the fit to find its rates: a rate of 1% is then known to about 0.05%.
N_SIMULATED = 50_000
# The rate where neither it nor a contamination is given.
FALSE_ALARM_RATE = 0.01
# Without an estimator, EM with up to this many components competes by BIC.
MAX_COMPONENTS = 5
# Arguments of the estimators.
_GIVE = "give estimator={}GaussianMixture(2{}) or the like"
_OF_ESTIMATORS = {
    **{name: _GIVE.format("", f", {name}=...") for name in GaussianMixture._get_param_names()},
    **{
        name: _GIVE.format("Bayesian", f", {name}=...")
        for name in ("priors", "sampler", "draws", "tune", "chains", "checkpoint")
    },
    "n_components": _GIVE.format("", ""),
}


class _Ours(HasMethods):
    """scikit-learn's constraint for an estimator, narrowed to those with a ``mixture_``."""

    def is_satisfied_by(self, val: Any) -> bool:
        return isinstance(val, MixturePredictor)

    def __str__(self) -> str:
        return (
            "a GaussianMixture or BayesianGaussianMixture of bayesgmm, "
            "such as bayesgmm.GaussianMixture(2),"
        )


def _refusing_others[Init: Callable[..., None]](init: Init) -> Init:
    """Refuse arguments that ``init`` does not have, and leave it the signature that it has.

    scikit-learn's checks would give a value to ``**other``.
    """
    known = [name for name in signature(init).parameters if name != "self"]

    @wraps(init)
    def checked(self: Any, *arguments: Any, **named: Any) -> None:
        others = [name for name in named if name not in known]
        refuse_unknown("GaussianMixtureOutlierDetector", others, known, _OF_ESTIMATORS)
        init(self, *arguments, **named)

    return cast(Init, checked)


class GaussianMixtureOutlierDetector(OutlierMixin, BaseEstimator):
    """Call a row an outlier if its density under a Gaussian mixture is too low.

    Parameters
    ----------
    estimator : GaussianMixture or BayesianGaussianMixture, optional
        Cloned and fitted. A posterior judges rows by its predictive density, and so allows for what
        it does not know. By default EM with full covariances and as many components, up to five, as
        BIC prefers.
    contamination : float, optional
        Share of the training rows to call outliers, in place of ``false_alarm_rate``.
    false_alarm_rate : float, optional
        Probability that a new row of the fitted mixture itself is called an outlier: the rows
        outside its highest-density region of that probability. Without it or ``contamination``
        0.01.
    random_state : int, Generator, RandomState or None
        For the simulation behind the rates, and the default estimator.

    Attributes
    ----------
    estimator_ : the fitted estimator
    offset_ : float
        The log density below which a row is an outlier.
    n_features_in_ : int
    feature_names_in_ : (D,) array of str
        Set when the data name their columns.

    Raises
    ------
    TypeError
        For arguments that belong to the estimator, or to nothing; the message says where.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [_Ours("fit"), None],
        "contamination": [Interval(Real, 0.0, 0.5, closed="right"), None],
        "false_alarm_rate": [Interval(Real, 0.0, 1.0, closed="neither"), None],
        "random_state": ["random_state", np.random.Generator],
    }

    @_refusing_others
    def __init__(
        self,
        estimator: Any = None,
        *,
        contamination: float | None = None,
        false_alarm_rate: float | None = None,
        random_state: Any = None,
    ):
        self.estimator = estimator
        self.contamination = contamination
        self.false_alarm_rate = false_alarm_rate
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the mixture and find the threshold.

        Parameters
        ----------
        X : (N, D) array_like or frame
        y : ignored

        Raises
        ------
        DataError
            If both ``contamination`` and ``false_alarm_rate`` are given.
        """
        self._validate_params()
        if self.contamination is not None and self.false_alarm_rate is not None:
            raise DataError(
                f"contamination={self.contamination} and "
                f"false_alarm_rate={self.false_alarm_rate} each set the threshold; give only one."
            )
        rng = as_generator(self.random_state)
        if self.estimator is None:
            self.estimator_ = _by_bic(X, rng)
        else:
            estimator: Any = clone(self.estimator)
            self.estimator_ = estimator.fit(X)
        self.n_features_in_ = self.estimator_.n_features_in_
        if hasattr(self.estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.estimator_.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        mixture = self.estimator_.mixture_
        simulated, _ = mixture.sample(N_SIMULATED, rng)
        self._simulated = np.sort(mixture.predictive_log_density(simulated))
        if self.contamination is None:
            rate = FALSE_ALARM_RATE if self.false_alarm_rate is None else self.false_alarm_rate
            self.offset_ = float(np.quantile(self._simulated, rate))
        else:
            self.offset_ = float(np.quantile(self.score_samples(X), self.contamination))
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Log density of each row in nats, (N,): the lower, the odder."""
        check_is_fitted(self)
        return self.estimator_.score_samples(X)

    def decision_function(self, X: Any) -> np.ndarray:
        """Log density above the threshold, (N,): negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """-1 for outliers and 1 for the others, (N,)."""
        return np.where(self.decision_function(X) < 0.0, -1, 1)

    def tail_probability(self, X: Any) -> np.ndarray:
        """Probability that a new row of the mixture has a lower density than each row, (N,).

        One minus the probability of the smallest highest-density region that holds the row; known
        to about 1 / 50,000.
        """
        density = self.score_samples(X)
        below = np.searchsorted(self._simulated, density)
        return (below + 1.0) / (len(self._simulated) + 1.0)


def _by_bic(X: Any, rng: np.random.Generator) -> GaussianMixture:
    n_distinct = len(np.unique(as_data(X).values, axis=0))
    fits = [GaussianMixture(1, random_state=rng).fit(X)]
    for k in range(2, min(MAX_COMPONENTS, n_distinct) + 1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DegeneracyWarning)
            fit = GaussianMixture(k, random_state=rng).fit(X)
        if fit.starts_.all_collapsed:
            # Too few rows for so many components, and for more; its likelihood has no bound.
            break
        fits.append(fit)
    return min(fits, key=lambda fit: fit.bic(X))
