"""Criteria over the number of clusters."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bayesgmm.data.wording import did_you_mean, joined
from bayesgmm.exceptions import DataError, DataTypeError
from bayesgmm.plots.differences import loo_differences, plot_loo_differences
from bayesgmm.plots.labels import spread_out
from bayesgmm.plots.style import (
    Palette,
    axes_or_new,
    describe,
    halo,
    new_figure,
    palette_of,
    panel_title,
    pixels_per_point,
    signed,
)


@dataclass(frozen=True)
class Criterion:
    """A column of the table: its name on paper, its standard error, which way is better."""

    name: str
    column: str
    error: str | None
    engine: str
    higher_is_better: bool


CRITERIA = {
    "bic": Criterion("BIC", "bic", None, "em", False),
    "icl": Criterion("ICL", "icl", None, "em", False),
    "aic": Criterion("AIC", "aic", None, "em", False),
    "loo": Criterion("LOO", "elpd_loo", "se_loo", "bayes", True),
    "waic": Criterion("WAIC", "elpd_waic", "se_waic", "bayes", True),
}
_FAMILY_LOOKS = {
    "full": ("o", "-"),
    "tied": ("s", (0, (5, 2))),
    "diag": ("D", (0, (4, 2, 1, 2))),
    "spherical": ("^", (0, (1.5, 1.5))),
}
# What is worse than the best by this many times the median distance would flatten all the rest.
_OFF_SCALE = 4.0
# How far lines with bars stand apart at each K, at most, and all of them together.
_DODGE, _DODGED = 0.2, 0.6


@dataclass(frozen=True, eq=False)
class _Line:
    """One criterion of one family over K."""

    criterion: Criterion
    family: str
    k: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    first: bool
    name: str


def plot_criteria(
    result: Any, *, criterion: str | Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw one criterion over K, one line for each covariance family.

    The chosen number of clusters is shaded; the direction stands under the title. LOO and WAIC have
    bars of one standard error either side; they are errors of the elpd itself, wider than those of
    a difference between models, which share their rows. Values that would flatten all the others
    are arrows at the edge with their number.

    Parameters
    ----------
    result : SelectionResult or DataFrame
        From `select_components`, or its table.
    criterion : {"bic", "icl", "aic", "loo", "waic"}, or several, optional
        By default the one by which the result was chosen, or else BIC. Several must share
        their direction; of the second and later ones only the chosen family is drawn.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError
        Unknown criteria, criteria that point in different directions, or no value to draw.

    See Also
    --------
    plot_criteria_panel : BIC and ICL beside LOO and WAIC.
    plot_loo_differences : the errors to judge by.
    """
    table = _read_table(result)
    wanted = _read_criteria(criterion, result, table)
    chosen_k, chosen_family = _chosen(result, table, wanted[0])
    lines = _lines(table, wanted, chosen_family)
    ax = axes_or_new(ax)
    palette = palette_of(ax)
    ax.axvspan(
        chosen_k - 0.38, chosen_k + 0.38, color=palette.shade, linewidth=0, zorder=0, gid="chosen"
    )
    limits = _limits(lines)
    # Bars on each other could not be told apart; lines can, and keep their true place.
    apart = min(_DODGE, _DODGED / max(1, len(lines) - 1))
    dodge = apart if wanted[0].higher_is_better else 0.0
    for i, line in enumerate(lines):
        shift = (i - (len(lines) - 1) / 2) * dodge
        _draw_line(ax, line, shift, chosen_family, palette)
    _point_off_scale(ax, lines, limits, palette)
    k = np.unique(np.concatenate([line.k for line in lines]))
    ax.set_xlim(k.min() - 0.5, k.max() + 0.5)
    ax.set_ylim(*limits)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("number of clusters K")
    if len(lines) > 1 and wanted[0].higher_is_better:
        ax.legend(
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
            borderaxespad=0.0,
            handletextpad=0.2,
            frameon=False,
            fontsize="small",
            labelcolor=palette.ink,
        )
    elif len(lines) > 1:
        _label_ends(ax, lines, limits, palette)
    _title(ax, wanted, _of_one_family(wanted, lines))
    names = " and ".join(one.name for one in wanted)
    describe(
        ax, f"{names} for K = {k.min()} to {k.max()}; K = {chosen_k}, {chosen_family}, is chosen."
    )
    return ax


