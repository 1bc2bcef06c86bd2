"""The observed information: against differences of SciPy's densities, and closed forms."""

from dataclasses import replace

import numpy as np
import oracle
import pytest

from bayesgmm.core.mixture import Mixture
from bayesgmm.em.information import curvature
from bayesgmm.em.loop import run_accelerated
from bayesgmm.em.parameters import Layout
from bayesgmm.em.problem import Problem
from bayesgmm.em.starts import proposals
from bayesgmm.exceptions import DataError
from bayesgmm.priors import (
    ConjugateMeans,
    Dirichlet,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    Priors,
    resolve,
)

KINDS = {
    "none": None,
    "default": Priors(),
    "conjugate": Priors.conjugate(strength=0.5),
    "hierarchical": Priors.richardson_green(),
    "hierarchical conjugate": Priors(means=ConjugateMeans(strength=2.0), covariances=GammaScale()),
    "log-normal scale": Priors(covariances=LogNormalScale(sigma=0.7)),
    "strong": Priors(weights=Dirichlet([2.0, 5.0]), covariances=InverseWishart(dof=30.0)),
}
# Between them these have every term.
QUICK = ("hierarchical conjugate", "log-normal scale", "strong")


def two_clusters(d=2):
    rng = np.random.default_rng(3)
    return np.r_[
        rng.normal(size=(60, d)), rng.normal(size=(40, d)) * 0.6 + np.r_[2.5, [1.5] * (d - 1)]
    ]


def fitted(X, family, k=2, kind="none", sample_weight=None):
    priors = KINDS[kind]
    resolved = None if priors is None else resolve(priors, X, k, family, sample_weight)
    problem = Problem(X, family, sample_weight, resolved)
    start = next(proposals(problem, k, "kmeans", np.random.default_rng(0)))
    return problem, run_accelerated(problem, start, 5000).mixture


def differences(function, x, step):
    """Second derivatives, by central differences and one extrapolation."""

    def second(i, j, t):
        a, b = np.zeros((2, len(x)))
        a[i], b[j] = t * step[i], t * step[j]
        if i == j:
            return (function(x + a) - 2.0 * function(x) + function(x - a)) / a[i] ** 2
        corners = function(x + a + b) - function(x + a - b) - function(x - a + b)
        return (corners + function(x - a - b)) / (4.0 * a[i] * b[j])

    out = np.empty((len(x), len(x)))
    for i in range(len(x)):
        for j in range(i + 1):
            out[i, j] = out[j, i] = (4.0 * second(i, j, 1.0) - second(i, j, 2.0)) / 3.0
    return out


def brute_force(problem, mixture, step):
    """The inverse of minus the second derivatives, in all parameters but the last weight."""
    layout, k = Layout.of(mixture), mixture.n_components
    at = layout.pack(mixture)
    free = np.delete(np.arange(layout.size), k - 1)

    def objective(values):
        vector = at.copy()
        vector[free] = values
        vector[k - 1] = 1.0 - vector[: k - 1].sum()
        near = Mixture.from_covariances(*layout.split(vector), problem.covariance_type)
        value = oracle.log_likelihood(problem.X, near, problem.sample_weight)
        if problem.priors is not None:
            parts = near.weights, near.means, near.native_covariances
            value += problem.priors.log_density(*parts, problem.hyper(near))
        return value

    return free, np.linalg.inv(-differences(objective, at[free], step[free]))


