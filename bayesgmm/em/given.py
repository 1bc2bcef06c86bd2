"""What the user gives of a start: parts of it, or labels of the rows; checked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.data.wording import joined
from bayesgmm.em.clusterings import Rows, one_hot
from bayesgmm.em.problem import Problem
from bayesgmm.em.starts import from_responsibilities
from bayesgmm.exceptions import DataError

_PARTS = ("weights", "means", "whitening")


@dataclass(frozen=True)
class Given:
    """The given parts of a start.

    Attributes
    ----------
    parts : dict
        Of "weights", "means" and "whitening" those that are given.
    memberships : (N, K) array or None
        Of the rows; with them a start is whole.
    """

    parts: dict[str, np.ndarray]
    memberships: np.ndarray | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to chance."""
        return self.memberships is not None or len(self.parts) == len(_PARTS)

    def put_into(self, start: Mixture) -> Mixture:
        """A start with the given parts in their places."""
        return replace(start, **self.parts)

    def start(self, problem: Problem) -> Mixture:
        """The start, where it is whole."""
        if self.memberships is not None:
            return self.put_into(from_responsibilities(Rows(problem), self.memberships))
        parts: dict[str, Any] = self.parts
        return Mixture(**parts, covariance_type=problem.family.name)


def given_parts(
    weights: Any,
    means: Any,
    precisions: Any,
    memberships: np.ndarray | None,
    n_components: int,
    problem: Problem,
) -> Given | None:
    """What is given of a start, or None if nothing is.

    Parameters
    ----------
    weights : (K,) array_like or None
        Non-negative, summing to one.
    means : (K, D) array_like or None
    precisions : array_like in the family's native shape, or None
        Symmetric positive definite, or positive for diagonal families.
    memberships : (N, K) array or None
        Of the problem's rows, as :func:`memberships_of` returns them.

    Raises
    ------
    DataError
        If one has another shape or other values.
    """
    parts: dict[str, np.ndarray] = {}
    if weights is not None:
        parts["weights"] = _weights(weights, n_components)
    if means is not None:
        parts["means"] = _shaped(means, (n_components, problem.n_features), "means")
    if precisions is not None:
        parts["whitening"] = _whitening(precisions, n_components, problem)
    return Given(parts, memberships) if parts or memberships is not None else None


def memberships_of(labels: Any, n_rows: int, n_components: int) -> np.ndarray:
    """Memberships (N, K) from labels (N,), or from memberships themselves, checked.

    Raises
    ------
    DataError
        If they are not one label from 0 to K - 1 for each row, every one of them used; or not
        K shares for each row, each zero or more, that sum to one.
    """
    array = np.asarray(labels)
    if array.shape == (n_rows,):
        return one_hot(_labels(array, n_components), n_components)
    if array.shape != (n_rows, n_components):
        raise DataError(
            f"labels_init must hold one label for each of the {n_rows} rows, or memberships of "
            f"shape {(n_rows, n_components)}, got shape {array.shape}."
        )
    try:
        shares = array.astype(float)
    except (TypeError, ValueError):
        raise DataError(
            f"labels_init must hold numbers, got values of type {array.dtype}."
        ) from None
    wrong = ~(np.all(shares >= 0.0, axis=1) & np.isclose(shares.sum(axis=1), 1.0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            "memberships in labels_init must be zero or more and sum to 1 in each row, but row "
            f"{row} (counting from 0) holds {np.array2string(shares[row], precision=4)}; divide "
            "each row by its sum."
        )
    _check_all_used(shares.sum(axis=0), n_components)
    return shares


def checked_fixed(fixed: Sequence[str], is_given: dict[str, bool]) -> frozenset[str]:
    """The parts that no step is to change.

    Parameters
    ----------
    fixed : sequence of str
    is_given : dict
        For "weights", "means" and "covariances", whether their start is given.

    Raises
    ------
    DataError
        If there is no such part, or its start is left to chance.
    """
    for part in fixed:
        if part not in is_given:
            raise DataError(f"fixed must hold some of {joined(is_given)}, got {part!r}.")
        if not is_given[part]:
            argument = "precisions_init" if part == "covariances" else f"{part}_init"
            raise DataError(
                f"fixed={part!r} keeps the {part} as they are at the start, but none are given; "
                f"give {argument} or labels_init, or go on from a fit with warm_start=True."
            )
    return frozenset(fixed)


def _labels(array: np.ndarray, n_components: int) -> np.ndarray:
    hint = "np.unique(labels, return_inverse=True)[1] numbers labels of any kind."
    try:
        numbers = array.astype(float)
    except (TypeError, ValueError):
        raise DataError(
            f"labels_init must hold integers from 0 to {n_components - 1}, got values like "
            f"{array[0]!r}; {hint}"
        ) from None
    wrong = ~((numbers >= 0) & (numbers < n_components) & (numbers == np.floor(numbers)))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"labels_init must hold integers from 0 to {n_components - 1}, got {array[row]} at "
            f"row {row} (counting from 0); {hint}"
        )
    labels = numbers.astype(int)
    _check_all_used(np.bincount(labels, minlength=n_components), n_components)
    return labels


def _check_all_used(counts: np.ndarray, n_components: int) -> None:
    if not counts.all():
        unused = int(np.argmin(counts))
        raise DataError(
            f"labels_init must give every one of the {n_components} components some rows, but "
            f"component {unused} has none; set n_components to the number of labels."
        )


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
