"""Where chains on a PyMC model start: at the EM solution, as far as the model's variables say."""

from dataclasses import replace
from typing import Any

import numpy as np

from bayesgmm.bayes.model import AssembledModel
from bayesgmm.bayes.variables import covariance_variables
from bayesgmm.core.mixture import Mixture
from bayesgmm.em.estimator import MAX_PASSES
from bayesgmm.em.problem import Problem
from bayesgmm.em.runs import Settings
from bayesgmm.em.search import search
from bayesgmm.exceptions import DataError
from bayesgmm.priors import Priors, resolve


def em_solution(
    X: np.ndarray,
    n_components: int,
    covariance_type: str,
    priors: Priors,
    rng: np.random.Generator,
) -> tuple[Mixture, np.ndarray | None] | None:
    """The mode under our priors or what EM takes for them, and half their scale.

    The defaults stand in for functions.

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
        problem = Problem(X, covariance_type, priors=resolved.for_em())
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
    priors, free = assembled.priors, set(assembled.model.free_RVs)
    values: dict[str, np.ndarray] = {}
    lengths: dict[str, Any] = {}
    if assembled.means in free:
        values[assembled.means.name] = mixture.means
        sds = np.sqrt(mixture.covariances.diagonal(axis1=-2, axis2=-1))
        lengths[assembled.means.name] = sds
    if assembled.weights in free:
        weights = np.maximum(mixture.weights, 1e-6)
        values[assembled.weights.name] = weights / weights.sum()
    if "weights" not in assembled.user_slots and priors.learns_concentration:
        values["concentration"] = np.asarray(priors.concentration[0])
    if "covariances" not in assembled.user_slots:
        values |= covariance_variables(mixture, priors, hyper)
        if "factor_below" in values and priors.is_hierarchical:
            rows = np.tril_indices(mixture.n_features, -1)[0]
            lengths["factor_below"] = np.sqrt(values["factor_squares"])[..., rows]
    return values, lengths
