"""Fits in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

from bayesgmm import __file__ as package

ONE_THREAD = ("BAYESGMM_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
CHILD = Path(__file__).with_name("one_fit.py")


def run_apart(child: Path, *arguments: object, **environment: str) -> str:
    """Run a script in a process of its own, and return what it prints."""
    # The child finds the package where this process did.
    root = str(Path(package).parents[1])
    # And modules that an earlier child compiled, as in an installed package.
    keep = {"PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [sys.executable, child, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": root, **keep, **environment},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


def fit_apart(
    engine: str, rows: Path, k: int, most_rows: int, measure: str = "", **environment: str
) -> str:
    """Run ``one_fit.py``, on one thread, and return what it prints."""
    one_thread = dict.fromkeys(ONE_THREAD, "1")
    return run_apart(CHILD, engine, rows, k, most_rows, measure, **one_thread | environment)
