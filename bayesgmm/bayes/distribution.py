"""``MvNormalMixture``: a Gaussian mixture as a PyMC distribution, on the fused pass.

The distribution's ``logp`` is pointwise, one number a row, as log-likelihoods for LOO and WAIC
need it; where a model sums it, rewrites put one compiled pass in its place.
"""

# PyTensor's annotations leave out its variables' operators and its lazily exported names.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalIterable=false, reportOptionalMemberAccess=false
# pyright: reportPrivateImportUsage=false, reportReturnType=false, reportAssignmentType=false

from collections.abc import Callable
from typing import Any

import pytensor.tensor as pt
from pymc.distributions.dist_math import check_parameters
from pymc.distributions.distribution import Continuous, SymbolicRandomVariable, _support_point
from pymc.distributions.shape_utils import _change_dist_size, rv_size_is_none
from pymc.logprob.abstract import _logprob
from pymc.pytensorf import normalize_rng_param
from pytensor.tensor.random.utils import normalize_size_param
from pytensor.tensor.variable import TensorVariable

from bayesgmm.bayes import rewrites  # noqa: F401 (registers the rewrites)
from bayesgmm.bayes.numba_kernels import scale_ndim
from bayesgmm.bayes.ops import MixtureLogDensity, log_density_graph
from bayesgmm.data.arguments import refuse_unknown

__all__ = ["MvNormalMixture", "component_index"]

# PyMC's own arguments of distributions, some of which it refuses itself.
_OF_PYMC = {"shape", "size", "rng", "return_next_rng", "dims", "initval"}
_OURS = ("chol", "cov", "tau", "sigma", "whitening", "weights")
_ELSEWHERE = {"sd": "sigma", "lower": "chol", "covariances": "cov", "prec": "tau"}
# A first axis of means this many times as long as the weights may be one of rows.
_FAR_MORE = 5


class MvNormalMixtureRV(SymbolicRandomVariable):
    """Random draws: a component by the weights, then a row from it.

    Outputs: the next generator, the rows, and the index of the component of each row.
    ``univariate`` draws are numbers, with means and scale of shape (K,).
    """

    name = "mv_normal_mixture"
    default_output = 1
    _print_name = ("MvNormalMixture", "\\operatorname{MvNormalMixture}")

    def __init__(self, *args: Any, kind: str, univariate: bool, **kwargs: Any) -> None:
        self.kind = kind
        self.univariate = univariate
        super().__init__(*args, **kwargs)

    @classmethod
    def rv_op(
        cls,
        w: Any,
        mu: Any,
        scale: Any,
        *weights: Any,
        kind: str,
        univariate: bool,
        size: Any = None,
        rng: Any = None,
    ) -> TensorVariable:
        """Build the graph of a draw; ``weights`` only take part in its shape."""
        rng = normalize_rng_param(rng)
        size = normalize_size_param(size)
        mu_ndim, row = (1, "()") if univariate else (2, "(d)")
        nd = 1 if univariate else scale_ndim(kind)
        batch = _batch_shape(
            size, (w, w.ndim - 1), (mu, mu.ndim - mu_ndim), (scale, scale.ndim - nd),
            *((v, v.ndim) for v in weights),
        )  # fmt: skip
        next_rng, index = pt.random.categorical(w, size=batch, rng=rng, return_next_rng=True)
        row_shape = batch if univariate else (*batch, mu.shape[-1])
        next_rng, noise = pt.random.normal(size=row_shape, rng=next_rng, return_next_rng=True)
        chosen_mu = _choose(mu, index, mu_ndim)
        if kind == "whitening":
            identity = pt.eye(scale.shape[-1])
            scale_of_draw = pt.linalg.solve_triangular(scale, identity, lower=True, b_ndim=2)
        else:
            scale_of_draw = scale
        chosen = _choose(scale_of_draw, index, nd)
        if kind == "diagonal":
            rows = chosen_mu + chosen * noise
        else:
            rows = chosen_mu + (chosen * noise[..., None, :]).sum(axis=-1)
        params = ["(k)", "(k)" if univariate else "(k,d)", f"(k{',d' * (nd - 1)})"]
        signature = ",".join(["[rng]", "[size]", *params, *("()" for _ in weights)])
        inputs = [rng, size, w, mu, scale, *weights]
        return cls(
            inputs=inputs,
            outputs=[next_rng, rows, index],
            kind=kind,
            univariate=univariate,
            extended_signature=f"{signature}->[rng],{row},()",
        )(*inputs)

    def rebuild_rv(self, *args: Any, **kwargs: Any) -> TensorVariable:
        """Build the same kind of variable on other parameters."""
        return self.rv_op(*args, kind=self.kind, univariate=self.univariate, **kwargs)

    def update(self, node: Any) -> dict:
        """Return the generator's next state for each state."""
        return {node.inputs[0]: node.outputs[0]}


