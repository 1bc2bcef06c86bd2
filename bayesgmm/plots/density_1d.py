"""The density of one feature over its histogram."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayesgmm.core.mixture import Mixture
from bayesgmm.data.wording import plural
from bayesgmm.plots.geometry import GRID_DRAWS, grid
from bayesgmm.plots.scene import (
    Scene,
    check_prob,
    feature_index,
    most_separating,
    note_on_choice,
    read_scene,
)
from bayesgmm.plots.style import (
    EM_DASHES,
    KeyEntry,
    axes_or_new,
    cluster_name,
    cluster_styles,
    describe,
    halo,
    key,
    palette_of,
    percent,
)

_MAX_BINS = 60
_BAND_DRAWS = 5 * GRID_DRAWS


def plot_density_1d(
    fit: Any,
    X: Any = None,
    *,
    feature: int | str | None = None,
    prob: float = 0.9,
    ax: Axes | None = None,
) -> Axes:
    """Draw the density of one feature, its components, and the histogram of the rows.

    Ink: the density; with draws the posterior predictive density and a band that holds ``prob`` of
    the draws at each point (equal tails, not simultaneous). Colours: the components scaled by their
    weights, which add up to the line.

    Parameters
    ----------
    fit : fitted estimator or Mixture
        EM or posterior.
    X : (N, D) array-like or frame, optional
        Rows for the histogram.
    feature : name or position, optional
        By default the feature in which the components differ most, by the share of its variance
        between components; the key says so. With several features the density is that of the
        marginal mixture.
    prob : float, default 0.9
        Content of the band.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes
    """
    scene, prob = read_scene(fit, X), check_prob(prob)
    chosen = (
        most_separating(scene.mixture, 1)[0] if feature is None else feature_index(scene, feature)
    )
    ax = axes_or_new(ax)
    view = scene.restrict((chosen,))
    entries = draw_density_1d(ax, view, prob)
    key(ax, entries, palette_of(ax), note_on_choice(scene, 1, feature))
    # The labels of the peaks stand above them.
    ax.set_ylim(0.0, 1.05 * ax.get_ylim()[1])
    ax.set_xlabel(view.labels[0])
    ax.set_ylabel("density")
    describe(ax, sentence_1d(view, prob))
    return ax


def draw_density_1d(
    ax: Axes, view: Scene, prob: float, overlay: Mixture | None = None, labelled: bool = True
) -> list[KeyEntry]:
    """Draw histogram, components, line and band of a scene with one feature."""
    palette = palette_of(ax)
    mixture = view.mixture
    x = grid(mixture, 0, view.values, 300)
    entries: list[KeyEntry] = []
    if view.values is not None:
        ax.hist(
            view.values[:, 0],
            bins=list(histogram_edges(view.values[:, 0])),
            density=True,
            facecolor=palette.muted,
            edgecolor=palette.paper,
            alpha=0.25,
            gid="histogram",
        )
        entries.append((Patch(facecolor=palette.muted, alpha=0.25, linewidth=0), "rows"))
    draws = mixture.thin(_BAND_DRAWS)
    components = np.exp(draws.log_joint(x[:, None]))
    density = components.sum(axis=-1)
    is_posterior = bool(mixture.batch_shape)
    if is_posterior:
        tail = (1.0 - prob) / 2.0
        lower, upper = np.quantile(density, [tail, 1.0 - tail], axis=0)
        ax.fill_between(
            x, lower, upper, color=palette.ink, alpha=0.22, linewidth=0, gid="band", zorder=2
        )
    ax.plot(x, density.mean(axis=0), color=palette.ink, linewidth=1.6, zorder=3, gid="density")
    styles = cluster_styles(mixture.n_components, palette)
    curves = components.mean(axis=0).T
    for k, (style, curve) in enumerate(zip(styles, curves, strict=True)):
        seen = curve > 1e-4 * curves.max()
        ax.plot(
            x[seen],
            curve[seen],
            color=style.colour,
            linewidth=1.8,
            zorder=4,
            gid=f"component-{k + 1}",
        )
    line = Line2D([], [], color=palette.ink, linewidth=1.6)
    if is_posterior:
        band = Patch(facecolor=palette.ink, alpha=0.22, linewidth=0)
        entries.append(((band, line), f"density, mean and {percent(prob)} band"))
    else:
        entries.append((line, "density"))
    if overlay is not None:
        ax.plot(
            x,
            np.exp(overlay.log_density(x[:, None])),
            color=palette.ink,
            linewidth=1.6,
            linestyle=EM_DASHES,
            zorder=5,
            gid="density-em",
        )
        dashes = Line2D([], [], color=palette.ink, linewidth=1.6, linestyle=EM_DASHES)
        entries.append((dashes, "EM"))
    if labelled and mixture.n_components > 1:
        _label_peaks(ax, x, curves, density, mixture)
    return entries


def histogram_edges(values: np.ndarray) -> np.ndarray:
    """NumPy's automatic bins, at most 60 of them."""
    edges = np.histogram_bin_edges(values, bins="auto")
    if len(edges) > _MAX_BINS + 1:
        edges = np.linspace(edges[0], edges[-1], _MAX_BINS + 1)
    return edges


def sentence_1d(view: Scene, prob: float) -> str:
    """What the picture of one feature shows."""
    what = f"mean and {percent(prob)} band" if view.mixture.batch_shape else "fitted density"
    rows = "" if view.values is None else f" over the histogram of {len(view.values)} rows"
    size = plural(view.mixture.n_components, "component")
    return f"Density of {view.labels[0]}, {what} of {size}{rows}."


def _label_peaks(
    ax: Axes, x: np.ndarray, curves: np.ndarray, density: np.ndarray, mixture: Mixture
) -> None:
    palette = palette_of(ax)
    weights = mixture.flatten().weights.mean(axis=0)
    wide = mixture.n_components <= 3
    top = np.quantile(density, 0.95, axis=0)
    for k, curve in enumerate(curves):
        peak = int(np.argmax(curve))
        # A component that is all there is stands clear of the band, too.
        alone = curve[peak] > 0.8 * density[:, peak].mean()
        ax.annotate(
            f"{cluster_name(k)}: {percent(weights[k])}" if wide else f"{k + 1}",
            (x[peak], top[peak] if alone else curve[peak]),
            (0, 4),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize="small",
            fontweight="bold",
            color=palette.ink,
            path_effects=halo(palette),
            zorder=6,
            gid=f"label-{k + 1}",
        )
