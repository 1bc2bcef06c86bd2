"""Value and finished gradients of a mixture's log-likelihood for the scales people write.

The compiled pass (:mod:`bayesgmm.core.kernels`) speaks one language: the whitening factor ``W``
with ``y = W (x - mu)``. Models are written in others, so each *kind* here turns its scale into
``W``, runs the pass once and carries the sums back to the gradient of its own scale:

===============  ==========================  =============================================
kind             scale                       covariance
===============  ==========================  =============================================
``"whitening"``  ``W`` (K, D, D) lower       ``(W' W)^-1``
``"cholesky"``   ``L`` (K, D, D) lower       ``L L'``
``"diagonal"``   ``sigma`` (K, D), sds       ``diag(sigma ** 2)``
===============  ==========================  =============================================

Parameters outside the support (a diagonal entry that is not positive, anything not finite) have
log-density ``-inf`` and gradient zero, so that a sampler rejects the point.

The functions are ordinary Python: they run as they are, and compile where a graph is compiled.
They are not compiled here because a compiled caller in one file does not notice that its callee
in another has changed; :data:`VERSION` tells PyTensor's cache instead.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from bayesgmm.core.kernels import diagonal, gradient, softmax, triangular
from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler
from bayesgmm.core.kernels.exact import sums_of

__all__ = ["KINDS", "VERSION", "FusedPass", "fused_pass", "scale_ndim"]


compiler = Compiler(*KERNEL_SOURCES, __file__)

VERSION = int(compiler.checksum, 16)
"""Checksum of the kernels' source: part of the key of every cached compiled graph."""

# The pass floors log-densities at LOG_ZERO; a sum this low holds a row that overflowed.
_OVERFLOW = 1e-10 * softmax.LOG_ZERO


@compiler.njit(error_model="numpy")
def _in_support(log_weights, means):
    """Whether means are finite and log-weights are numbers below +inf, not all -inf."""
    some = False
    for value in log_weights:
        if not value < np.inf:
            return False
        some = some or value > -np.inf
    for value in means.flat:
        if not np.isfinite(value):
            return False
    return some


@compiler.njit(error_model="numpy")
def _is_triangular_factor(factors):
    n_components, d, _ = factors.shape
    for k in range(n_components):
        for i in range(d):
            if not factors[k, i, i] > 0:
                return False
            for j in range(i + 1):
                if not np.isfinite(factors[k, i, j]):
                    return False
    return True


@compiler.njit(error_model="numpy")
def _is_diagonal_factor(factors):
    smallest, largest = np.inf, 0.0
    for value in factors.flat:
        if np.isnan(value):
            return False
        smallest, largest = min(smallest, value), max(largest, value)
    return smallest > 0 and largest < np.inf


@compiler.njit(error_model="numpy")
def _whiten_whitening(scale):
    lower = np.zeros_like(scale)
    for k in range(scale.shape[0]):
        for i in range(scale.shape[1]):
            lower[k, i, : i + 1] = scale[k, i, : i + 1]
    return lower


@compiler.njit(error_model="numpy")
def _whiten_cholesky(scale):
    inverse = np.empty_like(scale)
    for k in range(scale.shape[0]):
        gradient.invert_lower(scale[k], inverse[k])
    return inverse


@compiler.njit(error_model="numpy")
def _whiten_diagonal(scale):
    return 1.0 / scale


@compiler.njit(error_model="numpy")
def _gradient_cholesky(log_weights, means, factors, counts, first, second):
    """With respect to ``L = W^-1``: ``tril(W' (sum r y y' - counts I))``, no inverse needed."""
    n_components, d = means.shape
    d_means = np.empty((n_components, d))
    d_scale = np.zeros((n_components, d, d))
    for k in range(n_components):
        for i in range(d):
            total = 0.0
            for m in range(i, d):
                total += factors[k, m, i] * first[k, m]
            d_means[k, i] = total
            for j in range(i + 1):
                total = -counts[k] * factors[k, i, i] if i == j else 0.0
                for m in range(i, d):
                    total += factors[k, m, i] * second[k, m, j]
                d_scale[k, i, j] = total
    return counts.copy(), d_means, d_scale


@compiler.njit(error_model="numpy")
def _gradient_diagonal(log_weights, means, factors, counts, first, second):
    """With respect to ``sigma = 1 / W``."""
    n_components, d = means.shape
    d_means = np.empty((n_components, d))
    d_scale = np.empty((n_components, d))
    for k in range(n_components):
        for i in range(d):
            d_means[k, i] = factors[k, i] * first[k, i]
            d_scale[k, i] = factors[k, i] * (second[k, i] - counts[k])
    return counts.copy(), d_means, d_scale


@compiler.njit()
def _check_shapes(X, log_weights, means, scale, n_features):
    """The compiled loops trust their shapes, so a mismatch must stop here."""
    if X.shape[1] != means.shape[1]:
        raise ValueError("MvNormalMixture: the data and mu differ in their number of columns.")
    if n_features >= 0 and means.shape[1] != n_features:
        raise ValueError("MvNormalMixture: mu has not the number of columns that its graph says.")
    if log_weights.shape[0] != means.shape[0]:
        raise ValueError("MvNormalMixture: w and mu differ in their number of components.")
    fits = scale.shape[1] == means.shape[1] and scale.shape[scale.ndim - 1] == means.shape[1]
    if scale.shape[0] != means.shape[0] or not fits:
        raise ValueError("MvNormalMixture: the scale's shape does not fit mu's.")


