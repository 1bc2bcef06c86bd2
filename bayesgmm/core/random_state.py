"""Seeds: what a user may give, and the one kind of generator that the package uses."""

from typing import Any

import numpy as np

from bayesgmm.exceptions import DataError


def as_generator(random_state: Any = None) -> np.random.Generator:
    """A NumPy generator from an int, a Generator, a RandomState, or None.

    Parameters
    ----------
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
        A Generator is used as it is; a RandomState gives a seed, and so moves on; None takes fresh
        entropy. The global NumPy state is never touched.
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1, size=4))
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise DataError(
            "random_state must be an int >= 0, a Generator, a RandomState or None, "
            f"got {random_state!r}."
        ) from None


def as_seed(random_state: Any = None) -> int:
    """One whole number to derive the seeds of many tasks from: an int as it is, or drawn."""
    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool):
        if random_state < 0:
            raise DataError(f"random_state must be at least 0, got {random_state}.")
        return int(random_state)
    return int(as_generator(random_state).integers(2**31))
