"""Posteriors in processes of their own."""

from pathlib import Path

from em_figures.processes import run_apart

CHILD = Path(__file__).with_name("one_posterior.py")


def fit_apart(engine: str, rows: Path, k: int, draws: int) -> tuple[int, int]:
    """Run ``one_posterior.py``: peak memory, and what the fit keeps, in bytes."""
    peak, kept = run_apart(CHILD, engine, rows, k, draws, OPENBLAS_NUM_THREADS="1").split()
    return int(peak), int(kept)
