"""A posterior as netCDF. What the file holds is in the docstring of `bayesgmm.persistence`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesgmm import __version__
from bayesgmm.bayes.diagnostics import Diagnostics
from bayesgmm.bayes.estimator import BayesianGaussianMixture
from bayesgmm.bayes.samplers import Importance
from bayesgmm.core.mixture import Mixture
from bayesgmm.persistence.settings import plain, restored_arguments, restored_resolved

if TYPE_CHECKING:
    import xarray as xr

FORMAT = "bayesgmm.BayesianGaussianMixture"
FORMAT_VERSION = 2
_GROUP = "bayesgmm"
_MAP, _DIAGNOSTICS = f"{_GROUP}/map", f"{_GROUP}/diagnostics"
_STAMP = ("format", "format_version", "bayesgmm_version")
_TEXTS = ("quantity", "kind")
_OF_CHAINS = ("mode", "log_likelihood", "weight")
# A checksum of every block, so that a damaged file says so instead of giving other numbers.
_ENCODING = {"fletcher32": True, "_FillValue": None}


def write(fit: BayesianGaussianMixture, path: Path) -> None:
    """Write the posterior and what else is needed to have the fit back."""
    import xarray as xr

    tree = fit.posterior_.copy()
    for name, dataset in _groups(fit).items():
        tree[name] = xr.DataTree(dataset)
    tree.attrs = {
        **tree.attrs,
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "bayesgmm_version": __version__,
    }
    encoding = {
        node.path: {
            name: _ENCODING
            for name, variable in node.to_dataset(inherit=False).data_vars.items()
            if variable.dtype.kind == "f" and variable.ndim
        }
        for node in tree.subtree
    }
    tree.to_netcdf(path, engine="netcdf4", encoding=encoding)


def read(path: Path) -> "xr.DataTree":
    """Read all of a file into memory and close it."""
    import xarray as xr

    with xr.open_datatree(path, engine="netcdf4", decode_times=False) as tree:
        return tree.load()


def from_tree(tree: "xr.DataTree") -> BayesianGaussianMixture:
    """The fitted estimator that a file describes.

    Raises
    ------
    ValueError, KeyError, TypeError
        If something is missing, or does not fit together.
    """
    ours, of_map, posterior = (_group(tree, name) for name in (_GROUP, _MAP, "posterior"))
    arguments = restored_arguments(
        json.loads(ours.attrs["settings"]), set(BayesianGaussianMixture._get_param_names())
    )
    fit = BayesianGaussianMixture(**arguments)
    fit._validate_params()
    family = str(ours.attrs["covariance_type"])
    names = tuple(str(name) for name in posterior["feature"].values)
    fit.mixture_ = _mixture(posterior, ours["whitening"].values, family, names)
    fit.map_ = _mixture(of_map, of_map["whitening"].values, family, names)
    fit.priors_ = restored_resolved(json.loads(ours.attrs["priors"]))
    fit.diagnostics_ = _diagnostics(_group(tree, _DIAGNOSTICS))
    fit.interrupted_ = not fit.diagnostics_.complete
    fit._keep_features(len(names), names if ours.attrs["has_feature_names"] else None)
    fit.posterior_ = _without_ours(tree)
    return fit


def _groups(fit: BayesianGaussianMixture) -> "dict[str, xr.Dataset]":
    import xarray as xr

    found = fit.diagnostics_
    about = {
        "covariance_type": fit.mixture_.covariance_type,
        "has_feature_names": int(hasattr(fit, "feature_names_in_")),
        # A checkpoint is a file of the machine that sampled.
        "settings": json.dumps(
            plain(fit.get_params(deep=False) | {"checkpoint": None}), allow_nan=False
        ),
        "priors": json.dumps(plain(fit.priors_), allow_nan=False),
    }
    names = list(fit.mixture_.feature_names or ())
    map_covariances = np.ascontiguousarray(fit.map_.covariances)
    return {
        _GROUP: xr.Dataset(
            {"whitening": _array(fit.mixture_.whitening, ("chain", "draw"))}, attrs=about
        ),
        _MAP: xr.Dataset(
            {
                "weights": ("component", fit.map_.weights),
                "means": (("component", "feature"), fit.map_.means),
                "covariances": (("component", "feature", "feature_other"), map_covariances),
                "whitening": _array(fit.map_.whitening),
            },
            {"feature": names, "feature_other": names},
        ),
        _DIAGNOSTICS: xr.Dataset(
            {name: ("row", found.table[name].to_numpy()) for name in found.table.columns}
            | {f"chain_{name}": ("chain", found.chains[name].to_numpy()) for name in _OF_CHAINS},
            attrs={
                "n_divergences": int(found.n_divergences),
                "n_draws": int(found.n_draws),
                "switched": float(found.switched),
                "messages": json.dumps(list(found.messages)),
                "overlapping": json.dumps(found.overlapping),
                "n_namings": int(found.n_namings),
                "agreement": float(found.agreement),
                "complete": int(found.complete),
                "can_diverge": int(found.can_diverge),
                "better_fit": float(found.better_fit),
                "unvisited": float(found.unvisited),
                "places": json.dumps(found.places),
                "evidence_error": float(found.evidence_error),
                "importance": json.dumps(found.importance and asdict(found.importance)),
            },
        ),
    }


def _array(values: np.ndarray, leading: tuple[str, ...] = ()) -> tuple[list[str], np.ndarray]:
    own = [f"whitening_{axis}" for axis in range(values.ndim - len(leading))]
    return [*leading, *own], np.ascontiguousarray(values)


def _group(tree: "xr.DataTree", name: str) -> "xr.Dataset":
    node: Any = tree[name]
    return node.to_dataset()


def _mixture(
    group: "xr.Dataset", whitening: np.ndarray, family: str, names: tuple[str, ...]
) -> Mixture:
    mixture = Mixture(group["weights"].values, group["means"].values, whitening, family, names)
    batch, k, d = mixture.batch_shape, mixture.n_components, mixture.n_features
    shape = (*batch, *mixture.family.native_shape(k, d))
    if mixture.weights.shape != (*batch, k) or whitening.shape != shape or len(names) != d:
        raise ValueError("the shapes of weights, means and whitening do not fit together")
    if not all(np.all(np.isfinite(a)) for a in (mixture.weights, mixture.means, whitening)):
        raise ValueError("weights, means and whitening must be finite numbers")
    return mixture


def _diagnostics(group: "xr.Dataset") -> Diagnostics:
    import pandas as pd

    columns = {}
    for name in ("quantity", "kind", "mean", "sd", "rhat", "ess"):
        values = group[name].values
        columns[name] = [str(v) for v in values] if name in _TEXTS else values
    chains = {"chain": np.arange(group.sizes["chain"])}
    chains |= {name: group[f"chain_{name}"].values for name in _OF_CHAINS}
    about = group.attrs
    importance = json.loads(about["importance"])
    return Diagnostics(
        table=pd.DataFrame(columns),
        n_divergences=int(about["n_divergences"]),
        n_draws=int(about["n_draws"]),
        switched=float(about["switched"]),
        messages=tuple(json.loads(about["messages"])),
        chains=pd.DataFrame(chains),
        overlapping=tuple(map(tuple, json.loads(about["overlapping"]))),
        n_namings=int(about["n_namings"]),
        agreement=float(about["agreement"]),
        complete=bool(about["complete"]),
        importance=importance and Importance(**importance),
        can_diverge=bool(about.get("can_diverge", True)),
        better_fit=float(about.get("better_fit", 0.0)),
        unvisited=float(about.get("unvisited", 0.0)),
        places=tuple(json.loads(about.get("places", "[1.0]"))),
        evidence_error=float(about.get("evidence_error", 0.0)),
    )


def _without_ours(tree: "xr.DataTree") -> "xr.DataTree":
    tree = tree.copy()
    del tree[_GROUP]
    tree.attrs = {name: value for name, value in tree.attrs.items() if name not in _STAMP}
    return tree
