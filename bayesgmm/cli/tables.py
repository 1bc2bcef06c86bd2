"""Tables of text and numbers on standard output."""

import math
from collections.abc import Sequence


def number(value: float, digits: int = 4) -> str:
    """A number to so many significant digits, in plain decimals where they can be read."""
    if not math.isfinite(value):
        return "-"
    size = math.floor(math.log10(abs(value))) if value else 0
    if not -5 <= size <= 9:
        return f"{value:.{digits - 1}e}"
    return fixed(value, max(0, digits - 1 - size))


def fixed(value: float, decimals: int) -> str:
    """A number with so many decimals; a dash where there is none."""
    return f"{value:.{decimals}f}" if math.isfinite(value) else "-"


def decimals_for(error: float, digits: int = 2) -> int:
    """Decimals that show so many digits of an error."""
    if not error > 0 or not math.isfinite(error):
        return 4
    return min(12, max(0, digits - 1 - math.floor(math.log10(error))))


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], n_text: int = 1) -> str:
    """Columns side by side, the first `n_text` of them set left, the others right."""
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[j]) for row in table) for j in range(len(header))]
    lines = []
    for row in table:
        cells = [
            cell.ljust(width) if j < n_text else cell.rjust(width)
            for j, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
