import numpy as np
import pytest
from matplotlib.path import Path
from matplotlib.text import Text

from bayesgmm import GaussianMixture, GaussianMixtureOutlierDetector
from bayesgmm.exceptions import DataError
from bayesgmm.plots import plot_anomalies, plot_clusters, plot_density, plot_density_1d

from .conftest import by_gid, draws_around, key_texts


def inside(contours, level, X):
    """Which rows lie inside the contour of one level (outlines may be several)."""
    found = np.zeros(len(X), dtype=bool)
    for polygon in contours.get_paths()[level].to_polygons():
        found ^= Path(polygon).contains_points(X)
    return found


@pytest.mark.parametrize("with_draws", [False, True])
def test_contours_hold_the_stated_mass(em, rows, with_draws):
    mixture = draws_around(em, scale=0.3) if with_draws else em
    ax = plot_density(mixture, rows)
    (contours,) = by_gid(ax, "contours")
    X, _ = mixture.sample(30_000, np.random.default_rng(11))
    shares = [inside(contours, i, X).mean() for i in range(3)]
    np.testing.assert_allclose(shares, [0.99, 0.9, 0.5], atol=0.015)


def test_contours_are_labelled_with_their_masses(em):
    ax = plot_density(em, masses=(0.25, 0.995))
    texts = {text.get_text() for text in ax.findobj(Text)}
    assert {"25\N{NO-BREAK SPACE}%", "99.5\N{NO-BREAK SPACE}%"} <= texts
    assert not by_gid(ax, "rows")


def test_density_of_one_feature_is_the_other_plot(em_1d, rows_1d):
    ax = plot_density(em_1d, rows_1d)
    assert by_gid(ax, "density")


def test_bad_masses(em):
    with pytest.raises(DataError, match="every mass must lie between 0 and 1, got 50"):
        plot_density(em, masses=(50, 0.9))


def test_line_is_the_density_and_components_add_up_to_it(em_1d, rows_1d):
    ax = plot_density_1d(em_1d, rows_1d)
    x, y = by_gid(ax, "density")[0].get_data()
    np.testing.assert_allclose(y, np.exp(em_1d.log_density(np.asarray(x)[:, None])))
    assert np.trapezoid(y, x) == pytest.approx(1.0, abs=2e-3)
    total = np.zeros_like(y)
    for k in (1, 2):
        xk, yk = by_gid(ax, f"component-{k}")[0].get_data()
        assert np.trapezoid(yk, xk) == pytest.approx(em_1d.weights[k - 1], abs=2e-3)
        total += np.interp(x, xk, yk, left=0.0, right=0.0)
    np.testing.assert_allclose(total, y, atol=1e-4)
    assert not by_gid(ax, "band")


def test_only_em_is_dashed(em_1d, rows_1d):
    ax = plot_clusters(draws_around(em_1d, scale=0.2), rows_1d, em=em_1d)
    dashed = {line.get_gid() for line in ax.lines if line.get_linestyle() == "--"}
    assert dashed == {"density-em"}


def test_histogram_has_area_one(em_1d, rows_1d):
    ax = plot_density_1d(em_1d, rows_1d)
    bars = by_gid(ax, "histogram")
    assert sum(bar.get_width() * bar.get_height() for bar in bars) == pytest.approx(1.0)


def test_band_is_the_pointwise_interval_of_the_draws(em_1d):
    posterior = draws_around(em_1d, scale=0.2, shape=(4, 100))
    ax = plot_density_1d(posterior, prob=0.8)
    x, y = by_gid(ax, "density")[0].get_data()
    density = np.exp(posterior.flatten().log_density(np.asarray(x)[:, None]))
    np.testing.assert_allclose(y, density.mean(axis=0))
    (band,) = by_gid(ax, "band")
    outline = band.get_paths()[0].vertices
    lower, upper = np.quantile(density, [0.1, 0.9], axis=0)
    middle = len(x) // 2
    heights = outline[outline[:, 0] == x[middle], 1]
    assert heights.min() == pytest.approx(lower[middle])
    assert heights.max() == pytest.approx(upper[middle])


def test_feature_by_name_is_the_marginal(em, rows):
    ax = plot_density_1d(em, rows, feature="width")
    assert ax.get_xlabel() == "width"
    x, y = (np.asarray(a) for a in by_gid(ax, "density")[0].get_data())
    expected = sum(
        w * np.exp(-0.5 * (x - m[1]) ** 2 / c[1, 1]) / np.sqrt(2 * np.pi * c[1, 1])
        for w, m, c in zip(em.weights, em.means, em.covariances, strict=True)
    )
    np.testing.assert_allclose(y, expected)
    assert key_texts(ax) == ["rows", "density"]
    chosen = plot_density_1d(em)
    assert chosen.get_xlabel() == "length", "where the components differ most"
    assert key_texts(chosen)[-1] == "the one of 2 features that differs most"


