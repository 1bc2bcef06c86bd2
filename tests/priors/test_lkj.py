"""Rows on a line under an LKJ prior: against the posterior mass near perfect correlation."""

import numpy as np
import pytest

from bayesgmm import build_model
from bayesgmm.exceptions import PosteriorWarning
from bayesgmm.priors import LKJ, ConjugateMeans, Priors, resolve, warn_of_ties
from bayesgmm.priors.lkj import crowded_flat


def log_mass(a, m, eta, is_line):
    """Log of the posterior mass per unit of log a, with a = 1 - r^2, two features, m rows.

    Rows on the line y = x, or equal ones; their mean has a flat prior. Integrated over both
    standard deviations.
    """
    log_sd = np.linspace(-4.0, 4.0, 401)
    gap = np.linspace(-60.0, 60.0, 4001) * (np.sqrt(a) if is_line else 0.1)
    first = np.exp(log_sd)[:, None]
    second = first * np.exp(gap)
    r = np.sqrt(1.0 - a)
    u, v = 1.0 / first, 1.0 / second
    quadratic = 0.0
    if is_line:
        quadratic = ((u - v) ** 2 + 2.0 * a / (1.0 + r) * u * v) / a * m
    prior = -0.5 * np.log(first) ** 2 - 0.5 * np.log(second) ** 2
    log_det = np.log(a) + 2.0 * np.log(first * second)
    log_density = prior - 0.5 * (m - 1.0) * log_det - 0.5 * quadratic
    width = np.log(gap[1] - gap[0])
    return eta * np.log(a) + np.logaddexp.reduce(log_density, axis=None) + width


@pytest.mark.parametrize("is_line", [True, False])
def test_the_limit_is_that_of_the_posterior(is_line):
    """The mass goes as a power of a; it is finite where that is above zero."""
    for eta in (1.0, 2.5):
        for m in (3, 5, 8):
            found = log_mass(1e-9, m, eta, is_line) - log_mass(1e-7, m, eta, is_line)
            power = found / np.log(1e-2)
            limit = 2.0 * eta + (2.0 if is_line else 1.0)
            assert power == pytest.approx((limit - m) / 2.0, abs=1e-3)


def some_rows(n=40, d=2):
    return np.random.default_rng(0).normal(size=(n, d))


@pytest.mark.parametrize(("m", "is_improper"), [(5, False), (6, True)])
def test_rows_on_a_sloping_line_are_counted(m, is_improper):
    """As many as 2 eta + D, in decimal numbers that are no doubles."""
    line = 0.1 * np.arange(m)[:, None] * [1.0, 3.0] + [0.7, 1000.1]
    X = np.r_[some_rows() * [1.0, 1e3], line]
    flat = crowded_flat(X, 2.0, 2)
    assert (flat is not None) == is_improper
    if flat is not None:
        assert flat.count == 6
        assert flat.columns == (0, 1)
    assert crowded_flat(X, 2.5, 2) is None


@pytest.mark.parametrize(("m", "is_improper"), [(4, False), (5, True)])
def test_equal_rows_are_counted(m, is_improper):
    for d in (2, 3):
        X = np.r_[some_rows(d=d), np.ones((m, d))]
        assert (crowded_flat(X, 2.0, 2) is not None) == is_improper


def test_a_column_of_equal_values_does_no_harm():
    X = some_rows()
    X[:30, 0] = 1.0
    assert crowded_flat(X, 1.0, 2) is None
    assert crowded_flat(X[:, :1], 1.0, 2) is None


def test_conjugate_means_keep_components_from_lines_but_not_from_equal_rows():
    """One more row, at their centre, is off the line; with equal rows it makes a line."""
    line = np.arange(9.0)[:, None] * [1.0, 2.0]
    assert crowded_flat(np.r_[some_rows(), line], 2.0, 2, is_conjugate=True) is None
    equal = np.r_[some_rows(), np.ones((5, 2))]
    assert crowded_flat(equal, 2.0, 2, is_conjugate=True) is not None
    for m in (3, 5, 8):
        power = log_mass(1e-9, m + 1, 2.0, True) - log_mass(1e-7, m + 1, 2.0, True)
        assert power / np.log(1e-2) == pytest.approx((5.0 - m) / 2.0, abs=1e-3)
    X = np.r_[some_rows(), line]
    warn_of_ties(
        resolve(Priors(means=ConjugateMeans(), covariances=LKJ()), X, 2, "full"), X, 2, None
    )


def test_one_component_has_to_hold_all_rows():
    line = np.arange(12.0)[:, None] * [1.0, 2.0]
    assert crowded_flat(line, 2.0, 1) is not None
    assert crowded_flat(np.r_[line, [[0.0, 1.0]]], 2.0, 1) is None


def test_the_warning_names_the_columns():
    X = np.r_[some_rows(), np.arange(9.0)[:, None] * [1.0, 2.0]]
    priors = Priors(covariances=LKJ())
    with pytest.warns(PosteriorWarning, match="9 rows lie exactly on one sloping line of column"):
        build_model(X, 2, "full", priors)
    for family in ("tied", "diag", "spherical"):
        warn_of_ties(resolve(priors, X, 2, family), X, 2, None)
