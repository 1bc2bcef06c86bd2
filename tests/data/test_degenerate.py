import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesgmm.data import check_not_degenerate
from bayesgmm.exceptions import DegenerateDataError

NAMES = ("a", "b", "c", "d", "e")
ALL = ("full", "tied", "diag", "spherical")


def says(text):
    return pytest.raises(DegenerateDataError, match=re.escape(text))


def normal(n=60, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def refused(X, family="full", **kwargs):
    try:
        check_not_degenerate(X, family, **kwargs)
    except DegenerateDataError:
        return True
    return False


@pytest.mark.parametrize("family", ALL)
def test_ordinary_data_pass(family):
    check_not_degenerate(normal(), family)
    check_not_degenerate(normal(d=1), family)
    check_not_degenerate(normal().astype(np.float32), family)


@pytest.mark.parametrize("family", ["full", "tied", "diag"])
def test_constant_columns_are_named_with_their_value(family):
    X = normal()
    X[:, 1] = 0.1
    with says(
        f"Every {family} covariance would be singular: column 'b' (always 0.1) is "
        "constant; drop it, or give reg_covar= or priors=."
    ):
        check_not_degenerate(X, family, NAMES)
    X[:, 2] = -4
    with says("column 1 (always 0.1) and column 2 (always -4) are constant; drop them, or"):
        check_not_degenerate(X, family)


def test_spherical_minds_constant_columns_only_when_all_are():
    X = normal(d=2)
    X[:, 1] = 5
    check_not_degenerate(X, "spherical")
    X[:, 0] = 2
    with says("column 'a' (always 2) and column 'b' (always 5) are constant; give reg_covar"):
        check_not_degenerate(X, "spherical", NAMES)


@pytest.mark.parametrize("family", ["full", "tied"])
def test_copies_and_combinations_are_named(family):
    X = normal()
    X = np.column_stack([X, 5 - 3 * X[:, 0], X[:, 0] - 2 * X[:, 2] + 7])
    with says(
        "column 'd' equals column 'a' up to scale and shift and column 'e' is a linear "
        "combination of column 'a' and column 'c'; drop column 'd' and column 'e', use "
        "covariance_type='diag', or"
    ):
        check_not_degenerate(X, family, NAMES)
    check_not_degenerate(X, "diag", NAMES)
    check_not_degenerate(X, "spherical", NAMES)


def test_fewer_distinct_rows_than_needed():
    X = normal()[[0, 1, 2] * 10]
    with says("3 columns need at least 4 distinct rows, but only 3 are distinct; give more rows"):
        check_not_degenerate(X, "full")
    X = normal()[[0, 1, 2, 3] * 10]
    check_not_degenerate(X, "full")
    X[:, 2] = X[:, 0]
    with says("column 2 equals column 0"):
        check_not_degenerate(X, "full")


def test_rows_of_weight_zero_do_not_count():
    X = normal()
    X[:10, 1] = 3.0
    weights = np.r_[np.full(10, 0.5), np.zeros(50)]
    check_not_degenerate(X, "full", NAMES)
    check_not_degenerate(X, "full", NAMES, np.ones(60))
    with says("column 'b' (always 3) is constant"):
        check_not_degenerate(X, "full", NAMES, weights)


def test_unknown_family():
    with pytest.raises(ValueError, match=r"covariance_type must be .* not 'VVV'"):
        check_not_degenerate(normal(), "VVV")


def test_nearly_collinear_is_not_collinear():
    X = normal(n=5000, d=2)
    X[:, 1] = X[:, 0] + 1e-5 * X[:, 1]
    check_not_degenerate(X, "full")
    X[:, 1] = X[:, 0] + 1e-9 * normal(5000, 1, seed=1)[:, 0]
    assert refused(X)


def test_single_precision_rounding_is_not_a_direction_of_its_own():
    X = normal(n=5000).astype(np.float32) + np.float32(100)
    X = np.column_stack([X, X[:, 0] + X[:, 1]])
    assert X.dtype == np.float32
    assert refused(X)


@pytest.mark.parametrize("shape", [(30, 25), (2000, 60), (200_000, 5)])
def test_sums_of_columns_are_found_in_wide_and_long_tables(shape):
    X = normal(*shape)
    check_not_degenerate(X, "full")
    X[:, -1] = X[:, :-1].sum(axis=1)
    assert refused(X)


def test_collinear_within_every_block_of_rows_is_not_collinear():
    X = normal(200_000, 2)
    X[:, 1] = X[:, 0] + (np.arange(200_000) >= 65_536)
    check_not_degenerate(X, "full")


@settings(max_examples=60, deadline=None)
@given(
    exponents=st.lists(st.integers(-12, 12), min_size=4, max_size=4),
    shifted=st.lists(st.booleans(), min_size=4, max_size=4),
    seed=st.integers(0, 1000),
)
def test_the_verdict_does_not_depend_on_units_or_origin(exponents, shifted, seed):
    regular = normal(80, 4, seed)
    units = 10.0 ** np.array(exponents)
    # An offset of 1e8 standard deviations leaves half of the digits.
    changed = (regular + 1e8 * np.array(shifted)) * units
    for family in ALL:
        assert not refused(changed, family)

    collinear = regular.copy()
    collinear[:, 3] = 2 * regular[:, 0] - regular[:, 1]
    changed = (collinear + 1e8 * np.array(shifted)) * units
    assert refused(changed, "full")
    assert not refused(changed, "diag")


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_extreme_units_neither_overflow_nor_underflow(scale):
    X = normal()
    check_not_degenerate(X * scale, "full")
    X[:, 2] = X[:, 0]
    assert refused(X * scale)


def test_a_constant_seen_through_rounding_is_constant():
    X = normal()
    X[:, 1] = np.where(X[:, 0] > 0, 0.1 + 0.2, 0.3)
    assert X[:, 1].min() < X[:, 1].max()
    assert refused(X, "diag")


def test_one_far_value_does_not_hide_a_copy():
    X = normal(1000)
    X[7, 0] = 1e6
    check_not_degenerate(X, "full")
    X[:, 1] = X[:, 0]
    with says("column 'b' equals column 'a'"):
        check_not_degenerate(X, "full", NAMES)


def test_little_memory_is_taken():
    X = normal(400_000, 8)
    tracemalloc.start()
    check_not_degenerate(X, "full")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6e6 < X.nbytes
