"""Posteriors in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

from bayesgmm import __file__ as package

CHILD = Path(__file__).with_name("one_posterior.py")


def fit_apart(engine: str, rows: Path, k: int, draws: int) -> tuple[int, int]:
    """Run ``one_posterior.py``: peak memory, and what the fit keeps, in bytes."""
    # The child finds the package where this process did.
    root = str(Path(package).parents[1])
    done = subprocess.run(
        [sys.executable, CHILD, engine, rows, str(k), str(draws)],
        env={**os.environ, "PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    peak, kept = map(int, done.stdout.split())
    return peak, kept
