"""Files that are written whole or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bayesgmm.exceptions import DataError

__all__ = ["check_target", "replacing"]


def check_target(path: str | os.PathLike[str], suffixes: tuple[str, ...], what: str) -> Path:
    """The path of a file to write, once it is clear that it can be written.

    Parameters
    ----------
    path : str or path
    suffixes : tuple of str
        How its name may end, the preferred ending first, such as (".json",).
    what : str
        What the messages call the content, such as "An EM fit".

    Raises
    ------
    DataError
        Another ending, a folder that does not exist or may not be written to, or a folder in the
        place of the file.
    """
    target = Path(path).expanduser()
    if target.suffix.lower() not in suffixes:
        better = target.with_suffix(suffixes[0]) if target.name else f"fit{suffixes[0]}"
        raise DataError(
            f"{what} is written to a file whose name ends in {' or '.join(suffixes)}, but "
            f"'{target}' does not; try '{better}'."
        )
    if target.is_dir():
        raise DataError(f"{what} is written to a file, but '{target}' is a folder; add a name.")
    if not target.parent.is_dir():
        raise DataError(
            f"{what} is written to a folder that exists, but there is no folder "
            f"'{target.parent}'; create it first."
        )
    if not os.access(target.parent, os.W_OK):
        raise DataError(
            f"{what} cannot be written to '{target.parent}' (permission denied); "
            "choose another folder."
        )
    return target


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes `target` if the block ends well and vanishes if not.

    It lies in the same folder, so that the last step is one atomic rename: whoever reads `target`
    sees the old file or the new one, never part of one. An old file's mode is kept, and a link
    keeps pointing where it points.

    Raises
    ------
    DataError
        If the system refuses to create, fill or rename the file.
    """
    target = Path(os.path.realpath(target))
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        part.touch(exist_ok=False)
        if target.exists():
            shutil.copymode(target, part)
        yield part
        os.replace(part, target)
    except OSError as error:
        raise DataError(
            f"'{target}' could not be written ({error.strerror or error}); "
            "choose another place or make room there."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
