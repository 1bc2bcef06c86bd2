"""PyTensor Ops on the fused pass: a mixture's log-density by row, and its sum with the gradients.

:class:`MixtureLogDensity` is what a distribution's ``logp`` returns: one number a row.
:class:`MixtureLogLikelihood` is its (weighted) sum over rows together with the gradients with
respect to the log-weights, means and scale, all from *one* pass over the data. The rewrites in
:mod:`bayesgmm.bayes.rewrites` turn sums of the first, and their derivatives, into one node of the
second.

Derivatives that the pass does not give (with respect to the rows, and all second derivatives) are
those of :func:`log_density_graph`, the same density written in ordinary PyTensor: exact, unfused.
"""

# PyTensor's annotations leave out its variables' operators and its lazily exported names.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalIterable=false, reportOptionalMemberAccess=false
# pyright: reportPrivateImportUsage=false, reportReturnType=false, reportAssignmentType=false

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.graph.replace import clone_replace
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from bayesgmm.bayes.numba_kernels import VERSION, fused_pass, scale_ndim
from bayesgmm.core.kernels.few_features import MOST_FEATURES

__all__ = ["MixtureLogDensity", "MixtureLogLikelihood", "log_density_graph"]

_NO_WEIGHTS = np.empty(0)


def log_density_graph(
    kind: str, X: Variable, log_weights: Variable, means: Variable, scale: Variable
) -> Any:
    """Write the log-density of a mixture in ordinary PyTensor, for any leading axes.

    Parameters
    ----------
    kind : {"whitening", "cholesky", "diagonal"}
        What ``scale`` is; see :mod:`bayesgmm.bayes.numba_kernels`.
    X : TensorVariable, (..., D)
        Rows.
    log_weights : TensorVariable, (..., K)
        Natural logarithms of the weights; no normalisation is applied.
    means : TensorVariable, (..., K, D)
        Component means.
    scale : TensorVariable, (..., K, D, D), or (..., K, D) for ``"diagonal"``
        Component scales.

    Returns
    -------
    TensorVariable, (...)
        Log-density in nats, ``-inf`` where a scale's diagonal is not positive.
    """
    deviation = X[..., None, :] - means
    n_features = means.shape[-1]
    if kind == "diagonal":
        diagonal = 1 / scale
        whitened = deviation * diagonal
    else:
        whitening = (
            pt.tril(scale)
            if kind == "whitening"
            else pt.linalg.solve_triangular(scale, pt.eye(n_features), lower=True, b_ndim=2)
        )
        diagonal = pt.diagonal(whitening, axis1=-2, axis2=-1)
        whitened = (whitening * deviation[..., None, :]).sum(axis=-1)
    constant = 0.5 * np.log(2 * np.pi) * n_features.astype("float64")
    joint = (
        log_weights + pt.log(diagonal).sum(axis=-1) - constant - 0.5 * (whitened**2).sum(axis=-1)
    )
    in_support = pt.all(diagonal > 0, axis=(-2, -1))
    return pt.switch(in_support, pt.logsumexp(joint, axis=-1), -np.inf)


def _ordinary_pullback(
    inputs: Sequence[Variable],
    build: Callable[..., list[Variable]],
    cotangents: Sequence[Variable],
) -> list[Variable]:
    """Pullback of ``build``, an ordinary graph.

    It is built on fresh inputs: the derivatives are partial ones, also where one of the true
    inputs is computed from another.
    """
    free = [variable.type() for variable in inputs]
    outputs = build(*free)
    cost = sum(
        (cotangent * output).sum()
        for cotangent, output in zip(cotangents, outputs, strict=True)
        if not isinstance(cotangent.type, DisconnectedType)
    )
    gradients = pytensor.grad(cost, free, disconnected_inputs="ignore")
    return clone_replace(gradients, dict(zip(free, inputs, strict=True)), rebuild_strict=False)


class _MixtureOp(Op):
    """Inputs X (N, D), log_weights (K,), means (K, D), scale (K, D, D) or (K, D)."""

    kind: str

    def _as_inputs(self, inputs: Sequence[Any]) -> list[Any]:
        X, *parameters = (pt.as_tensor_variable(variable) for variable in inputs)
        if X.type.dtype != "float32":
            X = X.astype("float64")
        variables = [X, *(parameter.astype("float64") for parameter in parameters)]
        ndims = [2, 1, 2, scale_ndim(self.kind), 1]
        for variable, ndim in zip(variables, ndims, strict=False):
            if variable.type.ndim != ndim:
                raise TypeError(
                    f"{type(self).__name__} takes inputs of {ndims[: len(variables)]} axes, "
                    f"got {[v.type.ndim for v in variables]}."
                )
        return variables


