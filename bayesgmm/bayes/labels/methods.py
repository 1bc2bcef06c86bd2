"""The methods of relabelling: from memberships of rows to an order of each draw's components.

Each takes blocks of draws' memberships (draw, row, K), which it may go through more than once, and
those of a reference (row, K). It returns an order a draw, (draw, K): component ``j`` under the
reference's labels is component ``order[j]`` of the draw.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from bayesgmm.core.alignment import best_orders

# Stephens' algorithm lowers its loss at every step and ends by itself, nearly always far earlier.
_MAX_STEPS = 50
_TINY = 1e-300

Method = Callable[[Iterable[np.ndarray], np.ndarray], np.ndarray]


def by_shared_membership(blocks: Iterable[np.ndarray], reference: np.ndarray) -> np.ndarray:
    """Share as much membership as possible with the reference, ``sum_nk ref_nk p_n,order(k)``."""
    return np.concatenate([orders for _, orders in _assigned(blocks, reference)])


def by_ecr(blocks: Iterable[np.ndarray], reference: np.ndarray) -> np.ndarray:
    """Allocate as many rows as possible like the reference, each row to its likeliest component.

    The equivalence classes representatives of Papastamoulis and Iliopoulos (2010,
    doi:10.1198/jcgs.2010.09008).
    """
    return by_shared_membership(map(_allocated, blocks), _allocated(reference))


def by_stephens(blocks: Iterable[np.ndarray], reference: np.ndarray) -> np.ndarray:
    """Be as near as possible to the mean of the relabelled memberships, by their divergence.

    Alternates between the mean and the orders of least Kullback-Leibler divergence from it
    (Stephens, 2000, doi:10.1111/1467-9868.00265, algorithm 2), from the orders of
    :func:`by_shared_membership` on.
    """
    scores, before = reference, None
    for _ in range(_MAX_STEPS):
        total, found = np.zeros_like(reference), []
        for memberships, orders in _assigned(blocks, scores):
            chosen = np.eye(reference.shape[1])[orders]
            total += np.tensordot(memberships, chosen, ([0, 2], [0, 2]))
            found.append(orders)
        after = np.concatenate(found)
        if before is not None and np.array_equal(after, before):
            break
        # The entropy of a draw's memberships is the same for every order.
        scores, before = np.log(np.maximum(total / len(after), _TINY)), after
    return after


METHODS: dict[str, Method] = {
    "membership": by_shared_membership,
    "ecr": by_ecr,
    "stephens": by_stephens,
}


def shared(scores: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """From memberships (draw, row, K) to tables (draw, K, K): ``sum_n scores_nj p_nk``."""
    return lambda memberships: scores.T @ memberships


def aligned(orders: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The other orders with their labels exchanged alike in all draws, to agree where they can."""
    k = orders.shape[1]
    same = (orders[:, :, None] == others[:, None, :]).sum(axis=0)
    return others[:, best_orders(same[None])[0]] if k > 1 else others


def _assigned(
    blocks: Iterable[np.ndarray], scores: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each block, and its orders with the largest total score."""
    return ((block, best_orders(shared(scores)(block))) for block in blocks)


def _allocated(memberships: np.ndarray) -> np.ndarray:
    return np.eye(memberships.shape[-1])[memberships.argmax(axis=-1)]
