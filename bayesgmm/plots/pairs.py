"""Every pair of features."""

import re
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayesgmm.core.mixture import Mixture
from bayesgmm.exceptions import DataError
from bayesgmm.plots.clusters import draw_clusters, read_overlay
from bayesgmm.plots.density_1d import draw_density_1d
from bayesgmm.plots.geometry import marginal, point_estimate
from bayesgmm.plots.scene import (
    check_prob,
    feature_index,
    most_separating,
    note_on_choice,
    read_scene,
    rows_in_doubt,
)
from bayesgmm.plots.style import (
    KeyEntry,
    cluster_name,
    cluster_styles,
    describe,
    new_figure,
    palette_of,
    percent,
)

_MOST_FEATURES = 6
_LINE = 18


def plot_pairs(
    fit: Any,
    X: Any,
    *,
    em: Any = None,
    features: Sequence[int | str] | None = None,
    prob: float = 0.9,
    n_draws: int = 20,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw `plot_clusters` for every pair of features, and the density of each on the diagonal.

    Parameters
    ----------
    fit : fitted estimator or Mixture
        EM or posterior, of at least two features.
    X : (N, D) array-like or frame
        The rows.
    em : fitted estimator or Mixture, optional
        An EM fit to draw over a posterior.
    features : sequence of names or positions, optional
        By default all; of more than six, the six in which the components differ most.
    prob : float, default 0.9
        Content of ellipses and bands.
    n_draws : int, default 20
        Posterior ellipses for each component.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    matplotlib Figure
        Its ``axes`` go row by row, the lower triangle with the diagonal.
    """
    scene, prob = read_scene(fit, X), check_prob(prob)
    overlay = read_overlay(em, scene.mixture)
    if features is None:
        chosen = sorted(most_separating(scene.mixture, _MOST_FEATURES))
    else:
        chosen = [feature_index(scene, feature) for feature in features]
    if len(set(chosen)) < 2:
        raise DataError(f"pairs need at least two different features, got {len(set(chosen))}.")
    memberships = scene.mixture.mean_responsibilities(scene.data)
    n = len(chosen)
    figure = new_figure(figsize or (2.1 * n + 0.6, 2.1 * n))
    grid = figure.add_gridspec(n, n)
    columns: list[Any] = [None] * n
    notes: set[str] = set()
    entries: list[KeyEntry] = []
    for i, vertical in enumerate(chosen):
        first = None
        for j, horizontal in enumerate(chosen[: i + 1]):
            pair = (horizontal,) if i == j else (horizontal, vertical)
            view = scene.restrict(pair)
            ax = figure.add_subplot(grid[i, j], sharex=columns[j], sharey=first if i != j else None)
            ax.spines[["top", "right"]].set_visible(False)
            over = None if overlay is None else marginal(overlay, pair)
            if i == j:
                draw_density_1d(ax, view, prob, over, labelled=False)
                ax.set_ylim(bottom=0.0)
                ax.set_yticks([])
                ax.spines["left"].set_visible(False)
                describe(ax, f"Density of {view.labels[0]}.")
            else:
                entries, note = draw_clusters(
                    ax, view, memberships, over, prob, n_draws, labelled=False
                )
                notes.add(note)
                describe(ax, f"{len(memberships)} rows by {view.labels[0]} and {view.labels[1]}.")
                first = first or ax
            columns[j] = columns[j] or ax
            ax.tick_params(labelbottom=i == n - 1, labelleft=j == 0 and i > 0)
            if i == n - 1:
                ax.set_xlabel(_wrapped(view.labels[0]))
            if j == 0 and i > 0:
                ax.set_ylabel(_wrapped(view.labels[-1]))
    in_doubt = int(rows_in_doubt(memberships).sum())
    notes.add(f"{in_doubt} of {len(memberships)} rows in doubt")
    notes.add(note_on_choice(scene, n, features))
    _key(figure, scene.mixture, entries, sorted(notes - {""}))
    return figure


def _wrapped(label: str) -> str:
    """The label in lines that fit beside one panel, broken at spaces and underscores."""
    lines = [""]
    for part in re.findall(r"[^ _]+[ _]*|[ _]+", label):
        if lines[-1] and len(lines[-1]) + len(part) > _LINE:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def _key(figure: Figure, mixture: Mixture, entries: list[KeyEntry], notes: list[str]) -> None:
    """One key for all panels, in the empty corner."""
    palette = palette_of(figure.axes[0])
    styles = cluster_styles(mixture.n_components, palette)
    weights, _, _ = point_estimate(mixture)
    clusters: list[KeyEntry] = [
        (
            Line2D([], [], color=style.colour, marker=style.marker),
            f"{cluster_name(k)}: {percent(weight)}",
        )
        for k, (style, weight) in enumerate(zip(styles, weights, strict=True))
    ]
    blank = Line2D([], [], linestyle="none")
    handles, labels = zip(*clusters, *entries, *((blank, note) for note in notes), strict=True)
    figure.legend(
        handles,
        labels,
        loc="upper right",
        frameon=False,
        fontsize="small",
        labelcolor=palette.ink,
        handlelength=3.0,
    )
