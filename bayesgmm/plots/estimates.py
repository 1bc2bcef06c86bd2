"""EM against the posterior, parameter by parameter."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bayesgmm.exceptions import DataError, DataTypeError
from bayesgmm.plots.style import (
    MINUS,
    NBSP,
    ClusterStyle,
    KeyEntry,
    Palette,
    axes_or_new,
    cluster_styles,
    describe,
    key,
    palette_of,
    pixels_per_point,
    signed,
)

_WORDS = {"weight": "share", "mean": "centre", "sd": "spread"}
_COLUMNS = ("parameter", "component", "em", "mean", "sd", "lower", "upper")
_ROW_INCHES = 0.24
# Beyond this an EM value is an arrow at the edge, and its number says how far out it lies.
_FARTHEST = 4.0
_COLUMN_GAP = 14.0


def plot_estimates(comparison: Any, numbers: bool = True, *, ax: Axes | None = None) -> Axes:
    """Draw each parameter's EM value and MAP against its posterior, a row each.

    Every row is scaled by its own posterior standard deviation, around its posterior mean, so that
    rows compare: bar, the interval; mark, the mean; open diamond, EM; cross, MAP. To the right
    stand the numbers in the units of the data.

    Parameters
    ----------
    comparison : EstimatesComparison or DataFrame
        From `compare_estimates`, or its table (or some rows of it).
    numbers : bool, default True
        Write mean, interval and EM's shift to the right of the rows.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure, as high as the rows need.

    Returns
    -------
    matplotlib Axes
    """
    table = _read_table(comparison)
    n = len(table)
    ax = axes_or_new(ax, (7.4 if numbers else 5.0, 1.2 + _ROW_INCHES * n))
    palette = palette_of(ax)
    numbered = table["number"].notna()
    n_components = int(table["number"].max()) + 1 if numbered.any() else 1
    looks = cluster_styles(n_components, palette)
    shared = ClusterStyle(palette.muted, "o", None)
    spread = table["sd"].where(table["sd"] > 0)
    scaled = {
        name: ((table[name] - table["mean"]) / spread).to_numpy()
        for name in ("em", "map", "lower", "upper")
        if name in table
    }
    y = np.arange(n)
    edge = _edge(scaled)
    ax.axvline(0.0, color=palette.muted, linewidth=0.9, zorder=1)
    for i in y:
        look = looks[int(table["number"].iloc[i])] if numbered.iloc[i] else shared
        ax.hlines(
            i, scaled["lower"][i], scaled["upper"][i], color=look.colour, linewidth=2.2, zorder=2
        ).set_gid(f"interval-{i}")
        ax.plot(0, i, marker=look.marker, color=look.colour, markersize=6, zorder=3)
    if "map" in scaled:
        _draw_points(ax, scaled["map"], y + 0.17, edge, palette, "map")
    _draw_points(ax, scaled["em"], y - 0.17, edge, palette, "em")
    number = table["number"].fillna(-1).to_numpy()
    for i in np.flatnonzero(np.diff(number)):
        ax.axhline(i + 0.5, color=palette.muted, linewidth=0.5, alpha=0.5, zorder=0)
    records = table.to_dict("records")
    ax.set_yticks(y, [_row_name(row, numbered.iloc[i]) for i, row in enumerate(records)])
    ax.tick_params(axis="y", length=0, labelsize="small")
    ax.spines["left"].set_visible(False)
    ax.set_ylim(n - 0.4, -0.6)
    ax.set_xlim(-edge, edge)
    ax.set_xlabel("posterior standard deviations from the posterior mean")
    if numbers:
        _write_numbers(ax, table, palette)
    key(ax, _entries(palette, "map" in scaled), palette, above=1.6 if numbers else 0.0)
    describe(
        ax,
        f"{n} parameters, EM against the posterior: the largest shift of EM is "
        f"{np.nanmax(np.abs(scaled['em']), initial=0.0):.2f} posterior standard deviations.",
    )
    return ax


def _read_table(comparison: Any) -> Any:
    import pandas as pd

    table = getattr(comparison, "table", comparison)
    if not hasattr(table, "to_dict") or not hasattr(table, "columns"):
        raise DataTypeError(
            f"a comparison or its table is needed, got {type(comparison).__name__}; "
            "write plot_estimates(compare_estimates(em, bayes))."
        )
    missing = [column for column in _COLUMNS if column not in table]
    if missing or not len(table):
        what = f"column {missing[0]!r} is missing" if missing else "it has no rows"
        raise DataError(f"the table of estimates cannot be drawn: {what}.")
    # What the components share has no number, but "all", and comes last.
    number = pd.Series(pd.to_numeric(table["component"], errors="coerce"), dtype=float)
    table = table.assign(number=number)
    return table.sort_values("number", kind="stable", na_position="last").reset_index(drop=True)


def _edge(scaled: dict[str, np.ndarray]) -> float:
    farthest = max(np.nanmax(np.abs(values), initial=0.0) for values in scaled.values())
    return float(np.clip(farthest + 0.3, 2.2, _FARTHEST))


def _draw_points(
    ax: Axes, values: np.ndarray, y: np.ndarray, edge: float, palette: Palette, name: str
) -> None:
    inside = np.abs(values) < edge
    look = {"color": palette.ink, "linestyle": "none", "zorder": 4, "clip_on": False}
    if name == "em":
        look |= {"markerfacecolor": palette.paper, "markeredgewidth": 1.1}
    ax.plot(
        values[inside],
        y[inside],
        marker="D" if name == "em" else "x",
        markersize=5 if name == "em" else 4.5,
        gid=name,
        **look,
    )
    for side, marker in ((values <= -edge, "<"), (values >= edge, ">")):
        if side.any():
            ax.plot(
                np.sign(values[side]) * edge,
                y[side],
                marker=marker,
                markersize=5.5,
                gid=f"{name}-beyond",
                **look,
            )


def _row_name(row: dict[str, Any], numbered: bool) -> str:
    name = _WORDS.get(str(row["parameter"]), str(row["parameter"]))
    if str(row["parameter"]) == "weight":
        name += " (%)"
    feature = row.get("feature")
    if isinstance(feature, tuple | list):
        feature = ", ".join(str(part) for part in feature)
    if feature is not None and feature == feature and str(feature):
        name += f", {feature}"
    return f"{name} · {int(row['number']) + 1}" if numbered else f"{name} · all"


def _entries(palette: Palette, with_map: bool) -> list[KeyEntry]:
    def mark(**look: Any) -> Line2D:
        return Line2D([], [], linestyle="none", color=palette.ink, **look)

    diamond = mark(marker="D", markersize=5, markerfacecolor=palette.paper)
    entries: list[KeyEntry] = [(diamond, "EM")]
    if with_map:
        entries.append((mark(marker="x", markersize=4.5), "MAP"))
    bar = Line2D([], [], color=palette.muted, linewidth=2.2, marker="o", markersize=6)
    return [*entries, (bar, "posterior mean and 90 % interval".replace(" %", f"{NBSP}%"))]


def _write_numbers(ax: Axes, table: Any, palette: Palette) -> None:
    """Three right-aligned columns beside the Axes, each as wide as its widest text."""
    heads = ("mean", f"90{NBSP}% interval", "EM shift")
    rows = [_numbers(row) for row in table.to_dict("records")]
    pixel = pixels_per_point(ax)
    right = 0.0
    look: dict[str, Any] = {"textcoords": "offset points", "fontsize": "small", "ha": "right"}
    for column, head in enumerate(heads):
        top = ax.annotate(
            head,
            (1.0, 1.0),
            (0.0, 0.0),
            xycoords="axes fraction",
            va="bottom",
            color=palette.muted,
            annotation_clip=False,
            **look,
        )
        below = [
            ax.annotate(
                row[column],
                (1.0, y),
                (0.0, 0.0),
                xycoords=("axes fraction", "data"),
                va="center",
                color=palette.ink,
                annotation_clip=False,
                **look,
            )
            for y, row in enumerate(rows)
        ]
        widest = max(text.get_window_extent().width for text in (top, *below))
        right += _COLUMN_GAP + widest / pixel
        top.set_position((right, 3.0))
        for text in below:
            text.set_position((right, 0.0))


def _numbers(row: dict[str, Any]) -> tuple[str, str, str]:
    scale = 100.0 if row["parameter"] == "weight" else 1.0
    mean, sd, lower, upper = (scale * row[name] for name in ("mean", "sd", "lower", "upper"))
    if not sd > 0:
        return _short(mean, 4), "fixed", ""
    # Two digits of the standard deviation: more would be noise.
    decimals = max(int(1 - np.floor(np.log10(sd))), 0)
    if decimals > 6 or abs(mean) >= 1e7:
        mean, lower, upper = (_short(value, 4) for value in (mean, lower, upper))
    else:
        mean, lower, upper = (signed(value, decimals) for value in (mean, lower, upper))
    shift = (row["em"] - row["mean"]) / row["sd"]
    return mean, f"{lower} to {upper}", signed(shift, 2, plus=True)


def _short(number: float, digits: int) -> str:
    return f"{number:.{digits}g}".replace("-", MINUS)
