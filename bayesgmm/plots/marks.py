"""Rows as marks: sure ones in the shape of their cluster, those in doubt as small pies."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.transforms import IdentityTransform

from bayesgmm.plots.geometry import slices
from bayesgmm.plots.scene import rows_in_doubt
from bayesgmm.plots.style import ClusterStyle, KeyEntry, Palette, is_coloured, width_in_points

MAX_ROWS = 2000
# A thinner slice would not be seen; with memberships of three digits it may be rounding.
_THINNEST = 0.005


def draw_rows(
    ax: Axes,
    points: np.ndarray,
    memberships: np.ndarray,
    styles: list[ClusterStyle],
    palette: Palette,
    radius: float | None = None,
) -> tuple[list[KeyEntry], str]:
    """Draw the rows; of more than 2000 sure rows, or rows in doubt, a random 2000.

    Returns
    -------
    entries : list of KeyEntry
        What the key should name.
    note : str
        What was left out, or nothing.
    """
    doubt = rows_in_doubt(memberships)
    sure, sure_note = thin_rows(np.flatnonzero(~doubt), "sure rows")
    unsure, doubt_note = thin_rows(np.flatnonzero(doubt), "rows in doubt")
    crowd = min(1.0, (500.0 / max(len(sure), 1)) ** 0.5)
    area = 20.0 * size_factor(ax) ** 2 * max(crowd, 0.4)
    cluster = memberships.argmax(axis=1)
    for k, style in enumerate(styles):
        of_cluster = sure[cluster[sure] == k]
        if len(of_cluster):
            ax.scatter(
                *points[of_cluster].T,
                s=area,
                marker=style.marker,
                color=style.colour,
                alpha=0.7,
                linewidths=0,
                gid=f"rows-{k + 1}",
                zorder=2,
            )
    if not len(unsure):
        return [], sure_note
    coloured = is_coloured(len(styles), palette)
    draw_doubt(ax, points[unsure], memberships[unsure], styles if coloured else [], palette, radius)
    handle = Line2D(
        [],
        [],
        linestyle="none",
        marker="o",
        fillstyle="left" if coloured else "none",
        markersize=7,
        markerfacecolor=styles[0].colour,
        markerfacecoloralt=styles[1].colour,
        markeredgecolor=palette.ink,
    )
    label = "row in doubt" + (": slices = memberships" if coloured else "")
    return [(handle, label)], "; ".join(note for note in (sure_note, doubt_note) if note)


def draw_doubt(
    ax: Axes,
    points: np.ndarray,
    memberships: np.ndarray,
    styles: list[ClusterStyle],
    palette: Palette,
    radius: float | None,
) -> None:
    """Draw pies as one collection for each cluster; without styles empty rings."""
    n = len(points)
    if radius is None:
        radius = (5.8 if n <= 9 else 3.8 if n <= 100 else 2.6) * size_factor(ax)
    edge = 0.15 * radius if n <= 100 else 0.2
    wedges = [slices(row) for row in memberships]
    for k, style in enumerate(styles):
        seen = np.flatnonzero(memberships[:, k] > _THINNEST)
        if len(seen):
            ax.add_collection(
                PathCollection(
                    [wedges[i][k] for i in seen],
                    sizes=[radius**2],
                    offsets=points[seen],
                    offset_transform=ax.transData,
                    transform=IdentityTransform(),
                    facecolors=style.colour,
                    linewidths=0,
                    zorder=3,
                    gid=f"doubt-{k + 1}",
                ),
                autolim=False,
            )
    ax.scatter(
        *points.T,
        s=(2 * radius) ** 2,
        facecolors="none",
        edgecolors=palette.ink,
        linewidths=edge,
        zorder=3,
        gid="doubt-outline",
    )


def size_factor(ax: Axes) -> float:
    """How large marks should be in Axes of this width, against those of a single picture."""
    return float(np.clip(width_in_points(ax) / 360.0, 0.6, 1.15))


def thin_rows(rows: np.ndarray, what: str) -> tuple[np.ndarray, str]:
    """At most `MAX_ROWS` of the rows, chosen at random but always alike, and a note if fewer."""
    if len(rows) <= MAX_ROWS:
        return rows, ""
    kept = np.random.default_rng(0).choice(rows, MAX_ROWS, replace=False)
    return np.sort(kept), f"{MAX_ROWS} of {len(rows)} {what} shown"
