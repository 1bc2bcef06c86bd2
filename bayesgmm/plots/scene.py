"""What a plot is given: a fit, its rows, the names of the features."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.data import as_data, check_features
from bayesgmm.data.wording import did_you_mean, joined, with_unit
from bayesgmm.exceptions import DataError, DataTypeError
from bayesgmm.plots.geometry import marginal, point_estimate

# A row is in doubt when no cluster reaches this membership.
SURE = 0.9


@dataclass(frozen=True, eq=False)
class Scene:
    """A mixture and its rows, checked against each other.

    Attributes
    ----------
    mixture : Mixture
    values : (N, D) array or None
    names : tuple of str
        Names of the features.
    labels : tuple of str
        The names with their units, where the frame has them in ``attrs["units"]``.
    rows : sequence
        What the rows are called: the frame's index, or their positions from 0.
    """

    mixture: Mixture
    values: np.ndarray | None
    names: tuple[str, ...]
    labels: tuple[str, ...]
    rows: Sequence[Any]

    @property
    def data(self) -> np.ndarray:
        """The rows, where the plot cannot do without them."""
        if self.values is None:
            raise DataError("this plot needs the rows; pass X.")
        return self.values

    def restrict(self, features: tuple[int, ...]) -> "Scene":
        """The same rows and the marginal mixture of some features."""
        return replace(
            self,
            mixture=marginal(self.mixture, features),
            values=None if self.values is None else self.values[:, list(features)],
            names=tuple(self.names[j] for j in features),
            labels=tuple(self.labels[j] for j in features),
        )


def mixture_of(fit: Any) -> Mixture:
    """The mixture of a fit, or the mixture itself.

    Raises
    ------
    DataTypeError
        If there is none.
    """
    mixture = fit if isinstance(fit, Mixture) else getattr(fit, "mixture_", None)
    if not isinstance(mixture, Mixture):
        kind = fit.__name__ if isinstance(fit, type) else type(fit).__name__
        remedy = "call fit(X) first" if hasattr(fit, "fit") else "pass what fit(X) returns"
        raise DataTypeError(f"a fitted mixture is needed, got {kind} without one; {remedy}.")
    return mixture


def read_scene(fit: Any, X: Any = None) -> Scene:
    """Check rows against a fit and find the names."""
    mixture = mixture_of(fit)
    names, values, rows = mixture.feature_names, None, ()
    if names is None and hasattr(fit, "feature_names_in_"):
        names = tuple(str(name) for name in fit.feature_names_in_)
    if X is not None:
        data = as_data(X, dtype=np.float64)
        check_features(data, mixture.n_features, names, estimator=type(fit).__name__)
        names, values = names or data.feature_names, data.values
        # Of the frames only pandas' has an index; a list has a method of that name.
        index = getattr(X, "index", None)
        rows = range(len(values)) if index is None or callable(index) else list(index)
    names = names or tuple(f"x{j}" for j in range(mixture.n_features))
    units = getattr(X, "attrs", {}).get("units", {})
    labels = tuple(with_unit(name, units.get(name, "")) for name in names)
    return Scene(mixture, values, names, labels, rows)


def check_prob(prob: float, name: str = "prob") -> float:
    """A probability strictly between 0 and 1."""
    if not 0.0 < prob < 1.0:
        raise DataError(f"{name} must lie between 0 and 1, got {prob}; write 0.9 for 90 per cent.")
    return float(prob)


def feature_index(scene: Scene, feature: int | str) -> int:
    """Position of a feature given by name or position."""
    if isinstance(feature, str):
        if feature not in scene.names:
            raise DataError(
                f"feature must be one of {joined(scene.names)}, got {feature!r}"
                f"{did_you_mean(feature, scene.names)}."
            )
        return scene.names.index(feature)
    try:
        position = operator.index(feature)
    except TypeError:
        raise DataError(
            f"a feature is given by its name or its position, got {feature!r}."
        ) from None
    if not -len(scene.names) <= position < len(scene.names):
        raise DataError(
            f"feature must lie between 0 and {len(scene.names) - 1}, got {position}; "
            f"the features are {joined(scene.names)}."
        )
    return position % len(scene.names)


def feature_pair(scene: Scene, features: Sequence[int | str] | None) -> tuple[int, int]:
    """The two features to draw: those asked for, or those that tell the components apart best."""
    if features is None:
        first, second = sorted(most_separating(scene.mixture, 2))
        return first, second
    if isinstance(features, str) or len(features) != 2:
        raise DataError(
            f"features must name two features, got {features!r}; choose from {joined(scene.names)}."
        )
    first, second = (feature_index(scene, feature) for feature in features)
    if first == second:
        raise DataError(f"features must differ, got {scene.names[first]!r} twice.")
    return first, second


def most_separating(mixture: Mixture, n: int) -> list[int]:
    """The ``n`` features with the largest share of their variance between the components."""
    weights, means, covariances = point_estimate(mixture)
    centre = weights @ means
    between = weights @ (means - centre) ** 2
    within = weights @ np.diagonal(covariances, axis1=-2, axis2=-1)
    order = np.argsort(-between / (between + within), kind="stable")
    return [int(j) for j in order[:n]]


def note_on_choice(scene: Scene, n: int, features: Any) -> str:
    """How ``n`` of more features were chosen, unless the caller did."""
    if features is not None or n >= scene.mixture.n_features:
        return ""
    number, verb = ("one", "differs") if n == 1 else (n, "differ")
    return f"the {number} of {scene.mixture.n_features} features that {verb} most"


def rows_in_doubt(memberships: np.ndarray) -> np.ndarray:
    """Which rows have no membership of 90 % or more, (N,) bool."""
    return memberships.max(axis=1) < SURE
