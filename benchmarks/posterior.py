"""The figures of the posterior: speed of gradients, draws and fits, against other programs.

Prints one Markdown table a section. Usage::

    python benchmarks/posterior.py [SECTION ...] [--quick]

Without sections it prints all of them, which takes most of an hour: the other programs are slow.
Programs that are not installed are left out. Times of gradients are the processor's; others are
those of the wall clock, worth reading on a machine that does nothing else. Linear algebra uses one
thread.
"""

import argparse
import platform
from collections.abc import Callable
from importlib import import_module

import nutpie
import pymc
from threadpoolctl import threadpool_limits

import bayesgmm
from bayesgmm.core import threads
from em_figures.measuring import Options

# A section is imported when it runs: numpyro, for one, has to set up JAX before anything uses it.
SECTIONS = {
    "gradient": "gradient",
    "ess-pymc": "ess_pymc",
    "ess-numpyro": "ess_numpyro",
    "ess-stan-jags": "ess_stan_jags",
    "wall": "wall",
    "cost": "cost",
}


def section(name: str) -> Callable[[Options], None]:
    return import_module(f"posterior_figures.{SECTIONS[name]}").run


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="small shapes, to see that all runs")
    arguments = parser.parse_args()
    unknown = set(arguments.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    print(
        f"bayesgmm {bayesgmm.__version__}, PyMC {pymc.__version__}, nutpie {nutpie.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}, "
        f"{threads.processors()} processors"
    )
    for name in arguments.sections or SECTIONS:
        run = section(name)
        # Matrices are small, and on a busy machine threads of BLAS that wait for each other make
        # the other programs several times slower.
        with threadpool_limits(1, user_api="blas"):
            run(Options(arguments.quick))


if __name__ == "__main__":
    main()