def test_anomalies_are_the_rows_below_the_threshold(em, rows):
    log_density = em.log_density(rows)
    threshold = np.sort(log_density)[7]
    ax = plot_anomalies(em, rows, threshold, max_numbers=3)
    (rings,) = by_gid(ax, "anomalies")
    lowest = np.argsort(log_density)[:7]
    np.testing.assert_allclose(np.asarray(rings.get_offsets()), rows[lowest])
    numbers = [by_gid(ax, f"number-{i}")[0].get_text() for i in (1, 2, 3)]
    assert numbers == [str(i) for i in lowest[:3]]
    assert not by_gid(ax, "number-4")
    assert "7 of 300 rows below the threshold, the lowest 3 numbered" in key_texts(ax)


def test_threshold_contour_runs_through_rows_at_the_threshold(em, rows):
    threshold = float(np.sort(em.log_density(rows))[20])
    ax = plot_anomalies(em, rows, threshold)
    (line,) = by_gid(ax, "threshold")
    vertices = line.get_paths()[0].vertices
    np.testing.assert_allclose(em.log_density(vertices), threshold, atol=0.02)


def test_anomalies_with_one_feature_and_none_at_all(em_1d, rows_1d):
    ax = plot_anomalies(draws_around(em_1d), rows_1d, -1e6)
    assert "0 of 200 rows below the threshold" in key_texts(ax)


def test_a_detector_gives_anomalies_its_threshold(em, rows):
    detector = GaussianMixtureOutlierDetector(GaussianMixture(2), false_alarm_rate=0.05)
    detector.fit(rows)
    odd = rows[detector.predict(rows) == -1]
    assert len(odd)
    (rings,) = by_gid(plot_anomalies(detector, rows), "anomalies")
    drawn = np.asarray(rings.get_offsets())
    np.testing.assert_array_equal(np.sort(drawn, axis=0), np.sort(odd, axis=0))
    (rings,) = by_gid(plot_anomalies(detector, rows, -1e6), "anomalies")
    assert not len(rings.get_offsets())


def test_anomalies_without_a_threshold_say_what_to_give(em, rows, plt):
    with pytest.raises(DataError, match=r"no threshold of its own; give a log density, .*Detector"):
        plot_anomalies(em, rows)
    for unfitted in (GaussianMixture(2), GaussianMixtureOutlierDetector()):
        with pytest.raises(DataError, match=r"call fit\(X\) first"):
            plot_anomalies(unfitted, rows)
    assert plt.get_fignums() == []


def test_numbers_of_rows_that_touch_stand_apart_with_one_feature(em_1d):
    X = np.array([[5.0], [9.0], [9.0], [9.1], [12.0]])
    ax = plot_anomalies(em_1d, X, float(em_1d.log_density(X)[0]) - 1.0)
    ax.figure.canvas.draw()
    boxes = [by_gid(ax, f"number-{i}")[0].get_window_extent() for i in (1, 2, 3, 4)]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_numbers_keep_off_the_contours_where_there_is_room(em, rows):
    threshold = float(em.log_density(rows).min()) - 0.1
    (line,) = by_gid(plot_anomalies(em, rows, threshold), "threshold")
    vertices = line.get_paths()[0].vertices
    right_flank = vertices[vertices[:, 0] > 0.0]
    beside = right_flank[np.argmin(np.abs(right_flank[:, 1] + 2.5))] + [0.05, 0.0]
    ax = plot_anomalies(em, np.vstack([rows, beside]), threshold)
    ax.figure.canvas.draw()
    (number,) = by_gid(ax, "number-1")
    box = number.get_window_extent()
    assert number.get_text() == "300"
    assert not any(box.contains(*point) for point in ax.transData.transform(vertices))


def test_no_figure_is_made_when_axes_are_given(em, rows, plt):
    _, axes = plt.subplots(1, 3)
    assert plot_density(em, rows, ax=axes[0]) is axes[0]
    assert plot_density_1d(em, rows, ax=axes[1]) is axes[1]
    assert plot_anomalies(em, rows, -5.0, ax=axes[2]) is axes[2]
    assert plt.get_fignums() == [axes[0].figure.number]