def _batch_shape(size: Any, *parameters: tuple[Any, int]) -> tuple:
    """Shape of the draws without the row's own axis: ``size``, or what the parameters imply."""
    if not rv_size_is_none(size):
        return tuple(size[i] for i in range(pt.get_vector_length(size)))
    shapes = [tuple(parameter.shape[:ndim]) for parameter, ndim in parameters]
    ndim = max(map(len, shapes))
    if ndim == 0:
        return ()
    padded = [(1,) * (ndim - len(shape)) + shape for shape in shapes]
    return tuple(pt.broadcast_shape(*padded, arrays_are_shapes=True))


def _choose(parameter: Any, index: Any, ndim: int) -> Any:
    """Take each draw's component from ``parameter``, whose own axes are the last ``ndim``."""
    if parameter.ndim == ndim:
        return parameter[index]
    own = tuple(parameter.shape[-ndim:])
    spread = pt.broadcast_to(parameter, (*index.shape, *own))
    padded = pt.shape_padright(index, ndim)
    return pt.take_along_axis(spread, padded, axis=-ndim).squeeze(axis=-ndim)


@_logprob.register(MvNormalMixtureRV)
def _mixture_logprob(
    op: MvNormalMixtureRV, values: Any, rng: Any, size: Any, w: Any, mu: Any, scale: Any,
    *weights: Any, **kwargs: Any,
) -> TensorVariable:  # fmt: skip
    [value] = values
    if not op.univariate:
        columns = value.type.shape[-1]
        if value.ndim == mu.type.shape[-1] == 1 and columns not in (None, 1):
            raise ValueError(
                "MvNormalMixture's data need an axis of columns where mu has shape (K, 1), got "
                f"shape ({columns},): give y[:, None], or mu and sigma of shape (K,)."
            )
        _check_equal("columns", mu=mu.type.shape[-1], **{"the data": columns})
    else:
        value, mu, scale = value[..., None], mu[..., None], scale[..., None]
    log_density = _log_density(op.kind, value, w, mu, scale)
    return weights[0] * log_density if weights else log_density


def _log_density(kind: str, value: Any, w: Any, mu: Any, scale: Any) -> Any:
    # The check sits on log w: on the log-density it would hide the sum from the rewrites
    log_w = check_parameters(
        pt.log(w),
        pt.all(pt.ge(w, 0)),
        pt.all(pt.isclose(w.sum(axis=-1), 1)),
        msg="w >= 0, sum(w) == 1",
    )
    if w.ndim > 1 or mu.ndim > 2 or scale.ndim > scale_ndim(kind):
        return log_density_graph(kind, value, log_w, mu, scale)
    log_density = MixtureLogDensity(kind)
    if value.ndim == 2:
        return log_density(value, log_w, mu, scale)
    rows = value.reshape((-1, value.shape[-1]))
    return log_density(rows, log_w, mu, scale).reshape(tuple(value.shape[:-1]))


@_support_point.register(MvNormalMixtureRV)
def _mixture_support_point(
    op: MvNormalMixtureRV, rv: Any, rng: Any, size: Any, w: Any, mu: Any, *rest: Any
) -> TensorVariable:
    mean = (w * mu).sum(axis=-1) if op.univariate else (w[..., None] * mu).sum(axis=-2)
    return pt.broadcast_to(mean, rv.shape)


@_change_dist_size.register(MvNormalMixtureRV)
def _mixture_change_size(op: MvNormalMixtureRV, rv: Any, new_size: Any, expand: bool) -> Any:
    if expand:
        new_size = (*new_size, *tuple(rv.shape)[: rv.ndim - op.ndim_supp])
    return op.rebuild_rv(*op.dist_params(rv.owner), size=new_size)


