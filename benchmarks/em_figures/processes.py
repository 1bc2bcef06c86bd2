"""Fits in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

from bayesgmm import __file__ as package

ONE_THREAD = ("BAYESGMM_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
CHILD = Path(__file__).with_name("one_fit.py")


def fit_apart(
    engine: str, rows: Path, k: int, most_rows: int, measure: str = "", **environment: str
) -> str:
    """Run ``one_fit.py``, on one thread, and return what it prints."""
    settings = dict.fromkeys(ONE_THREAD, "1")
    # The child finds the package where this process did.
    root = str(Path(package).parents[1])
    done = subprocess.run(
        [sys.executable, CHILD, engine, rows, str(k), str(most_rows), measure],
        env={**os.environ, "PYTHONPATH": root, **settings, **environment},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout
