"""What the estimators share: what a fit can say about rows, and what messages say instead.

An EM fit is a posterior with one draw, so one set of methods serves both.
"""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted

from bayesgmm.core.mixture import Mixture
from bayesgmm.core.random_state import as_generator
from bayesgmm.data.arguments import refuse_keywords, with_near_name
from bayesgmm.data.validate import as_data, as_sample_weight, check_features
from bayesgmm.exceptions import DataError

# Attributes that another estimator, package or function has, and what to use of an EM fit.
_POSTERIOR = "a posterior has it, and this is one best fit: use BayesianGaussianMixture"
INSTEAD = {
    "save": "use bayesgmm.save(fit, path)",
    "load": "use bayesgmm.load(path)",
    "labels_": "use predict(X)",
    "loo": f"{_POSTERIOR}, or bic(X) or icl(X) here",
    "waic": f"{_POSTERIOR}, or bic(X) or icl(X) here",
    "posterior_": _POSTERIOR,
    "diagnostics_": f"{_POSTERIOR}, or converged_ and starts_ here",
    "map_": "this is one best fit, with priors= the posterior's mode: use mixture_",
}
# Arguments of the posterior's methods.
_OF_DRAWS = {
    "interval": "one best fit has no spread of memberships; use BayesianGaussianMixture, which has"
}


class MixturePredictor:
    """Methods of an estimator that has ``mixture_``, ``random_state`` and ``n_features_in_``."""

    mixture_: Mixture
    n_features_in_: int
    random_state: Any
    _instead: ClassVar[dict[str, str]] = INSTEAD
    _parameter_constraints: ClassVar[dict[str, list[Any]]]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            is_result = name.endswith("_") and not name.startswith("_")
            is_fitted = "mixture_" in vars(self)
            why = ""
            if name in self._instead:
                why = f": {self._instead[name]}."
            elif is_result and not is_fitted and not hasattr(type(self), name):
                why = " before it is fitted: call fit(X) first."
            if why:
                raise AttributeError(
                    f"{type(self).__name__!r} object has no attribute {name!r}{why}",
                    name=name,
                    obj=self,
                )
            # Not there, or a property that failed: the error is raised once more.
            return object.__getattribute__(self, name)

    def predict_proba(self, X: Any, **other: Any) -> np.ndarray:
        """Probability that each row belongs to each component, (N, K).

        For a posterior it is averaged over the draws, and so counts both the overlap of the
        components and the doubt about them.
        """
        refuse_keywords(f"{type(self).__name__}.predict_proba", other, _OF_DRAWS)
        rows = self._new_rows(X)
        return self.mixture_.mean_responsibilities(rows)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable component of each row, (N,)."""
        return self.predict_proba(X).argmax(axis=1)

    def score_samples(self, X: Any) -> np.ndarray:
        """Log density of each row in nats, (N,); for a posterior, of the posterior predictive."""
        rows = self._new_rows(X)
        return self.mixture_.predictive_log_density(rows)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean log density of the rows, in nats.

        Parameters
        ----------
        X : (N, D) array_like or frame
        y : ignored
        sample_weight : (N,) array_like, optional
        """
        density = self.score_samples(X)
        return float(np.average(density, weights=as_sample_weight(sample_weight, len(density))))

    def sample(self, n_samples: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Draw new rows (n_samples, D) and their components (n_samples,).

        For a posterior, each row comes from a draw chosen at random: the posterior predictive.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise DataError(
                f"Invalid value for 'n_samples': {n_samples}. The sampling requires at least one "
                "sample."
            )
        return self.mixture_.sample(n_samples, as_generator(self.random_state))

    def _validate_params(self) -> None:
        try:
            super()._validate_params()  # pyright: ignore
        except InvalidParameterError as error:
            arguments = self.get_params(deep=False)  # pyright: ignore
            message = with_near_name(str(error), self._parameter_constraints, arguments)
            raise InvalidParameterError(message) from None

    def _new_rows(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        data = as_data(X)
        names = getattr(self, "feature_names_in_", None)
        expected = None if names is None else tuple(names)
        check_features(data, self.n_features_in_, expected, estimator=type(self).__name__)
        return data.values

    def _keep_features(self, n_features: int, names: tuple[str, ...] | None) -> None:
        self.n_features_in_ = n_features
        if names is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
