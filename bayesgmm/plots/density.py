"""The density of two features as contours."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bayesgmm.plots.density_1d import plot_density_1d
from bayesgmm.plots.geometry import GRID_DRAWS, density_levels, grid
from bayesgmm.plots.marks import thin_rows
from bayesgmm.plots.scene import Scene, check_prob, feature_pair, note_on_choice, read_scene
from bayesgmm.plots.style import NBSP, axes_or_new, describe, halo, key, palette_of, percent

_WIDTHS = (1.8, 1.3, 0.9)


def plot_density(
    fit: Any,
    X: Any = None,
    *,
    features: Sequence[int | str] | None = None,
    masses: Sequence[float] = (0.5, 0.9, 0.99),
    ax: Axes | None = None,
) -> Axes:
    """Draw contours of the density that enclose given shares of it.

    Each contour bounds the smallest region that holds its share of the fitted distribution (of the
    posterior predictive distribution, when the fit has draws). With one feature this is
    `plot_density_1d`.

    Parameters
    ----------
    fit : fitted estimator or Mixture
        EM or posterior.
    X : (N, D) array-like or frame, optional
        Rows to draw as dots; of more than 2000 a random 2000.
    features : two names or positions, optional
        Features to draw, whose marginal mixture this is; by default the two in which the
        components differ most, by the share of variance between components; the key says so.
    masses : sequence of float, default (0.5, 0.9, 0.99)
        Shares enclosed.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes

    References
    ----------
    Hyndman (1996), doi:10.1080/00031305.1996.10474359.
    """
    scene = read_scene(fit, X)
    masses = tuple(sorted(check_prob(mass, "every mass") for mass in masses))
    if scene.mixture.n_features == 1:
        return plot_density_1d(fit, X, ax=ax)
    view = scene.restrict(feature_pair(scene, features))
    ax = axes_or_new(ax)
    palette = palette_of(ax)
    note = ""
    if view.values is not None:
        shown, note = thin_rows(np.arange(len(view.values)), "rows")
        ax.scatter(
            *view.values[shown].T, s=8, color=palette.muted, alpha=0.5, linewidths=0, gid="rows"
        )
    draw_contours(ax, view, masses)
    key(ax, [], palette, note, note_on_choice(scene, 2, features))
    ax.set_xlabel(view.labels[0])
    ax.set_ylabel(view.labels[1])
    kind = "posterior predictive density" if view.mixture.batch_shape else "density"
    shares = ", ".join(percent(mass) for mass in masses)
    describe(
        ax, f"Contours of the {kind} of {view.labels[0]} and {view.labels[1]} holding {shares}."
    )
    return ax


def draw_contours(
    ax: Axes,
    view: Scene,
    masses: tuple[float, ...],
    threshold: float | None = None,
) -> np.ndarray:
    """Draw labelled contours of a scene with two features.

    Parameters
    ----------
    ax : Axes
    view : Scene
    masses : tuple of float
        Shares enclosed, increasing.
    threshold : float, optional
        A log density whose contour is drawn dashed.

    Returns
    -------
    (M, 2) array
        Points on all the lines, for labels that should keep off them.
    """
    palette = palette_of(ax)
    mixture = view.mixture.thin(GRID_DRAWS)
    columns = (None, None) if view.values is None else view.values.T
    x, y = (grid(mixture, j, columns[j], 90) for j in (0, 1))
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    log_density = mixture.predictive_log_density(points).reshape(len(y), len(x))
    levels = density_levels(mixture, masses)
    order = np.argsort(levels)
    contours = ax.contour(
        x,
        y,
        log_density,
        levels=levels[order],
        colors=palette.ink if threshold is None else palette.muted,
        linewidths=[_WIDTHS[min(i, len(_WIDTHS) - 1)] for i in range(len(levels))][::-1],
        linestyles="solid",
        zorder=3,
    )
    contours.set_gid("contours")
    names = {
        float(level): f"{100 * mass:g}{NBSP}%" for level, mass in zip(levels, masses, strict=True)
    }
    _label(ax, contours, names)
    drawn = [contours]
    if threshold is not None:
        line = ax.contour(
            x, y, log_density, levels=[threshold], colors=palette.ink, linestyles="dashed", zorder=4
        )
        line.set_gid("threshold")
        drawn.append(line)
    return np.concatenate([path.vertices for lines in drawn for path in lines.get_paths()])


def _label(ax: Axes, contours: Any, names: dict[float, str]) -> None:
    """One label a level, at the top of its longest line."""
    spots = []
    for path in contours.get_paths():
        parts = path.to_polygons(closed_only=False)
        if parts:
            longest = max(parts, key=len)
            spots.append(tuple(longest[np.argmax(longest[:, 1])]))
    labels = ax.clabel(contours, fmt=names, manual=spots, fontsize="small", inline_spacing=2)
    for label in labels or []:
        label.set_rotation(0.0)
        label.set_path_effects(halo(palette_of(ax)))
        label.set_zorder(5)
