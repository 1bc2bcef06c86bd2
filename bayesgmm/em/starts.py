"""Where EM begins: mixtures made from clusterings, from rows, or from what the user gives."""

from collections.abc import Iterator
from itertools import chain, cycle, repeat

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.em.clusterings import CLUSTERINGS, TREE_ROWS, Rows, nearest
from bayesgmm.em.problem import Problem

# Clusterings see at most this many rows: starts need no more, and k-means is dear.
MAX_ROWS = 20_000
# Numbers at a time: so many rows times features of some components.
STEP = 50_000

# What "mixed" takes in turn, after one hierarchy: no one kind finds every optimum. Random rows find
# small clusters, random memberships overlapping ones, carving tight ones inside wide ones, whitened
# coordinates long ones that k-means cuts across.
MIXED = (
    "kmeans",
    "random_from_data",
    "carved",
    "random",
    "whitened k-means++",
    "random_from_data",
    "carved",
    "random",
)


def proposals(
    problem: Problem,
    n_components: int,
    method: str,
    rng: np.random.Generator,
    means: np.ndarray | None = None,
) -> Iterator[Mixture]:
    """Starting mixtures, one after another, without end where chance has a part in them.

    Parameters
    ----------
    problem : Problem
    n_components : int
    method : str
        "mixed", "kmeans", "k-means++", "hierarchical", "random" or "random_from_data".
    rng : numpy.random.Generator
    means : (K, D) array, optional
        Given by the user. Mixed starts then begin with the clusters of the rows nearest to them.
    """
    rows = clustering_rows(problem, rng)
    if method == "mixed":
        kinds = chain(("small hierarchical",), cycle(MIXED))
        if means is not None:
            centre, _ = problem.centre_and_covariance
            clusters = nearest(rows.scaled, (means - centre) / problem.scale)
            yield from_responsibilities(rows, clusters)
    elif method == "hierarchical" and rows.n <= TREE_ROWS:
        kinds = iter((method,))
    else:
        kinds = repeat(method)
    for kind in kinds:
        responsibilities = CLUSTERINGS[kind](rows, n_components, rng)
        yield from_responsibilities(rows, responsibilities)


def clustering_rows(problem: Problem, rng: np.random.Generator) -> Rows:
    """The rows that clusterings of this problem see: all, or a sample of many."""
    return Rows(subsample(problem, MAX_ROWS, rng))


def subsample(problem: Problem, n_rows: int, rng: np.random.Generator) -> Problem:
    """The same problem on ``n_rows`` of its rows, drawn without replacement; on all if fewer."""
    if len(problem.X) <= n_rows:
        return problem
    keep = np.sort(rng.choice(len(problem.X), size=n_rows, replace=False))
    return problem.on_rows(keep)


def from_responsibilities(rows: Rows, responsibilities: np.ndarray) -> Mixture:
    """The mixture that memberships (N, K) of the rows imply.

    Each component's scatter is steadied by D + 1 rows of the pooled scatter within components, so
    that a cluster of one or two rows starts with a shape and not on a spike.
    """
    problem, X = rows.problem, rows.scaled
    weight = problem.sample_weight
    r = responsibilities if weight is None else responsibilities * weight[:, None]
    counts = r.sum(axis=0)
    n, k, d = *r.shape, X.shape[1]
    is_diagonal = problem.family.structure == "diagonal"
    floor = (np.diag(rows.covariance) if is_diagonal else rows.covariance) / k ** (2.0 / d)
    means, scatter = np.empty((k, d)), np.empty((k, *floor.shape))
    step = 1 + STEP // (n * d)
    for j in range(0, k, step):
        some = slice(j, j + step)
        shares, points = r[:, some].T, X
        if step < k:
            # Most clusterings are hard: each row has to do with one cluster.
            inside = np.flatnonzero(shares.any(axis=0))
            shares, points = shares[:, inside], X[inside]
        divisor = np.maximum(counts[some], 1e-12 * problem.n)[:, None]
        means[some] = middle = shares @ points / divisor
        # Of coordinates in units of the data's spread the difference of squares is good enough
        # for a start.
        if is_diagonal:
            scatter[some] = shares @ points**2 - divisor * middle**2
        else:
            outer = divisor[:, :, None] * middle[:, :, None] * middle[:, None, :]
            scatter[some] = (shares[:, None, :] * points.T) @ points - outer
    # A little of the overall shape keeps the pooled scatter regular where clusters are points.
    pooled = (scatter.sum(axis=0) + 1e-3 * problem.n * floor) / (1.001 * problem.n)
    steadied = scatter + (d + 1) * pooled
    if problem.family.shared:
        steadied = steadied.sum(axis=0)
    covariances = problem.family.estimate(steadied, counts + d + 1)
    unit = problem.family.whiten(problem.family.add_ridge(covariances, np.full(d, 1e-10)))
    whitening = unit / (problem.scale[0] if problem.family.isotropic else problem.scale)
    centre = problem.centre_and_covariance[0]
    weights = np.maximum(counts, 1e-6 * problem.n)
    return Mixture(
        weights / weights.sum(), means * problem.scale + centre, whitening, problem.family.name
    )
