from functools import partial

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from bayesgmm.exceptions import DataError
from bayesgmm.plots import LIGHT, plot_anomalies, plot_clusters, plot_density, plot_pairs
from bayesgmm.plots.geometry import ellipse

from .conftest import by_gid, draws_around, key_texts


def drawn_rows(ax, k):
    return sum((len(c.get_offsets()) for c in by_gid(ax, f"rows-{k}")), 0)


def test_em_ellipses_are_dashed_and_in_place(em, rows):
    ax = plot_clusters(em, rows, prob=0.8)
    (lines,) = by_gid(ax, "ellipses-em")
    expected = ellipse(em.means, em.covariances, 0.8)
    np.testing.assert_allclose([path.vertices for path in lines.get_paths()], expected)
    assert lines.get_linestyle()[0][1] is not None, "dashed"
    assert any("EM ellipse, 80" in text for text in key_texts(ax))
    assert not by_gid(ax, "ellipses-draws-1")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length", "width")


def test_posterior_has_a_cloud_and_em_over_it(em, posterior, rows):
    ax = plot_clusters(posterior, rows, em=em.permute([1, 0]), n_draws=30)
    for k in (0, 1):
        (cloud,) = by_gid(ax, f"ellipses-draws-{k + 1}")
        thinned = posterior.thin(30)
        np.testing.assert_allclose(
            [path.vertices for path in cloud.get_paths()],
            ellipse(thinned.means[:, k], thinned.covariances[:, k], 0.9),
        )
        assert to_hex(cloud.get_color()[0]) == LIGHT.clusters[k]
        (centre,) = by_gid(ax, f"centre-{k + 1}")
        mean = posterior.means[:, :, k].mean(axis=(0, 1))
        np.testing.assert_allclose(np.asarray(centre.get_offsets())[0], mean)
    (lines,) = by_gid(ax, "ellipses-em")
    assert len(lines.get_paths()) == 2


def test_every_row_is_a_mark_or_a_pie(em, rows):
    ax = plot_clusters(em, rows)
    memberships = em.responsibilities(rows)
    doubt = memberships.max(axis=1) < 0.9
    assert 5 < doubt.sum() < 100, "the fixture has rows of both kinds"
    for k in (0, 1):
        assert drawn_rows(ax, k + 1) == np.sum(~doubt & (memberships.argmax(axis=1) == k))
    (outline,) = by_gid(ax, "doubt-outline")
    np.testing.assert_allclose(np.asarray(outline.get_offsets()), rows[doubt])
    slices_of_one = np.sum(memberships[doubt, 0] > 0.005)
    (pies,) = by_gid(ax, "doubt-1")
    assert len(pies.get_paths()) == slices_of_one
    assert any("slices = memberships" in text for text in key_texts(ax))
    assert f"{doubt.sum()} rows are in doubt" in ax.get_label()


def test_pies_keep_their_size_in_points(em, rows):
    ax = plot_clusters(em, rows)
    ax.figure.canvas.draw()
    (pies,) = by_gid(ax, "doubt-1")
    radius = pies.get_transforms()[0][0, 0] * 72.0 / ax.figure.dpi
    assert 2.0 < radius < 7.0
    np.testing.assert_allclose(pies.get_transform().get_matrix(), np.eye(3))


def test_memberships_are_averaged_over_draws(em, rows):
    posterior = draws_around(em, scale=0.6)
    doubt = posterior.mean_responsibilities(rows).max(axis=1) < 0.9
    (outline,) = by_gid(plot_clusters(posterior, rows), "doubt-outline")
    assert len(outline.get_offsets()) == doubt.sum()


def test_thousands_of_rows_are_thinned_and_said_to_be(em):
    X, _ = em.sample(5000, np.random.default_rng(0))
    ax = plot_clusters(em, X)
    assert drawn_rows(ax, 1) + drawn_rows(ax, 2) == 2000
    n_sure = np.sum(em.responsibilities(X).max(axis=1) >= 0.9)
    assert f"2000 of {n_sure} sure rows shown" in key_texts(ax)


def test_labels_give_the_shares(em, rows):
    ax = plot_clusters(em, rows)
    texts = [by_gid(ax, f"label-{k}")[0].get_text() for k in (1, 2)]
    assert texts == ["cluster 1: 40\N{NO-BREAK SPACE}%", "cluster 2: 60\N{NO-BREAK SPACE}%"]


def test_more_than_six_clusters_are_numbered_in_grey(rows):
    from bayesgmm.core.mixture import Mixture

    k = 8
    means = np.column_stack([np.arange(k), np.zeros(k)])
    many = Mixture.from_covariances(np.full(k, 1 / k), means, np.stack([np.eye(2)] * k))
    ax = plot_clusters(many, rows)
    assert by_gid(ax, "label-8")[0].get_text() == "8"
    assert not by_gid(ax, "doubt-1"), "no pies without colours"
    assert to_hex(by_gid(ax, "centre-3")[0].get_facecolor()[0]) == LIGHT.muted