class MixtureLogDensity(_MixtureOp):
    """Log-density of every row under the mixture: inputs X, log_weights, means, scale -> (N,).

    Parameters
    ----------
    kind : {"whitening", "cholesky", "diagonal"}
        What the scale is; see :mod:`bayesgmm.bayes.numba_kernels`.
    """

    __props__ = ("kind",)

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def make_node(self, *inputs: Any) -> Apply:
        """Check the inputs and state the types of the outputs."""
        variables = self._as_inputs(inputs)
        n_rows = variables[0].type.shape[0]
        return Apply(self, variables, [pt.tensor(dtype="float64", shape=(n_rows,))])

    def infer_shape(self, node: Apply, input_shapes: list) -> list:
        """State the shapes of the outputs."""
        return [(input_shapes[0][0],)]

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: list) -> None:
        """Evaluate, where the graph is not compiled."""
        output_storage[0][0] = fused_pass(self.kind).log_density(*inputs)

    def pullback(
        self, inputs: Sequence[Any], outputs: Sequence[Any], cotangents: Sequence[Any]
    ) -> list[Variable]:
        """Return the graph of the derivatives."""
        [cotangent] = cotangents
        d_rows, *_ = _ordinary_pullback(
            inputs, lambda *free: [log_density_graph(self.kind, *free)], cotangents
        )
        _, *d_parameters = MixtureLogLikelihood(self.kind, weighted=True)(*inputs, cotangent)
        return [d_rows, *d_parameters]


class MixtureLogLikelihood(_MixtureOp):
    """Sum over rows of the log-density and its gradients, in one pass over the data.

    Inputs X, log_weights, means, scale and, if weighted, sample_weight (N,); outputs the value
    and the gradients with respect to log_weights (as free numbers), means and scale.

    Parameters
    ----------
    kind : {"whitening", "cholesky", "diagonal"}
        What the scale is; see :mod:`bayesgmm.bayes.numba_kernels`.
    weighted : bool
        Whether each row's log-density is multiplied by a weight.
    value_only : bool
        Whether to leave the gradients out. Set by a late rewrite, not by hand.
    """

    __props__ = ("kind", "weighted", "value_only")

    def __init__(self, kind: str, weighted: bool = False, value_only: bool = False) -> None:
        self.kind = kind
        self.weighted = weighted
        self.value_only = value_only

    def make_node(self, *inputs: Any) -> Apply:
        """Check the inputs and state the types of the outputs."""
        variables = self._as_inputs(inputs)
        if len(variables) != 4 + self.weighted:
            raise TypeError(f"{self} takes {4 + self.weighted} inputs, got {len(variables)}.")
        outputs = [pt.dscalar()]
        if not self.value_only:
            outputs += [variable.type() for variable in variables[1:4]]
        return Apply(self, variables, outputs)

    def infer_shape(self, node: Apply, input_shapes: list) -> list:
        """State the shapes of the outputs."""
        return [(), *input_shapes[1:4]][: len(node.outputs)]

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: list) -> None:
        """Evaluate, where the graph is not compiled."""
        arguments = inputs if self.weighted else [*inputs, _NO_WEIGHTS]
        fused = fused_pass(self.kind)
        if self.value_only:
            results = [fused.value(*arguments)]
        else:
            results = fused.value_and_gradient(*arguments)
        for storage, result in zip(output_storage, results, strict=True):
            storage[0] = result

    def pullback(
        self, inputs: Sequence[Any], outputs: Sequence[Any], cotangents: Sequence[Any]
    ) -> list[Variable]:
        """Return the graph of the derivatives."""
        if not all(isinstance(c.type, DisconnectedType) for c in cotangents[1:]):
            return _ordinary_pullback(inputs, self._ordinary_outputs, cotangents)
        X, log_weights, means, scale, *rest = inputs
        cotangent = cotangents[0]
        parameters = (log_weights, means, scale)
        weight = rest[0] if rest else pt.ones((X.shape[0],))
        d_rows, *_ = _ordinary_pullback(
            [X, *parameters],
            lambda *free: [log_density_graph(self.kind, *free)],
            [cotangent * weight],
        )
        if self.value_only:
            outputs = MixtureLogLikelihood(self.kind, self.weighted)(*inputs)
        d_inputs = [d_rows, *(cotangent * output for output in outputs[1:])]
        if self.weighted:
            d_inputs.append(cotangent * MixtureLogDensity(self.kind)(X, *parameters))
        return d_inputs

    def _ordinary_outputs(self, X: Any, *rest: Any) -> list[Variable]:
        parameters, weights = list(rest[:3]), rest[3:]
        pointwise = log_density_graph(self.kind, X, *parameters)
        value = (weights[0] * pointwise).sum() if weights else pointwise.sum()
        return [value, *pytensor.grad(value, parameters)]


def _n_features(node: Apply) -> int | None:
    """The number of features, where the graph knows one for which there is a pass of its own."""
    X, _, means, *_ = node.inputs
    known = {n for n in (X.type.shape[1], means.type.shape[1]) if n is not None}
    return known.pop() if len(known) == 1 and 1 <= min(known) <= MOST_FEATURES else None


@register_funcify_default_op_cache_key(MixtureLogDensity)
def _numba_log_density(op: MixtureLogDensity, node: Any = None, **kwargs: Any):
    return numba_njit(fused_pass(op.kind).log_density), VERSION


@register_funcify_default_op_cache_key(MixtureLogLikelihood)
def _numba_log_likelihood(op: MixtureLogLikelihood, node: Any = None, **kwargs: Any):
    n_features = None if node is None else _n_features(node)
    fused = fused_pass(op.kind, n_features)
    weighted = numba_njit(fused.value if op.value_only else fused.value_and_gradient)

    def unweighted(X, log_weights, means, scale):
        return weighted(X, log_weights, means, scale, np.empty(0))

    # Part of the key of what is cached: the number of features is compiled in.
    version = VERSION * (MOST_FEATURES + 1) + (n_features or 0)
    return weighted if op.weighted else numba_njit(unweighted), version