def plot_criteria_panel(result: Any, *, figsize: tuple[float, float] | None = None) -> Figure:
    """Draw BIC and ICL, and beside them LOO and WAIC and the LOO differences to the chosen model.

    Panels for which there is nothing to draw are left out, and so are the differences when only
    the table is given.

    Parameters
    ----------
    result : SelectionResult or DataFrame
        From `select_components`, or its table.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    matplotlib Figure
    """
    table = _read_table(result)
    pairs = [("bic", "icl"), ("loo", "waic")]
    shown = [[name for name in pair if _has_values(table, CRITERIA[name])] for pair in pairs]
    shown = [names for names in shown if names]
    if not shown:
        raise DataError("the table holds no criterion to draw; every fit in it may have failed.")
    try:
        differences = loo_differences(result)
    except DataError:
        differences = None
    n = len(shown) + (differences is not None)
    figure = new_figure(figsize or (4.4 * n, 3.8))
    axes = figure.subplots(1, n, squeeze=False)[0]
    for ax, names in zip(axes, shown, strict=False):
        plot_criteria(result, criterion=names, ax=ax)
    if differences is not None:
        plot_loo_differences(result, ax=axes[-1])
    return figure


def _read_table(result: Any) -> Any:
    table = getattr(result, "table", result)
    if not hasattr(table, "columns") or "n_components" not in table:
        raise DataTypeError(
            f"a selection or its table is needed, got {type(result).__name__}; "
            "select_components(X) makes one."
        )
    return table


def _has_values(table: Any, criterion: Criterion) -> bool:
    return criterion.column in table and bool(table[criterion.column].notna().any())


def _read_criteria(criterion: Any, result: Any, table: Any) -> list[Criterion]:
    if criterion is None:
        default = str(getattr(result, "criterion", "bic"))
        available = [name for name in CRITERIA if _has_values(table, CRITERIA[name])]
        criterion = default if default in CRITERIA else (available or ["bic"])[0]
    names = [criterion] if isinstance(criterion, str) else list(criterion)
    names = [str(name).lower().removeprefix("elpd_") for name in names]
    for name in names:
        if name not in CRITERIA:
            raise DataError(
                f"criterion must be one of {joined(CRITERIA)}, got {name!r}"
                f"{did_you_mean(name, CRITERIA)}."
            )
        if not _has_values(table, CRITERIA[name]):
            raise DataError(
                f"the table holds no {CRITERIA[name].name}; it needs engine "
                f"{CRITERIA[name].engine!r} in select_components."
            )
    wanted = [CRITERIA[name] for name in names]
    if len({one.higher_is_better for one in wanted}) != 1:
        raise DataError(
            f"criteria drawn together must share their direction, got {joined(names)}: BIC, ICL "
            "and AIC are better when lower, LOO and WAIC when higher; draw them on two Axes."
        )
    return wanted


def _rows(table: Any, criterion: Criterion) -> Any:
    """Rows with a value, of one engine only."""
    rows = table[table[criterion.column].notna()]
    if "engine" in rows and (rows["engine"] == criterion.engine).any():
        rows = rows[rows["engine"] == criterion.engine]
    return rows


def _chosen(result: Any, table: Any, criterion: Criterion) -> tuple[int, str]:
    row = getattr(result, "best_row", None)
    if row is None:
        rows = _rows(table, criterion)
        column = rows[criterion.column]
        row = rows.loc[column.idxmax() if criterion.higher_is_better else column.idxmin()]
    return int(row["n_components"]), str(row["covariance_type"])


def _lines(table: Any, wanted: list[Criterion], chosen_family: str) -> list[_Line]:
    lines = []
    many_families = _rows(table, wanted[0])["covariance_type"].nunique() > 1
    for i, criterion in enumerate(wanted):
        rows = _rows(table, criterion)
        families = list(dict.fromkeys(rows["covariance_type"]))
        if i > 0 and chosen_family in families:
            families = [chosen_family]
        for family in families:
            of_family = rows[rows["covariance_type"] == family].sort_values("n_components")
            if criterion.error is not None and criterion.error in of_family:
                errors = of_family[criterion.error].to_numpy(dtype=float)
            else:
                errors = np.full(len(of_family), np.nan)
            lines.append(
                _Line(
                    criterion,
                    family,
                    of_family["n_components"].to_numpy(dtype=int),
                    of_family[criterion.column].to_numpy(dtype=float),
                    errors,
                    i == 0,
                    _name(criterion, family, len(wanted), many_families),
                )
            )
    return lines


def _name(criterion: Criterion, family: str, n_criteria: int, many_families: bool) -> str:
    """What tells a line from the others: its family, its criterion, or both."""
    if not many_families:
        return criterion.name
    return family if n_criteria == 1 else f"{criterion.name}, {family}"


