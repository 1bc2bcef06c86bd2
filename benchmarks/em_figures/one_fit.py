"""One fit in a process of its own: ``python one_fit.py ENGINE ROWS.npy K MOST_ROWS MEASURE``.

ENGINE is bayesgmm or scikit-learn. A small fit comes first if MEASURE is given: "peak" prints the
largest resident memory of the process, "traced" what Python's allocator handed out at most during
the fit, both in bytes.
"""

import sys
import tracemalloc
import warnings

import numpy as np


def peak_resident() -> int:
    """Peak of this process alone: resource.getrusage would count its parent's."""
    with open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def main() -> None:
    engine, path, k, most_rows, measure = sys.argv[1:]
    if engine == "bayesgmm":
        from bayesgmm import GaussianMixture

        settings = {}
    else:
        from sklearn.mixture import GaussianMixture

        settings = {"max_iter": 3} if measure else {}
    warnings.simplefilter("ignore")  # a few iterations show the memory of all
    X = np.load(path)
    if measure:
        GaussianMixture(2, random_state=0, **settings).fit(X[:500])
    if measure == "traced":
        tracemalloc.start()
    GaussianMixture(int(k), random_state=0, **settings).fit(X[: int(most_rows)])
    if measure == "traced":
        print(tracemalloc.get_traced_memory()[1])
    elif measure == "peak":
        print(peak_resident())


if __name__ == "__main__":
    main()
