"""The posterior as a standard object: an ArviZ ``DataTree``."""

from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.bayes.variables import coordinates, covariance_variables, variable_dims
from bayesgmm.core.mixture import Mixture
from bayesgmm.priors import ResolvedPriors

if TYPE_CHECKING:
    import xarray as xr

# Larger pointwise log-likelihoods are not kept; WAIC and LOO then compute them in blocks of rows.
MAX_LOG_LIKELIHOOD_BYTES = 256 * 2**20


def build_tree(
    mixture: Mixture,
    others: "xr.Dataset",
    sample_stats: dict[str, np.ndarray],
    X: np.ndarray,
    log_likelihood: np.ndarray | None,
    feature_names: tuple[str, ...],
    attributes: dict[str, str | int],
    constants: "xr.Dataset | None" = None,
) -> "xr.DataTree":
    """Put draws, statistics and data into a DataTree with named dimensions.

    Parameters
    ----------
    mixture : Mixture
        With leading axes (chain, draw), relabelled.
    others : xarray.Dataset
        The other variables of the PyMC model, with leading dims (chain, draw), and coordinates of
        dims that are not ours.
    sample_stats : dict of (chain, draw) arrays
    X : (N, D) array
    log_likelihood : (chain, draw, N) array or None
        Left out if None.
    feature_names : tuple of str
    attributes : dict
        Written to the posterior group.
    constants : xarray.Dataset, optional
        Data that the priors hold, for a group ``constant_data``.
    """
    # Of ArviZ only what is needed: all of it loads its plots, and Matplotlib.
    import xarray as xr
    from arviz_base import from_dict

    posterior = {
        "weights": mixture.weights,
        "means": mixture.means,
        "covariances": np.ascontiguousarray(mixture.covariances),
    }
    groups = {
        "posterior": posterior,
        "sample_stats": sample_stats,
        "observed_data": {"X": np.asarray(X, dtype=float)},
    }
    if log_likelihood is not None:
        groups["log_likelihood"] = {"X": log_likelihood}
    ours = coordinates(mixture.n_components, feature_names)
    coords = ours | {"observation": np.arange(len(X))}
    dims = {name: list(own) for name, own in variable_dims(mixture.family).items()}
    # The rows are vectors, their log-likelihoods numbers: one name, other dimensions in each group.
    parts = {}
    for group, variables in groups.items():
        rows = ["observation"] if group == "log_likelihood" else ["observation", "feature"]
        part = from_dict({group: variables}, coords=coords, dims={**dims, "X": rows})
        parts[group] = part[group].to_dataset()
    whole = parts["posterior"].assign(others)
    parts["posterior"] = whole.assign_coords({d: ours[d] for d in ours if d in whole.dims})
    if constants is not None:
        parts["constant_data"] = constants
    tree = xr.DataTree.from_dict(parts)
    tree["posterior"].attrs.update(attributes)
    return tree


def variables_dataset(mixture: Mixture, priors: ResolvedPriors, hyper: np.ndarray) -> "xr.Dataset":
    """What the PyMC model samples but weights and means, where the priors are ours.

    Parameters
    ----------
    mixture : Mixture
        With leading axes (chain, draw).
    priors : ResolvedPriors
    hyper : (chain, draw, n) array
        Half the hierarchical scale, then the concentration; n is zero if both are fixed.
    """
    import xarray as xr

    dims = variable_dims(mixture.family)
    values = covariance_variables(mixture, priors, hyper)
    if priors.learns_concentration:
        values["concentration"] = hyper[..., -1]
    return xr.Dataset({n: (("chain", "draw", *dims[n]), value) for n, value in values.items()})
