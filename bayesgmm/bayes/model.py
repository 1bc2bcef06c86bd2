"""The mixture as a PyMC model: priors of ours, a user's, or some of each."""

# PyTensor's annotations leave out its variables' operators and its lazily exported names.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalIterable=false, reportOptionalMemberAccess=false
# pyright: reportPrivateImportUsage=false, reportReturnType=false, reportAssignmentType=false

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.shape_utils import rv_size_is_none

from bayesgmm.bayes.covariance_priors import CovariancePart, our_covariances, users_covariances
from bayesgmm.bayes.distribution import MvNormalMixture
from bayesgmm.bayes.propriety import check_proper, warn_of_collapse
from bayesgmm.bayes.user_priors import UserPrior, check_values, interpreted
from bayesgmm.bayes.variables import coordinates, variable_dims
from bayesgmm.core.covariance import CovarianceFamily, get_family
from bayesgmm.data.validate import (
    as_data,
    check_distinct_rows,
    check_enough_rows,
    check_not_degenerate,
)
from bayesgmm.exceptions import DataError
from bayesgmm.priors import (
    Dirichlet,
    InverseWishart,
    NormalMeans,
    Priors,
    ResolvedPriors,
    resolve,
    warn_of_ties,
)


@dataclass(frozen=True)
class AssembledModel:
    """A model, and the parts of it that a sampler has to know.

    Attributes
    ----------
    model : pymc.Model
    weights, means : TensorVariable
        (K,) and (K, D).
    covariances : CovariancePart
    family : CovarianceFamily
    priors : ResolvedPriors
        The numbers of our priors; those of slots that hold a user's function mean nothing.
    user_slots : frozenset of str
        Slots of the priors that hold a user's function.
    """

    model: pm.Model
    weights: Any
    means: Any
    covariances: CovariancePart
    family: CovarianceFamily
    priors: ResolvedPriors
    user_slots: frozenset[str]


def build_model(
    X: Any, n_components: int, covariance_type: str = "full", priors: Priors | None = None
) -> pm.Model:
    """Build the PyMC model of a Gaussian mixture, for any of PyMC's samplers.

    Parameters
    ----------
    X : (N, D) array_like or frame
        Data; the names of a frame's columns become coordinates.
    n_components : int
        Number of components, K.
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        Covariance family; mclust's codes VVV, EEE, VVI and VII are accepted.
    priors : Priors, optional
        Weakly informative and scaled to the data by default. Functions in its slots run inside the
        model; what they register becomes part of it. Give variables that belong to components
        ``dims="component"`` (first), so that they follow when draws are relabelled.

    Returns
    -------
    pymc.Model
        Variables ``weights`` (component), ``means`` (component, feature), ``covariances``
        (component, feature, feature_other; always full matrices) and the observed ``X``
        (observation, feature), whose rows are in the data container ``data``.

        What is sampled of the covariances is ``variances`` for diag and spherical, and for full and
        tied ``factor_squares`` and ``factor_below``: the squared diagonal and the lower entries of
        Bartlett's factor of an inverse-Wishart. A hierarchical prior adds ``scale``, half the
        diagonal of the inverse-Wishart's scale. With LKJ correlations there are ``sds`` and, for
        full and tied, ``correlation_parts``: ``(1 + r) / 2`` for the partial correlations r of each
        two features given those before the first of them. A concentration that is learned is
        ``concentration``.

    Raises
    ------
    DataError
        If the data, a size or what a user's function returns does not fit, or leaves the posterior
        improper for want of a proper prior.

    Warns
    -----
    PosteriorWarning
        If ties in the data leave the posterior improper.

    See Also
    --------
    BayesianGaussianMixture : samples it, faster where the priors are ours.

    Notes
    -----
    The posterior is the same for every order of the components, and chains may come in different
    ones: relabel before averaging a component's parameters.

    Conjugate means are variables in the units of the data, not standardised offsets: a component
    holds many more rows than the prior is worth, and then offsets would be strongly correlated with
    the covariances.

    Examples
    --------
    >>> import pymc as pm
    >>> from bayesgmm import build_model, load_dataset
    >>> model = build_model(load_dataset("faithful"), 2)
    >>> sorted(variable.name for variable in model.free_RVs)
    ['factor_below', 'factor_squares', 'means', 'weights']
    """
    return assemble(X, n_components, covariance_type, priors).model