@pytest.mark.parametrize(
    "kind",
    [k if k in QUICK else pytest.param(k, marks=pytest.mark.slow) for k in KINDS],
)
@pytest.mark.parametrize("is_weighted", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_it_is_the_second_derivative(family, kind, is_weighted):
    """At a place beside the optimum, so that a wrong slope would be seen too."""
    X = two_clusters()
    weight = np.random.default_rng(4).uniform(0.5, 2.0, size=len(X)) if is_weighted else None
    problem, mixture = fitted(X, family, kind=kind, sample_weight=weight)
    mixture = replace(mixture, weights=np.array([0.55, 0.45]), means=mixture.means + 0.02)
    found = curvature(problem, mixture)
    se = np.sqrt(np.diag(found.covariance))
    free, expected = brute_force(problem, mixture, 0.03 * se)
    scale = np.outer(se[free], se[free])
    np.testing.assert_allclose(
        found.covariance[np.ix_(free, free)] / scale, expected / scale, atol=1e-6
    )
    # The last weight is what the others leave.
    k = mixture.n_components
    np.testing.assert_allclose(found.covariance[:k].sum(axis=0) / se.max(), 0.0, atol=1e-12)


def test_one_component_has_closed_forms(family):
    rng = np.random.default_rng(5)
    n, d = 300, 3
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 5.0
    problem, mixture = fitted(X, family, k=1)
    layout = Layout.of(mixture)
    covariance = curvature(problem, mixture).covariance
    sigma = mixture.covariances[0]
    assert covariance[0, 0] == 0.0
    np.testing.assert_allclose(
        covariance[layout.mean(0), layout.mean(0)], sigma / n, rtol=1e-8, atol=1e-12
    )
    i, j = layout.entries
    expected = (
        sigma[np.ix_(i, i)] * sigma[np.ix_(j, j)] + sigma[np.ix_(i, j)] * sigma[np.ix_(j, i)]
    ) / n
    if family == "spherical":
        expected = expected / d
    place = layout.covariance(0)
    np.testing.assert_allclose(covariance[place, place], expected, rtol=1e-7, atol=1e-12)


def test_components_far_apart_are_as_if_alone():
    X = np.r_[two_clusters()[:60], two_clusters()[:60] * 3.0 + 100.0]
    problem, mixture = fitted(X, "full")
    covariance = curvature(problem, mixture).covariance
    k = int(mixture.means[:, 0].argmax())
    alone, its = fitted(X[60:], "full", k=1)
    expected = curvature(alone, its).covariance
    place, its_place = Layout.of(mixture).mean(k), Layout.of(its).mean(0)
    np.testing.assert_allclose(covariance[place, place], expected[its_place, its_place], rtol=1e-6)
    assert covariance[k, k] == pytest.approx(0.25 / 120, rel=1e-6)


@pytest.mark.parametrize("kind", ["none", "default", "hierarchical"])
def test_units_change_nothing_but_the_units(family, kind):
    X = two_clusters()
    scale = np.array([1e-6, 1e6]) if family != "spherical" else np.full(2, 1e6)
    here, there = (curvature(*fitted(x, family, kind=kind)).covariance for x in (X, X * scale))
    layout = Layout.of(fitted(X, family)[1])
    i, j = layout.entries
    units = np.concatenate(
        [[1.0, 1.0], scale, scale, np.tile(scale[i] * scale[j], layout.n_covariances)]
    )
    se, other = np.sqrt(np.diag(here)), np.sqrt(np.diag(there)) / units
    np.testing.assert_allclose(other, se, rtol=1e-4)
    correlation = there / np.outer(units, units) / np.outer(se, se)
    np.testing.assert_allclose(correlation, here / np.outer(se, se), atol=1e-4)


def test_labels_change_nothing_but_the_order(family):
    problem, mixture = fitted(two_clusters(), family)
    layout = Layout.of(mixture)
    se, other = (
        layout.split(np.sqrt(np.diag(curvature(problem, m).covariance)))
        for m in (mixture, mixture.permute(np.array([1, 0])))
    )
    for a, b in zip(se, other, strict=True):
        is_shared = family == "tied" and a is se[2]
        np.testing.assert_allclose(b, a if is_shared else a[::-1], rtol=1e-9)


def test_weights_are_frequencies(family):
    X = two_clusters()
    weight = np.random.default_rng(6).integers(1, 4, size=len(X)).astype(float)
    problem, mixture = fitted(X, family, sample_weight=weight)
    repeated = Problem(np.repeat(X, weight.astype(int), axis=0), family)
    found, expected = (curvature(p, mixture).covariance for p in (problem, repeated))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-14)


def test_rows_are_taken_in_blocks(family, monkeypatch):
    problem, mixture = fitted(two_clusters(), family)
    whole = curvature(problem, mixture).covariance
    monkeypatch.setattr("bayesgmm.em.information.BLOCK", 200)
    np.testing.assert_allclose(
        curvature(problem, mixture).covariance, whole, rtol=1e-10, atol=1e-14
    )


