"""How sure each row is of its cluster."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from bayesgmm.exceptions import DataError
from bayesgmm.plots.labels import spread_out
from bayesgmm.plots.scene import SURE, check_prob, read_scene, rows_in_doubt
from bayesgmm.plots.style import (
    NBSP,
    ClusterStyle,
    KeyEntry,
    Palette,
    axes_or_new,
    cluster_name,
    cluster_styles,
    describe,
    halo,
    is_coloured,
    key,
    palette_of,
    percent,
    width_in_points,
)

_INTERVAL_DRAWS = 500
_CERTAIN = 0.999
_FEW = 60
_MANY = 400
# More columns than this cannot be told apart.
_MOST_COLUMNS = 1000


def plot_membership(
    fit: Any,
    X: Any,
    *,
    rows: int | None = None,
    prob: float = 0.9,
    ax: Axes | None = None,
) -> Axes:
    """Draw the memberships of every row as one stacked column.

    Rows stand with the cluster they most likely belong to, the surest first, and that membership
    is at the bottom of their column; what is stacked above belongs to the other clusters. With
    draws, lines (a band for more than 400 rows) show the interval of the bottom membership over
    the draws. Below the dashed line at 90 % a row is in doubt. Of more than 1000 rows about 1000,
    evenly spaced in that order and at least one of each cluster, stand for their neighbours.

    Parameters
    ----------
    fit : fitted estimator or Mixture
        EM or posterior; with draws, columns are posterior means.
    X : (N, D) array-like or frame
        The rows.
    rows : int, optional
        Draw only this many, the least certain; up to 60 are named.
    prob : float, default 0.9
        Content of the interval: 0.9 goes from the 5 % to the 95 % quantile.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes
    """
    scene, prob = read_scene(fit, X), check_prob(prob)
    if rows is not None and rows < 1:
        raise DataError(f"rows must be at least 1, got {rows}; leave it out to draw all.")
    memberships = scene.mixture.mean_responsibilities(scene.data)
    cluster, certainty = memberships.argmax(axis=1), memberships.max(axis=1)
    shown = np.argsort(certainty, kind="stable")[:rows]
    order = shown[np.lexsort((-certainty[shown], cluster[shown]))]
    edges = _column_edges(cluster[order])
    drawn = order[(edges[:-1] + edges[1:]) // 2]
    ax = axes_or_new(ax)
    palette = palette_of(ax)
    styles = cluster_styles(scene.mixture.n_components, palette)
    entries = _draw_columns(ax, edges, memberships[drawn], cluster[drawn], styles, palette)
    if scene.mixture.batch_shape:
        draws = scene.mixture.thin(_INTERVAL_DRAWS)
        lower, upper = certainty[drawn].copy(), certainty[drawn].copy()
        # Markov: where the mean reaches this, 95 % of the draws lie above 98 %.
        open_ = np.flatnonzero(certainty[drawn] < _CERTAIN)
        if len(open_):
            _, low, high = draws.responsibility_interval(scene.data[drawn[open_]], prob)
            own = (np.arange(len(open_)), cluster[drawn[open_]])
            lower[open_], upper[open_] = low[own], high[own]
        entries.append(_draw_interval(ax, edges, lower, upper, prob, palette))
    ax.axhline(
        SURE,
        color=palette.ink,
        linewidth=1.2,
        linestyle=(0, (4, 2)),
        gid="sure",
        zorder=5,
        path_effects=halo(palette, 2.8),
    )
    in_doubt = int(rows_in_doubt(memberships).sum())
    note = f"{in_doubt} of {len(memberships)} rows below {percent(SURE)}"
    if len(order) < len(memberships):
        note += f"; the {len(order)} least certain shown"
    spaced = f"{len(drawn)} of {len(order)} rows drawn, evenly spaced"
    if len(drawn) == len(order):
        spaced = ""
    _label_groups(ax, cluster[order], [scene.rows[i] for i in order], palette)
    # Below the names of the groups, of up to two lines.
    ax.set_xlabel(spaced, labelpad=30, fontsize="small")
    ax.set_xlim(0, len(order))
    ax.set_ylim(0, 1)
    ax.set_ylabel("membership")
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=f"{NBSP}%"))
    key(ax, entries, palette, note)
    said = "; ".join(part for part in (note, spaced) if part)
    describe(ax, f"Memberships of {len(order)} rows in {len(styles)} clusters; {said}.")
    return ax


def _column_edges(cluster: np.ndarray) -> np.ndarray:
    """Where columns begin and end, in rows: of many rows several share one, of one cluster only."""
    n = len(cluster)
    edges = np.linspace(0, n, min(n, _MOST_COLUMNS) + 1).astype(int)
    return np.union1d(edges, np.flatnonzero(np.diff(cluster)) + 1)


def _draw_columns(
    ax: Axes,
    edges: np.ndarray,
    memberships: np.ndarray,
    cluster: np.ndarray,
    styles: list[ClusterStyle],
    palette: Palette,
) -> list[KeyEntry]:
    # Own membership first, the others above it in the order of the clusters.
    n, k = memberships.shape
    own_share = memberships[np.arange(n), cluster]
    base = own_share
    for j, style in enumerate(styles):
        own = np.where(cluster == j, own_share, 0.0)
        above = np.where(cluster == j, 0.0, memberships[:, j])
        for part, bottom, hatch in ((own, np.zeros(n), None), (above, base, style.hatch)):
            ax.stairs(
                bottom + part,
                edges,
                baseline=bottom,
                fill=True,
                facecolor=style.colour,
                edgecolor=palette.paper,
                linewidth=0.0,
                hatch=hatch,
                gid=f"membership-{j + 1}" if part is own else f"membership-{j + 1}-others",
            )
        base = base + above
    if n <= _FEW:
        ax.vlines(edges[1:-1], 0, 1, color=palette.paper, linewidth=1.0)
    if not is_coloured(k, palette):
        return []
    name = cluster_name if k <= 3 else lambda j: str(j + 1)
    return [
        (Patch(facecolor=s.colour, edgecolor=palette.paper, hatch=s.hatch, linewidth=0), name(j))
        for j, s in enumerate(styles)
    ]


def _draw_interval(
    ax: Axes,
    edges: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    prob: float,
    palette: Palette,
) -> KeyEntry:
    n = len(lower)
    if n > _MANY:
        ax.fill_between(
            edges,
            np.append(lower, lower[-1:]),
            np.append(upper, upper[-1:]),
            step="post",
            color=palette.ink,
            alpha=0.5,
            linewidth=0,
            gid="interval",
            zorder=4,
        )
        return Patch(facecolor=palette.ink, alpha=0.5, linewidth=0), f"{percent(prob)} interval"
    width = min(1.4, 0.6 * width_in_points(ax) / n)
    ax.vlines(
        edges[:-1] + 0.5,
        lower,
        upper,
        color=palette.ink,
        linewidth=width,
        gid="interval",
        zorder=4,
    )
    return Line2D([], [], color=palette.ink, linewidth=1.4), f"{percent(prob)} interval"


def _label_groups(ax: Axes, cluster: np.ndarray, names: list[Any], palette: Palette) -> None:
    present, starts, sizes = np.unique(cluster, return_index=True, return_counts=True)
    ax.vlines(starts[1:], 0, 1, color=palette.paper, linewidth=2.0, zorder=3)
    n = len(cluster)
    named = n <= _FEW
    ax.set_xticks(np.arange(n) + 0.5 if named else [])
    if named:
        ax.set_xticklabels([str(name) for name in names], rotation=90, fontsize="x-small")
        ax.tick_params(axis="x", length=0)
    wide = len(present) <= 4
    texts = [
        f"{cluster_name(k)}\n{size} rows" if wide else f"{k + 1}"
        for k, size in zip(present, sizes, strict=True)
    ]
    room = n * (62.0 if wide else 14.0) / width_in_points(ax)
    middles = spread_out(starts + sizes / 2, room)
    for x, text in zip(middles, texts, strict=True):
        ax.annotate(
            text,
            (x, 0),
            (0, -28 if named else -4),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize="small",
            annotation_clip=False,
        )
