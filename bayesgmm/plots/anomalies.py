"""Rows of low density, on the contours of the density."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bayesgmm.clustering.outliers import GaussianMixtureOutlierDetector
from bayesgmm.exceptions import DataError
from bayesgmm.plots.density import draw_contours
from bayesgmm.plots.density_1d import draw_density_1d
from bayesgmm.plots.labels import label_outlines, label_strip
from bayesgmm.plots.marks import thin_rows
from bayesgmm.plots.scene import feature_pair, mixture_of, note_on_choice, read_scene
from bayesgmm.plots.style import KeyEntry, axes_or_new, describe, key, palette_of

_MASSES = (0.5, 0.9, 0.99)


def plot_anomalies(
    fit: Any,
    X: Any,
    threshold: float | None = None,
    *,
    features: Sequence[int | str] | None = None,
    max_numbers: int = 20,
    ax: Axes | None = None,
) -> Axes:
    """Mark and number the rows whose log density lies below a threshold.

    Parameters
    ----------
    fit : GaussianMixtureOutlierDetector, fitted estimator or Mixture
        With draws, of a posterior, the density is the posterior predictive one.
    X : (N, D) array-like or frame
        The rows. Unmarked ones are drawn as dots, of more than 2000 a random 2000.
    threshold : float, optional
        Log density, in nats, as `score_samples` gives it. Only a detector has one of its own.
    features : two names or positions, optional
        Features to draw, by default the two in which the components differ most. Rows are judged
        by all features; the threshold's own contour (dashed) exists only if there are just two.
    max_numbers : int, default 20
        Rows that get their number (or index of the frame), the lowest densities first.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError
        If neither the fit nor the call has a threshold.
    """
    fit, threshold = _read_threshold(fit, threshold)
    scene = read_scene(fit, X)
    log_density = scene.mixture.predictive_log_density(scene.data)
    odd = np.flatnonzero(log_density < threshold)
    odd = odd[np.argsort(log_density[odd], kind="stable")]
    others, note = thin_rows(np.flatnonzero(log_density >= threshold), "other rows")
    one_feature = scene.mixture.n_features == 1
    view = scene if one_feature else scene.restrict(feature_pair(scene, features))
    ax = axes_or_new(ax)
    palette = palette_of(ax)
    entries: list[KeyEntry] = []
    if one_feature:
        entries += draw_density_1d(ax, view, 0.9, labelled=False)
        lines = np.empty((0, 2))
        points = np.column_stack([view.data[:, 0], np.zeros(len(view.data))])
        ax.set_ylabel("density")
    else:
        points = view.data
        is_whole = scene.mixture.n_features == 2
        lines = draw_contours(ax, view, _MASSES, threshold if is_whole else None)
        if is_whole:
            dashes = Line2D([], [], color=palette.ink, linestyle="dashed")
            entries.append((dashes, "threshold"))
        ax.set_ylabel(view.labels[1])
    ax.scatter(
        *points[others].T, s=9, color=palette.muted, alpha=0.6, linewidths=0, gid="rows", zorder=2
    )
    rings = ax.scatter(
        *points[odd].T,
        s=42,
        facecolors="none",
        edgecolors=palette.ink,
        linewidths=1.4,
        clip_on=False,
        gid="anomalies",
        zorder=5,
    )
    ax.scatter(*points[odd].T, s=9, color=palette.ink, linewidths=0, clip_on=False, zorder=5)
    numbered = odd[:max_numbers]
    names = [str(scene.rows[i]) for i in numbered]
    if one_feature:
        label_strip(ax, names, points[numbered, 0], palette, gid="number")
    else:
        covered = np.concatenate([points[odd], lines])
        label_outlines(
            ax, names, points[numbered, None], covered, palette, gid="number", weight="normal"
        )
    found = f"{len(odd)} of {len(scene.data)} rows below the threshold"
    if len(numbered) < len(odd):
        found += f", the lowest {len(numbered)} numbered"
    entries.append((rings, found))
    ax.set_xlabel(view.labels[0])
    key(ax, entries, palette, note, note_on_choice(scene, 2, features))
    describe(ax, f"{found}, by {' and '.join(view.labels)}.")
    return ax


def _read_threshold(fit: Any, threshold: float | None) -> tuple[Any, float]:
    """The fit whose density counts and the threshold, a detector's own unless one is given."""
    if isinstance(fit, GaussianMixtureOutlierDetector) and hasattr(fit, "offset_"):
        return fit.estimator_, fit.offset_ if threshold is None else threshold
    # An unfitted fit is told so, whatever the threshold.
    mixture_of(fit)
    if threshold is None:
        raise DataError(
            f"{type(fit).__name__} has no threshold of its own; give a log density, such as "
            "plot_anomalies(fit, X, numpy.quantile(fit.score_samples(X), 0.01)), or a fitted "
            "GaussianMixtureOutlierDetector as fit."
        )
    return fit, threshold
