"""The best optima that scikit-learn and mclust know of (reference_data/README.md)."""

import csv
from pathlib import Path

import numpy as np
import pytest

from bayesgmm import GaussianMixture, load_dataset
from bayesgmm.em.degeneracy import find_spikes
from bayesgmm.em.problem import Problem

# Fewer hits than these and the reference optimum is a lucky find, no requirement.
ENOUGH = {"scikit-learn 1.9.1": 3, "mclust 6.0.0": 5}


def data(name):
    if name == "galaxies_mass":
        X = data("galaxies").copy()
        assert X[77, 0] == 26.960
        X[77, 0] = 26.690
        return X
    return load_dataset(name).select_dtypes("number").to_numpy(float)


def required():
    path = Path(__file__).parents[1] / "reference_data" / "em_optima.csv"
    best = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            k = int(row["n_components"])
            if k > 1 and int(row["n_at_best"]) < ENOUGH[row["program"]]:
                continue
            key = row["dataset"], row["family"], k
            best[key] = max(best.get(key, -np.inf), float(row["log_likelihood"]))
    return best


REQUIRED = required()
QUICK = [("faithful", "full", 3), ("iris", "full", 3), ("galaxies", "tied", 4), ("wine", "diag", 3)]


def check(key, seed):
    name, family, k = key
    X = data(name)
    fit = GaussianMixture(k, covariance_type=family, n_init=50, random_state=seed).fit(X)
    assert fit.converged_
    assert not find_spikes(fit.mixture_, Problem(X, family))
    assert (fit.score(X) * len(X) - REQUIRED[key]) / len(X) > -1e-5


def test_what_is_required():
    assert len(REQUIRED) > 120


@pytest.mark.parametrize("key", QUICK, ids=str)
def test_quick_subset(key):
    check(key, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("key", REQUIRED, ids=str)
def test_never_below_the_best_known_optimum(key):
    check(key, seed=0)
