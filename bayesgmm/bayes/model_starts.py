"""Where chains on a PyMC model start: at the EM solution, as far as the model's variables say."""

from dataclasses import replace
from typing import Any

import numpy as np

from bayesgmm.bayes.model import AssembledModel
from bayesgmm.core.mixture import Mixture
from bayesgmm.em.estimator import MAX_PASSES
from bayesgmm.em.problem import Problem
from bayesgmm.em.search import Settings, search
from bayesgmm.exceptions import DataError
from bayesgmm.priors import Priors, resolve


def em_solution(
    X: np.ndarray,
    n_components: int,
    covariance_type: str,
    priors: Priors,
    rng: np.random.Generator,
) -> tuple[Mixture, np.ndarray | None] | None:
    """The mode under our priors, the defaults standing in for functions, and half their scale.

    None where EM finds nothing to stand on.
    """
    defaults = Priors()
    slots = {
        slot: getattr(defaults, slot)
        for slot in ("weights", "means", "covariances")
        if callable(getattr(priors, slot))
    }
    settings = Settings(n_components, "auto", "mixed", None, MAX_PASSES)
    try:
        resolved = resolve(replace(priors, **slots), X, n_components, covariance_type)
        bounded = np.maximum(resolved.concentration, 1.0)  # below one there is no mode
        resolved = replace(resolved, concentration=bounded)
        problem = Problem(X, covariance_type, priors=resolved)
        mixture = search(problem, settings, rng).run.mixture
    except (DataError, np.linalg.LinAlgError):
        return None
    return mixture, problem.hyper(mixture)


def values_at(
    assembled: AssembledModel, mixture: Mixture, hyper: np.ndarray | None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What the model's free variables are at a mixture, and lengths by which to spread starts.

    Returns
    -------
    values : dict
        By name of the variable; weights or means of a user only where the function returns a free
        variable as it is.
    lengths : dict
        Of those that have a unit or a scale, in it; others have one of about one.
    """
    model, priors = assembled.model, assembled.priors
    free = set(model.free_RVs)
    values: dict[str, np.ndarray] = {}
    lengths: dict[str, Any] = {}
    if assembled.means in free:
        values[assembled.means.name] = mixture.means
        sds = np.sqrt(mixture.covariances.diagonal(axis1=-2, axis2=-1))
        lengths[assembled.means.name] = sds
    if assembled.weights in free:
        weights = np.maximum(mixture.weights, 1e-6)
        values[assembled.weights.name] = weights / weights.sum()
    ours = set(model.named_vars) - set(assembled.user_names)
    if "variances" in ours:
        values["variances"] = mixture.native_covariances
    if "factor_squares" in ours:
        hierarchical = priors.is_hierarchical
        root = np.eye(len(priors.loc)) if hierarchical else np.linalg.cholesky(priors.scatter)
        factor = mixture.whitening @ root
        diagonal = factor.diagonal(axis1=-2, axis2=-1)
        rows, columns = np.tril_indices(len(root), -1)
        values["factor_squares"] = diagonal**2
        values["factor_below"] = factor[..., rows, columns]
        lengths["factor_below"] = diagonal[..., rows] if hierarchical else 1.0
    if "scale" in ours and hyper is not None:
        values["scale"] = np.asarray(hyper)
    return {k: v for k, v in values.items() if k in model.named_vars}, lengths
