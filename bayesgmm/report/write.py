"""Writing a report to a file, whole or not at all."""

import os
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from bayesgmm.exceptions import DataError
from bayesgmm.report.content import build_report
from bayesgmm.report.html import to_html
from bayesgmm.report.markdown import to_markdown

_RENDERERS = {".html": to_html, ".htm": to_html, ".md": to_markdown}


def write_report(
    result: Any,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    command: str | None = None,
    units: Mapping[str, str] | None = None,
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

    Returns
    -------
    pathlib.Path
        Where the report is.

    Raises
    ------
    DataError
        If the name has another ending, or the folder does not exist or cannot be written.
    """
    target = check_path(path)
    today = date.today()
    report = build_report(
        result,
        title=title,
        command=command,
        units=units,
        date=f"{today.day} {today:%B %Y}",
    )
    text = _RENDERERS[target.suffix.lower()](report)
    write_whole(target, text)
    return target


def check_path(path: str | os.PathLike[str]) -> Path:
    """The path, if a report can be written there.

    Raises
    ------
    DataError
        If the name has another ending, or the folder does not exist.
    """
    target = Path(path)
    if target.suffix.lower() not in _RENDERERS:
        raise DataError(
            f"a report is written to a name that ends in .html or .md, got {str(path)!r}; "
            f"try {target.name or 'report'}.html."
        )
    if target.is_dir():
        raise DataError(f"{str(path)!r} is a folder; give the name of a file in it.")
    if not target.parent.is_dir():
        raise DataError(
            f"the folder of a report must exist, got {str(target.parent)!r}; create it first."
        )
    return target


def write_whole(target: Path, text: str) -> None:
    """Write beside the target, then rename: a reader sees the old file or the new one.

    Raises
    ------
    DataError
        If the folder cannot be written to.
    """
    try:
        handle, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.name}.", suffix=".part"
        )
    except OSError as error:
        raise DataError(
            f"{str(target)!r} cannot be written ({error.strerror}); choose another folder."
        ) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        # A temporary file is private to its owner; a report is as open as other new files.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
