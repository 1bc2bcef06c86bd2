"""Execute notebooks, each in a kernel of its own, and keep the executed copies in build/notebooks.

Usage: run_notebooks.py NOTEBOOK ...  (stored notebooks stay as they are, without outputs)
"""

import os
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
    os.environ.pop("MPLBACKEND", None)  # pictures belong into the notebook
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        if any(cell.get("outputs") for cell in notebook.cells):
            print(f"{path.name}: stored with outputs; clear them", file=sys.stderr)
            failed.append(path.name)
        began = time.perf_counter()
        client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": ROOT}})
        client.create_kernel_manager()
        client.km.transport = "ipc"
        try:
            client.execute()
            print(f"{path.name}: executed in {time.perf_counter() - began:.0f} s", flush=True)
        except CellExecutionError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            failed.append(path.name)
        nbformat.write(notebook, target / path.name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
