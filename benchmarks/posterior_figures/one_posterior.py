"""One posterior in a process of its own: ``python one_posterior.py ENGINE ROWS.npy K DRAWS``.

ENGINE is bayesgmm, or pymc: the textbook model, compiled and sampled by nutpie. Prints the largest
resident memory of the process in bytes, and how many the rows, draws and log-likelihoods hold that
the fit keeps.
"""

import os
import sys
import warnings
from pathlib import Path

import numpy as np

CHAINS = 4


def fit(X: np.ndarray, k: int, draws: int) -> int:
    from bayesgmm import BayesianGaussianMixture

    model = BayesianGaussianMixture(
        k, draws=draws, chains=CHAINS, random_state=0, progressbar=False
    ).fit(X)
    return model.posterior_.nbytes


def sample(X: np.ndarray, k: int, draws: int) -> int:
    import nutpie

    # The folder of the benchmarks, where a script finds their modules.
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from posterior_figures import textbook
    from posterior_figures.problems import Problem

    compiled = textbook.compile_with_nutpie(textbook.build(Problem(X, k)))
    tree = nutpie.sample(compiled, draws=draws, chains=CHAINS, seed=0, progress_bar=False)
    return tree.nbytes


def peak_resident() -> int:
    """Peak of this process alone: resource.getrusage would count its parent's."""
    if not os.path.exists("/proc/self/status"):
        return 0
    with open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def main() -> None:
    engine, path, k, draws = sys.argv[1:]
    warnings.simplefilter("ignore")  # few draws are not to be trusted, and do here
    X = np.load(path)
    kept = {"bayesgmm": fit, "pymc": sample}[engine](X, int(k), int(draws))
    print(peak_resident(), kept)


if __name__ == "__main__":
    main()
