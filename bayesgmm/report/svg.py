"""Matplotlib figures as SVG for a page: text stays text, colours are the page's own.

A figure is drawn in colours that occur nowhere else, each of which is then replaced by a CSS
variable, so that one picture serves light, dark and print. One point is one CSS pixel.
"""

import html
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from bayesgmm.plots.style import Palette, use_palette

# Colours of the page by name: light paper, dark paper. Every cluster colour reaches a contrast of
# 3:1 on its paper, text colours 4.5:1. After Okabe and Ito (2008), darkened for white paper.
COLOURS: Mapping[str, tuple[str, str]] = {
    "ink": ("#16191d", "#e9ecef"),
    "muted": ("#5b636d", "#a3acb5"),
    "shade": ("#eceff2", "#2a2f36"),
    "paper": ("#ffffff", "#14171a"),
    "c1": ("#0072b2", "#56b4e9"),
    "c2": ("#d55e00", "#f08b45"),
    "c3": ("#00895f", "#2fc298"),
    "c4": ("#b65c93", "#e096c0"),
    "c5": ("#a87400", "#e6b43c"),
    "c6": ("#2a8fc4", "#9ad2f5"),
}
N_CLUSTER_COLOURS = sum(re.fullmatch(r"c\d", name) is not None for name in COLOURS)
# Ink and paper are a hundred steps apart, so that what a plot blends of them can be told, too.
_STEPS = 100
_OTHERS = tuple(name for name in COLOURS if name not in ("ink", "paper"))
_SENTINELS = {name: f"#0101{_STEPS + i:02x}" for i, name in enumerate(_OTHERS, start=1)}
_SENTINELS |= {"ink": "#010100", "paper": f"#0101{_STEPS:02x}"}
_PALETTE = Palette(
    ink=_SENTINELS["ink"],
    muted=_SENTINELS["muted"],
    shade=_SENTINELS["shade"],
    clusters=tuple(_SENTINELS[f"c{k + 1}"] for k in range(N_CLUSTER_COLOURS)),
    paper=_SENTINELS["paper"],
)
_SENTINEL = re.compile(r"#0101([0-9a-f]{2})")
# Points that follow a command of a path.
_POINTS = {"M": 1, "L": 1, "Q": 2, "C": 3, "z": 0, "Z": 0}
_TAG = re.compile(r"<[^>]*>")
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_INK, _MUTED = _SENTINELS["ink"], _SENTINELS["muted"]
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    # A column may be called "$x$"; it is not a formula.
    "text.parse_math": False,
    "figure.dpi": 72,
    "savefig.dpi": 72,
    "savefig.bbox": None,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "font.size": 12,
    "font.family": "sans-serif",
    "axes.labelsize": 12,
    "axes.titlesize": 12,
    "xtick.labelsize": 11.5,
    "ytick.labelsize": 11.5,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "axes.edgecolor": _MUTED,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "axes.linewidth": 0.8,
    "axes.grid": False,
}


@contextmanager
def page_style() -> Iterator[None]:
    """Draw for the page inside a ``with`` block, whatever the user's own settings."""
    with mpl.rc_context(), use_palette(_PALETTE):
        mpl.rcdefaults()
        for name, value in _STYLE.items():
            mpl.rcParams[name] = value
        yield


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many CSS pixels, known to no window."""
    return Figure(figsize=(width / 72, height / 72), dpi=72, layout="constrained")


def geometry(ax: Axes) -> dict[str, float]:
    """Where the data lie: pixels ``x0 y0 x1 y1`` (from the top left) of data ``X0 Y0 X1 Y1``.

    To be asked after `to_svg`, which settles the layout.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    height = figure.bbox.height
    box = ax.get_window_extent()
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    corners = (box.x0, height - box.y0, box.x1, height - box.y1, left, bottom, right, top)
    names = ("x0", "y0", "x1", "y1", "X0", "Y0", "X1", "Y1")
    return {name: float(f"{value:.6g}") for name, value in zip(names, corners, strict=True)}


