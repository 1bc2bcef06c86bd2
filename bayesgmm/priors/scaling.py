"""From priors to numbers, once data, K and the covariance family are known."""

from typing import Any

import numpy as np

from bayesgmm.core.covariance import CovarianceFamily, get_family
from bayesgmm.exceptions import DataError
from bayesgmm.priors.choices import (
    LKJ,
    ConjugateMeans,
    DataSummary,
    Dirichlet,
    GammaConcentration,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    NormalMeans,
    Priors,
)
from bayesgmm.priors.resolved import ResolvedPriors

# An eigenvalue of a correlation matrix below this, a column, is zero but for rounding.
_ROUNDING = 4.0 * np.finfo(float).eps


def resolve(
    priors: Priors,
    X: np.ndarray,
    n_components: int,
    covariance_type: str,
    sample_weight: np.ndarray | None = None,
) -> ResolvedPriors:
    """The numbers of ``priors`` for data ``X`` (N, D), K components and a covariance family.

    ``sample_weight`` (N,) are the frequencies of the rows, one each by default.

    Raises
    ------
    DataError
        If a size given by the user does not fit, the degrees of freedom are too few, or the data
        have no spread to scale a default by.
    """
    if not priors.is_ours:
        raise DataError("priors given as functions have no numbers; they need a PyMC model.")
    summary = priors.summary or DataSummary.of(X, sample_weight)
    family = get_family(covariance_type)
    d = X.shape[1]
    if len(summary.centre) != d:
        raise DataError(
            f"the priors were scaled to data with {len(summary.centre)} columns, got {d}."
        )
    weights, means = priors.weights, priors.means
    learned: dict[str, float] = {}
    if isinstance(weights, GammaConcentration):
        rate = weights.shape * n_components if weights.rate is None else weights.rate
        concentration = np.full(n_components, weights.shape / rate)
        if n_components > 1:  # a single weight says nothing about it
            learned = {
                "concentration_shape": float(weights.shape),
                "concentration_rate": float(rate),
            }
    else:
        assert isinstance(weights, Dirichlet)
        concentration = _sized(weights.concentration, n_components, "Dirichlet(concentration=...)")
    loc, scale, strength = means.loc, None, 0.0
    if isinstance(means, NormalMeans):
        loc = summary.centre if loc is None else loc
        scale = means.scale
        scale = _spread(summary) if scale is None else _sized(scale, d, "NormalMeans(scale=...)")
    elif isinstance(means, ConjugateMeans):
        loc = summary.mean if loc is None else loc
        strength = float(means.strength)
    common: dict[str, Any] = {
        "covariance_type": family.name,
        "concentration": concentration,
        "loc": _sized(loc, d, "the means' loc"),
        "scale": scale,
        "strength": strength,
        **learned,
    }
    if isinstance(priors.covariances, GammaScale):
        return _hierarchical(priors.covariances, summary, family, common)
    if isinstance(priors.covariances, LogNormalScale):
        return _log_normal(priors.covariances, summary, n_components, family, common)
    if isinstance(priors.covariances, LKJ):
        return _lkj(priors.covariances, summary, n_components, family, common)
    assert isinstance(priors.covariances, InverseWishart)
    return _fixed(priors.covariances, summary, n_components, family, common)


def _fixed(
    prior: InverseWishart,
    summary: DataSummary,
    n_components: int,
    family: CovarianceFamily,
    common: dict[str, Any],
) -> ResolvedPriors:
    d = len(summary.centre)
    dof = d + 2.0 if prior.dof is None else float(prior.dof)
    if dof <= d - 1:
        raise DataError(
            f"InverseWishart(dof=...) must be above D - 1 = {d - 1}, got {dof:g}; "
            "the default is D + 2."
        )
    if prior.scale is None:
        scatter = summary.covariance / n_components ** (2.0 / d)
        if not _is_positive(scatter, family):
            raise DataError(
                "the default scale of InverseWishart follows the covariance of the data, which is "
                "not positive definite where columns are constant or collinear: give scale=..., or "
                "drop those columns."
            )
    else:
        scatter = _given_scale(np.asarray(prior.scale, dtype=float), d, family)
    if family.structure == "diagonal":
        dof = dof - d + 1.0
        scatter = np.diag(scatter).copy()
        if family.isotropic:
            scatter = np.asarray(scatter.mean())
    return ResolvedPriors(dof=dof, scatter=scatter, **common)