@compiler.njit()
def _check_weights(X, sample_weight):
    if sample_weight.shape[0] not in (0, X.shape[0]):
        raise ValueError("MvNormalMixture: weights must hold one number for each row of the data.")


class FusedPass(NamedTuple):
    """The functions of one kind; ``sample_weight`` is (N,), or (0,) for none.

    Attributes
    ----------
    log_density : callable
        ``(X, log_weights, means, scale) -> (N,)``.
    value : callable
        ``(X, log_weights, means, scale, sample_weight) -> ()``, the (weighted) sum.
    value_and_gradient : callable
        The same arguments ``-> (value, d_log_weights, d_means, d_scale)``.
    """

    log_density: Callable
    value: Callable
    value_and_gradient: Callable


class _Kind(NamedTuple):
    """What the functions of a kind are made of.

    Attributes
    ----------
    structure : {"triangular", "diagonal"}
        Of the whitening factors.
    log_density : callable
        ``(X, log_weights, means, factors) -> (N,)``.
    is_factor : callable
        Whether factors are in the support.
    whiten : callable
        ``scale -> factors``.
    gradient : callable
        ``(log_weights, means, factors, counts, first, second)`` to the gradients.
    """

    structure: str
    log_density: Callable
    is_factor: Callable
    whiten: Callable
    gradient: Callable


KINDS = {
    "whitening": _Kind(
        "triangular",
        triangular.log_density,
        _is_triangular_factor,
        _whiten_whitening,
        gradient.triangular,
    ),
    "cholesky": _Kind(
        "triangular",
        triangular.log_density,
        _is_triangular_factor,
        _whiten_cholesky,
        _gradient_cholesky,
    ),
    "diagonal": _Kind(
        "diagonal",
        diagonal.log_density,
        _is_diagonal_factor,
        _whiten_diagonal,
        _gradient_diagonal,
    ),
}
"""The ways of writing the scale."""


@cache
def fused_pass(kind: str, n_features: int | None = None) -> FusedPass:
    """The pass for a way of writing the scale.

    Parameters
    ----------
    kind : str
        Of :data:`KINDS`.
    n_features : int, optional
        Where a graph knows it, the functions are for this number of features only, and faster.
    """
    structure, row_log_density, is_factor, whiten, gradient_of_scale = KINDS[kind]
    sums = sums_of(structure, n_features)
    expected = -1 if n_features is None else n_features

    def log_density(X, log_weights, means, scale):
        X, log_weights = np.ascontiguousarray(X), np.ascontiguousarray(log_weights)
        means, scale = np.ascontiguousarray(means), np.ascontiguousarray(scale)
        _check_shapes(X, log_weights, means, scale, expected)
        factors = whiten(scale)
        if not (_in_support(log_weights, means) and is_factor(factors)):
            return np.full(X.shape[0], -np.inf)
        return row_log_density(X, log_weights, means, factors)

    def value(X, log_weights, means, scale, sample_weight):
        X, log_weights = np.ascontiguousarray(X), np.ascontiguousarray(log_weights)
        means, scale = np.ascontiguousarray(means), np.ascontiguousarray(scale)
        _check_shapes(X, log_weights, means, scale, expected)
        _check_weights(X, sample_weight)
        factors = whiten(scale)
        total = -np.inf
        if _in_support(log_weights, means) and is_factor(factors):
            rows = row_log_density(X, log_weights, means, factors)
            total = rows.sum() if sample_weight.size == 0 else (sample_weight * rows).sum()
        return np.asarray(total if total > _OVERFLOW else -np.inf)

    def value_and_gradient(X, log_weights, means, scale, sample_weight):
        X, log_weights = np.ascontiguousarray(X), np.ascontiguousarray(log_weights)
        means, scale = np.ascontiguousarray(means), np.ascontiguousarray(scale)
        sample_weight = np.ascontiguousarray(sample_weight)
        _check_shapes(X, log_weights, means, scale, expected)
        _check_weights(X, sample_weight)
        factors = whiten(scale)
        if _in_support(log_weights, means) and is_factor(factors):
            counts, first = np.empty_like(log_weights), np.empty_like(means)
            second = np.empty_like(factors)
            total = sums(
                X,
                sample_weight,
                log_weights,
                means,
                factors.reshape(-1),
                np.inf,
                counts,
                first,
                second.reshape(-1),
            )
            if total > _OVERFLOW:
                d_log_weights, d_means, d_scale = gradient_of_scale(
                    log_weights, means, factors, counts, first, second
                )
                return np.asarray(total), d_log_weights, d_means, d_scale
        return (
            np.asarray(-np.inf),
            np.zeros_like(log_weights),
            np.zeros_like(means),
            np.zeros_like(scale),
        )

    return FusedPass(log_density, value, value_and_gradient)


def scale_ndim(kind: str) -> int:
    """Return the number of axes of all components' scales, batch axes not counted."""
    return 2 if kind == "diagonal" else 3
