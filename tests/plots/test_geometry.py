import numpy as np
import pytest
from scipy.stats import chi2

from bayesgmm.core.mixture import Mixture
from bayesgmm.plots.geometry import density_levels, ellipse, grid, marginal, slices

from .conftest import draws_around


def polygon_area(points):
    x, y = points[:-1].T
    return 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def path_area(path):
    return abs(polygon_area(path.to_polygons()[0]))


@pytest.mark.parametrize("prob", [0.5, 0.9, 0.99])
def test_ellipse_axes_and_angle_are_those_of_the_covariance(prob):
    covariance = np.array([[3.0, 1.2], [1.2, 1.0]])
    centre = np.array([10.0, -5.0])
    outline = ellipse(centre, covariance, prob, n=3601) - centre

    values, vectors = np.linalg.eigh(covariance)
    radius = np.sqrt(chi2.ppf(prob, 2))
    distance = np.linalg.norm(outline, axis=1)
    assert distance.max() == pytest.approx(radius * np.sqrt(values[1]), rel=1e-5)
    assert distance.min() == pytest.approx(radius * np.sqrt(values[0]), rel=1e-5)
    farthest = outline[distance.argmax()] / distance.max()
    assert abs(farthest @ vectors[:, 1]) == pytest.approx(1.0, abs=1e-5)
    area = np.pi * radius**2 * np.sqrt(np.linalg.det(covariance))
    assert polygon_area(outline) == pytest.approx(area, rel=1e-5)


def test_ellipse_holds_its_share(em):
    rng = np.random.default_rng(0)
    X = rng.multivariate_normal(em.means[1], em.covariances[1], 20_000)
    from matplotlib.path import Path

    inside = Path(ellipse(em.means[1], em.covariances[1], 0.9)).contains_points(X)
    assert inside.mean() == pytest.approx(0.9, abs=0.01)


def test_ellipses_keep_leading_axes(posterior):
    outlines = ellipse(posterior.means, posterior.covariances, 0.9, n=30)
    assert outlines.shape == (2, 50, 2, 30, 2)
    alone = ellipse(posterior.means[1, 7, 0], posterior.covariances[1, 7, 0], 0.9, n=30)
    np.testing.assert_allclose(outlines[1, 7, 0], alone)


def test_slices_have_the_areas_of_the_shares():
    shares = np.array([0.5, 0.2, 0.3])
    areas = [path_area(path) for path in slices(shares)]
    # A wedge is made of Bezier arcs, here flattened to polygons.
    np.testing.assert_allclose(np.array(areas) / np.pi, shares, atol=0.02)
    first = slices(np.array([0.25, 0.75]))[0].vertices
    assert first[:, 0].min() > -1e-9, "the first slice starts at the top and goes clockwise"
    assert first[:, 1].min() > -1e-9


def test_a_whole_pie_is_a_circle():
    assert path_area(slices(np.array([1.0, 0.0]))[0]) == pytest.approx(np.pi, rel=0.03)


@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical"])
def test_marginal_density_is_the_integral(family):
    rng = np.random.default_rng(5)
    root = rng.standard_normal((3, 3))
    full = np.stack([root @ root.T + np.eye(3), root @ root.T * 0.5 + np.eye(3)])
    native = {
        "full": full,
        "tied": full[0],
        "diag": np.diagonal(full, axis1=1, axis2=2),
        "spherical": full[:, 0, 0],
    }[family]
    mixture = Mixture.from_covariances(
        np.array([0.3, 0.7]), rng.standard_normal((2, 3)), native, family, ("a", "b", "c")
    )
    part = marginal(mixture, (2, 0))
    assert part.feature_names == ("c", "a")
    assert part.covariance_type == family
    b = np.linspace(-25.0, 25.0, 4001)
    X = np.column_stack([np.full_like(b, 0.3), b, np.full_like(b, -0.8)])
    integral = np.trapezoid(np.exp(mixture.log_density(X)), b)
    found = np.exp(part.log_density(np.array([[-0.8, 0.3]])))[0]
    assert found == pytest.approx(integral, rel=1e-8)


def test_grid_spans_rows_and_resolves_narrow_components():
    mixture = Mixture.from_covariances(
        np.array([0.5, 0.5]), np.array([[0.0], [100.0]]), np.array([[[1e-6]], [[100.0]]])
    )
    points = grid(mixture, 0, np.array([-50.0, 300.0]), 50)
    assert points[0] == -50.0
    assert points[-1] == 300.0
    assert np.all(np.diff(points) > 0)
    assert np.sum(np.abs(points) < 3e-3) >= 10


@pytest.mark.parametrize("with_draws", [False, True])
def test_levels_hold_the_stated_mass(em, with_draws):
    mixture = draws_around(em, scale=0.3) if with_draws else em
    masses = (0.5, 0.9, 0.99)
    levels = density_levels(mixture, masses)
    X, _ = mixture.sample(40_000, np.random.default_rng(99))
    above = mixture.predictive_log_density(X)[:, None] >= levels
    np.testing.assert_allclose(above.mean(axis=0), masses, atol=0.01)


def test_levels_of_one_gaussian_are_known():
    normal = Mixture.from_covariances(np.ones(1), np.zeros((1, 2)), np.eye(2)[None])
    masses = np.array([0.5, 0.9, 0.99])
    exact = -np.log(2 * np.pi) - chi2.ppf(masses, 2) / 2
    np.testing.assert_allclose(density_levels(normal, tuple(masses)), exact, atol=0.12)
