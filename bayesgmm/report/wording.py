"""Numbers as a reader sees them: words, decimals, true minus signs, joined lists."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

MINUS = "−"
NBSP = "\u00a0"
_WORDS = (
    *("no", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def in_words(n: int) -> str:
    """``n`` as a word up to twelve ("no" for zero), in figures beyond."""
    return _WORDS[n] if 0 <= n < len(_WORDS) else str(n)


def capital(text: str) -> str:
    """The text with its first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """``1 row``, ``3 rows``."""
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


def joined(items: Iterable[object], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    parts = [str(item) for item in items]
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def fixed(value: float | None, decimals: int) -> str:
    """A number with a fixed count of decimals and a true minus; an en dash where there is none.

    Numbers too large or too small to be read that way are written as ``1.23 × 10⁻⁷``.
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value and (abs(value) >= 1e7 or decimals > 6):
        exponent = math.floor(math.log10(abs(value)))
        digits = max(0, min(decimals + exponent, 5))
        mantissa = round(value / 10.0**exponent, digits)
        if abs(mantissa) >= 10.0:
            mantissa, exponent = mantissa / 10.0, exponent + 1
        power = str(exponent).translate(_SUPERSCRIPT)
        return f"{mantissa:.{digits}f} × 10{power}".replace("-", MINUS)
    text = f"{value:.{max(decimals, 0)}f}"
    if float(text) == 0.0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def signed(value: float | None, decimals: int) -> str:
    """As `fixed`, with a plus sign before numbers above zero as printed."""
    text = fixed(value, decimals)
    positive = value is not None and math.isfinite(value) and value > 0
    return f"+{text}" if positive and text.strip("0.") else text


def percent(share: float, decimals: int = 0) -> str:
    """A share as per cent; what would round to nothing, or to everything, says so."""
    return f"{_percent_number(share, decimals)}{NBSP}%"


def percent_range(low: float, high: float) -> str:
    """``31 to 41 %``, with a decimal where both ends would else read the same."""
    if low >= 0.9995:
        return f">{NBSP}99.9{NBSP}%"
    if high < 0.0005:
        return f"<{NBSP}0.1{NBSP}%"
    decimals = 0 if round(100 * low) != round(100 * high) else 1
    ends = (f"{100 * min(max(end, 0.0), 1.0):.{decimals}f}" for end in (low, high))
    return f"{' to '.join(ends)}{NBSP}%"


def _percent_number(share: float, decimals: int) -> str:
    step = 10.0**-decimals
    value = 100.0 * share
    if 0.0 < value < step / 2:
        return f"<{NBSP}{step:.{decimals}f}"
    if 100.0 - step / 2 <= value < 100.0 - 1e-9:
        return f">{NBSP}{100.0 - step:.{decimals}f}"
    return f"{value:.{decimals}f}"


def interval(low: float, high: float, decimals: int) -> str:
    """``1.99 to 2.08``."""
    return f"{fixed(low, decimals)} to {fixed(high, decimals)}"


def decimals_for(error: float, digits: int = 2) -> int:
    """Decimals that show ``digits`` significant figures of an error of this size."""
    if not (math.isfinite(error) and error > 0):
        return 2
    return max(0, digits - 1 - math.floor(math.log10(error) + 1e-9))


def decimals_of(values: np.ndarray) -> int:
    """Decimals that the values of a column were recorded with, or enough for four figures."""
    scale = float(np.max(np.abs(values), initial=0.0))
    for decimals in range(5):
        if np.all(np.abs(values - np.round(values, decimals)) <= 1e-9 * max(scale, 1e-300)):
            return decimals
    return decimals_for(float(np.std(values)) or scale, 3)


def row_list(rows: Sequence[int], limit: int = 5) -> str:
    """``row 6``, ``rows 6 and 24``, ``rows 6, 24, 30, 31, 40 and 7 more``; ``rows`` are numbers."""
    shown = rows[:limit]
    noun = "row" if len(rows) == 1 else "rows"
    if len(rows) > limit:
        return f"{noun} {', '.join(map(str, shown))} and {len(rows) - limit} more"
    return f"{noun} {joined(shown)}"
