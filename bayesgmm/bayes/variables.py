"""The variables of the PyMC model, for those who fill them in without PyMC.

A fit with priors of ours samples other coordinates than the PyMC model does (see
:mod:`~bayesgmm.bayes.coordinates`), but its draws must serve that model: what PyMC does not find
among them it draws from the prior. Names, dims and coordinates of the model's variables are
therefore kept here, and so is what the variables of its covariances are at a mixture; their priors
are in :mod:`~bayesgmm.bayes.covariance_priors`.
"""

from typing import Any

import numpy as np

from bayesgmm.core.covariance import CovarianceFamily
from bayesgmm.core.mixture import Mixture
from bayesgmm.priors import ResolvedPriors


def variable_dims(family: CovarianceFamily) -> dict[str, tuple[str, ...]]:
    """Dims of every variable that a model of ours may have, by name."""
    each = () if family.shared else ("component",)
    spread = () if family.isotropic else ("feature",)
    return {
        "weights": ("component",),
        "means": ("component", "feature"),
        "covariances": ("component", "feature", "feature_other"),
        "variances": (*each, *spread),
        "factor_squares": (*each, "feature"),
        "factor_below": (*each, "feature_pair"),
        "scale": spread,
        "concentration": (),
        "sds": (*each, *spread),
        "correlation_parts": (*each, "feature_pair"),
    }


def coordinates(n_components: int, feature_names: tuple[str, ...]) -> dict[str, Any]:
    """Coordinates of those dims."""
    names = list(feature_names)
    coords = {"component": np.arange(n_components), "feature": names, "feature_other": names}
    if len(names) > 1:
        below = zip(*np.tril_indices(len(names), -1), strict=True)
        coords["feature_pair"] = [f"{names[i]}, {names[j]}" for i, j in below]
    return coords


def covariance_variables(
    mixture: Mixture, priors: ResolvedPriors, hyper: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """What the variables of our priors on covariances are at a mixture.

    Parameters
    ----------
    mixture : Mixture
        With leading axes or without.
    priors : ResolvedPriors
    hyper : array, optional
        Half the hierarchical scale, leading axes first, and anything after it; needed where the
        priors have one.

    Returns
    -------
    dict of arrays
        By name, leading axes first: ``variances`` (diag, spherical), or ``factor_squares`` and, for
        more than one feature, ``factor_below`` (full, tied); ``scale`` where it is hierarchical.
        With LKJ correlations ``sds`` and, of full and tied ones of more than one feature,
        ``correlation_parts``.
    """
    d = mixture.n_features
    if priors.is_lkj:
        return _lkj_variables(mixture)
    values: dict[str, np.ndarray] = {}
    if priors.is_hierarchical:
        shape = () if priors.family.isotropic else (d,)
        rows = np.reshape(np.asarray(hyper), (*mixture.batch_shape, -1))
        rows = rows[..., : 1 if priors.family.isotropic else d]
        values["scale"] = rows.reshape((*mixture.batch_shape, *shape))
    if priors.family.structure == "diagonal":
        return values | {"variances": mixture.native_covariances}
    factor = mixture.whitening
    if not priors.is_hierarchical:
        # Bartlett's factor B of W = B L^-1, where the scale is L L'; else the model has W itself.
        factor = factor @ np.linalg.cholesky(priors.scatter)
    values["factor_squares"] = factor.diagonal(axis1=-2, axis2=-1) ** 2
    if d > 1:
        values["factor_below"] = factor[..., *np.tril_indices(d, -1)]
    return values


def _lkj_variables(mixture: Mixture) -> dict[str, np.ndarray]:
    d = mixture.n_features
    if mixture.family.structure == "diagonal":
        return {"sds": 1.0 / mixture.whitening}
    chol = np.linalg.inv(mixture.whitening)
    sds = np.linalg.norm(chol, axis=-1)
    values = {"sds": sds}
    if d > 1:
        rows, columns = np.tril_indices(d, -1)
        # The length of what the features before leave of a row, from the right.
        left = np.sqrt(np.cumsum(chol[..., ::-1] ** 2, axis=-1)[..., ::-1])
        partial = chol[..., rows, columns] / left[..., rows, columns]
        values["correlation_parts"] = (1.0 + partial) / 2.0
    return values
