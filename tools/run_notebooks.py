"""Execute notebooks, each in a kernel of its own, and keep the executed copies in build/notebooks.

Usage: run_notebooks.py NOTEBOOK ...  (stored notebooks stay as they are, without outputs)
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parents[1]


def main(paths: list[Path]) -> int:
    target = ROOT / "build" / "notebooks"
    target.mkdir(parents=True, exist_ok=True)
    failed = []
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        if any(cell.get("outputs") for cell in notebook.cells):
            print(f"{path.name}: stored with outputs; clear them", file=sys.stderr)
            failed.append(path.name)
        began = time.perf_counter()
        client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": ROOT}})
        try:
            client.execute()
        except CellExecutionError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            failed.append(path.name)
            continue
        nbformat.write(notebook, target / path.name)
        print(f"{path.name}: executed in {time.perf_counter() - began:.0f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