def _limits(lines: list[_Line]) -> tuple[float, float]:
    values = np.concatenate([line.values for line in lines])
    errors = np.nan_to_num(np.concatenate([line.errors for line in lines]))
    higher = lines[0].criterion.higher_is_better
    best = values.max() if higher else values.min()
    behind = np.abs(values - best)
    kept = behind <= max(_OFF_SCALE * np.median(behind), 2 * errors.max(initial=0.0))
    low, high = np.min((values - errors)[kept]), np.max((values + errors)[kept])
    margin = 0.07 * (high - low) or 1.0
    # Where something lies off the scale its arrow and number need room.
    room = margin if kept.all() else 3 * margin
    return (low - room, high + margin) if higher else (low - margin, high + room)


def _draw_line(ax: Axes, line: _Line, shift: float, chosen_family: str, palette: Palette) -> None:
    marker, style = _FAMILY_LOOKS.get(line.family, ("o", "-"))
    if not line.first:
        marker, style = "s" if marker == "o" else "o", (0, (4, 2))
    colour = palette.ink if line.family == chosen_family else palette.muted
    with_errors = line.criterion.higher_is_better
    if with_errors:
        ax.errorbar(
            line.k + shift,
            line.values,
            yerr=line.errors,
            fmt="none",
            ecolor=colour,
            elinewidth=1.3,
            zorder=2,
        )
    ax.plot(
        line.k + shift,
        line.values,
        linestyle="none" if with_errors else style,
        marker=marker,
        markersize=5.5,
        color=colour,
        linewidth=1.3 if line.family == chosen_family else 1.0,
        markerfacecolor=colour if line.first else palette.paper,
        zorder=3,
        label=line.name,
        gid=f"{line.criterion.column}-{line.family}",
    )


def _point_off_scale(
    ax: Axes, lines: list[_Line], limits: tuple[float, float], palette: Palette
) -> None:
    """An arrow at each K that has values beyond the limits, with the best of them."""
    higher = lines[0].criterion.higher_is_better
    k = np.concatenate([line.k for line in lines])
    values = np.concatenate([line.values for line in lines])
    beyond = (values < limits[0]) | (values > limits[1])
    for column in np.unique(k[beyond]):
        there = values[beyond & (k == column)]
        best = signed(there.max() if higher else there.min(), 0)
        bound = f"{'≤' if higher else '≥'} " if np.ptp(there) > 1.0 else ""
        ax.annotate(
            bound + best,
            (column, limits[0] if higher else limits[1]),
            (0, 22 if higher else -22),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize="x-small",
            color=palette.ink,
            path_effects=halo(palette),
            arrowprops={"arrowstyle": "->", "color": palette.ink, "linewidth": 1.0},
            zorder=5,
            gid=f"off-scale-{column}",
        )


def _label_ends(
    ax: Axes, lines: list[_Line], limits: tuple[float, float], palette: Palette
) -> None:
    """Name each line at its right end; one that is off the scale, at the top."""
    pixel = pixels_per_point(ax)
    right = ax.get_xlim()[1]
    values = [line.values[-1] for line in lines]
    ends = [(right, np.clip(value, *limits)) for value in values]
    heights = ax.transData.transform(ends)[:, 1] / pixel
    moved = spread_out(heights, 12.0)
    for line, end, value, shift in zip(lines, ends, values, moved - heights, strict=True):
        ax.annotate(
            f"{line.name} ↑" if value > limits[1] else line.name,
            end,
            (3.0, shift),
            textcoords="offset points",
            ha="left",
            va="center",
            fontsize="small",
            color=palette.ink,
            annotation_clip=False,
        )


def _of_one_family(wanted: list[Criterion], lines: list[_Line]) -> list[str]:
    """The names of the criteria that are drawn of fewer families than the first."""
    counts = Counter(line.criterion.name for line in lines)
    return [one.name for one in wanted[1:] if counts[one.name] < counts[wanted[0].name]]


def _title(ax: Axes, wanted: list[Criterion], of_one_family: list[str]) -> None:
    names = " and ".join(one.name for one in wanted)
    end = f"\n{' and '.join(of_one_family)} of the chosen family only" if of_one_family else ""
    if wanted[0].higher_is_better:
        reading = "↑ higher is better; bars ± 1 SE; shaded: chosen K"
        panel_title(ax, f"Prediction: elpd by {names}", reading + end)
    else:
        panel_title(ax, names, f"↓ lower is better; shaded: chosen K{end}")
