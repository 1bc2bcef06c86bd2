import numpy as np
import pandas as pd
import pytest

from bayesgmm.exceptions import DataError
from bayesgmm.plots import plot_membership

from .conftest import by_gid, draws_around, key_texts


def heights(ax, k, others=False):
    (patch,) = by_gid(ax, f"membership-{k}" + ("-others" if others else ""))
    values, _, base = patch.get_data()
    return values - base


def test_columns_are_memberships_sorted_within_their_cluster(em, rows):
    ax = plot_membership(em, rows)
    memberships = em.responsibilities(rows)
    cluster = memberships.argmax(axis=1)
    own = heights(ax, 1) + heights(ax, 2)
    n_first = np.sum(cluster == 0)
    np.testing.assert_allclose(own[:n_first], np.sort(memberships[cluster == 0, 0])[::-1])
    np.testing.assert_allclose(own[n_first:], np.sort(memberships[cluster == 1, 1])[::-1])
    total = own + heights(ax, 1, others=True) + heights(ax, 2, others=True)
    np.testing.assert_allclose(total, 1.0)
    assert ax.get_xlim() == (0, 300)
    in_doubt = np.sum(memberships.max(axis=1) < 0.9)
    assert f"{in_doubt} of 300 rows below 90\N{NO-BREAK SPACE}%" in key_texts(ax)


def test_bars_are_the_intervals_over_the_draws(em, rows):
    posterior = draws_around(em, scale=0.4)
    ax = plot_membership(posterior, rows, prob=0.8, rows=20)
    mean, lower, upper = posterior.responsibility_interval(rows, 0.8)
    certainty, cluster = mean.max(axis=1), mean.argmax(axis=1)
    shown = np.argsort(certainty, kind="stable")[:20]
    order = shown[np.lexsort((-certainty[shown], cluster[shown]))]
    (bars,) = by_gid(ax, "interval")
    segments = np.array(bars.get_segments())
    np.testing.assert_allclose(segments[:, 0, 1], lower[order, cluster[order]])
    np.testing.assert_allclose(segments[:, 1, 1], upper[order, cluster[order]])
    np.testing.assert_allclose(segments[:, 0, 0], np.arange(20) + 0.5)


def test_few_rows_are_named_by_their_index(em, rows):
    frame = pd.DataFrame(rows, columns=["length", "width"], index=[f"r{i}" for i in range(300)])
    ax = plot_membership(em, frame, rows=5)
    names = {label.get_text() for label in ax.get_xticklabels()}
    least = np.argsort(em.responsibilities(rows).max(axis=1))[:5]
    assert names == {f"r{i}" for i in least}
    assert len(plot_membership(em, rows).get_xticks()) == 0


def test_many_rows_get_a_band_within_bounded_artists(em, posterior):
    X, _ = em.sample(5000, np.random.default_rng(0))
    ax = plot_membership(posterior.thin(40), X)
    (band,) = by_gid(ax, "interval")
    assert len(band.get_paths()) == 1
    assert len(ax.get_children()) < 40


def test_of_very_many_rows_evenly_spaced_ones_are_drawn(em, posterior):
    X, _ = em.sample(20_000, np.random.default_rng(0))
    ax = plot_membership(em, X)
    memberships = em.responsibilities(X)
    cluster, certainty = memberships.argmax(axis=1), memberships.max(axis=1)
    (patch,) = by_gid(ax, "membership-1")
    edges = patch.get_data().edges
    assert 1000 <= len(edges) - 1 <= 1001
    assert np.diff(edges).max() <= 20
    assert np.sum(cluster == 0) in edges
    order = np.lexsort((-certainty, cluster))
    drawn = order[(edges[:-1] + edges[1:]) // 2]
    np.testing.assert_array_equal(heights(ax, 1) + heights(ax, 2), certainty[drawn])
    assert ax.get_xlim() == (0, 20_000)
    said = f"{len(drawn)} of 20000 rows drawn, evenly spaced"
    assert ax.get_xlabel() == said
    assert said in ax.get_label()
    assert f"{np.sum(cluster == 0)} rows" in ax.texts[0].get_text()
    band = by_gid(plot_membership(posterior.thin(40), X), "interval")[0].get_paths()[0]
    assert 1000 < len(band.vertices) < 5000
    assert band.vertices[:, 0].max() == 20_000


def test_a_small_cluster_among_very_many_rows_is_drawn(em):
    X, _ = em.sample(20_000, np.random.default_rng(0))
    cluster = em.responsibilities(X).argmax(axis=1)
    few = np.concatenate([X[cluster == 0][:1], X[cluster == 1]])
    ax = plot_membership(em, few)
    assert heights(ax, 1)[0] > 0.5
    (patch,) = by_gid(ax, "membership-1")
    assert patch.get_data().edges[1] == 1


def test_up_to_a_thousand_rows_have_a_column_each(em):
    X, _ = em.sample(1000, np.random.default_rng(0))
    ax = plot_membership(em, X)
    assert len(heights(ax, 1)) == 1000
    assert "drawn" not in ax.get_label()
    assert not ax.get_xlabel()


def test_groups_are_labelled_without_overlap(em, rows):
    few = np.concatenate([rows[em.responsibilities(rows)[:, 0] > 0.99][:2], rows[:100]])
    ax = plot_membership(em, few)
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == 2
    assert not boxes[0].overlaps(boxes[1])


def test_bad_number_of_rows(em, rows, plt):
    with pytest.raises(DataError, match="rows must be at least 1, got 0"):
        plot_membership(em, rows, rows=0)
    assert plt.get_fignums() == []


def test_axes_are_used(em, rows, plt):
    _, ax = plt.subplots()
    assert plot_membership(em, rows, ax=ax) is ax
    assert plt.get_fignums() == [ax.figure.number]
