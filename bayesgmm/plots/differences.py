"""LOO differences between models, paired row by row."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bayesgmm.core.criteria import total_and_error
from bayesgmm.exceptions import DataError, DataTypeError
from bayesgmm.plots.style import axes_or_new, describe, halo, palette_of, panel_title, signed

# What lies this many times farther off than the nearest would flatten all the rest.
_OFF_SCALE = 3.0


def plot_loo_differences(result: Any, *, ax: Axes | None = None) -> Axes:
    """Draw how much better or worse other numbers of clusters predict than the chosen one.

    The models are compared on the same rows, so the error of a difference is much smaller than
    that of either elpd: these are the bars to judge by, 1 (thick) and 2 (thin) standard errors.
    At each K stands the covariance family with the highest elpd; the reference is the chosen
    model, or the family that predicts best at the chosen K if there is no posterior of that.

    Parameters
    ----------
    result : SelectionResult
        From `select_components`, with posteriors for at least two K.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError
        With fewer than two K, or no posterior at the chosen K.

    References
    ----------
    Vehtari, Gelman and Gabry (2017), doi:10.1007/s11222-016-9696-4.
    """
    differences = loo_differences(result)
    ax = axes_or_new(ax)
    draw_differences(ax, differences, int(result.best_row["n_components"]))
    return ax


def loo_differences(result: Any) -> dict[int, tuple[float, float]]:
    """Difference of elpd to the chosen model and its standard error, by K; (0, 0) for itself."""
    by_model = getattr(result, "loo", None)
    if not isinstance(by_model, Mapping) or not hasattr(result, "best_row"):
        raise DataTypeError(
            f"a selection is needed, got {type(result).__name__}; select_components(X) makes one."
        )
    chosen = (str(result.best_row["covariance_type"]), int(result.best_row["n_components"]))
    best: dict[int, tuple[str, int]] = {}
    for family, k in by_model:
        if k not in best or by_model[family, k].elpd > by_model[best[k]].elpd:
            best[k] = (family, k)
    if chosen in by_model:
        best[chosen[1]] = chosen
    if chosen[1] not in best or len(best) < 2:
        raise DataError(
            "LOO differences need posteriors at the chosen K and at another, got them at "
            f"K = {sorted(best)} with K = {chosen[1]} chosen; use engines=('em', 'bayes')."
        )
    reference = np.asarray(by_model[best[chosen[1]]].elpd_i)
    return {
        k: total_and_error(np.asarray(by_model[model].elpd_i) - reference)
        for k, model in sorted(best.items())
    }


def draw_differences(ax: Axes, differences: Mapping[int, tuple[float, float]], chosen: int) -> None:
    """Draw (difference, standard error) by K; the reference is the one whose error is zero."""
    palette = palette_of(ax)
    others = {k: entry for k, entry in differences.items() if entry[1] > 0}
    reach = _OFF_SCALE * min((abs(d) + 2 * se for d, se in others.values()), default=0.0)
    shown = {k: entry for k, entry in differences.items() if abs(entry[0]) <= reach}
    low = min((d - 2 * se for d, se in shown.values()), default=0.0)
    high = max((d + 2 * se for d, se in shown.values()), default=0.0)
    margin = 0.12 * (high - low) or 1.0
    # An arrow to what is not shown needs room.
    low -= margin * (2 if any(d < -reach for d, _ in differences.values()) else 1)
    high += margin * (2 if any(d > reach for d, _ in differences.values()) else 1)
    ax.axvspan(
        chosen - 0.38, chosen + 0.38, color=palette.shade, linewidth=0, zorder=0, gid="chosen"
    )
    ax.axhline(0.0, color=palette.muted, linewidth=0.9, zorder=1)
    ax.set_xlim(min(differences) - 0.5, max(differences) + 0.9)
    ax.set_ylim(low, high)
    for k, (difference, error) in differences.items():
        inside = k in shown
        if inside:
            for width, length in ((1.3, 2 * error), (4.0, error)):
                ax.vlines(
                    k,
                    difference - length,
                    difference + length,
                    color=palette.ink,
                    linewidth=width,
                    gid=f"bar-{k}-{'thin' if width < 2 else 'thick'}",
                    zorder=2,
                )
            ax.plot(k, difference, "o", color=palette.ink, markersize=5.5, zorder=3)
        edge = difference if inside else (low if difference < 0 else high)
        beside = inside and k in others
        ax.annotate(
            signed(difference, 1, plus=True) if k in others else "reference",
            (k, edge),
            (7, 0) if beside else (0, 10) if inside else (0, 26 if difference < 0 else -26),
            textcoords="offset points",
            ha="left" if beside else "center",
            va="center",
            fontsize="small",
            color=palette.ink,
            path_effects=halo(palette),
            arrowprops=None if inside else {"arrowstyle": "->", "color": palette.ink},
            zorder=4,
            gid=f"difference-{k}",
        )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("number of clusters K")
    name = f"K = {chosen}"
    panel_title(ax, f"LOO against {name}", "↑ higher is better; bars 1 and 2 SE")
    said = "; ".join(
        f"{signed(d, 1, plus=True)} (standard error {se:.1f}) at K = {k}"
        for k, (d, se) in others.items()
    )
    describe(ax, f"elpd by LOO minus that of {name}: {said}.")
