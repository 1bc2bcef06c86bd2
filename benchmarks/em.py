"""The figures of EM: speed, memory, optima and accuracy, against scikit-learn and mclust.

Prints one Markdown table a section. Peers are timed in the same process, in turns with ours
(mclust in R beside it), and ratios are medians of paired ratios. Usage::

    python benchmarks/em.py [SECTION ...] [--quick] [--plot docs/images/em-scaling.svg]

Without sections it prints all of them, which takes more than an hour: scikit-learn's whole fits are
slow. With one thread, times are the processor's: what the wall clock shows where nothing else runs.
Other load still costs caches and clock, so they are worth reading on a quiet machine; ratios stand
some load.
"""

import argparse
import platform
from pathlib import Path

import numpy as np
import sklearn

import bayesgmm
from em_figures import (
    accuracy,
    first_fit,
    iteration,
    mclust,
    memory,
    peak,
    scaling,
    two_threads,
    whole_fit,
)
from em_figures.measuring import Options

SECTIONS = {
    "iteration": iteration.run,
    "peak": peak.run,
    "threads": two_threads.run,
    "memory": memory.run,
    "whole-fit": whole_fit.run,
    "mclust": mclust.run,
    "accuracy": accuracy.run,
    "first-fit": first_fit.run,
    "scaling": scaling.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="small shapes, to see that all runs")
    parser.add_argument("--plot", type=Path, metavar="PATH", help="draw the section scaling there")
    arguments = parser.parse_args()
    unknown = set(arguments.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    print(
        f"bayesgmm {bayesgmm.__version__}, scikit-learn {sklearn.__version__}, "
        f"NumPy {np.__version__}, Python {platform.python_version()}, {platform.machine()}"
    )
    for section in arguments.sections or SECTIONS:
        SECTIONS[section](Options(arguments.quick, arguments.plot))


if __name__ == "__main__":
    main()
