"""Whose component is whose: the order in which one mixture's components match another's."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from bayesgmm.core.mixture import Mixture

# Memberships of this many rows settle the order of the components.
MAX_ROWS = 2000


def matching_order(draws: Mixture, reference: Mixture, X: np.ndarray) -> np.ndarray:
    """The order of each draw's components in which its memberships agree best with a reference.

    ``draws.permute(order)`` then has the reference's labels. Memberships are soft, and the order
    is the one with the largest total that both mixtures share (the representatives of equivalence
    classes of Papastamoulis and Iliopoulos, 2010, doi:10.1198/jcgs.2010.09008).

    Parameters
    ----------
    draws : Mixture
        With any leading axes, or none.
    reference : Mixture
        Without leading axes.
    X : (N, D) array
        The data; at most 2000 rows of it are looked at.

    Returns
    -------
    (..., K) array of int
        Component ``j`` of the reference is component ``order[..., j]`` of the draw.
    """
    k = draws.n_components
    if k == 1:
        return np.zeros((*draws.batch_shape, 1), dtype=int)
    rows = np.unique(np.linspace(0, len(X) - 1, min(len(X), MAX_ROWS)).astype(int))
    seen = np.ascontiguousarray(X[rows])
    target = reference.responsibilities(seen)
    shared = np.stack([target.T @ draw.responsibilities(seen) for draw in draws.flatten()])
    return best_orders(shared).reshape(*draws.batch_shape, k)


def best_orders(shared: np.ndarray) -> np.ndarray:
    """For each of (S, K, K) tables of shared membership, the assignment with the largest total."""
    orders = shared.argmax(axis=2)
    # Where the best partners of all components differ, they are the best assignment.
    clashes = (np.sort(orders, axis=1) != np.arange(shared.shape[1])).any(axis=1)
    for s in np.flatnonzero(clashes):
        orders[s] = linear_sum_assignment(shared[s], maximize=True)[1]
    return orders
