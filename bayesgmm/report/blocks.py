"""What a report is made of: plain values, without any markup.

Every string in here is text, whoever wrote it (a column may be called anything), so a renderer
escapes all of them; only `Figure.wide` and `Figure.narrow` are markup, of our own drawing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Level = Literal["pass", "note", "fail"]


@dataclass(frozen=True)
class Text:
    """A paragraph; ``lead`` is set in bold before it, ``small`` in the size of a note."""

    body: str
    lead: str = ""
    small: bool = False


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True)
class Verdict:
    """A finding that must not be missed: one bold sentence and what follows from it."""

    lead: str
    body: str
    level: Level = "note"


@dataclass(frozen=True)
class Table:
    """Rows under named columns; the first column names its row.

    Attributes
    ----------
    columns : tuple of str
    rows : tuple of tuples of str
        As printed. One entry for each column.
    caption : str
    align : str
        One letter a column, ``l`` or ``r``; short strings repeat their last letter.
    chosen : int or None
        Column to set off.
    swatches : tuple of int
        Cluster (from 0) to mark each row with, -1 for none; empty for no swatches at all.
    bars : tuple of tuples of float
        Memberships of each row, drawn as a bar after the last column; empty for no bars.
    groups : tuple of int
        Rows after which a stronger rule is drawn.
    stacked : bool
        Whether rows become blocks on a narrow screen (few columns of long text).
    label : str
        What the table holds, for those who do not see it.
    sortable : bool
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    align: str = "lr"
    chosen: int | None = None
    swatches: tuple[int, ...] = ()
    bars: tuple[tuple[float, ...], ...] = ()
    groups: tuple[int, ...] = ()
    stacked: bool = False
    label: str = ""
    sortable: bool = False

    def is_left(self, column: int) -> bool:
        """Whether the entries of a column are text."""
        return self.align[min(column, len(self.align) - 1)] == "l"


@dataclass(frozen=True)
class Checks:
    """The list of checks."""

    checks: tuple["Check", ...]


@dataclass(frozen=True)
class Check:
    """One check: what was found, what was wanted, what it means, and the verdict."""

    name: str
    found: str
    wanted: str
    means: str
    level: Level


@dataclass(frozen=True)
class Card:
    """One cluster of several (or all rows as one): who it is, how large, where."""

    number: int
    who: str
    of: int
    size: str
    share: str
    table: Table
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cards:
    """The clusters side by side."""

    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Figure:
    """One picture in two widths, as SVG, with what it shows in words.

    Attributes
    ----------
    wide, narrow : str
        SVG for a screen or page, and for a phone. Colours are CSS variables.
    alt : str
        What is drawn, for those who do not see it.
    caption : str
    geometry : mapping
        Where the data lie in each picture (pixels and data units), for the pointer; may be empty.
    """

    wide: str
    narrow: str
    alt: str
    caption: str
    geometry: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Switch:
    """The same picture at several K, one shown at a time, and a common caption.

    ``has_pointer`` says whether a row can be pointed at: a `Rows` is then in the report.
    """

    figures: Mapping[int, Figure]
    chosen: int
    caption: str
    has_pointer: bool = False


@dataclass(frozen=True)
class Certainty:
    """Numbers of rows by their largest membership, from sure to in doubt."""

    levels: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Rows:
    """Every row with its memberships, for the pointer and for the list of all.

    Attributes
    ----------
    columns : tuple of str
    numbers : tuple of int
        What the rows are called.
    values : tuple of tuples of str
        The data as printed, row by row.
    memberships : mapping of int to tuples
        K -> memberships in per mille, row by row.
    chosen : int
        The K of the list.
    axes : tuple of int
        The columns that the picture draws.
    """

    columns: tuple[str, ...]
    numbers: tuple[int, ...]
    values: tuple[tuple[str, ...], ...]
    memberships: Mapping[int, tuple[tuple[int, ...], ...]]
    chosen: int
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Folded:
    """Blocks shown on request."""

    summary: str
    blocks: tuple["Block", ...]


@dataclass(frozen=True)
class Paste:
    """Text to copy."""

    text: str
    is_code: bool = False
    button: str = "Copy"


@dataclass(frozen=True)
class KeyValues:
    """Short facts by name."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Reference:
    """A work that is cited, with its DOI where it has one."""

    text: str
    doi: str = ""


@dataclass(frozen=True)
class References:
    """A list of works."""

    items: tuple[Reference, ...]


Block = (
    Text
    | Heading
    | Verdict
    | Table
    | Checks
    | Cards
    | Figure
    | Switch
    | Certainty
    | Rows
    | Folded
    | Paste
    | KeyValues
    | References
)


@dataclass(frozen=True)
class Section:
    """One question and its answer: the heading states the finding, the topic names it."""

    key: str
    short: str
    topic: str
    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Fact:
    """One of the few numbers at the top."""

    name: str
    value: str
    detail: str


@dataclass(frozen=True)
class Answer:
    """The first screen: headline, what it rests on, and the facts."""

    kicker: str
    headline: str
    lede: tuple[str, ...]
    facts: tuple[Fact, ...]
    level: Level = "pass"


@dataclass(frozen=True)
class Report:
    """A whole report, ready to render.

    Attributes
    ----------
    title : str
    answer : Answer
    sections : tuple of Section
    n_clusters : int
    footer : str
    """

    title: str
    answer: Answer
    sections: tuple[Section, ...]
    n_clusters: int
    footer: str