class MvNormalMixture(Continuous):
    r"""Mixture of multivariate normals with the components marginalised.

    .. math:: p(x) = \sum_k w_k \, \mathrm{N}(x \mid \mu_k, \Sigma_k)

    Value and gradient come from one compiled pass over the rows (Fisher's identity), on PyTensor's
    Numba and JAX backends alike.

    Parameters
    ----------
    w : tensor_like, (..., K)
        Weights, not negative and summing to one.
    mu : tensor_like, (..., K, D), or (K,) for 1-D data
        Means. With a vector ``mu`` the distribution is over numbers, for data of shape (N,), and
        takes ``sigma`` only.
    chol : tensor_like, (..., K, D, D) or (D, D), optional
        Lower Cholesky factors ``L`` of the covariances, ``Sigma = L L'``. A single (D, D) matrix
        here and below is shared by all components (tied covariances).
    cov : tensor_like, (..., K, D, D) or (D, D), optional
        Covariances.
    tau : tensor_like, (..., K, D, D) or (D, D), optional
        Precisions, the inverses of the covariances.
    sigma : tensor_like, broadcastable to ``mu``, optional
        Standard deviations of diagonal covariances: (K, D), (D,) for shared ones, (K, 1) for
        spherical ones, or a number.
    whitening : tensor_like, (..., K, D, D) or (D, D), optional
        Lower triangular ``W = L^-1``, so that the precision is ``W' W``: the parameterisation that
        the pass uses itself, hence the cheapest.
    weights : tensor_like, (N,), optional
        Likelihood weights: row n's log-density is multiplied by ``weights[n]``. They do not act on
        random draws.

    Raises
    ------
    ValueError
        If not exactly one of ``chol``, ``cov``, ``tau``, ``sigma`` and ``whitening`` is given, or
        the shapes do not fit.
    TypeError
        If there is no such argument.

    Notes
    -----
    Scales with a diagonal that is not positive have log-density ``-inf``. Parameters with batch
    axes are evaluated as an ordinary graph, which is slower.

    The likelihood does not change when components swap places, so posterior draws need
    relabelling before a component's parameters are summarised.

    Examples
    --------
    >>> import numpy as np
    >>> import pymc as pm
    >>> from bayesgmm.bayes.distribution import MvNormalMixture
    >>> rows = MvNormalMixture.dist(
    ...     w=[0.3, 0.7], mu=[[0.0, 0.0], [5.0, 5.0]], sigma=1.0, size=4
    ... )
    >>> pm.draw(rows, random_seed=1).shape
    (4, 2)
    """

    rv_type = MvNormalMixtureRV
    rv_op = MvNormalMixtureRV.rv_op

    @classmethod
    def dist(
        cls,
        w: Any,
        mu: Any,
        *,
        chol: Any = None,
        cov: Any = None,
        tau: Any = None,
        sigma: Any = None,
        whitening: Any = None,
        weights: Any = None,
        **kwargs: Any,
    ) -> TensorVariable:
        """Return a variable with this distribution that belongs to no model."""
        unknown, known = sorted(kwargs.keys() - _OF_PYMC), [*_OURS, *_ELSEWHERE]
        refuse_unknown("MvNormalMixture", unknown, known, {}, _ELSEWHERE)
        given = {
            name: pt.as_tensor(value).astype("float64")
            for name, value in [
                ("chol", chol),
                ("cov", cov),
                ("tau", tau),
                ("sigma", sigma),
                ("whitening", whitening),
            ]
            if value is not None
        }
        if len(given) != 1:
            raise ValueError(
                "MvNormalMixture takes exactly one of chol, cov, tau, sigma and whitening, got "
                f"{', '.join(given) or 'none'}."
            )
        [(name, scale)] = given.items()
        w = pt.as_tensor(w).astype("float64")
        mu = pt.as_tensor(mu).astype("float64")
        if w.ndim == 0 or mu.ndim == 0:
            raise ValueError(
                "MvNormalMixture takes w of shape (K,) and mu of shape (K, D), or (K,) for 1-D "
                f"data, got {w.ndim} and {mu.ndim} axes."
            )
        univariate = mu.ndim == 1
        if univariate and name != "sigma":
            raise ValueError(
                f"With mu of shape (K,), the data are numbers: give sigma, not {name}; or give mu "
                "of shape (K, 1)."
            )
        n_components = mu.type.shape[0 if univariate else -2]
        n_weights = w.type.shape[-1]
        is_by_row = not univariate and n_weights == mu.type.shape[-1] is not None
        if is_by_row and n_components is not None and n_components > _FAR_MORE * n_weights:
            raise ValueError(
                "MvNormalMixture's parameters need the same number of components: w has "
                f"{n_weights}, mu has {n_components}, its shape being (K, D). For a mean "
                "for each row, of data that are numbers, give mu[..., None] of shape (N, K, 1), "
                "sigma of shape (K, 1) and data of shape (N, 1)."
            )
        _check_equal("components", w=n_weights, mu=n_components)
        if name == "sigma":
            kind, scale = "diagonal", _fit_sigma(scale, mu)
        else:
            kind, scale = _fit_matrices(name, scale, mu)
        parameters = [w, mu, scale]
        if weights is not None:
            parameters.append(pt.as_tensor(weights).astype("float64"))
        return super().dist(parameters, kind=kind, univariate=univariate, **kwargs)


