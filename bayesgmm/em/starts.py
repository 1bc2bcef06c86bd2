"""Where EM begins: mixtures made from clusterings, from rows, or from what the user gives.

Clusterings work on columns scaled to unit variance (spherical: to one common length), or on fully
whitened ones, so that a start does not depend on the units of the data.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.em.problem import Problem
from bayesgmm.exceptions import ConvergenceWarning

# Clusterings see at most this many rows: starts need no more, and k-means is dear.
MAX_ROWS = 20_000

# What "mixed" takes in turn: no one kind finds every optimum. Random rows find small clusters,
# random memberships overlapping ones, carving tight ones inside wide ones, whitened coordinates
# long ones that k-means cuts across.
MIXED = (
    "kmeans",
    "random_from_data",
    "carved",
    "random",
    "k-means++",
    "carved",
    "random_from_data",
    "whitened k-means++",
)

# Least and largest size of a carved cluster, in units of N / K rows.
CARVED = (0.1, 1.2)


def proposals(
    problem: Problem, n_components: int, method: str, rng: np.random.Generator
) -> Iterator[Mixture]:
    """Starting mixtures, one after another, without end.

    Parameters
    ----------
    problem : Problem
    n_components : int
    method : str
        "mixed", "kmeans", "k-means++", "random" or "random_from_data".
    rng : numpy.random.Generator
    """
    rows = clustering_rows(problem, rng)
    methods = MIXED if method == "mixed" else (method,)
    turn = 0
    while True:
        responsibilities = _METHODS[methods[turn % len(methods)]](rows, n_components, rng)
        yield from_responsibilities(rows.problem, responsibilities)
        turn += 1


class Rows:
    """The rows that clusterings see, in comparable and in whitened coordinates."""

    def __init__(self, problem: Problem):
        self.problem = problem
        centre, covariance = problem.centre_and_covariance
        self.scaled = (problem.X - centre) / problem.scale
        if problem.family.isotropic:
            self.whitened = self.scaled
        else:
            correlation = covariance / np.outer(problem.scale, problem.scale)
            values, vectors = np.linalg.eigh(correlation)
            kept = values > 1e-10 * values[-1]
            self.whitened = self.scaled @ (vectors[:, kept] / np.sqrt(values[kept]))

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.scaled)

    @property
    def probability(self) -> np.ndarray | None:
        """The chance of each row to be chosen, (N,); None if all are alike."""
        weight = self.problem.sample_weight
        return None if weight is None else weight / weight.sum()


def clustering_rows(problem: Problem, rng: np.random.Generator) -> Rows:
    """The rows that clusterings of this problem see: all, or a sample of many."""
    n = len(problem.X)
    if n <= MAX_ROWS:
        return Rows(problem)
    return Rows(subsample(problem, MAX_ROWS, rng))


def subsample(problem: Problem, n_rows: int, rng: np.random.Generator) -> Problem:
    """The same problem on ``n_rows`` of its rows, drawn without replacement."""
    keep = np.sort(rng.choice(len(problem.X), size=n_rows, replace=False))
    weight = problem.sample_weight
    return Problem(
        np.ascontiguousarray(problem.X[keep]),
        problem.covariance_type,
        None if weight is None else np.ascontiguousarray(weight[keep]),
        problem.priors,
        problem.reg_covar,
    )


def _one_hot(labels: np.ndarray, n_components: int) -> np.ndarray:
    out = np.zeros((len(labels), n_components))
    out[np.arange(len(labels)), labels] = 1.0
    return out


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31 - 1))


def _kmeans(points: np.ndarray, rows: Rows, k: int, rng: np.random.Generator) -> np.ndarray:
    from sklearn.cluster import KMeans

    # The algorithm is fixed because the default one warns where memory leaks with threads.
    means: Any = KMeans(k, n_init=1, random_state=_seed(rng), algorithm="lloyd")  # pyright: ignore
    with warnings.catch_warnings():
        # Fewer distinct rows than clusters: no trouble for a start.
        warnings.simplefilter("ignore", ConvergenceWarning)
        means.fit(points, sample_weight=rows.problem.sample_weight)
    return _one_hot(means.labels_, k)


def _plus_plus(points: np.ndarray, rows: Rows, k: int, rng: np.random.Generator) -> np.ndarray:
    from sklearn.cluster import kmeans_plusplus

    centres, _ = kmeans_plusplus(
        points, k, sample_weight=rows.problem.sample_weight, random_state=_seed(rng)
    )
    return _nearest(points, centres)


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    # Squared distances up to a term that is the same for all centres.
    distance = np.sum(centres**2, axis=1) - 2.0 * points @ centres.T
    return _one_hot(distance.argmin(axis=1), len(centres))


def _random_rows(rows: Rows, k: int, rng: np.random.Generator) -> np.ndarray:
    chosen = rng.choice(rows.n, size=k, replace=False, p=rows.probability)
    return _nearest(rows.scaled, rows.scaled[chosen])


def _carved(rows: Rows, k: int, rng: np.random.Generator) -> np.ndarray:
    """Neighbourhoods of random rows, of random sizes, one after another; the rest is the last."""
    left = np.arange(rows.n)
    labels = np.full(rows.n, k - 1)
    for j in range(k - 1):
        points = rows.scaled[left]
        distance = np.sum((points - points[rng.integers(len(left))]) ** 2, axis=1)
        size = int(rng.uniform(*CARVED) * rows.n / k)
        near = np.argsort(distance, kind="stable")[: max(1, min(size, len(left) - k + j + 1))]
        labels[left[near]] = j
        left = np.delete(left, near)
    return _one_hot(labels, k)


def _random(rows: Rows, k: int, rng: np.random.Generator) -> np.ndarray:
    responsibilities = rng.random((rows.n, k))
    return responsibilities / responsibilities.sum(axis=1, keepdims=True)


_METHODS: dict[str, Callable[[Rows, int, np.random.Generator], np.ndarray]] = {
    "kmeans": lambda rows, k, rng: _kmeans(rows.scaled, rows, k, rng),
    "k-means++": lambda rows, k, rng: _plus_plus(rows.scaled, rows, k, rng),
    "whitened k-means++": lambda rows, k, rng: _plus_plus(rows.whitened, rows, k, rng),
    "random_from_data": _random_rows,
    "carved": _carved,
    "random": _random,
}


def from_responsibilities(problem: Problem, responsibilities: np.ndarray) -> Mixture:
    """The mixture that memberships (N, K) of the rows imply.

    Each component's scatter is steadied by D + 1 rows of the pooled scatter within components, so
    that a cluster of one or two rows starts with a shape and not on a spike.
    """
    weight = problem.sample_weight
    r = responsibilities if weight is None else responsibilities * weight[:, None]
    counts = r.sum(axis=0)
    safe = np.maximum(counts, 1e-12 * problem.n)
    centre, covariance = problem.centre_and_covariance
    X = (problem.X - centre) / problem.scale
    means = (r.T @ X) / safe[:, None]
    means[counts <= 0] = 0.0
    k, d = means.shape
    pooled_floor = covariance / np.outer(problem.scale, problem.scale) / k ** (2.0 / d)
    if problem.family.structure == "diagonal":
        scatter = np.stack([r[:, j] @ (X - means[j]) ** 2 for j in range(k)])
        floor = np.diag(pooled_floor)
    else:
        scatter = np.stack([(X - means[j]).T @ (r[:, [j]] * (X - means[j])) for j in range(k)])
        floor = pooled_floor
    # A little of the overall shape keeps the pooled scatter regular where clusters are points.
    pooled = (scatter.sum(axis=0) + 1e-3 * problem.n * floor) / (1.001 * problem.n)
    steadied = scatter + (d + 1) * pooled
    if problem.family.shared:
        steadied = steadied.sum(axis=0)
    covariances = problem.family.estimate(steadied, counts + d + 1)
    unit = problem.family.whiten(problem.family.add_ridge(covariances, np.full(d, 1e-10)))
    whitening = unit / (problem.scale[0] if problem.family.isotropic else problem.scale)
    weights = np.maximum(counts, 1e-6 * problem.n)
    return Mixture(
        weights / weights.sum(), means * problem.scale + centre, whitening, problem.family.name
    )
