"""Draws under agreed labels, and how sure these are."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.bayes.labels.memberships import MAX_ROWS, Memberships, choose_rows
from bayesgmm.bayes.labels.methods import METHODS, aligned, shared
from bayesgmm.core.alignment import best_orders
from bayesgmm.core.mixture import Mixture

if TYPE_CHECKING:
    import xarray as xr

# Methods are compared on this many draws, and as many rows as keep their memberships to 8 MB.
_COMPARED_DRAWS = 500
_COMPARED_VALUES = 1_000_000
_OVERLAP_DRAWS = 200
# Pairs of rows to follow are looked for among this many rows, in this many draws.
_PAIR_ROWS, _PAIR_DRAWS = 60, 100
_MAX_PAIRS = 3
_LEAST_SD = 0.01


@dataclass(frozen=True)
class Relabelling:
    """Draws under agreed labels.

    Attributes
    ----------
    mixture : Mixture
        The relabelled draws.
    orders : (chain, draw, K) array of int
        Component ``j`` of a relabelled draw is component ``orders[..., j]`` of the draw.
    switched : float
        Fraction of draws whose order differs from the most common one of their chain: how often
        labels switched while sampling.
    n_namings : int
        How many different orders are some chain's most common one: whether labels differ between
        chains.
    functionals : dict of (chain, draw) arrays
        The probabilities that two rows have one component, for the few pairs of rows of which that
        varies most. No labelling changes them.
    n_occupied : (chain, draw) array of int
        The number of components that some row belongs to rather than to any other.
    """

    mixture: Mixture
    orders: np.ndarray
    switched: float
    n_namings: int = 1
    functionals: dict[str, np.ndarray] = field(default_factory=dict)
    n_occupied: np.ndarray | None = None

    def apply(self, variables: "xr.Dataset") -> "xr.Dataset":
        """Order draws of other variables alike, along their dim ``component`` if they have it."""
        if "component" not in variables.dims:
            return variables
        import xarray as xr

        orders = xr.DataArray(self.orders, dims=("chain", "draw", "component"))
        return variables.map(
            lambda v: v.isel(component=orders) if "component" in v.dims else v, keep_attrs=True
        )


def relabel(
    draws: Mixture, reference: Mixture, X: np.ndarray, method: str = "membership"
) -> Relabelling:
    """Order the components of each draw as in ``reference``.

    Parameters
    ----------
    draws : Mixture
        With leading axes (chain, draw).
    reference : Mixture
        Without leading axes, usually the MAP.
    X : (N, D) array
        The data; at most 2000 rows of it are looked at.
    method : {"membership", "ecr", "stephens"}, default "membership"
        "membership" finds the order that shares most membership with the reference, "ecr" the one
        that allocates most rows alike, "stephens" the one nearest to the mean of all relabelled
        draws. They differ where components overlap: there "stephens" is right a little more often
        than the default and takes several times as long, and "ecr" is right less often.

    Notes
    -----
    Takes time in proportion to rows, draws and components, and 8 MB of memory.
    """
    k, shape = draws.n_components, draws.batch_shape
    if k == 1:
        return Relabelling(draws, np.zeros((*shape, 1), dtype=int), 0.0)
    positions = choose_rows(X, reference, MAX_ROWS)
    rows = X[positions]
    memberships = Memberships(draws.flatten(), rows)
    target = reference.responsibilities(rows)
    pairs = _unsure_pairs(draws, rows)
    tables, occupied, together = memberships.collect(
        shared(target), _n_occupied, lambda p: (p[:, pairs[0]] * p[:, pairs[1]]).sum(axis=-1)
    )
    # The default method, without going through the draws once more.
    by_tables = method == "membership"
    orders = best_orders(tables) if by_tables else METHODS[method](memberships, target)
    orders = orders.reshape(*shape, k)
    usual, switched = _usual_orders(orders)
    functionals = {
        f"co-clustering of rows {i} and {j}": values.reshape(shape)
        for values, i, j in zip(together.T, *positions[pairs], strict=True)
    }
    return Relabelling(
        mixture=draws.permute(orders),
        orders=orders,
        switched=switched,
        n_namings=len(np.unique(usual, axis=0)),
        functionals=functionals,
        n_occupied=occupied.reshape(shape),
    )


def agreement(draws: Mixture, reference: Mixture, X: np.ndarray) -> float:
    """The share of draws that all methods order in the same way.

    Parameters
    ----------
    draws, reference, X
        As for :func:`relabel`. At most 500 evenly spaced draws are compared, and as many rows as
        make a million memberships with them.
    """
    if draws.n_components == 1:
        return 1.0
    thinned = draws.thin(_COMPARED_DRAWS)
    n_rows = max(1, _COMPARED_VALUES // (len(thinned) * draws.n_components))
    rows = X[choose_rows(X, reference, min(n_rows, MAX_ROWS))]
    blocks, target = list(Memberships(thinned, rows)), reference.responsibilities(rows)
    first, *others = (method(blocks, target) for method in METHODS.values())
    same = [(aligned(first, other) == first).all(axis=1) for other in others]
    return float(np.all(same, axis=0).mean())


def overlap(mixture: Mixture, X: np.ndarray) -> np.ndarray:
    """How much of the smaller of two components is shared with the other, (K, K), zero to one.

    The posterior mean of ``sum_n r_nk r_nl / min(sum_n r_nk, sum_n r_nl)``.

    Parameters
    ----------
    mixture : Mixture
        Relabelled draws with leading axes (chain, draw); at most 200 of them are looked at.
    X : (N, D) array
        The data; at most 2000 rows of it are looked at.
    """
    step = -(-len(X) // MAX_ROWS)
    memberships = mixture.thin(_OVERLAP_DRAWS).responsibilities(X[::step])
    sizes = np.maximum(memberships.sum(axis=1), 1e-300)
    both = memberships.transpose(0, 2, 1) @ memberships
    return (both / np.minimum(sizes[:, :, None], sizes[:, None, :])).mean(axis=0)


def _n_occupied(memberships: np.ndarray) -> np.ndarray:
    """Components that are the likeliest of some row, for each draw."""
    # One component after the other: reductions along so short an axis take four times as long.
    by_component = np.moveaxis(memberships, -1, 0)
    top = by_component[0].copy()
    for own in by_component[1:]:
        np.maximum(top, own, out=top)
    return np.sum([(own == top).any(axis=1) for own in by_component], axis=0)


def _unsure_pairs(draws: Mixture, rows: np.ndarray) -> np.ndarray:
    """Positions (2, n) of the few pairs of rows of which it varies most if they are together."""
    looked_at = np.unique(np.linspace(0, len(rows) - 1, _PAIR_ROWS).astype(int))
    memberships = draws.thin(_PAIR_DRAWS).responsibilities(rows[looked_at])
    sd = np.triu((memberships @ memberships.transpose(0, 2, 1)).std(axis=0), 1)
    pairs = []
    while len(pairs) < _MAX_PAIRS:
        i, j = np.unravel_index(sd.argmax(), sd.shape)
        if sd[i, j] < _LEAST_SD:
            break
        pairs.append(looked_at[[i, j]])
        sd[[i, j]] = sd[:, [i, j]] = 0.0
    return np.array(pairs, dtype=int).reshape(-1, 2).T


def _usual_orders(orders: np.ndarray) -> tuple[np.ndarray, float]:
    """The most common order of each chain, and the share of draws with another one."""
    usual, away = [], 0
    for chain in orders:
        found, counts = np.unique(chain, axis=0, return_counts=True)
        usual.append(found[counts.argmax()])
        away += len(chain) - counts.max()
    return np.array(usual), away / (orders.shape[0] * orders.shape[1])
