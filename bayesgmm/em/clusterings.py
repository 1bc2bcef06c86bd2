"""Clusterings that EM can begin from: quick, rough, and of many kinds.

Each takes rows, a number of clusters and a generator, and returns memberships (N, K). They work on
columns scaled to unit variance (spherical: to one common length), or on fully whitened ones, so
that a start does not depend on the units of the data.
"""

import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from bayesgmm.em.problem import Problem
from bayesgmm.exceptions import ConvergenceWarning

# Least and largest size of a carved cluster, in units of N / K rows.
CARVED = (0.1, 1.2)
# Time and memory of a hierarchy grow with the square of the number of rows: of more than these it
# sees a sample. Where it is one start among many, a smaller one does, of so many rows a cluster.
TREE_ROWS = 2_000
TREE_SAMPLE = 1_000
SMALL_TREE_ROWS, SMALL_TREE_ROWS_EACH = 500, 20


class Rows:
    """The rows that clusterings see, in comparable and in whitened coordinates."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.scaled = (problem.X - problem.centre_and_covariance[0]) / problem.scale

    @cached_property
    def covariance(self) -> np.ndarray:
        """That of the rows in comparable coordinates, (D, D)."""
        scale = self.problem.scale
        return self.problem.centre_and_covariance[1] / np.outer(scale, scale)

    @cached_property
    def whitened(self) -> np.ndarray:
        """The rows in coordinates that are uncorrelated, as many as their rank; or as scaled."""
        if self.problem.family.isotropic:
            return self.scaled
        if self.n < self.scaled.shape[1]:
            root = self.problem.covariance_root / self.problem.scale[:, None]
            values, vectors = np.linalg.eigh(root.T @ root)
            vectors = root @ (vectors / np.sqrt(np.maximum(values, 1e-300)))
        else:
            values, vectors = np.linalg.eigh(self.covariance)
        kept = values > 1e-10 * values[-1]
        return self.scaled @ (vectors[:, kept] / np.sqrt(values[kept]))

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.scaled)

    @property
    def probability(self) -> np.ndarray | None:
        """The chance of each row to be chosen, (N,); None if all are alike."""
        weight = self.problem.sample_weight
        if weight is None:
            return None
        # None may be zero: as many different rows as there are can be asked for.
        return np.maximum(weight / weight.sum(), np.finfo(float).tiny)

    @cached_property
    def tree(self) -> np.ndarray:
        """All merges of Ward's hierarchy on the whitened rows, as SciPy writes them."""
        return _ward(self.whitened)


def one_hot(labels: np.ndarray, n_components: int) -> np.ndarray:
    """Labels (N,) as memberships (N, K) of zeros and ones."""
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
    return one_hot(means.labels_, k)


def _plus_plus(points: np.ndarray, rows: Rows, k: int, rng: np.random.Generator) -> np.ndarray:
    from sklearn.cluster import kmeans_plusplus

    centres, _ = kmeans_plusplus(
        points, k, sample_weight=rows.problem.sample_weight, random_state=_seed(rng)
    )
    return nearest(points, centres)


def nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Memberships of points (N, D) in the nearest of centres (K, D)."""
    # Squared distances up to a term that is the same for all centres.
    distance = np.sum(centres**2, axis=1) - 2.0 * points @ centres.T
    return one_hot(distance.argmin(axis=1), len(centres))


def _random_rows(rows: Rows, k: int, rng: np.random.Generator) -> np.ndarray:
    chosen = rng.choice(rows.n, size=k, replace=False, p=rows.probability)
    return nearest(rows.scaled, rows.scaled[chosen])


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
    return one_hot(labels, k)


def _random(rows: Rows, k: int, rng: np.random.Generator) -> np.ndarray:
    responsibilities = rng.random((rows.n, k))
    return responsibilities / responsibilities.sum(axis=1, keepdims=True)


def _hierarchical(rows: Rows, k: int, rng: np.random.Generator) -> np.ndarray:
    """Ward's hierarchy in whitened coordinates, cut at k clusters.

    Scrucca and Raftery (2015, doi:10.1007/s11634-015-0220-z) found this transformation to give EM
    better starts than the data as they are. Of many rows the hierarchy of a sample gives centres.
    """
    return _cut_hierarchy(rows, k, TREE_ROWS, TREE_SAMPLE, rng)


def _small_hierarchical(rows: Rows, k: int, rng: np.random.Generator) -> np.ndarray:
    size = small_tree_size(k)
    return _cut_hierarchy(rows, k, size, size, rng)


def small_tree_size(k: int) -> int:
    """How many rows a small hierarchy sees at most."""
    return min(max(SMALL_TREE_ROWS, SMALL_TREE_ROWS_EACH * k), TREE_SAMPLE)


def _cut_hierarchy(
    rows: Rows, k: int, most: int, sample: int, rng: np.random.Generator
) -> np.ndarray:
    """Its clusters; of more than ``most`` rows those nearest to the centres that a sample has."""
    if rows.n <= most:
        return one_hot(_cut(rows.tree, k), k)
    size = max(sample, k)
    points = rows.whitened[rng.choice(rows.n, size=size, replace=False, p=rows.probability)]
    labels = one_hot(_cut(_ward(points), k), k)
    return nearest(rows.whitened, (labels.T @ points) / labels.sum(axis=0)[:, None])


def _ward(points: np.ndarray) -> np.ndarray:
    from scipy.cluster.hierarchy import linkage

    return linkage(points, method="ward")


def _cut(tree: np.ndarray, k: int) -> np.ndarray:
    """The labels of the k clusters that are there when all but the last k - 1 merges are made."""
    n = len(tree) + 1
    pairs = tree[:, :2].astype(int)
    # From the last of the merges that are made to the first, each hands its label to its two parts.
    labels = np.full(2 * n - k, -1)
    n_labels = 0
    for merge in range(n - k - 1, -1, -1):
        if labels[n + merge] < 0:
            labels[n + merge], n_labels = n_labels, n_labels + 1
        labels[pairs[merge]] = labels[n + merge]
    alone = labels[:n] < 0
    labels[:n][alone] = np.arange(n_labels, k)
    return labels[:n]


CLUSTERINGS: dict[str, Callable[[Rows, int, np.random.Generator], np.ndarray]] = {
    "kmeans": lambda rows, k, rng: _kmeans(rows.scaled, rows, k, rng),
    "k-means++": lambda rows, k, rng: _plus_plus(rows.scaled, rows, k, rng),
    "whitened k-means++": lambda rows, k, rng: _plus_plus(rows.whitened, rows, k, rng),
    "hierarchical": _hierarchical,
    "small hierarchical": _small_hierarchical,
    "random_from_data": _random_rows,
    "carved": _carved,
    "random": _random,
}
