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
