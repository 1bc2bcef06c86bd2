"""An EM fit as JSON. The schema is in the docstring of `bayesgmm.persistence`."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from bayesgmm import __version__
from bayesgmm.core.covariance import get_family
from bayesgmm.core.mixture import Mixture
from bayesgmm.em.atlas import Atlas, Optimum
from bayesgmm.em.estimator import GaussianMixture
from bayesgmm.persistence.settings import plain, restored_arguments

FORMAT = "bayesgmm.GaussianMixture"
FORMAT_VERSION = 1
# Covariances and whitening factors say the same thing twice; by this much, in units of the
# components' own spread, a file may differ with itself before it is taken to have been changed.
_AGREEMENT = 1e-6
# What a local optimum consists of: the arrays of its mixture, and the rest with its types.
_PARTS = ("weights", "means", "whitening")
_OPTIMUM = {
    "objective": float,
    "n_starts": int,
    "moved": float,
    "settled": bool,
    "why_spurious": str,
}


def to_document(fit: GaussianMixture) -> dict[str, Any]:
    """All that a fitted estimator holds, as plain values."""
    mixture = fit.mixture_
    total = fit.lower_bound_ * fit.n_rows_
    names = getattr(fit, "feature_names_in_", None)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "bayesgmm_version": __version__,
        "n_components": mixture.n_components,
        "n_features": mixture.n_features,
        "feature_names": None if names is None else [str(name) for name in names],
        "covariance_type": mixture.covariance_type,
        "weights": plain(mixture.weights),
        "means": plain(mixture.means),
        "covariances": plain(mixture.native_covariances),
        "whitening": plain(mixture.whitening),
        "fit": {
            "n_rows": fit.n_rows_,
            "log_likelihood": total if fit.priors is None else None,
            "log_posterior": None if fit.priors is None else total,
            "converged": fit.converged_,
            "n_iter": fit.n_iter_,
            "lower_bound": fit.lower_bound_,
            "lower_bounds": plain(fit.lower_bounds_),
            "starts": _plain_atlas(fit.starts_),
        },
        "settings": plain(fit.get_params(deep=False)),
    }


def from_document(document: dict[str, Any]) -> GaussianMixture:
    """The fitted estimator that a document describes.

    Raises
    ------
    ValueError, KeyError, TypeError
        If something is missing, or does not fit together.
    """
    arguments = restored_arguments(document["settings"], set(GaussianMixture._get_param_names()))
    # JSON has lists only.
    arguments["fixed"] = tuple(arguments.get("fixed", ()))
    estimator = GaussianMixture(**arguments)
    estimator._validate_params()
    mixture = _mixture(document)
    estimator._keep_mixture(mixture)
    about = document["fit"]
    estimator.converged_ = bool(about["converged"])
    estimator.n_iter_ = int(about["n_iter"])
    estimator.lower_bound_ = float(about["lower_bound"])
    estimator.lower_bounds_ = [float(value) for value in about["lower_bounds"]]
    estimator.n_rows_ = float(about["n_rows"])
    estimator.starts_ = _atlas(about["starts"], mixture)
    estimator._keep_features(mixture.n_features, mixture.feature_names)
    return estimator


def _plain_atlas(atlas: Atlas) -> dict[str, Any]:
    content = {field.name: plain(getattr(atlas, field.name)) for field in fields(Atlas)[1:]}
    return {
        "n_starts": atlas.n_starts,
        "n_at_best": atlas.n_at_best,
        "n_spikes": atlas.n_spikes,
        **content,
        "optima": [
            {
                **{name: getattr(optimum, name) for name in _OPTIMUM},
                **{name: plain(getattr(optimum.mixture, name)) for name in _PARTS},
            }
            for optimum in atlas.optima
        ],
    }


def _atlas(content: dict[str, Any], kept: Mixture) -> Atlas:
    optima = []
    for about in content["optima"]:
        parts = {name: np.asarray(about[name], dtype=float) for name in _PARTS}
        for name, part in parts.items():
            if part.shape != getattr(kept, name).shape:
                raise ValueError(f"the {name} of an optimum have another shape than the fit's")
        values = {name: kind(about[name]) for name, kind in _OPTIMUM.items()}
        optima.append(Optimum(mixture=replace(kept, **parts), **values))
    if not optima:
        raise ValueError("the fit has no optimum")
    counts = {name: int(content[name]) for name in ("n_failed", "n_returned", "n_outrun")}
    return Atlas(tuple(optima), **counts, objective_name=str(content["objective_name"]))


def write(fit: GaussianMixture, path: Path) -> None:
    """Write the document."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        json.dump(to_document(fit), file, indent=1, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def read(path: Path) -> dict[str, Any]:
    """Read a document.

    Raises
    ------
    ValueError
        If the file holds no JSON object, or a number that is not finite.
    """
    with path.open(encoding="utf-8") as file:
        document = json.load(file, parse_constant=_refuse_constant)
    if not isinstance(document, dict):
        raise ValueError("it holds no JSON object")
    return document


def _refuse_constant(name: str) -> float:
    raise ValueError(f"it holds {name} in the place of a number")


def _mixture(document: dict[str, Any]) -> Mixture:
    family = get_family(document["covariance_type"])
    k, d = int(document["n_components"]), int(document["n_features"])
    native = family.native_shape(k, d)
    shapes = {"weights": (k,), "means": (k, d), "covariances": native, "whitening": native}
    arrays = {}
    for name, shape in shapes.items():
        arrays[name] = np.asarray(document[name], dtype=float)
        if arrays[name].shape != shape:
            raise ValueError(f"{name} must have shape {shape}, has {arrays[name].shape}")
        if not np.all(np.isfinite(arrays[name])):
            raise ValueError(f"{name} must be finite numbers")
    weights = arrays["weights"]
    if np.any(weights < 0) or abs(weights.sum() - 1.0) > _AGREEMENT:
        raise ValueError(f"weights must be positive and sum to 1, sum to {weights.sum():g}")
    names = document["feature_names"]
    if names is not None and len(names) != d:
        raise ValueError(f"there are {len(names)} feature_names for {d} features")
    mixture = Mixture(
        weights,
        arrays["means"],
        arrays["whitening"],
        family.name,
        None if names is None else tuple(str(name) for name in names),
    )
    _check_agreement(mixture, arrays["covariances"])
    return mixture


def _check_agreement(mixture: Mixture, covariances: np.ndarray) -> None:
    k, d = mixture.n_components, mixture.n_features
    full = mixture.family.to_full(covariances, k, d)
    try:
        implied = mixture.covariances
    except np.linalg.LinAlgError:
        raise ValueError("a whitening factor is singular") from None
    sds = np.sqrt(np.abs(np.diagonal(implied, axis1=-2, axis2=-1)))
    difference = (full - implied) / (sds[..., :, None] * sds[..., None, :])
    if not np.all(np.abs(difference) < _AGREEMENT):
        raise ValueError("covariances and whitening do not say the same")
