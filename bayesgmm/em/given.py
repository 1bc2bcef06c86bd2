"""The parts of a start that the user gives, checked."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.em.problem import Problem
from bayesgmm.exceptions import DataError


def given_parts(
    weights: Any, means: Any, precisions: Any, n_components: int, problem: Problem
) -> Callable[[Mixture], Mixture] | None:
    """A function that puts the given parts into a start, or None if none is given.

    Parameters
    ----------
    weights : (K,) array_like or None
        Non-negative, summing to one.
    means : (K, D) array_like or None
    precisions : array_like in the family's native shape, or None
        Symmetric positive definite, or positive for diagonal families.

    Raises
    ------
    DataError
        If one has another shape or other values.
    """
    if weights is None and means is None and precisions is None:
        return None
    parts: dict[str, np.ndarray] = {}
    d = problem.n_features
    if weights is not None:
        parts["weights"] = _weights(weights, n_components)
    if means is not None:
        parts["means"] = _shaped(means, (n_components, d), "means")
    if precisions is not None:
        parts["whitening"] = _whitening(precisions, n_components, problem)
    return lambda start: replace(start, **parts)


def _shaped(value: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    array = np.asarray(value, dtype=float)
    if array.shape != shape:
        raise DataError(
            f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}"
        )
    if not np.all(np.isfinite(array)):
        raise DataError(f"The parameter '{name}' should be finite, but holds NaN or infinity")
    return array


def _weights(value: Any, n_components: int) -> np.ndarray:
    weights = _shaped(value, (n_components,), "weights")
    if np.any(weights < 0.0) or np.any(weights > 1.0):
        raise DataError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{weights.max():.5f}, min value {weights.min():.5f}"
        )
    if not np.isclose(weights.sum(), 1.0):
        raise DataError(
            "The parameter 'weights' should be normalized, but got sum(weights) = "
            f"{weights.sum():.5f}"
        )
    return weights


def _whitening(value: Any, n_components: int, problem: Problem) -> np.ndarray:
    family = problem.family
    shape = family.native_shape(n_components, problem.n_features)
    precisions = _shaped(value, shape, f"{family.name} precision")
    if family.structure == "diagonal":
        if np.any(precisions <= 0.0):
            raise DataError(f"'{family.name} precision' should be positive")
        return np.sqrt(precisions)
    symmetric = np.allclose(precisions, np.swapaxes(precisions, -1, -2))
    if not symmetric or np.any(np.linalg.eigvalsh(precisions) <= 0.0):
        raise DataError(f"'{family.name} precision' should be symmetric, positive-definite")
    return family.whiten(np.linalg.inv(precisions))
