"""One feature: the rows as a strip under the density."""

import numpy as np
from matplotlib.axes import Axes

from bayesgmm.core.mixture import Mixture
from bayesgmm.plots.density_1d import draw_density_1d, sentence_1d
from bayesgmm.plots.marks import draw_rows
from bayesgmm.plots.scene import Scene, rows_in_doubt
from bayesgmm.plots.style import cluster_styles, describe, key, palette_of

_GOLDEN = 0.6180339887498949


def draw_strip(
    scene: Scene, memberships: np.ndarray, overlay: Mixture | None, prob: float, ax: Axes
) -> Axes:
    """Draw the density and, below its zero line, every row."""
    palette = palette_of(ax)
    entries = draw_density_1d(ax, scene, prob, overlay)
    # The labels of the peaks stand above them.
    top = 1.05 * ax.get_ylim()[1]
    # Steps of the golden ratio spread neighbours apart and look the same at every run.
    order = np.argsort(np.argsort(scene.data[:, 0], kind="stable"))
    height = -top * (0.05 + 0.13 * ((order * _GOLDEN) % 1.0))
    points = np.column_stack([scene.data[:, 0], height])
    styles = cluster_styles(scene.mixture.n_components, palette)
    row_entries, note = draw_rows(ax, points, memberships, styles, palette, radius=2.8)
    ax.axhline(0.0, color=palette.muted, linewidth=0.8, zorder=1)
    ax.set_ylim(-0.22 * top, top)
    ax.set_yticks([tick for tick in ax.get_yticks() if 0.0 <= tick <= top])
    ax.set_xlabel(scene.labels[0])
    ax.set_ylabel("density")
    key(ax, entries + row_entries, palette, note)
    in_doubt = int(rows_in_doubt(memberships).sum())
    describe(ax, f"{sentence_1d(scene, prob)} Below, the rows; {in_doubt} are in doubt.")
    return ax
