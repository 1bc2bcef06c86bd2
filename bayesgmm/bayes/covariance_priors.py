"""Priors on covariances as PyMC variables: ours by family, and what a user's function returned.

An inverse-Wishart with nu degrees of freedom and scale S = L L' is made of independent factors
(Bartlett's decomposition): the whitening factor is ``W = B L^-1`` with B lower triangular,
``B_jj^2 ~ ChiSquared(nu - D + j)`` for j = 1..D and standard normal entries below. Its variables
have no scale of their own, draws from the prior need no sampler, and the mixture takes W as it is.

LKJ correlations are made of independent partial correlations r, of each two features given those
before the first of them (a C-vine: Lewandowski, Kurowicka and Joe, 2009,
doi:10.1016/j.jmva.2009.04.008); ``(1 + r) / 2`` is Beta.
"""

# PyTensor's annotations leave out its variables' operators and its lazily exported names.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalIterable=false, reportOptionalMemberAccess=false
# pyright: reportOptionalSubscript=false
# pyright: reportPrivateImportUsage=false, reportReturnType=false, reportAssignmentType=false

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesgmm.bayes.covariances import Covariances
from bayesgmm.bayes.variables import variable_dims
from bayesgmm.core.covariance import CovarianceFamily
from bayesgmm.priors import ResolvedPriors


@dataclass(frozen=True)
class CovariancePart:
    """Covariances inside a model.

    Attributes
    ----------
    arguments : dict
        What ``MvNormalMixture`` is given.
    whitening : TensorVariable
        Whitening factors in the family's native shape.
    matrices : TensorVariable, (K, D, D)
        Covariances as full matrices.
    log_volume : TensorVariable or float
        Log of how much the native covariances change with the variables, up to a constant: zero
        where the variables are the covariances themselves, or a user's.
    """

    arguments: dict[str, Any]
    whitening: Any
    matrices: Any
    log_volume: Any = 0.0


def our_covariances(priors: ResolvedPriors, n_components: int) -> CovariancePart:
    """Add a prior of ours to the model in whose context this runs."""
    if priors.is_lkj:
        return _lkj(priors, n_components)
    scale = None
    dims = variable_dims(priors.family)["scale"]
    if priors.hyper_shape is not None:
        scale = pm.Gamma("scale", priors.hyper_shape, priors.hyper_rate, dims=dims)
    elif priors.hyper_median is not None:
        centre = np.log(priors.hyper_median)
        scale = pm.LogNormal("scale", centre, priors.hyper_sigma, dims=dims)
    if priors.family.structure == "triangular":
        return _inverse_wishart(priors, scale, n_components)
    return _inverse_gamma(priors, scale)


def _inverse_wishart(priors: ResolvedPriors, scale: Any, n_components: int) -> CovariancePart:
    d, dims = len(priors.loc), variable_dims(priors.family)
    half_dof = (priors.dof - d + 1.0 + np.arange(d)) / 2.0
    if scale is None:
        root = np.linalg.inv(np.linalg.cholesky(priors.scatter))
        rate, sd = 0.5, 1.0
    else:
        # Entries of W itself: with S = 2 diag(scale) they stay independent given the scale, and
        # unlike those of B they do not move with it once the data fix W.
        root = np.eye(d)
        rate, sd = scale, 1.0 / pt.sqrt(2.0 * scale)
    squares = pm.Gamma("factor_squares", half_dof, rate, dims=dims["factor_squares"])
    whitening = pt.sqrt(squares)[..., :, None] * root
    if d > 1:
        rows, columns = np.tril_indices(d, -1)
        if scale is not None:
            # Products with constants, here and below: an op of indexing costs a user seconds of
            # compilation, and its gradient once more.
            sd = (sd * np.eye(d)[columns]).sum(axis=-1)
        below = pm.Normal("factor_below", 0.0, sd, dims=dims["factor_below"])
        spread = np.zeros((len(rows), d, d))
        spread[np.arange(len(rows)), rows] = root[columns]
        whitening = whitening + (below[..., :, None, None] * spread).sum(axis=-3)
    # |d Sigma / d W| is a product of W_ii^(i - 2 (D + 1)), and W_ii is a multiple of the root.
    powers = (np.arange(1, d + 1) - 2.0 * d - 3.0) / 2.0
    log_volume = (powers * pt.log(squares)).sum()
    matrices = _matrices(_inverse(whitening), n_components, priors.family.shared)
    return CovariancePart({"whitening": whitening}, whitening, matrices, log_volume)


