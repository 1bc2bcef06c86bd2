"""Time of an EM iteration against the number of rows and of components.

Measured as in :mod:`em_figures.iteration`. The exponent is the slope of a straight line through the
logarithms: 1 is linear. A fixed cost of a pass shows in small data, so that the exponent is also
given for the larger half.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from em_figures.data import simulate
from em_figures.iteration import fitter, timer
from em_figures.measuring import Options, alternate, columns, heading, row, threads

D = 10
ROWS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
ROWS_K = 10
COMPONENTS = (1, 2, 5, 10, 20, 50, 100)
COMPONENTS_N = 100_000
# scikit-learn holds several arrays of N x K and N x D: beyond this it is a matter of memory.
PEER_MOST_ROWS = 1_000_000
REPEATS = 3


@dataclass(frozen=True)
class Curve:
    """Seconds of an iteration for growing sizes."""

    engine: str
    family: str
    sizes: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def label(self) -> str:
        return f"{self.engine}, {self.family}"

    def exponents(self) -> tuple[float, float]:
        """Slopes over all sizes, and over the larger half."""
        half = len(self.sizes) // 2
        return slope(self.sizes, self.seconds), slope(self.sizes[half:], self.seconds[half:])


def slope(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Of the least-squares line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def measure(problems: Iterator[tuple[int, np.ndarray, int]], repeats: int) -> list[Curve]:
    """Curves over problems (size, X, k)."""
    curves = [Curve("bayesgmm", "full"), Curve("bayesgmm", "diag"), Curve("scikit-learn", "full")]
    for size, X, k in problems:
        taking_part = [
            curve for curve in curves if curve.engine == "bayesgmm" or len(X) <= PEER_MOST_ROWS
        ]
        timers = {c.label: timer(fitter(c.engine, X, k, c.family)) for c in taking_part}
        times = alternate(timers, repeats)
        for curve in taking_part:
            curve.sizes.append(size)
            curve.seconds.append(float(np.median(times[curve.label])))
        by_label = {c.label: f"{1e3 * c.seconds[-1]:.3g}" for c in taking_part}
        row(size, *(by_label.get(curve.label, "") for curve in curves))
    for title, which in (("exponent", 0), ("larger half", 1)):
        row(title, *(f"{curve.exponents()[which]:.2f}" for curve in curves))
    return curves


def run(options: Options) -> None:
    rows, components, n_components = ROWS, COMPONENTS, COMPONENTS_N
    if options.quick:
        rows, components, n_components = (1_000, 2_000, 4_000), (1, 2, 3), 1_000
    repeats = 1 if options.quick else REPEATS
    heading(
        "Cost of an iteration",
        f"Milliseconds, one thread, D = {D}; {ROWS_K} components, then {n_components} rows.",
    )
    names = ("bayesgmm, full", "bayesgmm, diag", "scikit-learn, full")
    with threads(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing converges in so few iterations, as is meant
        columns("N", *names)
        X = simulate(rows[-1], D, ROWS_K)
        by_rows = measure(((n, X[:n], ROWS_K) for n in rows), repeats)
        del X
        print()
        columns("K", *names)
        by_components = measure(((k, simulate(n_components, D, k), k) for k in components), repeats)
    if options.plot is not None:
        draw(by_rows, by_components, n_components, options.plot)


def draw(by_rows: list[Curve], by_components: list[Curve], n_rows: int, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import EngFormatter, NullFormatter

    from bayesgmm.plots.style import axes_or_new, describe, new_figure, palette_of

    # Text as outlines looks the same everywhere; a fixed salt keeps the file the same, too.
    with plt.rc_context({"svg.hashsalt": "em-scaling"}):
        figure = new_figure((8.4, 3.9))
        left, right = (axes_or_new(ax) for ax in figure.subplots(1, 2, sharey=True))
        panels = (
            (left, by_rows, f"{ROWS_K} components, {D} columns", "rows"),
            (
                right,
                by_components,
                f"{EngFormatter(sep='')(n_rows)} rows, {D} columns",
                "components",
            ),
        )
        for ax, curves, title, what in panels:
            palette = palette_of(ax)
            looks = [
                (palette.clusters[0], "o", "-", 3),
                (palette.clusters[1], "s", (0, (6, 2)), -14),
                (palette.muted, "^", (0, (1.5, 1.5)), 9),
            ]
            for curve, (colour, marker, line, higher) in zip(curves, looks, strict=True):
                ax.plot(
                    curve.sizes,
                    curve.seconds,
                    color=colour,
                    marker=marker,
                    markersize=4.5,
                    linestyle=line,
                    linewidth=1.6,
                )
                ax.annotate(
                    f"{curve.label}\n(exponent {curve.exponents()[1]:.2f})",
                    (curve.sizes[-1], curve.seconds[-1]),
                    (6, higher),  # points, so that neighbours do not cover each other
                    textcoords="offset points",
                    va="center",
                    fontsize="small",
                    color=colour,
                )
            ax.set(xscale="log", yscale="log", xlabel=what)
            ax.set_title(title, loc="left", fontsize="medium")
            ax.xaxis.set_major_formatter(EngFormatter(sep=""))
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.yaxis.set_major_formatter(EngFormatter("s"))
            ax.grid(color=palette.shade, linewidth=0.8)
            ax.set_axisbelow(True)
            describe(ax, f"Time of an EM iteration against the number of {what}, on log scales.")
        left.set_ylabel("time of an iteration")
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=150, metadata=metadata)
