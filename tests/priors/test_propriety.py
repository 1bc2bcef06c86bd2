"""Ties under a hierarchical scale: against the posterior over all ways to allot the rows."""

from itertools import product

import numpy as np
import pytest

from bayesgmm.exceptions import PosteriorWarning
from bayesgmm.priors import (
    ConjugateMeans,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    Priors,
    resolve,
    warn_of_ties,
)
from bayesgmm.priors.propriety import impropriety


def log_posterior(family, groups, b, shape, hyper_shape):
    """Log density of half the scale ``b`` given the rows of each component.

    Means (flat) and covariances (inverse-Wishart) are integrated out in closed form.
    """
    d = len(b)
    scatters = [(g - g.mean(axis=0)).T @ (g - g.mean(axis=0)) for g in groups]
    value = (hyper_shape - 1.0) * np.log(b).sum()
    if family in ("full", "tied"):
        nu, S = 2.0 * shape + d - 1.0, np.diag(2.0 * b)
        if family == "tied":
            parts = [(sum(scatters), sum(map(len, groups)) - len(groups))]
        else:
            parts = [(A, len(g) - 1) for A, g in zip(scatters, groups, strict=True)]
        for A, n in parts:
            value += nu / 2 * np.linalg.slogdet(S)[1]
            value -= (nu + n) / 2 * np.linalg.slogdet(S + A)[1]
        return value
    for A, g in zip(scatters, groups, strict=True):
        half, n = np.diag(A) / 2.0, len(g) - 1.0
        if family == "spherical":
            half, n = np.array([half.sum()]), len(half) * n
        value += np.sum(
            shape * np.log(b[: len(half)]) - (shape + n / 2) * np.log(b[: len(half)] + half)
        )
    return value


def is_improper(family, X, k, shape, hyper_shape):
    """Whether some way to allot the rows leaves a density like b^-1, or worse, at zero."""
    d = 1 if family == "spherical" else X.shape[1]
    ends = (1e-9, 1e-11)
    for labels in product(range(k), repeat=len(X) - 1):
        labels = np.array([0, *labels])
        groups = [X[labels == j] for j in range(k) if np.any(labels == j)]
        for j in range(d):
            values = []
            for end in ends:
                b = np.ones(d)
                b[j] = end
                values.append(log_posterior(family, groups, b, shape, hyper_shape))
            if np.diff(values)[0] / np.log(ends[1] / ends[0]) <= -1.0 + 1e-3:
                return True
    return False


TABLES = {
    "distinct": [[0, 0], [1, 5], [2, 3], [4, 1], [7, 2], [9, 9]],
    "three ties": [[0, 0], [0, 5], [0, 3], [4, 1], [7, 2], [9, 9]],
    "two pairs": [[0, 0], [0, 5], [2, 3], [2, 1], [7, 2], [9, 9]],
    "two values": [[0, 0], [0, 5], [0, 3], [2, 1], [2, 2], [2, 9]],
    "three values": [[0, 0], [0, 5], [1, 3], [1, 1], [2, 2], [2, 9]],
    "equal rows": [[0, 0], [0, 0], [0, 0], [4, 1], [7, 2], [9, 9]],
}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("table", TABLES)
def test_the_rule_is_that_of_the_posterior(family, table, k):
    X = np.array(TABLES[table], dtype=float)
    if k == 3:
        X = np.delete(X, -1, axis=0)
    found = []
    for shape, hyper_shape in ((0.3, 0.3), (0.8, 0.6)):
        covariances = GammaScale(shape, hyper_shape)
        resolved = resolve(Priors(covariances=covariances), X, k, family)
        ties = impropriety(resolved, X, k)
        assert (ties is not None) == is_improper(family, X, k, shape, hyper_shape)
        found.append(ties is not None)
    assert found == sorted(found, reverse=True)  # the stronger the prior, the fewer


def test_six_ties_in_one_column_are_too_many_for_two_components():
    """The defaults of Richardson and Green, one feature: (m - 1) / 2 >= 2 + 0.2."""
    rest = np.arange(1.0, 30.0)
    for m, improper in ((5, False), (6, True)):
        X = np.concatenate([np.zeros(m), rest])[:, None]
        resolved = resolve(Priors.richardson_green(), X, 2, "full")
        assert (impropriety(resolved, X, 2) is not None) == improper


def test_other_priors_are_proper_for_any_data(family):
    X = np.repeat(np.arange(6.0).reshape(3, 2) ** 1.5, 20, axis=0)
    for covariances, means in (
        (InverseWishart(), Priors().means),
        (GammaScale(), ConjugateMeans()),
        (LogNormalScale(), Priors().means),
    ):
        resolved = resolve(Priors(covariances=covariances, means=means), X, 3, family)
        assert impropriety(resolved, X, 3) is None
    assert impropriety(resolve(Priors.richardson_green(), X, 3, family), X, 3) is not None


def test_the_warning_counts_the_ties(faithful):
    X = faithful.to_numpy(dtype=float)
    resolved = resolve(Priors.richardson_green(), X, 2, "full")
    with pytest.warns(
        PosteriorWarning, match=r"15 rows have the same value in column 'waiting' \(78\)"
    ):
        warn_of_ties(resolved, X, 2, ("eruptions", "waiting"))
    whole = np.repeat(X[:40], 8, axis=0)
    resolved = resolve(Priors.richardson_green(), whole, 2, "spherical")
    with pytest.warns(PosteriorWarning, match=r"16 rows are the same \(1\.75, 47\)"):
        warn_of_ties(resolved, whole, 2, None)