def _inverse_gamma(priors: ResolvedPriors, scale: Any) -> CovariancePart:
    dims = variable_dims(priors.family)["variances"]
    rate = priors.scatter / 2.0 if scale is None else scale
    variances = pm.InverseGamma("variances", priors.dof / 2.0, rate, dims=dims)
    return _of_sds(pt.sqrt(variances), len(priors.loc), priors.family.isotropic)


def _lkj(priors: ResolvedPriors, n_components: int) -> CovariancePart:
    assert priors.eta is not None
    assert priors.sd_median is not None
    d, dims = len(priors.loc), variable_dims(priors.family)
    sds = pm.LogNormal("sds", np.log(priors.sd_median), priors.sd_sigma, dims=dims["sds"])
    if priors.family.structure == "diagonal":
        part = _of_sds(sds, d, priors.family.isotropic)
        return replace(part, log_volume=pt.log(sds).sum())
    log_volume, root = d * pt.log(sds).sum(), np.eye(d)
    if d > 1:
        rows, columns = np.tril_indices(d, -1)
        left = (d - 2.0 - columns) / 2.0  # of the features after both, half
        b = priors.eta + left
        parts = pm.Beta("correlation_parts", b, b, dims=dims["correlation_parts"])
        unexplained = pt.log(4.0 * parts * (1.0 - parts))
        log_volume = log_volume + (left * unexplained).sum()
        place, after = np.zeros((2, len(rows), d, d))
        for pair, (i, j) in enumerate(zip(rows, columns, strict=True)):
            place[pair, i, j] = 1.0
            after[pair, i, j + 1 :] = 0.5
        partial = ((2.0 * parts - 1.0)[..., :, None, None] * place).sum(axis=-3)
        shrunk = (unexplained[..., :, None, None] * after).sum(axis=-3)
        root = (np.eye(d) + partial) * pt.exp(shrunk)
    chol = sds[..., :, None] * root
    matrices = _matrices(chol, n_components, priors.family.shared)
    return CovariancePart({"chol": chol}, _inverse(chol), matrices, log_volume)


def users_covariances(
    given: Covariances, family: CovarianceFamily, n_components: int, n_features: int
) -> CovariancePart:
    """Take a user's covariances, whose shapes were checked."""
    if given.sd is not None:
        return _of_sds(given.sd, n_features, family.isotropic)
    if given.chol is not None:
        chol = given.chol
    elif given.cov is not None:
        chol = pt.linalg.cholesky(given.cov)
    else:
        chol = pt.linalg.cholesky(pt.linalg.inv(given.tau))
    matrices = _matrices(chol, n_components, family.shared)
    return CovariancePart({"chol": chol}, _inverse(chol), matrices)


def _of_sds(sds: Any, n_features: int, isotropic: bool) -> CovariancePart:
    sigma = sds[:, None] * np.ones(n_features) if isotropic else sds
    matrices = (sigma**2)[:, :, None] * np.eye(n_features)
    return CovariancePart({"sigma": sigma}, 1.0 / sds, matrices)


def _inverse(lower: Any) -> Any:
    identity = pt.eye(lower.type.shape[-1])
    return pt.linalg.solve_triangular(lower, identity, lower=True, b_ndim=2)


def _matrices(chol: Any, n_components: int, shared: bool) -> Any:
    matrices = (chol[..., :, None, :] * chol[..., None, :, :]).sum(axis=-1)
    return matrices * np.ones((n_components, 1, 1)) if shared else matrices
