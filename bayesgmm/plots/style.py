"""Colours, shapes and the small habits that all pictures share.

Cluster colours are those of Okabe and Ito (2008, https://jfly.uni-koeln.de/color), darkened where
white paper needs it: every one reaches a contrast of 3:1 on its paper. Two of them come close for
some eyes, so each cluster also has a shape and a direct label. Fonts, sizes and grids stay
the user's; ink and colours follow the Axes' own background, light or dark. Nothing is changed
globally.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.typing import LineStyleType

type KeyEntry = tuple[Artist | tuple[Artist, ...], str]

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Palette:
    """The colours of a picture.

    Attributes
    ----------
    ink, muted : str
        Text and lines of the first and of the second rank.
    shade : str
        Ground of what is pointed out (the chosen K).
    clusters : tuple of str
        Colours of the first clusters; a mixture of more is drawn in ``muted`` and numbered.
    paper : str or None
        Ground under labels and marks; by default the background of the Axes.
    """

    ink: str
    muted: str
    shade: str
    clusters: tuple[str, ...]
    paper: str | None = None


LIGHT = Palette(
    ink="#16191d",
    muted="#5b636d",
    shade="#eceff2",
    clusters=("#0072b2", "#d55e00", "#00895f", "#b65c93", "#a87400", "#2a8fc4"),
)
DARK = Palette(
    ink="#e9ecef",
    muted="#a3acb5",
    shade="#2a2f36",
    clusters=("#56b4e9", "#f08b45", "#2fc298", "#e096c0", "#e6b43c", "#9ad2f5"),
)

_chosen: ContextVar[Palette | None] = ContextVar("bayesgmm_palette", default=None)


@dataclass(frozen=True)
class ClusterStyle:
    """How one cluster is told from the others: never by its colour alone."""

    colour: str
    marker: str
    hatch: str | None


# EM is always this line, in ink; the lines of clusters are solid, so that it is told from them.
EM_DASHES: LineStyleType = (0, (5, 3))
_MARKERS = ("o", "s", "^", "D", "v", "P")
_HATCHES = (None, "////", "....", "\\\\\\\\", "xxxx", "----")


@contextmanager
def use_palette(palette: Palette) -> Iterator[None]:
    """Draw with this palette inside a ``with`` block, whatever the background.

    Parameters
    ----------
    palette : Palette
        `LIGHT`, `DARK`, or your own.
    """
    token = _chosen.set(palette)
    try:
        yield
    finally:
        _chosen.reset(token)


def palette_of(ax: Axes) -> Palette:
    """The palette for these Axes: the one in use, or light or dark after their background."""
    background = to_rgba(ax.get_facecolor())
    if background[3] == 0.0:
        background = to_rgba(ax.figure.get_facecolor())
    red, green, blue, opacity = background
    is_dark = opacity > 0.0 and 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.4
    palette = _chosen.get() or (DARK if is_dark else LIGHT)
    if palette.paper is None:
        palette = replace(palette, paper=background if opacity else "#ffffff")
    return palette


def cluster_styles(n_components: int, palette: Palette) -> list[ClusterStyle]:
    """The look of each cluster.

    One alone needs no colour, and above six colours no longer tell them apart: all are muted.
    """
    plain = not is_coloured(n_components, palette)
    return [
        ClusterStyle(
            palette.muted if plain else palette.clusters[k],
            _MARKERS[k % len(_MARKERS)],
            _HATCHES[k % len(_HATCHES)],
        )
        for k in range(n_components)
    ]


def is_coloured(n_components: int, palette: Palette) -> bool:
    """Whether colours tell so many clusters apart; if not, they are numbered."""
    return 1 < n_components <= len(palette.clusters)


def cluster_name(component: int) -> str:
    """What pictures call a component: they count from 1."""
    return f"cluster {component + 1}"


def axes_or_new(ax: Axes | None, figsize: tuple[float, float] | None = None) -> Axes:
    """The Axes given, or those of a new figure. Top and right spines are left out."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def new_figure(figsize: tuple[float, float]) -> Figure:
    """A new figure for a plot of several panels."""
    import matplotlib.pyplot as plt

    return plt.figure(figsize=figsize, layout="constrained")


def width_in_points(ax: Axes) -> float:
    """Width of the Axes, in points."""
    return ax.get_window_extent().width / pixels_per_point(ax)


def pixels_per_point(ax: Axes) -> float:
    """How many pixels of the figure's canvas a point is."""
    return ax.figure.dpi / 72.0


def halo(palette: Palette, width: float = 3.0) -> list[AbstractPathEffect]:
    """An outline in the colour of the paper that keeps labels readable on top of lines."""
    return [withStroke(linewidth=width, foreground=palette.paper)]


def key(
    ax: Axes, entries: Sequence[KeyEntry], palette: Palette, *notes: str, above: float = 0.0
) -> None:
    """A frameless key above the Axes, in as many columns as their width allows.

    Where a title is wanted too, give it room with ``ax.set_title(..., pad=30)``; the key goes with
    ``ax.get_legend().remove()``. ``above`` is room to leave under it, in lines.
    """
    unmarked = Line2D([], [], linestyle="none")
    entries = [*entries, *((unmarked, note) for note in notes if note)]
    if not entries:
        return
    handles, labels = zip(*entries, strict=True)
    room = ax.get_window_extent().width
    for columns in range(len(entries), 0, -1):
        legend = ax.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            borderaxespad=0.2 + above,
            borderpad=0.2,
            frameon=False,
            fontsize="small",
            labelcolor=palette.muted,
            handletextpad=0.5,
            columnspacing=1.4,
            ncols=columns,
        )
        if legend.get_window_extent().width <= room:
            break


def panel_title(ax: Axes, title: str, direction: str) -> None:
    """A title at the left, and under it, in a line or two, which way is better."""
    pad = 18 + 15 * direction.count("\n")
    ax.set_title(title, loc="left", fontsize="medium", fontweight="bold", pad=pad)
    ax.annotate(
        direction,
        (0, 1),
        (0, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize="small",
        color=palette_of(ax).muted,
        va="bottom",
    )


def describe(ax: Axes, text: str) -> None:
    """Keep one sentence that says what is drawn, for readers who cannot see it.

    It is the label of the Axes: ``ax.get_label()``.
    """
    ax.set_label(text)


def percent(share: float, decimals: int = 0) -> str:
    """Return "36 %", with a space that does not break."""
    return f"{100 * share:.{decimals}f}{NBSP}%"


def signed(number: float, decimals: int, *, plus: bool = False) -> str:
    """A number with a true minus sign, and none before a zero."""
    rounded = round(number, decimals) + 0.0
    return f"{rounded:{'+' if plus and rounded else ''}.{decimals}f}".replace("-", MINUS)
