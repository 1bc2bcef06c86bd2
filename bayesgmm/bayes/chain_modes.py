"""Chains that sit in different modes of the posterior: which ones, and what each mode is worth."""

import warnings
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.csgraph import connected_components

from bayesgmm.bayes import elpd

if TYPE_CHECKING:
    import xarray as xr

# Two chains are apart if some quantity of theirs differs by this many standard deviations of the
# difference between a draw of one and a draw of the other: their draws then hardly overlap.
APART = 3.0
# Fewer draws a chain cannot tell.
MIN_DRAWS = 25
# Modes are weighed by at most this many rows: LOO takes a few milliseconds for each.
_MAX_ROWS = 300


def modes_of_chains(values: np.ndarray) -> np.ndarray:
    """The mode of each chain, (chain,), numbered from 0 in the order of their first chains.

    Chains that no quantity keeps apart share a mode, and so do chains that a third one bridges.

    Parameters
    ----------
    values : (chain, draw, n) array
        Draws of quantities that mean the same in all chains: free of labels, or relabelled.
    """
    n_chains, n_draws = values.shape[:2]
    if n_draws < MIN_DRAWS:
        return np.zeros(n_chains, dtype=int)
    mean, variance = values.mean(axis=1), values.var(axis=1)
    distance = np.abs(mean[:, None] - mean)
    apart = (distance > APART * np.sqrt(variance[:, None] + variance)).any(axis=-1)
    return connected_components(~apart, directed=False)[1]


def weigh_modes(
    modes: np.ndarray, log_likelihood: elpd.LogLikelihood, n_rows: int, posterior: "xr.Dataset"
) -> np.ndarray:
    """The weight of each mode by stacking, (mode,), summing to one.

    Each mode's draws predict each row from the others (PSIS-LOO); the weights are those with which
    the average of the modes' predictions is best (Yao, Vehtari and Gelman, 2022, Journal of Machine
    Learning Research 23(79)).

    Parameters
    ----------
    modes : (chain,) array of int
    log_likelihood : callable
        From a slice of rows to (chain, draw, rows).
    n_rows : int
        At most 300 of them, evenly spaced, are predicted.
    posterior : xarray.Dataset
        The draws.
    """
    step = -(-n_rows // _MAX_ROWS)
    values = log_likelihood(slice(None, None, step))
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bad Pareto k: the weights are rough in any case
        for mode in range(modes.max() + 1):
            chains = np.flatnonzero(modes == mode)
            own = values[chains]
            found[mode] = elpd.loo(
                lambda rows, own=own: own[..., rows], own.shape[-1], posterior.isel(chain=chains)
            )
    return np.array(list(elpd.stacking_weights(found).values()))
