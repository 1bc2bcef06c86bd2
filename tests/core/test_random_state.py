"""Seeds."""

import numpy as np
import pytest

from bayesgmm.core.random_state import as_generator, as_seed
from bayesgmm.exceptions import DataError


@pytest.mark.parametrize("kind", [int, np.int64, np.random.RandomState, np.random.default_rng])
def test_same_seed_same_numbers(kind):
    first, second = (as_generator(kind(7)).random(5) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_generators_are_used_as_they_are():
    generator = np.random.default_rng(0)
    assert as_generator(generator) is generator


def test_random_states_move_on():
    state = np.random.RandomState(0)
    assert not np.array_equal(as_generator(state).random(3), as_generator(state).random(3))


def test_none_is_fresh_and_leaves_the_global_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert as_generator().random() != as_generator().random()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("bad", [-1, 1.5, "seed"])
def test_anything_else_is_an_error_that_shows_it(bad):
    with pytest.raises(DataError, match=f"got {bad!r}"):
        as_generator(bad)


def test_a_seed_is_kept_or_drawn():
    assert as_seed(np.int64(7)) == 7
    assert as_seed(np.random.default_rng(7)) == as_seed(np.random.default_rng(7))
    assert as_seed() != as_seed()
    with pytest.raises(DataError, match="at least 0, got -1"):
        as_seed(-1)
