"""Whether the posterior's draws are right: simulation-based calibration, and coverage of intervals.

Mixtures are drawn from explicit priors, data from the mixtures, and draws from their posteriors.
Usage::

    python benchmarks/calibration.py ranks [--replicates 200] [--jobs 2] [--plots docs/images]
    python benchmarks/calibration.py coverage [--replicates 200] [--jobs 2]

Results go into a CSV file (``--results``, in the current folder by default) as replicates finish,
and a later call goes on from there. Without ``--replicates`` only what is there is shown. The exit
status is 1 if ranks are not uniform. All of it takes two hours of a processor.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np

from calibration_study import coverage, pictures, ranks
from calibration_study.bands import UniformRanks
from calibration_study.quantities import NAMES
from calibration_study.store import Row, fill, rows_in

SEED = 2026
# The chance that right draws are called wrong, over all cells and quantities together.
ERROR = 0.01


def one_rank(seed: int, key: Row) -> list[Row]:
    family, n_features, sampler, replicate = key
    found = ranks.ranks_of(ranks.Cell(family, int(n_features), sampler), int(replicate), seed)
    return [("",) * len(NAMES) if found is None else tuple(map(str, found))]


def run_ranks(arguments: argparse.Namespace) -> int:
    path = arguments.results or Path("calibration-ranks.csv")
    cells = [
        ranks.Cell(family, d, sampler)
        for sampler in arguments.samplers
        for family in arguments.families
        for d in arguments.features
    ]
    keys = [
        (cell.family, str(cell.n_features), cell.sampler, str(replicate))
        for replicate in range(arguments.replicates)
        for cell in cells
    ]
    if keys:
        heading = ("family", "n_features", "sampler", "replicate", *NAMES)
        fill(path, heading, keys, partial(one_rank, SEED), arguments.jobs)
    found: dict[ranks.Cell, list[Row]] = {cell: [] for cell in cells}
    for (family, n_features, sampler, _), cells_of_row in rows_in(path, 4).items():
        cell = ranks.Cell(family, int(n_features), sampler)
        if cell in found:
            found[cell].append(cells_of_row)
    accepted = {
        cell: np.array(kept, dtype=int)
        for cell, rows in found.items()
        if (kept := [row for row in rows if row[0]])
    }
    n_comparisons = len(accepted) * len(NAMES)
    print(
        f"\n{len(accepted)} cells x {len(NAMES)} quantities; p: the chance that uniform ranks "
        f"stray as far, times {n_comparisons} comparisons for the last column (one at most).\n"
    )
    print("| sampler | family | D | data sets | accepted | least p | of | corrected |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    worst = 1.0
    for cell, values in accepted.items():
        uniform = UniformRanks(len(values), ranks.N_RANKS)
        p = [uniform.p_value(values[:, i]) for i in range(len(NAMES))]
        corrected = min(1.0, n_comparisons * min(p))
        worst = min(worst, corrected)
        print(
            f"| {cell.sampler} | {cell.family} | {cell.n_features} | {len(found[cell])} "
            f"| {len(values)} | {min(p):.2g} | {NAMES[int(np.argmin(p))]} | {corrected:.2g} |"
        )
    if arguments.plots:
        arguments.plots.mkdir(parents=True, exist_ok=True)
        pictures.draw(accepted, ERROR / n_comparisons, arguments.plots)
    return int(worst < ERROR)


def one_coverage(seed: int, key: Row) -> list[Row]:
    family, n_rows, replicate = key
    found = coverage.covered(coverage.Case(family, int(n_rows)), int(replicate), seed)
    return [
        (*name[:2], f"{name[2]:g}", str(int(flags.sum())), str(len(flags)))
        for name, flags in found.items()
        if len(flags)
    ]


def run_coverage(arguments: argparse.Namespace) -> int:
    path = arguments.results or Path("calibration-coverage.csv")
    keys = [
        (family, str(n_rows), str(replicate))
        for replicate in range(arguments.replicates)
        for family in arguments.families
        for n_rows in coverage.ROWS
    ]
    if keys:
        heading = ("family", "n_rows", "replicate", "engine", "part", "prob", "held", "of")
        fill(path, heading, keys, partial(one_coverage, SEED), arguments.jobs)
    held: dict[Row, list[tuple[int, int]]] = {}
    for (family, n_rows, _, engine, part, prob), counts in rows_in(path, 6).items():
        held.setdefault((engine, part, prob, family, n_rows), []).append(
            (int(counts[0]), int(counts[1]))
        )
    columns = [(family, str(n)) for family in arguments.families for n in coverage.ROWS]
    n_sets = max((len(counts) for counts in held.values()), default=0)
    print(f"\n{n_sets} data sets a column; the standard error over data sets in brackets.\n")
    print("| intervals | of | " + " | ".join(f"{f}, N = {n}" for f, n in columns) + " |")
    print("| --- " * (len(columns) + 2) + "|")
    for engine, part, prob in sorted(
        {key[:3] for key in held}, key=lambda key: (key[0] != "posterior", key[2], key[1])
    ):
        shown = []
        for column in columns:
            counts = np.array(held.get((engine, part, prob, *column), []))
            if not len(counts):
                shown.append("")
                continue
            share = counts[:, 0] / counts[:, 1]
            error = share.std(ddof=1) / np.sqrt(len(share)) if len(share) > 1 else np.nan
            shown.append(f"{100 * share.mean():.1f} ({100 * error:.1f})")
        print(f"| {engine}, {100 * float(prob):.0f}% | {part}s | " + " | ".join(shown) + " |")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", choices=("ranks", "coverage"))
    parser.add_argument("--replicates", type=int, default=0, help="data sets a cell; 0 shows")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--results", type=Path, metavar="CSV", help="where results are kept")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw the ranks there")
    parser.add_argument("--samplers", nargs="+", choices=ranks.SAMPLERS, default=ranks.SAMPLERS)
    parser.add_argument("--families", nargs="+", choices=ranks.FAMILIES, default=ranks.FAMILIES)
    parser.add_argument(
        "--features", nargs="+", type=int, choices=ranks.FEATURES, default=ranks.FEATURES
    )
    arguments = parser.parse_args()
    return (run_ranks if arguments.study == "ranks" else run_coverage)(arguments)


if __name__ == "__main__":
    sys.exit(main())