def test_axes_are_used_and_nothing_else(em, posterior, rows, plt):
    _, ax = plt.subplots()
    before = dict(mpl.rcParams)
    assert plot_clusters(posterior, rows, em=em, ax=ax) is ax
    assert plt.get_fignums() == [ax.figure.number]
    assert dict(mpl.rcParams) == before


def test_limits_hold_rows_and_ellipses_but_not_stray_draws(em, rows):
    wild = draws_around(em, scale=3.0)
    ax = plot_clusters(em, rows)
    outlines = ellipse(em.means, em.covariances, 0.9).reshape(-1, 2)
    points = np.concatenate([rows, outlines])
    low, high = ax.transData.inverted().transform(ax.transAxes.transform([[0, 0], [1, 1]]))
    assert np.all(points >= low)
    assert np.all(points <= high)
    cloud = ellipse(wild.means, wild.covariances, 0.9)
    ax = plot_clusters(wild, rows)
    assert cloud[..., 0].max() > ax.get_xlim()[1]


def test_one_feature_falls_to_a_strip(em_1d, rows_1d):
    ax = plot_clusters(draws_around(em_1d), rows_1d, em=em_1d)
    memberships = draws_around(em_1d).mean_responsibilities(rows_1d)
    doubt = memberships.max(axis=1) < 0.9
    assert drawn_rows(ax, 1) + drawn_rows(ax, 2) == np.sum(~doubt)
    (first,) = by_gid(ax, "rows-1")
    offsets = np.asarray(first.get_offsets())
    assert np.all(offsets[:, 1] < 0)
    assert ax.get_ylim()[0] < offsets[:, 1].min()
    np.testing.assert_allclose(
        np.sort(offsets[:, 0]), np.sort(rows_1d[~doubt & (memberships[:, 0] > 0.5), 0])
    )
    assert all(tick >= 0 for tick in ax.get_yticks())
    (line,) = by_gid(ax, "density-em")
    x, y = line.get_data()
    np.testing.assert_allclose(y, np.exp(em_1d.log_density(np.asarray(x)[:, None])))


@pytest.fixture
def wide():
    rng = np.random.default_rng(8)
    from bayesgmm.core.mixture import Mixture

    means = np.array([[0.0, 0.0, 0.0], [0.1, 4.0, 8.0]])
    mixture = Mixture.from_covariances(
        np.array([0.5, 0.5]), means, np.stack([np.eye(3)] * 2), "full", ("a", "b", "c")
    )
    return mixture, pd.DataFrame(mixture.sample(80, rng)[0], columns=["a", "b", "c"])


def test_several_features_are_drawn_by_their_marginals_with_all_memberships(wide):
    mixture, X = wide
    ax = plot_clusters(mixture, X, features=["a", "c"])
    (lines,) = by_gid(ax, "ellipses-em")
    expected = ellipse(mixture.means[:, [0, 2]], np.stack([np.eye(2)] * 2), 0.9)
    np.testing.assert_allclose([path.vertices for path in lines.get_paths()], expected)
    for plot in (plot_clusters, plot_density, partial(plot_anomalies, threshold=-9.0)):
        assert "the 2 of 3 features that differ most" in key_texts(plot(mixture, X))
        told = key_texts(plot(mixture, X, features=["a", "b"]))
        assert not any("features" in text for text in told)
    ax = plot_clusters(mixture, X, features=["a", "b"])
    assert drawn_rows(ax, 1) + drawn_rows(ax, 2) == 80, "no doubt when feature c counts"


def test_pairs_have_every_panel_once(wide, plt):
    mixture, X = wide
    figure = plot_pairs(draws_around(mixture), X, em=mixture)
    assert len(figure.axes) == 6
    assert plt.get_fignums() == [figure.number]
    by_labels = [ax for ax in figure.axes if by_gid(ax, "ellipses-em")]
    assert len(by_labels) == 3
    assert len([ax for ax in figure.axes if by_gid(ax, "band")]) == 3
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "cluster 2: 50\N{NO-BREAK SPACE}%" in texts
    assert "0 of 80 rows in doubt" in texts
    with pytest.raises(DataError, match="at least two different features, got 1"):
        plot_pairs(mixture, X, features=["a"])


def test_what_does_not_fit_together_is_refused(em, em_1d, posterior, rows):
    with pytest.raises(DataError, match="em must be one point estimate, got a posterior"):
        plot_clusters(posterior, rows, em=posterior)
    with pytest.raises(DataError, match="features of the fit, got 1 instead of 2"):
        plot_clusters(posterior, rows, em=em_1d)
    with pytest.raises(DataError, match="got 90"):
        plot_clusters(em, rows, prob=90)
