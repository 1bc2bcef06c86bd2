"""The local optima that EM's starts ended at."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bayesgmm.em.atlas import Atlas, Optimum
from bayesgmm.exceptions import DataError
from bayesgmm.plots.style import MINUS, axes_or_new, describe, key, palette_of, percent

_MOST_ROWS = 12


def plot_optima(fit: Any, *, ax: Axes | None = None) -> Axes:
    """Draw how many starts of EM ended at each local optimum.

    One bar an optimum: the kept one, then the others from best to worst, then, hatched, the
    spurious ones. Beside it stands how far its log-likelihood is below the kept one, and the share
    of the rows that belongs to other clusters there.

    Parameters
    ----------
    fit : fitted GaussianMixture, or Atlas
        The fit, or its ``starts_``.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError
        If the fit is not by EM.

    Examples
    --------
    >>> from bayesgmm import GaussianMixture, load_dataset
    >>> from bayesgmm.plots import plot_optima
    >>> fit = GaussianMixture(3, random_state=0).fit(load_dataset("faithful"))
    >>> ax = plot_optima(fit)  # doctest: +SKIP
    """
    atlas = fit if isinstance(fit, Atlas) else getattr(fit, "starts_", None)
    if not isinstance(atlas, Atlas):
        raise DataError(
            f"an atlas of optima comes from EM, got a {type(fit).__name__}; give a fitted "
            "GaussianMixture."
        )
    shown = atlas.optima[:_MOST_ROWS]
    ax = axes_or_new(ax, (6.4, 1.1 + 0.32 * len(shown)))
    palette = palette_of(ax)
    kept = atlas.optima[0]
    for place, optimum in enumerate(shown):
        is_sound = not optimum.why_spurious
        ax.barh(
            place,
            optimum.n_starts,
            height=0.62,
            color=(palette.ink if place == 0 else palette.muted) if is_sound else "none",
            edgecolor=palette.muted,
            hatch=None if is_sound else "////",
            linewidth=0.8,
            gid=f"optimum-{place}",
        )
        ax.annotate(
            _beside(optimum, kept),
            (optimum.n_starts, place),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
            color=palette.ink,
            gid=f"note-{place}",
        )
    ax.set_yticks(range(len(shown)), ["kept", *(str(i) for i in range(1, len(shown)))])
    ax.invert_yaxis()
    # Room for the words beside the longest bar.
    ax.set_xlim(0.0, 2.2 * max(optimum.n_starts for optimum in shown))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(f"starts (of {atlas.n_starts})")
    ax.set_ylabel("optimum")
    left_out = len(atlas.optima) - len(shown)
    note = f"{left_out} more not shown" if left_out else ""
    if note:
        key(ax, [], palette, note)
    describe(ax, f"Where EM ended. {atlas.sentence}")
    return ax


def _beside(optimum: Optimum, kept: Optimum) -> str:
    """What stands beside a bar."""
    if optimum is kept:
        value = f"{optimum.objective:.2f}".replace("-", MINUS)
        return f"{value} nats" + (", collapsed" if optimum.why_spurious else "")
    apart = kept.objective - optimum.objective
    where = f"{abs(apart):.3g} nats {'below' if apart >= 0 else 'above'}"
    said = [where, f"{percent(optimum.moved)} of rows elsewhere"]
    if optimum.why_spurious:
        said.append("collapsed")
    if not optimum.settled:
        said.append("not run to its end")
    return ", ".join(said)
