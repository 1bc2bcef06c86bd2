"""Results in CSV files that grow as replicates finish, so that an interruption loses nothing."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from joblib import Parallel, delayed
from rich.console import Console
from rich.progress import track

Row = tuple[str, ...]


def rows_in(path: Path, n_keys: int) -> dict[Row, Row]:
    """What a file holds: the first cells of each row, and the others."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = [tuple(row) for row in csv.reader(file)]
    return {row[:n_keys]: row[n_keys:] for row in rows[1:]}


def fill(
    path: Path,
    heading: Sequence[str],
    keys: Sequence[Row],
    compute: Callable[[Row], list[Row]],
    n_jobs: int,
) -> None:
    """Append what is computed for each key that has no row yet, several at a time.

    ``heading`` names the columns, those of the key first.
    """
    n_keys = len(keys[0])
    there = {key[:n_keys] for key in rows_in(path, n_keys)}
    todo = [key for key in keys if key not in there]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(",".join(heading) + "\n")
    tasks = (delayed(_with_key)(compute, key) for key in todo)
    results = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(tasks)
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        console = Console(stderr=True)
        for key, found in track(results, path.stem, len(todo), console=console, transient=True):
            writer.writerows((*key, *row) for row in found)
            file.flush()


def _with_key(compute: Callable[[Row], list[Row]], key: Row) -> tuple[Row, list[Row]]:
    return key, compute(key)