def _check_equal(what: str, **lengths: int | None) -> None:
    known = {name: length for name, length in lengths.items() if length is not None}
    if len(set(known.values())) > 1:
        found = ", ".join(f"{name} has {length}" for name, length in known.items())
        raise ValueError(f"MvNormalMixture's parameters need the same number of {what}: {found}.")


def _fit_sigma(sigma: Any, mu: Any) -> Any:
    missing = mu.ndim - sigma.ndim
    shape = (1,) * missing + sigma.type.shape
    for found, wanted in zip(shape[-mu.ndim :], mu.type.shape, strict=True):
        if None not in (found, wanted) and found not in (1, wanted):
            raise ValueError(
                f"MvNormalMixture's sigma must broadcast to mu's shape {mu.type.shape}, got "
                f"{sigma.type.shape}; spherical components take sigma of shape (K, 1)."
            )
    if sigma.type.shape == mu.type.shape and None not in mu.type.shape:
        return sigma
    own = tuple(mu.shape[-2:]) if mu.ndim > 1 else tuple(mu.shape)
    batch = tuple(sigma.shape[: sigma.ndim - len(own)])
    return pt.broadcast_to(sigma, (*batch, *own))


def _cholesky_of_inverse(tau: Any) -> Any:
    return pt.linalg.cholesky(pt.linalg.inv(tau))


_AS_CHOLESKY: dict[str, Callable] = {"cov": pt.linalg.cholesky, "tau": _cholesky_of_inverse}


def _fit_matrices(name: str, matrices: Any, mu: Any) -> tuple[str, Any]:
    if matrices.ndim < 2:
        raise ValueError(
            f"MvNormalMixture's {name} must have shape (K, D, D), or (D, D) to be shared by all "
            f"components, got {matrices.ndim} axes."
        )
    *leading, rows, columns = matrices.type.shape
    _check_equal("columns", mu=mu.type.shape[-1], **{name: rows, f"{name}'s second axis": columns})
    if leading:
        _check_equal("components", mu=mu.type.shape[-2], **{name: leading[-1]})
    kind = "whitening" if name == "whitening" else "cholesky"
    scale = _AS_CHOLESKY[name](matrices) if name in _AS_CHOLESKY else matrices
    if not leading:
        scale = pt.broadcast_to(scale, (mu.shape[-2], *scale.shape))
    return kind, scale


def component_index(rv: TensorVariable) -> TensorVariable:
    """Return the component that each row of a random draw comes from.

    Parameters
    ----------
    rv : TensorVariable
        A variable made by :class:`MvNormalMixture`.

    Returns
    -------
    TensorVariable of int64, the shape of ``rv`` without its last axis
        Index of the component of the *same* draw, when both are drawn together
        (``pm.draw([rv, component_index(rv)])``). It is a draw from the weights, not conditional
        on observed data: for those use the responsibilities.

    Raises
    ------
    ValueError
        If ``rv`` is not such a variable.
    """
    if rv.owner is None or not isinstance(rv.owner.op, MvNormalMixtureRV):
        raise ValueError(f"component_index takes a variable made by MvNormalMixture, got {rv}.")
    return rv.owner.outputs[2]
