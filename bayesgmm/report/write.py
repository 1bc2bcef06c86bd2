"""Writing a report to a file, whole or not at all."""

from collections.abc import Mapping, Sequence
from datetime import date
from os import PathLike
from pathlib import Path
from typing import Any

from bayesgmm.persistence.files import check_target, replacing
from bayesgmm.report.content import build_report
from bayesgmm.report.html import to_html
from bayesgmm.report.markdown import to_markdown

_RENDERERS = {".html": to_html, ".htm": to_html, ".md": to_markdown}


def write_report(
    result: Any,
    path: str | PathLike[str],
    *,
    title: str | None = None,
    command: str | None = None,
    units: Mapping[str, str] | None = None,
    left_out: Mapping[str, str] | None = None,
    incomplete: Sequence[int] = (),
) -> Path:
    """Write a report on a sweep: one self-contained HTML file, or Markdown.

    Parameters
    ----------
    result : SelectionResult
        From `bayesgmm.select_components`.
    path : path-like
        Ends in ``.html`` or ``.md``. An existing file is replaced, once the report is complete.
    title : str, optional
        What the data are; by default the name the result has for them.
    command : str, optional
        The command line that made the result; by default lines of Python that do.
    units : mapping of str to str, optional
        Column -> unit, printed beside its numbers.
    left_out : mapping of str to str, optional
        Column of the table that is not among the data -> why.
    incomplete : sequence of int, optional
        Rows of the table (from 0, ascending) that are not among the data, because they have gaps.

    Returns
    -------
    pathlib.Path
        Where the report is.

    Raises
    ------
    DataError
        If the name has another ending, or the folder does not exist or cannot be written.
    """
    target = check_target(path, tuple(_RENDERERS), "A report")
    today = date.today()
    report = build_report(
        result,
        title=title,
        command=command,
        units=units,
        left_out=left_out,
        incomplete=incomplete,
        date=f"{today.day} {today:%B %Y}",
    )
    text = _RENDERERS[target.suffix.lower()](report)
    with replacing(target) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return target
