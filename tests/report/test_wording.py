import numpy as np
import pytest

from bayesgmm.report import wording as w


def test_words_and_counts():
    assert [w.in_words(n) for n in (0, 1, 12, 13)] == ["no", "one", "twelve", "13"]
    assert w.counted(1, "row") == "1 row"
    assert w.counted(2, "pass", "passes") == "2 passes"
    assert w.joined(["a"]) == "a"
    assert w.joined("abc") == "a, b and c"
    assert w.capital("k-hat of X") == "K-hat of X"


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (-1130.26, 1, "−1130.3"),
        (-0.04, 1, "0.0"),
        (None, 2, "–"),
        (float("nan"), 2, "–"),
        (1.23e-9, 11, "1.23 × 10⁻⁹"),
        (6.0067e9, 0, "6.00670 × 10⁹"),
        (9.999999e8, -4, "1.0000 × 10⁹"),
        (0.0, 9, "0.000000000"),
    ],
)
def test_fixed(value, decimals, text):
    assert w.fixed(value, decimals) == text


def test_signed_says_nothing_of_what_rounds_to_zero():
    assert w.signed(0.5, 1) == "+0.5"
    assert w.signed(-0.5, 1) == "−0.5"
    assert w.signed(0.004, 1) == "0.0"
    assert w.signed(None, 1) == "–"


@pytest.mark.parametrize(
    ("share", "decimals", "text"),
    [
        (0.355, 0, "36 %"),
        (0.0001, 0, "< 1 %"),
        (0.99999, 1, "> 99.9 %"),
        (1.0, 0, "100 %"),
        (0.0, 0, "0 %"),
    ],
)
def test_percent(share, decimals, text):
    assert w.percent(share, decimals).replace(w.NBSP, " ") == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.311, 0.408, "31 to 41 %"),
        (0.412, 0.414, "41.2 to 41.4 %"),
        (0.9997, 1.0, "> 99.9 %"),
        (0.0, 0.0001, "< 0.1 %"),
    ],
)
def test_percent_range(low, high, text):
    assert w.percent_range(low, high).replace(w.NBSP, " ") == text


@pytest.mark.parametrize(
    ("error", "digits", "decimals"),
    [(0.029, 2, 3), (0.6, 2, 2), (0.6, 1, 1), (41.0, 2, 0), (0.1, 1, 1), (0.0, 2, 2)],
)
def test_decimals_that_an_error_supports(error, digits, decimals):
    assert w.decimals_for(error, digits) == decimals


def test_decimals_that_a_column_was_recorded_with():
    assert w.decimals_of(np.array([3.6, 1.883, 2.0])) == 3
    assert w.decimals_of(np.array([79.0, 54.0])) == 0
    assert w.decimals_of(np.random.default_rng(0).normal(size=50)) == 3


def test_rows_are_counted_from_one():
    assert w.row_list([6]) == "row 6"
    assert w.row_list([1, 6]) == "rows 1 and 6"
    assert w.row_list([1, 2, 3, 4], limit=2) == "rows 1, 2 and 2 more"
