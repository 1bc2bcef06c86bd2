"""The pictures of a report: those of :mod:`bayesgmm.plots`, drawn wide and narrow for the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesgmm.plots import plot_clusters, plot_criteria, plot_estimates, plot_trace
from bayesgmm.plots.style import palette_of
from bayesgmm.report.blocks import Figure, Switch
from bayesgmm.report.checks import chains_agree, chains_rhat
from bayesgmm.report.clusters import Fitted
from bayesgmm.report.context import Context
from bayesgmm.report.estimates import Estimate, as_table
from bayesgmm.report.evidence import CRITERIA, Evidence
from bayesgmm.report.svg import geometry, new_figure, page_style, to_svg
from bayesgmm.report.verdicts.rows import caption_doubt
from bayesgmm.report.wording import fixed, joined, percent, signed

WIDE, NARROW = 736, 350
# Of the panels of criteria: the first names its lines at their ends.
_RATIOS = (1.35, 1.0)
# What a file of 2 MB has room for, over all K and both widths.
_MAX_ELLIPSES = 800
_MAX_MARKS = 4000
_N_ELLIPSES = 40
# Letters of a name beside a narrow plot.
_NARROW_NAME = 14

Draw = Callable[[Axes, bool], None]


def picture(context: Context) -> Switch:
    """Rows and clusters at every K: ellipses for two measurements or more, a density for one."""
    frame = _frame(context)
    n_draws = _ellipses(context)
    pair = context.drawn if context.X.shape[1] > 1 else None
    limits = _limits(context, context.drawn)
    figures = {}
    for k, fitted in context.fitted.items():

        def draw(ax: Axes, wide: bool, fitted: Fitted = fitted) -> None:
            ax.set_xlim(*limits[0])
            if len(limits) > 1:
                ax.set_ylim(*limits[1])
            plot_clusters(
                fitted.point if fitted.reading is None else fitted.reading,
                frame,
                em=None if fitted.draws is None or fitted.model.em is None else fitted.point,
                features=pair,
                n_draws=n_draws if wide else n_draws // 2,
                ax=ax,
            )

        caption = _picture_caption(context, fitted)
        alt = _picture_alt(context, fitted)
        figures[k] = _both_widths(
            f"picture-{k}", draw, (500, 380), caption, alt, context.rows_listed
        )
    return Switch(
        figures, context.chosen.k, _common_caption(context, len(frame)), context.rows_listed
    )


def criteria(context: Context) -> Figure:
    """Criteria over K: of every family by EM, of prediction, and LOO paired with the chosen one."""
    evidence = context.evidence
    panels: list[Callable[[Axes], None]] = []
    known = {
        key
        for key, criterion in CRITERIA.items()
        if any(m.value(criterion.column) is not None for m in evidence.models)
    }
    differences = _differences(context)
    if known & {"bic", "icl"}:
        keys = [key for key in ("bic", "icl") if key in known]
        panels.append(partial(_criterion_panel, evidence, keys))
    if differences:
        panels.append(partial(_difference_panel, context, differences))
    elif "loo" in known and not panels:
        panels.append(partial(_criterion_panel, evidence, ["loo"]))
    drawn, alt = {}, ""
    for form in ("wide", "narrow"):
        n = len(panels)
        size = (WIDE, 280) if form == "wide" else (NARROW, 260 * n)
        with page_style():
            figure = new_figure(*size)
            grid = (1, n) if form == "wide" else (n, 1)
            axes = figure.subplots(*grid, squeeze=False, width_ratios=_RATIOS[: grid[1]]).ravel()
            for ax, panel in zip(axes, panels, strict=True):
                panel(ax)
            alt = " ".join(ax.get_label() for ax in axes)
            drawn[form] = to_svg(figure, f"criteria-{form}", alt)
    n_rows = len(context.X)
    caption = "The shaded column is the chosen K. BIC = −2 log L + p log n; ICL adds a charge for "
    caption += "rows that no cluster claims."
    if differences:
        caption += (
            f" LOO estimates the log density of new rows (elpd), summed over {n_rows}; the models "
            "are paired row by row (bars: 1 and 2 standard errors)."
        )
    return Figure(drawn["wide"], drawn["narrow"], alt, caption)


def _criterion_panel(evidence: Evidence, keys: list[str], ax: Axes) -> None:
    plot_criteria(_Shown.of(evidence), criterion=keys, ax=ax)


@dataclass(frozen=True)
class _Shown:
    """The table of a sweep without the families that are others by another name."""

    table: pd.DataFrame
    best_row: Any
    criterion: str

    @classmethod
    def of(cls, evidence: Evidence) -> "_Shown":
        table, best = evidence.result.table, evidence.result.best_row
        if evidence.X.shape[1] == 1:
            name = str(best["covariance_type"])
            twins = {"full", "diag", "spherical"} - {name if name != "tied" else "full"}
            table = table[~table["covariance_type"].isin(twins)]
            renamed = {"diag": "full", "spherical": "full"}
            table = table.assign(covariance_type=table["covariance_type"].replace(renamed))
            best = table.loc[best.name]
        return cls(table, best, evidence.criterion.key)


def _differences(context: Context) -> dict[int, tuple[float, float]]:
    """LOO differences to the reference by K, of the models shown; empty unless there are two."""
    found = {}
    for k, model in context.evidence.by_k.items():
        difference = context.evidence.loo_difference(model)
        if difference is not None:
            found[k] = difference
    return found if len(found) > 1 else {}


def _difference_panel(
    context: Context, differences: dict[int, tuple[float, float]], ax: Axes
) -> None:
    reference = context.evidence.loo_reference
    assert reference is not None
    palette = palette_of(ax)
    ax.spines[["top", "right"]].set_visible(False)
    chosen = context.evidence.chosen.n_components
    ax.axvspan(chosen - 0.38, chosen + 0.38, color=palette.shade, linewidth=0, zorder=0)
    ax.axhline(0.0, color=palette.muted, linewidth=0.8, zorder=1)
    others = [entry for k, entry in differences.items() if k != reference.n_components]
    # What lies farther off than three times the nearest would flatten all the rest.
    reach = 3.0 * min(abs(d) + 2.0 * se for d, se in others)
    low = max(min(d - 2.0 * se for d, se in others), -reach)
    high = min(max(d + 2.0 * se for d, se in others), reach)
    room = 0.12 * (max(high, 0.0) - min(low, 0.0))
    low, high = min(low, 0.0) - 2.0 * room, max(high, 0.0) + room
    for k, (difference, se) in differences.items():
        if k == reference.n_components:
            ax.plot(k, 0.0, "o", color=palette.ink, markersize=5.5)
            continue
        inside = low + room < difference < high - room
        if inside:
            ax.vlines(k, difference - 2 * se, difference + 2 * se, color=palette.ink, lw=1.3)
            ax.vlines(k, difference - se, difference + se, color=palette.ink, lw=4.0)
            ax.plot(k, difference, "o", color=palette.ink, markersize=5.5)
        edge = difference if inside else (low if difference < 0 else high)
        toward = -1 if difference < 0 else 1
        ax.annotate(
            signed(difference, 1),
            (k, edge),
            (7, 0) if inside else (0, -toward * 24),
            textcoords="offset points",
            ha="left" if inside else "center",
            va="center",
            fontsize="small",
            color=palette.ink,
            arrowprops=None if inside else {"arrowstyle": "->", "color": palette.ink},
        )
    ax.set_xlim(min(differences) - 0.5, max(differences) + 0.8)
    ax.set_xticks(list(differences))
    ax.set_ylim(low, high)
    ax.set_xlabel("number of clusters K")
    ax.set_title(f"LOO against K = {reference.n_components}", loc="left", fontweight="bold", pad=18)
    ax.annotate(
        "↑ higher is better; 1, 2 SE",
        (0, 1),
        (0, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize="small",
        color=palette.muted,
        va="bottom",
    )
    said = joined(
        f"{signed(d, 1)} (standard error {fixed(se, 1)}) at K = {k}"
        for k, (d, se) in differences.items()
        if k != reference.n_components
    )
    ax.set_label(f"LOO minus that of K = {reference.n_components}: {said}.")


def forest(rows: Sequence[Estimate]) -> Figure:
    """EM and MAP against the posterior, each parameter on the scale of its own sd."""
    table = as_table(list(rows))
    short = table.assign(feature=[_short(row) for row in rows])

    def draw(ax: Axes, wide: bool) -> None:
        plot_estimates(table if wide else short, numbers=wide, ax=ax)
        if not wide:
            # Neither fits; the caption says both.
            legend = ax.get_legend()
            assert legend is not None
            legend.remove()
            ax.set_xlabel("posterior sd")

    height = 90 + 19 * len(rows)
    caption = (
        "Every row is scaled by its own posterior sd around its posterior mean, so rows compare. "
        "Bar: 90 % interval; mark on it: mean; diamond: EM; cross: MAP. The shift of EM is "
        "(EM − mean) / sd."
    )
    return _both_widths("forest", draw, (height, height), caption)


def _short(row: Estimate) -> str:
    """The features of a parameter in as many letters as a phone has room for."""
    names = row.feature.split(", ") if row.kind == "correlation" else [row.feature]
    room = _NARROW_NAME // len(names)
    return ", ".join(n if len(n) <= room else f"{n[: room - 1]}…" for n in names)


def chains(context: Context) -> Figure | None:
    """The log-likelihood along every chain of the chosen model; None without a posterior."""
    bayes = context.evidence.chosen.bayes
    if bayes is None or len(bayes.mixture_.batch_shape) != 2:
        return None

    def draw(ax: Axes, wide: bool) -> None:
        plot_trace(bayes.mixture_, context.X, ax=ax)

    caption = (
        "The log-likelihood of the data in every chain (shades of grey). It does not depend on the "
        "names of the clusters. A healthy trace is a level band in which no chain stands apart."
    )
    return _both_widths("chains", draw, (200, 190), caption)


def _both_widths(
    name: str,
    draw: Draw,
    heights: tuple[float, float],
    caption: str,
    alt: str = "",
    has_pointer: bool = False,
) -> Figure:
    drawn, where = {}, {}
    for form, width, height in zip(("wide", "narrow"), (WIDE, NARROW), heights, strict=True):
        with page_style():
            figure = new_figure(width, height)
            ax = figure.subplots()
            draw(ax, form == "wide")
            alt = alt or str(ax.get_label())
            drawn[form] = to_svg(figure, f"{name}-{form}", alt)
            if has_pointer:
                where[form] = geometry(ax)
    return Figure(drawn["wide"], drawn["narrow"], alt, caption, where)


def _frame(context: Context) -> pd.DataFrame:
    """The rows to draw, with their names and numbers."""
    frame = pd.DataFrame(context.X, columns=list(context.names))
    frame.index += 1
    room = _MAX_MARKS // (2 * len(context.fitted))
    if len(frame) > room:
        frame = frame.sample(room, random_state=0).sort_index()
    frame.attrs["units"] = {name: context.unit_of(name) for name in context.names}
    return frame


def _ellipses(context: Context) -> int:
    """Posterior ellipses to draw for each cluster."""
    per_draw = 1.5 * sum(context.fitted)
    return int(np.clip(_MAX_ELLIPSES / per_draw, 12, _N_ELLIPSES))


def _limits(context: Context, features: Sequence[int]) -> list[tuple[float, float]]:
    """Limits that hold the rows and the 90 % ellipses at every K, so that axes stay put."""
    reach = np.sqrt(-2.0 * np.log(0.1))
    limits = []
    for j in features:
        low, high = context.X[:, j].min(), context.X[:, j].max()
        for fitted in context.fitted.values():
            centres = fitted.point.means[:, j]
            spreads = reach * np.sqrt(fitted.point.covariances[:, j, j])
            low, high = min(low, (centres - spreads).min()), max(high, (centres + spreads).max())
        margin = 0.04 * (high - low)
        limits.append((float(low - margin), float(high + margin)))
    return limits


def _picture_alt(context: Context, fitted: Fitted) -> str:
    n, doubt = len(fitted.X), caption_doubt(len(fitted.X), len(fitted.in_doubt))
    names = joined(context.labels[j] for j in context.drawn)
    if fitted.k == 1:
        return f"{n} rows by {names}, one Gaussian."
    centres = "; ".join(
        f"cluster {k + 1} ({percent(weight)}) at "
        + ", ".join(fixed(fitted.centres[k, j], context.centre_decimals(j)) for j in context.drawn)
        for k, weight in enumerate(fitted.shares)
    )
    return f"{n} rows by {names} in {fitted.k} clusters: {centres}. {doubt}"


def _picture_caption(context: Context, fitted: Fitted) -> str:
    evidence, model = context.evidence, fitted.model
    parts = [] if fitted.k == 1 else [caption_doubt(len(fitted.X), len(fitted.in_doubt))]
    margin = evidence.margin(model)
    if model is not evidence.chosen and margin is not None:
        name = evidence.criterion.name
        how = "worse" if evidence.criterion.in_nats else "above the chosen"
        parts.append(f"{name} is {fixed(margin, 2 if margin < 2 else 1)} {how}.")
    if model.bayes is not None and not chains_agree(model.bayes):
        rhat = fixed(chains_rhat(model.bayes), 3)
        parts.append(f"Its chains disagree (R-hat {rhat}), so take its clusters as rough.")
    return " ".join(parts)


def _common_caption(context: Context, n_drawn: int) -> str:
    fitted = context.chosen
    has_draws = any(f.draws is not None for f in context.fitted.values())
    if context.X.shape[1] == 1:
        text = "Grey bars: the rows. Line: the density of the mixture; in colour its components, "
        text += "which add up to it."
        if has_draws:
            text += " The band holds 90 % of the posterior at each point; the dashes are EM."
        text += " Below, every row."
    else:
        text = "Each ellipse holds 90 % of its cluster’s rows if the model is right."
        if has_draws:
            text += (
                f" Thin lines are {_ellipses(context)} draws from the posterior; where they "
                "spread, the shape is uncertain."
            )
    if fitted.k > 1:
        text += " A row is in doubt when no cluster reaches 90 % membership."
    if context.X.shape[1] > 2:
        text += (
            f" Of the {context.X.shape[1]} measurements the two are drawn that tell the clusters "
            "apart best; memberships use all."
        )
    if n_drawn < len(context.X):
        text += f" {n_drawn} of the {len(context.X)} rows are drawn, chosen at random."
    return text
