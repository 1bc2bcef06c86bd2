"""Direct labels: text beside the thing it names, clear of everything else."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.path import Path

from bayesgmm.plots.style import Palette, halo, pixels_per_point

_GAP = 5.0
# Half the size of a mark, in points.
_MARK = 4.0
# From one line of small text to the next, in points.
_LINE = 11.0
_DIRECTIONS = np.array(
    [[0, 1], [0, -1], [0.7, 0.7], [-0.7, 0.7], [0.7, -0.7], [-0.7, -0.7], [1, 0], [-1, 0]]
)


def label_outlines(
    ax: Axes,
    texts: Sequence[str],
    outlines: np.ndarray,
    points: np.ndarray,
    palette: Palette,
    *,
    gid: str = "label",
    weight: str = "bold",
) -> None:
    """Put a label beside each closed outline, where it covers least.

    Above and below are preferred; labels keep away from each other and from the edge of the Axes,
    then from points and from other outlines. Positions are fixed in data and points, so they hold
    when the figure is resized.

    Parameters
    ----------
    ax : Axes
        With its limits set.
    texts : sequence of str, length K
    outlines : (K, T, 2) array
        In data coordinates; points are outlines with T = 1.
    points : (M, 2) array
        Middles of marks, which labels should not cover.
    palette : Palette
    gid : str, default "label"
        Labels are the artists with this gid, counted from 1.
    weight : str, default "bold"
        Of the font.
    """
    pixel = pixels_per_point(ax)
    to_pixels = ax.transData.transform
    outline_pixels = [to_pixels(outline) for outline in outlines]
    point_pixels = to_pixels(points) if len(points) else np.empty((0, 2))
    frame = ax.get_window_extent()
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    for k, text in enumerate(texts):
        label = ax.annotate(
            text,
            (0, 0),
            (0, 0),
            textcoords="offset points",
            fontsize="small",
            fontweight=weight,
            color=palette.ink,
            path_effects=halo(palette),
            zorder=6,
            gid=f"{gid}-{k + 1}",
            annotation_clip=False,
        )
        box = label.get_window_extent()
        size = np.array([box.width, box.height])
        best = (np.inf, 0, np.zeros(2), _DIRECTIONS[0])
        for preference, direction in enumerate(_DIRECTIONS):
            at = int(np.argmax(outline_pixels[k] @ direction))
            middle = outline_pixels[k][at] + direction * (_GAP * pixel + size / 2)
            low, high = middle - size / 2, middle + size / 2
            overlap = sum(_overlap(low, high, *other) for other in taken)
            outside = 1.0 - _overlap(low, high, np.asarray(frame.min), np.asarray(frame.max))
            crossed = sum(_inside(outline, low, high).mean() for outline in outline_pixels)
            others = [outline for j, outline in enumerate(outline_pixels) if j != k]
            near = sum(_inside(other, low - size[1], high + size[1]).mean() for other in others)
            near += sum(
                Path(other).contains_point(tuple(middle)) for other in others if len(other) > 2
            )
            mark = _MARK * pixel
            covered = min(_inside(point_pixels, low - mark, high + mark).sum(), 10)
            cost = 20 * (overlap + outside) + 30 * crossed + 5 * near
            cost += 0.5 * covered + 0.05 * preference
            if cost < best[0]:
                best = (cost, at, middle, direction)
        _, at, middle, _ = best
        taken.append((middle - size / 2, middle + size / 2))
        label.xy = tuple(outlines[k][at])
        label.set_position(tuple((middle - outline_pixels[k][at]) / pixel))
        label.set_horizontalalignment("center")
        label.set_verticalalignment("center")


def label_strip(
    ax: Axes, texts: Sequence[str], x: np.ndarray, palette: Palette, *, gid: str = "label"
) -> None:
    """Put labels on end over points on the zero line, side by side where the points touch.

    Parameters
    ----------
    ax : Axes
        With its limits set.
    texts : sequence of str, length K
    x : (K,) array
        In data coordinates.
    palette : Palette
    gid : str, default "label"
        Labels are the artists with this gid, counted from 1.
    """
    if not len(x):
        return
    at = ax.transData.transform(np.column_stack([x, np.zeros(len(x))]))[:, 0] / pixels_per_point(ax)
    shifts = spread_out(at, _LINE) - at
    for k, (text, place, shift) in enumerate(zip(texts, x, shifts, strict=True)):
        ax.annotate(
            text,
            (place, 0),
            (shift, _MARK + _GAP),
            textcoords="offset points",
            ha="center",
            va="bottom",
            rotation=90,
            fontsize="small",
            color=palette.ink,
            path_effects=halo(palette),
            zorder=6,
            gid=f"{gid}-{k + 1}",
            annotation_clip=False,
        )


def spread_out(positions: np.ndarray, gap: float) -> np.ndarray:
    """Positions moved as little as possible (least squares) until ``gap`` lies between each two."""
    positions = np.asarray(positions, dtype=float)
    order = np.argsort(positions, kind="stable")
    # Pools adjacent violators: each block is a run of labels that touch.
    blocks: list[tuple[float, int]] = []
    for rank, value in enumerate(positions[order]):
        mean, size = value - rank * gap, 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean, size = (before * count + mean * size) / (count + size), count + size
        blocks.append((mean, size))
    level = np.concatenate([np.full(size, mean) for mean, size in blocks])
    moved = np.empty_like(positions)
    moved[order] = level + gap * np.arange(len(positions))
    return moved


def _overlap(
    low: np.ndarray, high: np.ndarray, other_low: np.ndarray, other_high: np.ndarray
) -> float:
    """Share of the first box that lies in the second."""
    sides = np.clip(np.minimum(high, other_high) - np.maximum(low, other_low), 0.0, None)
    return float(np.prod(sides) / np.prod(high - low))


def _inside(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.all((points >= low) & (points <= high), axis=1)
