"""Graph rewrites that leave one pass over the data where a model asks for value and gradient.

A model sums the pointwise log-density; differentiating that sum gives a second node weighted by
a vector of ones. In turn:

1. the sum of (weights times) the pointwise log-density becomes the fused sum;
2. weights that are one number everywhere, and scalar factors of weights, are pulled out, so that
   the value's node and the gradient's node become equal and PyTensor merges them;
3. where only the value is asked for, the gradients are left out. This runs after the last merge:
   earlier it would tell the value's node apart from the gradient's.

Importing the module registers them with PyTensor. It also registers, for graphs that are compiled
to JAX, a step that loads our JAX code: JAX is never imported otherwise.
"""

# PyTensor's annotations leave out its variables' operators and its lazily exported names.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalIterable=false, reportOptionalMemberAccess=false
# pyright: reportPrivateImportUsage=false, reportReturnType=false, reportAssignmentType=false

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.rewriting.basic import GraphRewriter, in2out, node_rewriter
from pytensor.tensor.basic import Alloc
from pytensor.tensor.elemwise import DimShuffle
from pytensor.tensor.math import Sum, mul
from pytensor.tensor.rewriting.basic import (
    register_canonicalize,
    register_specialize,
    register_stabilize,
)

from bayesgmm.bayes.ops import MixtureLogDensity, MixtureLogLikelihood

__all__: list[str] = []


def _product(factors: list[Any]) -> Any:
    return factors[0] if len(factors) == 1 else mul(*factors)


def _is_scalar(variable: Any) -> bool:
    return all(variable.type.broadcastable)


@register_canonicalize
@register_stabilize
@register_specialize
@node_rewriter([Sum])
def local_sum_of_mixture_log_density(fgraph: Any, node: Apply) -> list[Variable] | None:
    """Sum(log_density) and Sum(weights * log_density) -> MixtureLogLikelihood."""
    [summed] = node.inputs
    if summed.type.ndim != 1 or summed.owner is None:
        return None
    inner = summed.owner
    if isinstance(inner.op, MixtureLogDensity):
        return [MixtureLogLikelihood(inner.op.kind)(*inner.inputs)[0]]
    if inner.op != mul:
        return None
    densities = [
        factor
        for factor in inner.inputs
        if factor.owner is not None and isinstance(factor.owner.op, MixtureLogDensity)
    ]
    weights = [factor for factor in inner.inputs if factor not in densities]
    # scalar factors are left to PyTensor, which takes them out of the sum
    if len(densities) != 1 or any(_is_scalar(factor) for factor in weights):
        return None
    density = densities[0].owner
    likelihood = MixtureLogLikelihood(density.op.kind, weighted=True)
    return [likelihood(*density.inputs, _product(weights))[0]]


def _uniform_value(weights: Any) -> Any | None:
    """Return the scalar that every entry of ``weights`` equals, or None."""
    if isinstance(weights, Constant):
        values = np.asarray(weights.data)
        if values.size and (values == values.flat[0]).all():
            return pt.constant(values.flat[0], dtype="float64")
        return None
    if weights.owner is None:
        return None
    if isinstance(weights.owner.op, Alloc | DimShuffle):
        value = weights.owner.inputs[0]
        if _is_scalar(value):
            return value.squeeze() if value.type.ndim else value
    return None


@register_canonicalize
@register_stabilize
@register_specialize
@node_rewriter([MixtureLogLikelihood])
def local_mixture_uniform_weights(fgraph: Any, node: Apply) -> list[Variable] | None:
    """Weights that are the number c everywhere -> c times the unweighted outputs."""
    op = node.op
    if not op.weighted:
        return None
    value = _uniform_value(node.inputs[4])
    if value is None:
        return None
    outputs = MixtureLogLikelihood(op.kind, False, op.value_only)(
        *node.inputs[:4], return_list=True
    )
    if isinstance(value, Constant) and float(value.data) == 1.0:
        return outputs
    return [value.astype("float64") * output for output in outputs]


@register_canonicalize
@register_stabilize
@register_specialize
@node_rewriter([MixtureLogLikelihood])
def local_mixture_scalar_out_of_weights(fgraph: Any, node: Apply) -> list[Variable] | None:
    """Weights that are a scalar times a vector -> the scalar times the outputs."""
    op = node.op
    weights = node.inputs[4] if op.weighted else None
    if weights is None or weights.owner is None or weights.owner.op != mul:
        return None
    scalars = [factor for factor in weights.owner.inputs if _is_scalar(factor)]
    vectors = [factor for factor in weights.owner.inputs if not _is_scalar(factor)]
    if not scalars or not vectors:
        return None
    scalar = _product([factor.squeeze() for factor in scalars]).astype("float64")
    outputs = op(*node.inputs[:4], _product(vectors), return_list=True)
    return [scalar * output for output in outputs]


@node_rewriter([MixtureLogLikelihood])
def local_mixture_value_only(fgraph: Any, node: Apply) -> dict[Variable, Variable] | None:
    """Leave the gradients out where nothing uses them."""
    op = node.op
    if op.value_only or any(fgraph.clients[output] for output in node.outputs[1:]):
        return None
    value = MixtureLogLikelihood(op.kind, op.weighted, value_only=True)(*node.inputs)
    return {node.outputs[0]: value}


class LoadJaxKernels(GraphRewriter):
    """Register the Ops with PyTensor's JAX backend; the graph stays as it is."""

    def apply(self, fgraph: Any) -> None:
        import bayesgmm.bayes.jax_kernels  # noqa: F401


# PyTensor's last merge before in-place operations ("merge2") stands at 49
optdb.register("mixture_value_only", in2out(local_mixture_value_only), "fast_run", position=49.2)
optdb.register("load_mixture_jax_kernels", LoadJaxKernels(), "jax", position=99)
