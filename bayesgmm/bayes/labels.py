"""Labels: draws of a mixture name their components in any order; here they are made to agree.

The posterior is the same for every order of the components, so a sampler may change it from draw to
draw. Constraining the order of the means instead distorts the posterior where components overlap;
draws are therefore relabelled afterwards, each to the order in which its memberships agree best
with those of a reference (:func:`~bayesgmm.core.alignment.matching_order`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.core.alignment import matching_order
from bayesgmm.core.mixture import Mixture

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Relabelling:
    """Draws under agreed labels.

    Attributes
    ----------
    mixture : Mixture
        The relabelled draws.
    orders : (..., K) array of int
        Component ``j`` of a relabelled draw is component ``orders[..., j]`` of the draw.
    switched : float
        Fraction of draws whose order differs from the most common one of their chain: how often
        labels switched while sampling.
    """

    mixture: Mixture
    orders: np.ndarray
    switched: float

    def apply(self, variables: "xr.Dataset") -> "xr.Dataset":
        """Order draws of other variables alike, along their dim ``component`` if they have it."""
        if "component" not in variables.dims:
            return variables
        import xarray as xr

        orders = xr.DataArray(self.orders, dims=("chain", "draw", "component"))
        return variables.map(
            lambda v: v.isel(component=orders) if "component" in v.dims else v, keep_attrs=True
        )


def relabel(draws: Mixture, reference: Mixture, X: np.ndarray) -> Relabelling:
    """Order the components of each draw as in ``reference``.

    Parameters
    ----------
    draws : Mixture
        With leading axes (chain, draw).
    reference : Mixture
        Without leading axes, usually the MAP.
    X : (N, D) array
        The data; at most 2000 rows of it are looked at.
    """
    orders = matching_order(draws, reference, X)
    return Relabelling(draws.permute(orders), orders, _switched(orders))


def _switched(orders: np.ndarray) -> float:
    away = 0
    for chain in orders:
        _, counts = np.unique(chain, axis=0, return_counts=True)
        away += len(chain) - counts.max()
    return away / (orders.shape[0] * orders.shape[1])