def assemble(
    X: Any, n_components: int, covariance_type: str, priors: Priors | None
) -> AssembledModel:
    """Build the model and keep its parts; the arguments are those of :func:`build_model`."""
    if n_components < 1:
        raise DataError(f"n_components must be at least 1, got {n_components}.")
    data = as_data(X, min_rows=2)
    check_enough_rows(len(data.values), n_components)
    check_distinct_rows(data.values, n_components)
    family = get_family(covariance_type)
    if priors is None:
        check_not_degenerate(data.values, family.name, data.feature_names)
        priors = Priors()
    rows, (k, d) = np.asarray(data.values, dtype=float), (n_components, data.n_features)
    functions = {
        slot: UserPrior(slot, getattr(priors, slot))
        for slot in _PLACEHOLDERS
        if callable(getattr(priors, slot))
    }
    numbers = replace(priors, **{slot: _PLACEHOLDERS[slot] for slot in functions})
    resolved = resolve(numbers, rows, k, family.name)
    warn_of_ties(resolved, rows, k, data.feature_names)
    names = data.feature_names or tuple(f"x{i}" for i in range(d))
    dims = variable_dims(family)
    with pm.Model(coords=coordinates(k, names)) as model:
        observed = pm.Data("data", rows, dims=("observation", "feature"))
        if (users := functions.get("covariances")) is not None:
            part = users_covariances(users.covariances(k, d, family), family, k, d)
        else:
            part = our_covariances(resolved, k)
        pm.Deterministic("covariances", part.matrices, dims=dims["covariances"])
        if (users := functions.get("means")) is not None:
            means = _named(users, k, d, dims["means"])
        else:
            means = _our_means(resolved, part, dims["means"])
        if (users := functions.get("weights")) is not None:
            weights = _named(users, k, d, dims["weights"])
        elif k == 1:
            weights = pm.Deterministic("weights", pt.ones(1), dims=dims["weights"])
        else:
            concentration = resolved.concentration
            if resolved.learns_concentration:
                if "concentration" in model.named_vars:
                    raise DataError(
                        "a function in priors registers a variable named 'concentration', which is "
                        "that of GammaConcentration(...); rename it."
                    )
                shape, rate = resolved.concentration_shape, resolved.concentration_rate
                concentration = pm.Gamma("concentration", shape, rate) * np.ones(k)
            weights = pm.Dirichlet("weights", concentration, dims=dims["weights"])
        MvNormalMixture(
            "X", weights, means, observed=observed, dims=("observation", "feature"),
            **part.arguments,
        )  # fmt: skip
    if functions:
        spoken = {slot: users.name for slot, users in functions.items()}
        check_values(model, weights, part.whitening, family, spoken)
        with interpreted():
            check_proper(model, weights, means, part.matrices, spoken)
            if "covariances" in spoken and k > 1:
                name = spoken["covariances"]
                warn_of_collapse(model, part.matrices, name, rows, data.feature_names)
    return AssembledModel(model, weights, means, part, family, resolved, frozenset(functions))


# In place of functions where our priors are turned into numbers: valid for any data, never used.
_PLACEHOLDERS = {
    "weights": Dirichlet(),
    "means": NormalMeans(0.0, 1.0),
    "covariances": InverseWishart(scale=1.0),
}


def _named(prior: UserPrior, n_components: int, n_features: int, dims: tuple[str, ...]) -> Any:
    value = prior.array(n_components, n_features)
    model = pm.modelcontext(None)
    if prior.slot not in model.named_vars:
        return pm.Deterministic(prior.slot, value, dims=dims)
    if model[prior.slot] is not value:
        raise DataError(
            f"{prior.name} registers a variable named {prior.slot!r} but returns another; return "
            "that one, or rename it."
        )
    return value


def _our_means(priors: ResolvedPriors, covariances: CovariancePart, dims: tuple[str, ...]) -> Any:
    if priors.scale is not None:
        return pm.Normal("means", priors.loc, priors.scale, dims=dims)
    root = np.sqrt(priors.strength)
    if "sigma" in covariances.arguments:
        return pm.Normal("means", priors.loc, covariances.arguments["sigma"] / root, dims=dims)
    return pm.CustomDist(
        "means", priors.loc, covariances.whitening * root,
        dist=_draw_whitened, logp=_whitened_logp, support_point=_whitened_support_point,
        signature="(d),(d,d)->(d)", class_name="WhitenedNormal", dims=dims,
    )  # fmt: skip


def _draw_whitened(loc: Any, whitening: Any, size: Any) -> Any:
    batch = tuple(whitening.shape[:-2]) if rv_size_is_none(size) else tuple(size)
    noise = pm.Normal.dist(size=(*batch, loc.shape[-1]))
    return loc + pt.linalg.solve_triangular(whitening, noise, lower=True, b_ndim=1)


def _whitened_logp(value: Any, loc: Any, whitening: Any) -> Any:
    d = whitening.type.shape[-1]
    whitened = (whitening * (value - loc)[..., None, :]).sum(axis=-1)
    diagonal = (whitening * np.eye(d)).sum(axis=-1)
    terms = pt.log(diagonal) - 0.5 * whitened**2 - 0.5 * np.log(2.0 * np.pi)
    return terms.sum(axis=-1)


def _whitened_support_point(rv: Any, size: Any, loc: Any, *rest: Any) -> Any:
    return pt.broadcast_to(loc, rv.shape)
