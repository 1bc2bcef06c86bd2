"""A journal of many small results, so that a run that is stopped can go on where it was.

One JSON object a line: the first says what run it is, each other one holds a result. A line is
written in one piece; what a killed process may leave of its last one is cut off.
"""

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from bayesgmm.exceptions import DataError

_FORMAT = {"format": "bayesgmm.journal", "format_version": 1}
_START = json.dumps(_FORMAT)[:-1].encode()


class Journal:
    """The results of one run, in a file or nowhere.

    Parameters
    ----------
    path : str, path or None
        None keeps nothing.
    settings : dict
        What the results depend on: plain values.
    adopt : collection of str, default none
        Settings that are taken from the file instead, if there is one.

    Attributes
    ----------
    settings : dict
    entries : list of dict
        The results that the file held.

    Raises
    ------
    DataError
        If the file cannot be used, is no journal, or is that of another run.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        settings: dict[str, Any],
        adopt: Collection[str] = (),
    ):
        self.path = None if path is None else Path(path).expanduser()
        self.settings = settings
        self.entries: list[dict[str, Any]] = []
        if self.path is None:
            return
        try:
            lines = self._read(self.path)
            if not lines:
                self.write({**_FORMAT, **settings})
        except OSError as error:
            raise DataError(
                f"'{self.path}' cannot be used ({error.strerror or error}); give the path of a "
                "file in a folder that exists and may be written to."
            ) from None
        if lines:
            header, self.entries = lines[0], lines[1:]
            self.settings = {**settings, **{name: header.get(name) for name in adopt}}
            self._check(header)

    def write(self, entry: dict[str, Any]) -> None:
        """Add a line."""
        if self.path is not None:
            with self.path.open("ab", buffering=0) as file:
                file.write(json.dumps(entry, allow_nan=False).encode() + b"\n")

    def _read(self, path: Path) -> list[dict[str, Any]]:
        content = path.read_bytes() if path.exists() else b""
        # Nothing of a file that is not ours is cut off.
        if content[: len(_START)] != _START[: len(content)]:
            raise DataError(f"'{path}' is not the journal of a run; give another path.")
        *lines, torn = content.split(b"\n")
        if torn:
            os.truncate(path, len(content) - len(torn))
        entries = []
        for number, line in enumerate(lines, 1):
            try:
                entries.append(json.loads(line))
            except ValueError:
                raise DataError(
                    f"line {number} of '{path}' is damaged; delete that line, or give another path."
                ) from None
        return entries

    def _check(self, header: dict[str, Any]) -> None:
        for name, value in self.settings.items():
            if header.get(name) != value:
                raise DataError(
                    f"'{self.path}' is the journal of another run: its {name} is "
                    f"{header.get(name)!r}, not {value!r}; give another path, or delete the file."
                )