def _given_scale(scale: np.ndarray, d: int, family: CovarianceFamily) -> np.ndarray:
    """The scale of an inverse-Wishart prior as a matrix (D, D)."""
    rule = "InverseWishart(scale=...) must be"
    if scale.shape not in ((), (d,), (d, d)):
        raise DataError(
            f"{rule} a number, {d} of them, or a matrix of shape ({d}, {d}), one row a column of "
            f"the data; got shape {scale.shape}."
        )
    if scale.shape != (d, d):
        scale = np.diag(np.broadcast_to(scale, (d,)))
    apart = np.abs(scale - scale.T)
    size = np.sqrt(np.abs(np.outer(np.diag(scale), np.diag(scale))))
    if np.any(apart > 1e-8 * size):
        i, j = np.unravel_index(np.argmax(apart), apart.shape)
        raise DataError(
            f"{rule} symmetric, got {scale[i, j]:g} in row {i}, column {j} and {scale[j, i]:g} in "
            f"row {j}, column {i}."
        )
    if not _is_positive(scale, family):
        raise DataError(
            f"{rule} positive definite, got {_why_not_positive(scale)}; a number or {d} positive "
            "ones, for its diagonal, always are."
        )
    return scale


def _why_not_positive(scale: np.ndarray) -> str:
    variances = np.diag(scale)
    if not np.all(variances > 0):
        i = int(np.argmin(variances))
        return f"{variances[i]:g} in place {i} of its diagonal"
    return f"an eigenvalue of {np.linalg.eigvalsh(scale)[0]:.3g}"


def _is_positive(scatter: np.ndarray, family: CovarianceFamily) -> bool:
    variances = np.diag(scatter)
    if family.isotropic:
        return bool(variances.mean() > 0)
    if not np.all(variances > 0):
        return False
    if family.structure == "diagonal":
        return True
    # As correlations, so that the units of the columns make no difference.
    sd = np.sqrt(variances)
    correlation = scatter / np.outer(sd, sd)
    least = np.linalg.eigvalsh(correlation)[0]
    return bool(np.allclose(correlation, correlation.T) and least > _ROUNDING * len(sd))


def _hierarchical(
    prior: GammaScale, summary: DataSummary, family: CovarianceFamily, common: dict[str, Any]
) -> ResolvedPriors:
    d = len(summary.centre)
    if prior.hyper_rate is None:
        rate = 10.0 / _spread(summary) ** 2
    else:
        rate = _sized(prior.hyper_rate, d, "GammaScale(hyper_rate=...)")
    if family.isotropic:
        rate = np.asarray(1.0 / np.mean(1.0 / rate))
    return ResolvedPriors(
        **_given_half_scale(prior.hyper_shape / rate, prior.shape, d, family),
        hyper_shape=float(prior.hyper_shape),
        hyper_rate=rate,
        **common,
    )


def _log_normal(
    prior: LogNormalScale,
    summary: DataSummary,
    n_components: int,
    family: CovarianceFamily,
    common: dict[str, Any],
) -> ResolvedPriors:
    d = len(summary.centre)
    if prior.median is None:
        _spread(summary)
        median = 0.5 * np.diag(summary.covariance) / n_components ** (2.0 / d)
    else:
        median = _sized(prior.median, d, "LogNormalScale(median=...)")
    if family.isotropic:
        median = np.asarray(np.mean(median))
    return ResolvedPriors(
        **_given_half_scale(median, prior.shape, d, family),
        hyper_median=median,
        hyper_sigma=float(prior.sigma),
        **common,
    )


def _given_half_scale(
    half: np.ndarray, shape: float, d: int, family: CovarianceFamily
) -> dict[str, Any]:
    """What the covariances are under a hierarchical prior, at a value of half their scale."""
    triangular = family.structure == "triangular"
    return {
        "dof": 2.0 * shape + (d - 1 if triangular else 0),
        "scatter": 2.0 * (np.diag(half) if triangular else np.asarray(half)),
    }


def _lkj(
    prior: LKJ,
    summary: DataSummary,
    n_components: int,
    family: CovarianceFamily,
    common: dict[str, Any],
) -> ResolvedPriors:
    d = len(summary.centre)
    if prior.median is None:
        _spread(summary)
        median = np.sqrt(np.diag(summary.covariance)) / n_components ** (1.0 / d)
    else:
        median = _sized(prior.median, d, "LKJ(median=...)")
    if family.isotropic:
        median = np.asarray(np.sqrt(np.mean(median**2)))
    triangular = family.structure == "triangular"
    return ResolvedPriors(
        dof=d + 2.0 if triangular else 3.0,
        scatter=np.diag(median**2) if triangular else np.asarray(median**2),
        eta=float(prior.eta),
        sd_median=median,
        sd_sigma=float(prior.sigma),
        **common,
    )


def _spread(summary: DataSummary) -> np.ndarray:
    if not np.all(summary.spread > 0):
        column = int(np.argmin(summary.spread))
        raise DataError(
            f"column {column} has no spread to scale the default prior by; drop it, or give the "
            "prior its scale."
        )
    return summary.spread


def _sized(value: Any, n: int, name: str) -> np.ndarray:
    array = np.asarray(value, dtype=float)
    if array.shape not in ((), (n,)):
        raise DataError(f"{name} must be one number or {n} of them, got shape {array.shape}.")
    return np.broadcast_to(array, (n,)).copy()
