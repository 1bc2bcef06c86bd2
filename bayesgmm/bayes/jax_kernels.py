"""The mixture Ops in JAX, for samplers that run there (numpyro, blackjax, nutpie's JAX backend).

Importing the module imports JAX and registers the Ops; a rewrite does so when PyTensor compiles a
graph to JAX. Rows go through in blocks, so that no (N, K, D) array is formed, and JAX's own
reverse mode gives the gradients of each block next to its value.
"""

# PyTensor's annotations leave out its variables' operators and its lazily exported names.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalIterable=false, reportOptionalMemberAccess=false
# pyright: reportPrivateImportUsage=false, reportReturnType=false, reportAssignmentType=false

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import logsumexp
from pytensor.link.jax.dispatch import jax_funcify

from bayesgmm.bayes.ops import MixtureLogDensity, MixtureLogLikelihood

__all__: list[str] = []

_BLOCK = 1024


def _whitening(kind: str, scale: Any) -> Any:
    if kind == "diagonal":
        return 1 / scale
    if kind == "whitening":
        return jnp.tril(scale)
    identity = jnp.broadcast_to(jnp.eye(scale.shape[-1], dtype=scale.dtype), scale.shape)
    return solve_triangular(scale, identity, lower=True)


def _log_density(kind: str, X: Any, log_weights: Any, means: Any, scale: Any) -> Any:
    factors = _whitening(kind, scale)
    deviation = X.astype(means.dtype)[None] - means[:, None]
    if kind == "diagonal":
        diagonal = factors
        whitened = deviation * factors[:, None]
    else:
        diagonal = jnp.diagonal(factors, axis1=-2, axis2=-1)
        whitened = jnp.einsum("kij,knj->kni", factors, deviation)
    constant = log_weights + jnp.log(diagonal).sum(-1) - 0.5 * X.shape[1] * np.log(2 * np.pi)
    return logsumexp(constant[:, None] - 0.5 * (whitened**2).sum(-1), axis=0)


def _in_support(kind: str, log_weights: Any, means: Any, scale: Any) -> Any:
    if kind != "diagonal":
        scale = jnp.tril(scale)
    diagonal = scale if kind == "diagonal" else jnp.diagonal(scale, axis1=-2, axis2=-1)
    return (
        jnp.isfinite(means).all()
        & jnp.isfinite(scale).all()
        & (diagonal > 0).all()
        & (log_weights < jnp.inf).all()
        & (log_weights > -jnp.inf).any()
    )


def _stand_in(kind: str, valid: Any, log_weights: Any, means: Any, scale: Any) -> tuple:
    """Parameters that are harmless where the true ones are out of support.

    ``where`` alone would not do: reverse mode multiplies the branch not taken by zero, and zero
    times nan is nan.
    """
    unit = (
        jnp.ones_like(scale)
        if kind == "diagonal"
        else jnp.zeros_like(scale) + jnp.eye(scale.shape[-1], dtype=scale.dtype)
    )
    return (
        jnp.where(valid, log_weights, 0.0),
        jnp.where(valid, means, 0.0),
        jnp.where(valid, scale, unit),
    )


def _blocks(X: Any, weights: Any, function: Callable) -> Any:
    """Sum ``function(rows, weights)`` (a tree of arrays) over blocks of rows."""
    n_blocks = X.shape[0] // _BLOCK
    if n_blocks < 2:
        return function(X, weights)
    end = n_blocks * _BLOCK
    whole = X[:end].reshape(n_blocks, _BLOCK, -1), weights[:end].reshape(n_blocks, _BLOCK)
    start = function(X[end:], weights[end:])

    def step(total: Any, block: Any) -> tuple:
        return jax.tree.map(jnp.add, total, function(*block)), None

    return jax.lax.scan(step, start, whole)[0]


@jax_funcify.register(MixtureLogDensity)
def _jax_log_density(op: MixtureLogDensity, node: Any = None, **kwargs: Any) -> Callable:
    def log_density(X: Any, *parameters: Any) -> Any:
        valid = _in_support(op.kind, *parameters)
        parameters = _stand_in(op.kind, valid, *parameters)
        return jnp.where(valid, _log_density(op.kind, X, *parameters), -jnp.inf)

    return log_density


@jax_funcify.register(MixtureLogLikelihood)
def _jax_log_likelihood(op: MixtureLogLikelihood, node: Any = None, **kwargs: Any) -> Callable:
    kind = op.kind

    def value_of(parameters: tuple, X: Any, weights: Any) -> Any:
        return (weights * _log_density(kind, X, *parameters)).sum()

    def split(inputs: tuple) -> tuple:
        X, log_weights, means, scale, *rest = inputs
        weights = rest[0] if rest else jnp.ones(X.shape[0], dtype=means.dtype)
        valid = _in_support(kind, log_weights, means, scale)
        return X, weights, valid, _stand_in(kind, valid, log_weights, means, scale)

    def value(*inputs: Any) -> Any:
        X, weights, valid, parameters = split(inputs)
        # without checkpoints reverse mode would keep every block's (K, n, D) residuals
        block = jax.checkpoint(lambda rows, weight: value_of(parameters, rows, weight))
        total = _blocks(X, weights, block)
        return jnp.where(valid & jnp.isfinite(total), total, -jnp.inf)

    def value_and_gradient(*inputs: Any) -> tuple:
        X, weights, valid, parameters = split(inputs)
        value, gradients = _blocks(
            X,
            weights,
            lambda rows, weight: jax.value_and_grad(value_of)(parameters, rows, weight),
        )
        return (
            jnp.where(valid & jnp.isfinite(value), value, -jnp.inf),
            *(jnp.where(valid, gradient, 0.0) for gradient in gradients),
        )

    return value if op.value_only else value_and_gradient
