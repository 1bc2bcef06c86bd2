import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from bayesgmm.plots import DARK, LIGHT, Palette, use_palette
from bayesgmm.plots.labels import label_outlines, spread_out
from bayesgmm.plots.style import axes_or_new, cluster_styles, palette_of, percent, signed


def luminance(colour):
    c = np.array(to_rgb(colour))
    linear = np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("palette", "paper"), [(LIGHT, "#ffffff"), (DARK, "#14171a")])
def test_every_colour_reaches_its_contrast(palette, paper):
    assert all(contrast(colour, paper) >= 3 for colour in palette.clusters)
    assert contrast(palette.ink, paper) >= 4.5
    assert contrast(palette.muted, paper) >= 4.5


def test_no_two_clusters_share_a_shape():
    styles = cluster_styles(6, LIGHT)
    assert len({style.colour for style in styles}) == 6
    assert len({style.marker for style in styles}) == 6
    assert len({style.hatch for style in styles}) == 6


@pytest.mark.parametrize("n_components", [1, 7])
def test_one_cluster_or_too_many_have_no_colours(n_components):
    assert {style.colour for style in cluster_styles(n_components, LIGHT)} == {LIGHT.muted}


def test_palette_follows_the_background_unless_one_is_chosen(plt):
    _, ax = plt.subplots()
    assert palette_of(ax).ink == LIGHT.ink
    ax.set_facecolor("#101010")
    assert palette_of(ax).ink == DARK.ink
    ax.set_facecolor("none")
    assert palette_of(ax).ink == LIGHT.ink
    mine = Palette("#010101", "#020202", "#030303", ("#040404",), paper="#050505")
    with use_palette(mine):
        assert palette_of(ax) == mine
    assert palette_of(ax).ink == LIGHT.ink


def test_import_changes_nothing_global_and_opens_no_pyplot():
    # Read past rcParams, which chooses a backend, and imports pyplot, when asked for its items.
    code = """
import sys
import matplotlib as mpl
state = lambda: {k: dict.__getitem__(mpl.rcParams, k) for k in dict.keys(mpl.rcParams)}
before = state()
import bayesgmm.plots
assert state() == before
for heavy in ("matplotlib.pyplot", "pymc", "numba", "arviz"):
    assert heavy not in sys.modules, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_axes_given_are_used(plt):
    _, ax = plt.subplots()
    assert axes_or_new(ax) is ax
    assert len(plt.get_fignums()) == 1
    assert axes_or_new(None) is not ax
    assert len(plt.get_fignums()) == 2


def test_numbers_in_words():
    assert percent(0.361) == "36\N{NO-BREAK SPACE}%"
    assert signed(-1.26, 1) == "\N{MINUS SIGN}1.3"
    assert signed(-0.001, 2, plus=True) == "0.00"
    assert signed(0.5, 2, plus=True) == "+0.50"


def test_labels_hide_no_mark(plt):
    _, ax = plt.subplots()
    ax.set(xlim=(-3, 3), ylim=(-3, 3))
    angle = np.linspace(0, 2 * np.pi, 60)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    # One mark at the end of a label above the circle, another that only reaches into one below it.
    label_outlines(ax, ["the circle"], circle[None], np.empty((0, 2)), LIGHT)
    box = ax.texts[0].get_window_extent()
    above = ax.transData.inverted().transform((box.x1 - 1, (box.y0 + box.y1) / 2))
    below = ax.transData.inverted().transform((box.x1 + 3, (box.y0 + box.y1) / 2)) * (1, -1)
    ax.texts[0].remove()
    label_outlines(ax, ["the circle"], circle[None], np.stack([above, below]), LIGHT)
    box = ax.texts[0].get_window_extent().padded(3)
    assert not any(box.contains(*ax.transData.transform(mark)) for mark in (above, below))


def test_labels_spread_by_least_squares():
    np.testing.assert_allclose(spread_out(np.array([0.0, 50.0]), 10.0), [0.0, 50.0])
    np.testing.assert_allclose(spread_out(np.array([1.0, 0.0]), 10.0), [5.5, -4.5])
    moved = spread_out(np.array([0.0, 1.0, 2.0, 40.0]), 10.0)
    np.testing.assert_allclose(moved, [-9.0, 1.0, 11.0, 40.0])


def test_labels_of_outlines_do_not_overlap(plt):
    _, ax = plt.subplots()
    ax.set(xlim=(-3, 3), ylim=(-3, 3))
    angle = np.linspace(0, 2 * np.pi, 60)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    outlines = np.stack([circle, circle + 0.1, 1.1 * circle])
    label_outlines(ax, ["first one", "second one", "third one"], outlines, circle, LIGHT)
    boxes = [text.get_window_extent() for text in ax.texts]
    frame = ax.get_window_extent()
    for i, box in enumerate(boxes):
        assert frame.x0 <= box.x0
        assert box.x1 <= frame.x1
        assert frame.y0 <= box.y0
        assert box.y1 <= frame.y1
        assert not any(box.overlaps(other) for other in boxes[:i])