def test_gain_is_what_a_fit_still_has_before_it(family):
    problem, mixture = fitted(two_clusters(), family, kind="default")
    near = replace(mixture, means=mixture.means + np.array([0.02, 0.03]))
    best, value = (problem.objective(problem.expectation(m), m) for m in (mixture, near))
    assert curvature(problem, mixture).gain < 1e-5
    assert curvature(problem, near).gain == pytest.approx(best - value, rel=0.1)


@pytest.mark.parametrize("fixed", [{"weights"}, {"means"}, {"covariances"}, {"weights", "means"}])
def test_what_is_fixed_has_no_error_and_is_known_to_the_others(family, fixed):
    """Errors given the fixed parts: those of a normal distribution that is conditioned on them."""
    problem, mixture = fitted(two_clusters(), family, kind="default")
    layout = Layout.of(mixture)
    sizes = [2, 4, layout.size - 6]
    parts = np.repeat(["weights", "means", "covariances"], sizes)
    known = np.isin(parts, list(fixed))
    whole = curvature(problem, mixture).covariance
    found = curvature(replace(problem, fixed=frozenset(fixed)), mixture).covariance
    np.testing.assert_array_equal(found[known], 0.0)
    np.testing.assert_array_equal(found[:, known], 0.0)
    # One weight says what the other is.
    given = np.flatnonzero(known & (np.arange(layout.size) != 1))
    left = np.flatnonzero(~known)
    gain = whole[np.ix_(left, given)] @ np.linalg.inv(whole[np.ix_(given, given)])
    expected = whole[np.ix_(left, left)] - gain @ whole[np.ix_(given, left)]
    scale = np.sqrt(np.outer(np.diag(whole)[left], np.diag(whole)[left]))
    np.testing.assert_allclose(found[np.ix_(left, left)] / scale, expected / scale, atol=1e-9)


def test_where_all_is_fixed_nothing_has_an_error():
    problem, mixture = fitted(two_clusters(), "full")
    everything = frozenset({"weights", "means", "covariances"})
    assert not curvature(replace(problem, fixed=everything), mixture).covariance.any()


def test_flat_directions_are_found(family):
    """Two components in one place: what one loses the other gains."""
    problem, one = fitted(two_clusters(), family, k=1)
    whitening = one.whitening if family == "tied" else np.repeat(one.whitening, 2, axis=0)
    twice = Mixture(np.array([0.5, 0.5]), np.repeat(one.means, 2, axis=0), whitening, family)
    found = curvature(problem, twice)
    assert found.covariance is None
    assert found.least < 1e-10


def test_the_component_that_is_not_determined_is_named():
    problem, mixture = fitted(two_clusters(), "full")
    empty = Mixture(
        np.array([mixture.weights[0], mixture.weights[1], 0.0]),
        np.r_[mixture.means, [[0.0, 0.0]]],
        np.r_[mixture.whitening, np.eye(2)[None]],
    )
    found = curvature(problem, empty)
    assert found.covariance is None
    assert found.component == 2


def test_a_matrix_that_would_be_too_large_is_refused(monkeypatch):
    problem, mixture = fitted(two_clusters(), "full")
    monkeypatch.setattr("bayesgmm.em.information.MAX_PARAMETERS", 11)
    with pytest.raises(DataError, match="at most 11 parameters, got 12; use method='weighted'"):
        curvature(problem, mixture)


def test_parameters_are_packed_and_split(family):
    mixture = oracle.random_mixture(family, 3, 2, np.random.default_rng(0))
    layout = Layout.of(mixture)
    vector = layout.pack(mixture)
    assert vector.shape == (layout.size,)
    assert layout.size == mixture.n_parameters + 1
    weights, means, native = layout.split(vector)
    np.testing.assert_array_equal(weights, mixture.weights)
    np.testing.assert_array_equal(means, mixture.means)
    np.testing.assert_allclose(native, mixture.native_covariances, rtol=1e-12)
    assert len(layout.labels(("a", "b"))) == layout.size
    draws = replace(
        mixture,
        weights=np.stack([mixture.weights] * 4),
        means=np.stack([mixture.means] * 4),
        whitening=np.stack([mixture.whitening] * 4),
    )
    np.testing.assert_array_equal(layout.pack(draws), np.stack([vector] * 4))