def to_svg(figure: Figure, name: str, alt: str) -> str:
    """The figure as an SVG element to stand inside HTML.

    Parameters
    ----------
    figure : Figure
        Drawn inside `page_style`.
    name : str
        Prefix of all its ids, unique in the page.
    alt : str
        What it shows, for those who do not see it.
    """
    _outline_in_css(figure)
    # Laid out once: the labels' places and `geometry` must not move when it is written.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    file = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'<style type="text/css">.*?</style>\s*', "", text, flags=re.DOTALL)
    view_box = re.search(r'viewBox="([^"]+)"', text)
    assert view_box is not None
    body = text[text.index(">") + 1 :]
    body = _TAG.sub(lambda tag: _clean_tag(tag.group(), name), body)
    body = _without_idle_ids(body)
    label = html.escape(alt, quote=True)
    return (
        f'<svg class="plot" role="img" aria-label="{label}" viewBox="{view_box.group(1)}">'
        + re.sub(r"\n\s*", "\n", body).strip()
    )


def standalone(svg: str) -> str:
    """The same picture as a file of its own, in the light colours."""
    for colour, (light, _) in COLOURS.items():
        svg = svg.replace(f"var(--{colour})", light)
    head = '<svg xmlns="http://www.w3.org/2000/svg" font-family="Arial, Helvetica, sans-serif"'
    outline = (
        '<style>[id*="halo-"] text{paint-order:stroke;stroke:#fff;stroke-width:3px}</style><defs'
    )
    return svg.replace("<svg", head, 1).replace("<defs", outline, 1)


def _outline_in_css(figure: Figure) -> None:
    """Mark texts with an outline for the style sheet: drawn by Matplotlib they would be paths."""
    outlined = (text for text in figure.findobj(Text) if text.get_path_effects())
    for i, text in enumerate(outlined):
        text.set_path_effects([])
        text.set_gid(f"halo-{i}")


def _without_idle_ids(body: str) -> str:
    """Only ids that are referred to, or styled; the others are long, and not all unique."""
    used = set(re.findall(r"#([\w.-]+)", body))

    def keep(found: re.Match[str]) -> str:
        return found.group() if found.group(1) in used or "halo-" in found.group(1) else ""

    return re.sub(r' id="([^"]*)"', keep, body)


def _clean_tag(tag: str, name: str) -> str:
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = tag.replace("url(#", f"url(#{name}-")
    tag = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', tag)
    tag = re.sub(r"font: ((?:\d+ )?[\d.]+px) [^;\"]*", _font, tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', "", tag)
    tag = re.sub(r'\bd="([^"]*)"', lambda path: f'd="{_relative(path.group(1))}"', tag)
    tag = re.sub(r" ?font-family: [^;\"]*;?", "", tag)
    tag = _SENTINEL.sub(_variable, tag)
    return _NUMBER.sub(lambda number: f"{float(number.group()):.2f}", tag)


def _relative(path: str) -> str:
    """A path in steps of a tenth of a pixel (a hundredth in short ones): half as long to write."""
    tokens = path.split()
    decimals = 1 if len(tokens) > 60 else 2
    out, at, i = [], (0.0, 0.0), 0
    while i < len(tokens):
        command = tokens[i]
        if command not in _POINTS:
            return path
        points, i = [], i + 1
        for _ in range(_POINTS[command]):
            points.append((float(tokens[i]), float(tokens[i + 1])))
            i += 2
        # Steps are taken from where the rounded ones have led, so that errors do not add up.
        steps = [(round(x - at[0], decimals), round(y - at[1], decimals)) for x, y in points]
        numbers = " ".join(f"{step:g}" for pair in steps for step in pair)
        out.append(f"{command.lower()}{numbers}")
        if steps:
            at = (at[0] + steps[-1][0], at[1] + steps[-1][1])
        if command == "M":
            start = at
        elif command in "zZ":
            at = start
    return "".join(out).replace(" -", "-")


def _variable(found: re.Match[str]) -> str:
    step = int(found.group(1), 16)
    if step > _STEPS:
        return f"var(--{_OTHERS[step - _STEPS - 1]})"
    if step in (0, _STEPS):
        return "var(--ink)" if step == 0 else "var(--paper)"
    return f"color-mix(in srgb, var(--ink) {_STEPS - step}%, var(--paper))"


def _font(found: re.Match[str]) -> str:
    weight, _, size = found.group(1).rpartition(" ")
    return f"font-size: {size}" + (f"; font-weight: {weight}" if weight else "")
