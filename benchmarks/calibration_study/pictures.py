"""The ranks as pictures: how far their distribution strays from uniform, with bands."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from calibration_study.bands import UniformRanks
from calibration_study.quantities import NAMES
from calibration_study.ranks import N_RANKS, Cell


def draw(ranks: Mapping[Cell, np.ndarray], error: float, folder: Path) -> None:
    """One picture a sampler, ``calibration-SAMPLER.svg``: a panel a family and dimension.

    Parameters
    ----------
    ranks : mapping of cells to (replicate, quantity) arrays
    error : float
        The chance that one quantity in one panel leaves the band if the draws are right.
    folder : Path
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    # Text as outlines looks the same everywhere; a fixed salt keeps the file the same, too.
    with plt.rc_context({"svg.hashsalt": "calibration"}):
        for sampler in dict.fromkeys(cell.sampler for cell in ranks):
            of_sampler = {cell: values for cell, values in ranks.items() if cell.sampler == sampler}
            figure = _grid(of_sampler, error)
            figure.savefig(folder / f"calibration-{sampler}.svg", metadata={"Date": None})
            plt.close(figure)


def _grid(ranks: Mapping[Cell, np.ndarray], error: float):
    from bayesgmm.plots.style import new_figure, palette_of

    families = list(dict.fromkeys(cell.family for cell in ranks))
    features = list(dict.fromkeys(cell.n_features for cell in ranks))
    figure = new_figure((2.6 * len(features) + 0.8, 1.7 * len(families) + 1.0))
    panels = figure.subplots(len(families), len(features), sharex=True, sharey=True, squeeze=False)
    lines = []
    for cell, values in ranks.items():
        i, j = families.index(cell.family), features.index(cell.n_features)
        ax = panels[i, j]
        palette = palette_of(ax)
        uniform = UniformRanks(len(values), N_RANKS)
        expected = uniform.n * uniform.shares
        low, high = uniform.band(error)
        x = np.r_[0.0, uniform.shares, 1.0]

        def stray(counts, expected=expected, n=uniform.n):
            return 100.0 * np.r_[0.0, (counts - expected) / n, 0.0]

        ax.fill_between(x, stray(low), stray(high), color=palette.muted, alpha=0.25, linewidth=0)
        lines = [
            ax.plot(
                x,
                stray(uniform.counts(values[:, q])),
                color=palette.clusters[q % len(palette.clusters)],
                linestyle=("-", (0, (5, 1.5)))[q % 2],
                linewidth=1.1,
            )[0]
            for q in range(len(NAMES))
        ]
        ax.set_title(f"{cell.family}, D = {cell.n_features}", fontsize="small", loc="left")
        ax.set_xticks([0.0, 0.5, 1.0])
    figure.supxlabel("rank of the truth among the draws, as a share of them", fontsize="small")
    figure.supylabel(
        "data sets with a rank up to there, less those expected (percent)", fontsize="small"
    )
    figure.legend(lines, NAMES, loc="outside upper center", ncols=3, fontsize="small")
    return figure
