"""The posterior as a standard object: an ArviZ ``DataTree``."""

from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.core.mixture import Mixture

if TYPE_CHECKING:
    import xarray as xr

# Larger pointwise log-likelihoods are not kept; WAIC and LOO then compute them in blocks of rows.
MAX_LOG_LIKELIHOOD_BYTES = 256 * 2**20

DIMS = {
    "weights": ["component"],
    "means": ["component", "feature"],
    "covariances": ["component", "feature", "feature_other"],
    "scale": ["scale_feature"],
}


def build_tree(
    mixture: Mixture,
    hyper: np.ndarray,
    sample_stats: dict[str, np.ndarray],
    X: np.ndarray,
    log_likelihood: np.ndarray | None,
    feature_names: tuple[str, ...],
    attributes: dict[str, str],
    extra: "xr.Dataset | None" = None,
) -> "xr.DataTree":
    """Put draws, statistics and data into a DataTree with named dimensions.

    Parameters
    ----------
    mixture : Mixture
        With leading axes (chain, draw), relabelled.
    hyper : (chain, draw, n) array
        Half the hierarchical scale; left out if n is zero.
    sample_stats : dict of (chain, draw) arrays
    X : (N, D) array
    log_likelihood : (chain, draw, N) array or None
        Left out if None.
    feature_names : tuple of str
    attributes : dict
        Written to the posterior group.
    extra : xarray.Dataset, optional
        More variables of the posterior, with leading dims (chain, draw).
    """
    import arviz as az
    import xarray as xr

    posterior = {
        "weights": mixture.weights,
        "means": mixture.means,
        "covariances": np.ascontiguousarray(mixture.covariances),
    }
    if hyper.shape[-1]:
        posterior["scale"] = hyper
    groups = {
        "posterior": posterior,
        "sample_stats": sample_stats,
        "observed_data": {"X": np.asarray(X, dtype=float)},
    }
    if log_likelihood is not None:
        groups["log_likelihood"] = {"X": log_likelihood}
    names = list(feature_names)
    coords = {
        "component": np.arange(mixture.n_components),
        "feature": names,
        "feature_other": names,
        "observation": np.arange(len(X)),
    }
    # The rows are vectors, their log-likelihoods numbers: one name, other dimensions in each group.
    parts = {}
    for group, variables in groups.items():
        rows = ["observation"] if group == "log_likelihood" else ["observation", "feature"]
        part = az.from_dict({group: variables}, coords=coords, dims={**DIMS, "X": rows})
        parts[group] = part[group].to_dataset()
    if extra is not None:
        parts["posterior"] = parts["posterior"].assign(extra)
    tree = xr.DataTree.from_dict(parts)
    tree["posterior"].attrs.update(attributes)
    return tree


def mixture_from_tree(tree: "xr.DataTree", covariance_type: str) -> Mixture:
    """The draws of a DataTree as a mixture with leading axes (chain, draw)."""
    posterior = tree["posterior"].to_dataset()
    names = tuple(str(name) for name in posterior["feature"].values)
    return Mixture.from_covariances(
        posterior["weights"].values,
        posterior["means"].values,
        posterior["covariances"].values,
        covariance_type,
        names,
    )
