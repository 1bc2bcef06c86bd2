"""PSIS-LOO and WAIC of a posterior, for any number of rows."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesgmm.core import criteria
from bayesgmm.core.mixture import Mixture
from bayesgmm.exceptions import DataError
from bayesgmm.progress import Progress

if TYPE_CHECKING:
    import xarray as xr
    from arviz_stats.utils import ELPDData

# Log-likelihoods held at once, in bytes, where the rows come in blocks.
_BLOCK_BYTES = 8 * 2**20
# A generalised Pareto distribution is fitted to the largest fifth of the weights, five at least.
MIN_DRAWS = 25

LogLikelihood = Callable[[slice], np.ndarray]


def row_blocks(n_rows: int, n_draws: int) -> list[slice]:
    """Slices of rows, of about one length, whose pointwise log-likelihoods fit in memory together.

    No slice is a single row if that can be helped: ArviZ takes such a one for a mistake.
    """
    largest = max(1, _BLOCK_BYTES // (8 * n_draws))
    n_blocks = -(-n_rows // largest)
    edges = [n_rows * i // n_blocks for i in range(n_blocks + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def pointwise(mixture: Mixture, X: np.ndarray) -> LogLikelihood:
    """The log density of rows under each draw, (chain, draw, rows), a slice of rows at a time."""
    return lambda rows: mixture.log_density(X[rows])


def waic(
    log_likelihood: LogLikelihood, n_rows: int, n_draws: int, progressbar: bool = False
) -> criteria.WAIC:
    """WAIC, block by block.

    Parameters
    ----------
    log_likelihood : callable
        From a slice of rows to (chain, draw, rows).
    n_rows, n_draws : int
        ``n_draws`` over all chains.
    progressbar : bool, default False
        Where there is more than one block.
    """
    parts = []
    blocks = row_blocks(n_rows, n_draws)
    with Progress(progressbar and len(blocks) > 1, len(blocks)) as advance:
        for rows in blocks:
            advance("WAIC")
            values = log_likelihood(rows)
            parts.append(criteria.waic(values.reshape(-1, values.shape[-1])))
    rows_elpd = np.concatenate([part.pointwise for part in parts])
    elpd, se = criteria.total_and_error(rows_elpd)
    return criteria.WAIC(
        elpd=elpd,
        se=se,
        p=sum(part.p for part in parts),
        pointwise=rows_elpd,
        n_high_variance=sum(part.n_high_variance for part in parts),
    )


def loo(
    log_likelihood: LogLikelihood,
    n_rows: int,
    posterior: "xr.Dataset",
    progressbar: bool = False,
) -> "ELPDData":
    """PSIS-LOO by ArviZ, block by block, with pointwise values.

    ``mixture=True`` of ``arviz.loo`` is never asked for: it is for draws from a mixture of
    leave-one-out posteriors, not for mixture models.

    Parameters
    ----------
    log_likelihood : callable
        From a slice of rows to (chain, draw, rows).
    n_rows : int
    posterior : xarray.Dataset
        The draws, from which ArviZ takes their relative efficiency.
    progressbar : bool, default False
        Where there is more than one block.

    Raises
    ------
    DataError
        If there are too few draws.
    """
    import arviz as az
    import xarray as xr

    n_draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    if n_draws < MIN_DRAWS:
        raise DataError(
            f"LOO needs at least {MIN_DRAWS} draws over all chains, to fit the tail of their "
            f"importance weights, but there are {n_draws}; fit again with more (draws=)."
        )
    parts = []
    blocks = row_blocks(n_rows, n_draws)
    with Progress(progressbar and len(blocks) > 1, len(blocks)) as advance:
        for rows in blocks:
            advance("Leave-one-out")
            values = log_likelihood(rows)
            group = xr.Dataset(
                {"X": (("chain", "draw", "observation"), values)},
                {"observation": np.arange(n_rows)[rows]},
            )
            tree = xr.DataTree.from_dict({"log_likelihood": group, "posterior": posterior})
            parts.append(az.loo(tree, pointwise=True))
    return parts[0] if len(parts) == 1 else _combine(parts)


def stacking_weights(loo: "Mapping[Any, ELPDData]") -> dict[Any, float]:
    """The weights with which predictions averaged over posteriors would have the highest elpd.

    Stacking of Yao et al. (2018), doi:10.1214/17-BA1091.

    Parameters
    ----------
    loo : mapping of ELPDData
        Of the same rows, with pointwise values.
    """
    if len(loo) < 2:
        return dict.fromkeys(loo, 1.0)
    import arviz as az

    with warnings.catch_warnings():
        # ArviZ repeats what is said elsewhere: bad Pareto k, and many posteriors compared.
        warnings.simplefilter("ignore")
        ranking = az.compare({str(place): value for place, value in enumerate(loo.values())})
    return {key: float(ranking.loc[str(place), "weight"]) for place, key in enumerate(loo)}


def _combine(parts: "list[ELPDData]") -> "ELPDData":
    import xarray as xr

    rows_elpd = xr.concat([part.elpd_i for part in parts], "observation")
    elpd, se = criteria.total_and_error(rows_elpd.to_numpy())
    return replace(
        parts[0],
        elpd=elpd,
        se=se,
        p=sum(part.p for part in parts),
        n_data_points=rows_elpd.size,
        warning=any(part.warning for part in parts),
        elpd_i=rows_elpd,
        pareto_k=xr.concat([part.pareto_k for part in parts], "observation"),
    )
