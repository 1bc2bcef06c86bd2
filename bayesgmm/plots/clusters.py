"""The clusters: rows, ellipses, and where the posterior leaves the ellipses open."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from bayesgmm.core.mixture import Mixture
from bayesgmm.exceptions import DataError
from bayesgmm.plots.geometry import ellipse, marginal, point_estimate
from bayesgmm.plots.labels import label_outlines
from bayesgmm.plots.marks import draw_rows, size_factor
from bayesgmm.plots.scene import (
    Scene,
    check_prob,
    feature_pair,
    mixture_of,
    note_on_choice,
    read_scene,
    rows_in_doubt,
)
from bayesgmm.plots.strip import draw_strip
from bayesgmm.plots.style import (
    EM_DASHES,
    ClusterStyle,
    KeyEntry,
    Palette,
    axes_or_new,
    cluster_name,
    cluster_styles,
    describe,
    is_coloured,
    key,
    palette_of,
    percent,
)


def plot_clusters(
    fit: Any,
    X: Any,
    *,
    em: Any = None,
    features: Sequence[int | str] | None = None,
    prob: float = 0.9,
    n_draws: int = 40,
    ax: Axes | None = None,
) -> Axes:
    """Draw rows and component ellipses.

    A row with a membership of at least 90 % has the mark of its cluster; the others, in doubt, are
    small pies of their memberships. A fit without draws has one dashed ellipse for each component;
    a posterior has a cloud of thin ones: where they spread, the shape is uncertain. Large marks are
    centres (posterior means). With one feature the rows are a strip under the density.

    Parameters
    ----------
    fit : fitted estimator or Mixture
        EM or posterior.
    X : (N, D) array-like or frame
        The rows. Of more than 2000 sure rows a random 2000 are drawn, and the key says so.
    em : fitted estimator or Mixture, optional
        An EM fit to draw over a posterior. Its components need not be in the same order.
    features : two names or positions, optional
        Features to draw; by default the two in which the components differ most, by the share of
        variance between components; the key says so. Ellipses are those of the marginal mixture;
        memberships use all features.
    prob : float, default 0.9
        Content of an ellipse: the share of its own component's rows that it holds.
    n_draws : int, default 40
        Posterior ellipses for each component.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError, DataTypeError
        Rows, features or fits that do not go together.

    See Also
    --------
    plot_pairs : every pair of features.
    plot_density : the density of the whole mixture.
    """
    scene, prob = read_scene(fit, X), check_prob(prob)
    overlay = read_overlay(em, scene.mixture)
    memberships = scene.mixture.mean_responsibilities(scene.data)
    if scene.mixture.n_features == 1:
        return draw_strip(scene, memberships, overlay, prob, axes_or_new(ax))
    pair = feature_pair(scene, features)
    ax = axes_or_new(ax)
    view = scene.restrict(pair)
    entries, note = draw_clusters(
        ax, view, memberships, None if overlay is None else marginal(overlay, pair), prob, n_draws
    )
    ax.set_xlabel(view.labels[0])
    ax.set_ylabel(view.labels[1])
    key(ax, entries, palette_of(ax), note, note_on_choice(scene, 2, features))
    describe(ax, _sentence(view, memberships, prob))
    return ax


def read_overlay(em: Any, mixture: Mixture) -> Mixture | None:
    """The EM mixture to draw over another, checked."""
    if em is None:
        return None
    overlay = mixture_of(em)
    if overlay.batch_shape:
        raise DataError("em must be one point estimate, got a posterior; pass it as the fit.")
    if overlay.n_features != mixture.n_features:
        raise DataError(
            f"em must have the features of the fit, got {overlay.n_features} instead of "
            f"{mixture.n_features}; fit both to the same columns."
        )
    return overlay


def draw_clusters(
    ax: Axes,
    view: Scene,
    memberships: np.ndarray,
    overlay: Mixture | None,
    prob: float,
    n_draws: int,
    labelled: bool = True,
) -> tuple[list[KeyEntry], str]:
    """Draw rows and ellipses of two features.

    Returns
    -------
    entries : list of KeyEntry
        For the key.
    note : str
        What was left out.
    """
    palette = palette_of(ax)
    mixture, points = view.mixture, view.data
    styles = cluster_styles(mixture.n_components, palette)
    weights, means, covariances = point_estimate(mixture)
    outlines = ellipse(means, covariances, prob)
    entries: list[KeyEntry] = []
    if mixture.batch_shape:
        entries += _draw_cloud(ax, mixture, prob, n_draws, styles)
    lines = [] if mixture.batch_shape else [("fit" if overlay else "EM", outlines)]
    if overlay is not None:
        lines.append(("EM", ellipse(overlay.means, overlay.covariances, prob)))
    for name, paths in lines:
        style = EM_DASHES if name == "EM" else "-"
        ax.add_collection(
            LineCollection(
                list(paths),
                colors=palette.ink,
                linewidths=1.5,
                linestyles=[style],
                zorder=4,
                gid=f"ellipses-{name.lower()}",
            ),
            autolim=False,
        )
        handle = Line2D([], [], color=palette.ink, linewidth=1.5, linestyle=style)
        entries.append((handle, f"{name} ellipse, {percent(prob)}"))
        ax.update_datalim(paths.reshape(-1, 2))
    row_entries, note = draw_rows(ax, points, memberships, styles, palette)
    _draw_centres(ax, means, styles, palette)
    ax.update_datalim(np.concatenate([points, outlines.reshape(-1, 2)]))
    ax.autoscale_view()
    if labelled and mixture.n_components > 1:
        worded = is_coloured(mixture.n_components, palette)
        texts = [
            f"{cluster_name(k)}: {percent(weight)}" if worded else f"{k + 1}"
            for k, weight in enumerate(weights)
        ]
        shown = np.random.default_rng(0).permutation(points)[:1000]
        label_outlines(ax, texts, outlines, shown, palette)
    return entries + row_entries, note


def _draw_cloud(
    ax: Axes, mixture: Mixture, prob: float, n_draws: int, styles: list[ClusterStyle]
) -> list[KeyEntry]:
    draws = mixture.thin(n_draws)
    outlines = ellipse(draws.means, draws.covariances, prob)
    for k, style in enumerate(styles):
        ax.add_collection(
            LineCollection(
                list(outlines[:, k]),
                colors=style.colour,
                linewidths=0.9,
                alpha=0.16 if len(draws) > 10 else 0.5,
                zorder=1,
                gid=f"ellipses-draws-{k + 1}",
            ),
            autolim=False,
        )
    handle = Line2D([], [], color=styles[0].colour, linewidth=4, alpha=0.35)
    return [(handle, f"posterior ellipses, {percent(prob)}")]


def _draw_centres(
    ax: Axes, means: np.ndarray, styles: list[ClusterStyle], palette: Palette
) -> None:
    for k, style in enumerate(styles):
        ax.scatter(
            *means[k],
            s=90 * size_factor(ax) ** 2,
            marker=style.marker,
            color=style.colour,
            edgecolors=palette.paper,
            linewidths=1.8 * size_factor(ax),
            zorder=5,
            gid=f"centre-{k + 1}",
        )


def _sentence(view: Scene, memberships: np.ndarray, prob: float) -> str:
    n, k = memberships.shape
    return (
        f"{n} rows by {view.labels[0]} and {view.labels[1]} in {k} clusters with their "
        f"{percent(prob)} ellipses; {int(rows_in_doubt(memberships).sum())} rows are in doubt."
    )
