"""Simulated mixtures, and starts for them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.core.statistics import Statistics
from bayesgmm.em.problem import Problem


def simulate(n: int, d: int, k: int, seed: int = 0, separation: float = 3.0) -> np.ndarray:
    """(n, d) rows of k randomly turned ellipsoids; their centres lie about ``separation`` apart."""
    rng = np.random.default_rng(seed)
    means = 2.0 * separation / np.sqrt(d) * rng.normal(size=(k, d))
    labels = rng.choice(k, size=n, p=rng.dirichlet(np.full(k, 10.0)))
    X = rng.normal(size=(n, d))
    for j in range(k):
        axes, _ = np.linalg.qr(rng.normal(size=(d, d)))
        axes *= np.exp(rng.uniform(-0.7, 0.7, size=d))
        rows = labels == j
        X[rows] = X[rows] @ axes + means[j]
    return X


def start(X: np.ndarray, k: int, family: str) -> Mixture:
    """Equal weights, some rows as means, and the variances of the columns."""
    rows = np.random.default_rng(1).choice(len(X), size=k, replace=False)
    covariances = np.tile(np.diag(X[:20_000].var(axis=0)), (k, 1, 1))
    return Mixture.from_covariances(np.full(k, 1.0 / k), X[rows], covariances, family)


def as_arguments(mixture: Mixture) -> dict[str, Any]:
    """The start for the constructors of scikit-learn's class and ours."""
    if mixture.family.structure == "diagonal":
        precisions = mixture.whitening**2
    else:
        precisions = np.swapaxes(mixture.whitening, -1, -2) @ mixture.whitening
    return {
        "weights_init": mixture.weights,
        "means_init": mixture.means,
        "precisions_init": precisions,
    }


def one_pass(X: np.ndarray, k: int, family: str) -> Callable[[], Statistics]:
    """A function that makes one pass over the rows, three EM steps from the start."""
    few = Problem(X[:50_000], family)
    mixture = start(X, k, family)
    for _ in range(3):
        mixture = few.maximisation(few.expectation(mixture), mixture)
    problem = Problem(X, family)
    return lambda: problem.expectation(mixture)
