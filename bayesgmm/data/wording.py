"""How messages about data say things: where a value stands, lists of names, near matches."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

_LISTED = 6


def plural(number: int, noun: str) -> str:
    """Return "1 row", "2 rows"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def in_all(number: int, noun: str) -> str:
    """Return ", 3 such values in all", or nothing when there is only the one already named."""
    return f", {number} such {noun}s in all" if number > 1 else ""


def joined(items: Iterable[object], *, quote: bool = True) -> str:
    """Return "'a', 'b' and 'c'"; a long list is cut and says how much of it is missing."""
    words = [repr(item) if quote else str(item) for item in items]
    if len(words) > _LISTED:
        words = [*words[: _LISTED - 1], f"{len(words) - _LISTED + 1} more"]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def column_label(column: int, names: Sequence[str] | None) -> str:
    """Return "column 'waiting'", or "column 1" where there are no names."""
    return f"column {column if names is None else repr(names[column])}"


def unit_beside(name: str, unit: str) -> str:
    """The unit of a column, unless its name says it already (``bill_length_mm``)."""
    told = name.lower().replace(" ", "_").endswith(f"_{unit.lower()}")
    return "" if told else unit


def with_unit(name: str, unit: str) -> str:
    """Return "waiting (min)", or the name alone where no unit goes beside it."""
    unit = unit_beside(name, unit)
    return f"{name} ({unit})" if unit else name


def place(row: int, column: int | None, names: Sequence[str] | None) -> str:
    """Return "at row 5, column 'waiting' (counting from 0)"."""
    at = "" if column is None else f", {column_label(column, names)}"
    return f"at row {row}{at} (counting from 0)"


def did_you_mean(word: str, known: Iterable[str], said: Mapping[str, str] | None = None) -> str:
    """Return " (did you mean 'waiting'?)", or nothing when no known word is near.

    ``said`` has what stands for some of the known words in the sentence.
    """
    by_lower = {name.lower(): (said or {}).get(name, name) for name in known}
    near = get_close_matches(word.lower(), by_lower, n=2, cutoff=0.6)
    return f" (did you mean {' or '.join(repr(by_lower[name]) for name in near)}?)" if near else ""
