"""Split-merge moves: two components become one, and a third becomes two.

Where EM is stuck, two components often share one cluster and one stretches over two others; no step
of EM leads out, a move does (Ueda, Nakano, Ghahramani and Hinton, 2000,
doi:10.1162/089976600300015088). What a move gains is foreseen from lower bounds on the
log-likelihood: with memberships held as they are (merging adds those of the pair, splitting divides
those of one component), the best parameters follow from the moments of the components alone.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import xlogy

from bayesgmm.core.mixture import Mixture
from bayesgmm.core.statistics import Moments, accumulate, moments
from bayesgmm.em.clusterings import Rows, one_hot
from bayesgmm.em.loop import Run, run_plain
from bayesgmm.em.problem import Problem, lengths, positive
from bayesgmm.em.starts import from_responsibilities

# How a component may be split is found on at most this many of its rows, in a few passes.
SPLIT_ROWS = 1_000
SPLIT_PASSES = 6
# Rows that are a component's by less than this say little on how to split it.
LEAST_SHARE = 0.01
# Least and largest part of a component that a neighbourhood of one of its rows takes over.
PART = (0.1, 0.6)
# Pairs to merge that are looked at more closely: this many times K.
PAIRS = 4
# No merger and no split is in more than this many moves, so that they differ.
MOST_ALIKE = 2


@dataclass(frozen=True)
class Move:
    """Two components merged, a third split.

    Attributes
    ----------
    gain : float
        Lower bound on the change of the log-likelihood, in nats.
    components : tuple of int
        The two that are merged, and the one that is split.
    parts : Mixture
        What takes their places, with the weights that they have in the whole.
    """

    gain: float
    components: tuple[int, int, int]
    parts: Mixture


@dataclass(frozen=True)
class _Merger:
    gain: float
    pair: tuple[int, int]
    whole: Mixture


@dataclass(frozen=True)
class _Split:
    gain: float
    component: int
    halves: Mixture


def find_moves(problem: Problem, mixture: Mixture, rng: np.random.Generator) -> list[Move]:
    """Moves on a mixture that EM has come to, the most promising first; none of two components.

    Parameters
    ----------
    problem : Problem
        Of so few rows that an (N, K) array is no burden.
    mixture : Mixture
    rng : numpy.random.Generator
    """
    if mixture.n_components < 3:
        return []
    responsibilities = mixture.responsibilities(problem.X)
    if problem.sample_weight is not None:
        responsibilities *= problem.sample_weight[:, None]
    mergers = _mergers(problem, mixture, responsibilities)
    splits = [
        split
        for k in range(mixture.n_components)
        if (split := _split(problem, mixture, k, responsibilities[:, k], rng)) is not None
    ]
    moves = [
        _move(mixture, merger, split)
        for merger in mergers
        for split in splits
        if split.component not in merger.pair
    ]
    return _unlike(sorted(moves, key=lambda move: -move.gain))


def apply_moves(mixture: Mixture, moves: list[Move]) -> Mixture:
    """The mixture after moves that share no component."""
    weights, means, whitening = (
        mixture.weights.copy(),
        mixture.means.copy(),
        mixture.whitening.copy(),
    )
    for move in moves:
        places = list(move.components)
        weights[places], means[places] = move.parts.weights, move.parts.means
        if not mixture.family.shared:
            whitening[places] = move.parts.whitening
    return replace(mixture, weights=weights / weights.sum(), means=means, whitening=whitening)


def _unlike(moves: list[Move]) -> list[Move]:
    seen: dict[tuple[int, ...], int] = {}
    kept = []
    for move in moves:
        keys = move.components[:2], move.components[2:]
        if all(seen.get(key, 0) < MOST_ALIKE for key in keys):
            kept.append(move)
            for key in keys:
                seen[key] = seen.get(key, 0) + 1
    return kept


def _move(mixture: Mixture, merger: _Merger, split: _Split) -> Move:
    whole, halves = merger.whole, split.halves
    shared = mixture.family.shared
    parts = Mixture(
        np.append(whole.weights, mixture.weights[split.component] * halves.weights),
        np.concatenate([whole.means, halves.means]),
        mixture.whitening if shared else np.concatenate([whole.whitening, halves.whitening]),
        mixture.covariance_type,
    )
    return Move(merger.gain + split.gain, (*merger.pair, split.component), parts)


def _mergers(problem: Problem, mixture: Mixture, responsibilities: np.ndarray) -> list[_Merger]:
    """Pairs and what merging them costs, the least first."""
    found = _moments_by_component(problem, mixture)
    i, j = _near_pairs(found, mixture)
    pooled = _pooled(found, i, j)
    wholes = _fitted(problem, pooled, mixture)
    alone = _expected(found, _fitted(problem, found, mixture))
    gains = _expected(pooled, wholes) - alone[i] - alone[j]
    # Rows in doubt between the two are so no longer: that doubt was likelihood.
    entropy = xlogy(responsibilities, responsibilities).sum(axis=0)
    order = np.argsort(-gains, kind="stable")[: PAIRS * mixture.n_components // 2]
    mergers = []
    for p in order:
        together = responsibilities[:, i[p]] + responsibilities[:, j[p]]
        doubt = entropy[i[p]] + entropy[j[p]] - xlogy(together, together).sum()
        mergers.append(
            _Merger(float(gains[p] + doubt), (int(i[p]), int(j[p])), _component(wholes, int(p)))
        )
    return sorted(mergers, key=lambda merger: -merger.gain)


def _moments_by_component(problem: Problem, mixture: Mixture) -> Moments:
    """Moments with a scatter for each component, also where they share one covariance."""
    if mixture.family.shared:
        factors = mixture.kernel_factors
        mixture = replace(mixture, whitening=factors, covariance_type="full")
    return moments(accumulate(problem.X, mixture, problem.sample_weight), mixture)


def _near_pairs(found: Moments, mixture: Mixture) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of components, those first whose merger would add least scatter (Ward's criterion)."""
    counts, k = found.counts, mixture.n_components
    scatter = found.scatter.sum(axis=0) / counts.sum()
    # Under priors a feature may vary in no component.
    sd = lengths(np.diag(scatter) if scatter.ndim == 2 else scatter)
    if scatter.ndim == 2:
        whiten = np.linalg.inv(np.linalg.cholesky(scatter / np.outer(sd, sd))) / sd
        points = found.means @ whiten.T
    else:
        points = found.means / sd
    i, j = np.triu_indices(k, 1)
    cost = counts[i] * counts[j] / positive(counts[i] + counts[j])
    cost = cost * np.sum((points[i] - points[j]) ** 2, axis=1)
    order = np.argsort(cost, kind="stable")[: PAIRS * k]
    return i[order], j[order]


def _pooled(found: Moments, i: np.ndarray, j: np.ndarray) -> Moments:
    """The moments of each component i and j together."""
    counts = positive(found.counts[i] + found.counts[j])
    share = found.counts[j] / counts
    apart = found.means[j] - found.means[i]
    spread = found.counts[i] * share
    scatter = found.scatter[i] + found.scatter[j]
    if scatter.ndim == 3:
        scatter += spread[:, None, None] * apart[:, :, None] * apart[:, None, :]
    else:
        scatter += spread[:, None] * apart**2
    return Moments(counts, found.means[i] + share[:, None] * apart, scatter)


def _fitted(problem: Problem, found: Moments, mixture: Mixture) -> Mixture:
    """Each component as its moments have it; a covariance that all share stays as it is."""
    family, whitening = problem.family, mixture.whitening
    if not family.shared:
        covariances = family.estimate(found.scatter, positive(found.counts))
        whitening = family.whiten(family.add_ridge(covariances, problem.ridge))
    return Mixture(found.counts / problem.n, found.means, whitening, family.name)


def _expected(found: Moments, mixture: Mixture) -> np.ndarray:
    """``sum_n r_nk log(w_k N(x_n | mu_k, Sigma_k))`` from moments about the means, (K,)."""
    factors, d = mixture.kernel_factors, mixture.n_features
    if mixture.family.structure == "diagonal":
        log_det = np.log(factors).sum(axis=1)
        distances = (found.scatter * factors**2).sum(axis=1)
    else:
        log_det = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        distances = np.einsum("kij,kjl,kil->k", factors, found.scatter, factors, optimize=True)
    log_height = np.log(positive(mixture.weights)) + log_det - d / 2.0 * np.log(2.0 * np.pi)
    return found.counts * log_height - distances / 2.0


def _component(mixture: Mixture, k: int) -> Mixture:
    return Mixture(
        mixture.weights[k : k + 1],
        mixture.means[k : k + 1],
        mixture.whitening if mixture.family.shared else mixture.whitening[k : k + 1],
        mixture.covariance_type,
    )


def _split(
    problem: Problem,
    mixture: Mixture,
    k: int,
    share: np.ndarray,
    rng: np.random.Generator,
) -> _Split | None:
    """The better of two ways to split a component, or None where it has too few rows."""
    least = problem.n_features + 1
    rows = np.flatnonzero(share > LEAST_SHARE)
    if share[rows].sum() < 2 * least:
        return None
    if len(rows) > SPLIT_ROWS:
        rows = np.sort(rng.choice(rows, size=SPLIT_ROWS, replace=False))
    weight = share[rows]
    fixed = frozenset({"covariances"} if problem.family.shared else ())
    own = replace(problem.on_rows(rows, weight), priors=None, fixed=fixed)
    one = replace(_component(mixture, k), weights=np.ones(1))
    seen = Rows(own)
    runs = [
        run
        for first in (_beyond_the_middle(own, one, problem.scale), _neighbourhood(own, one, rng))
        if (run := _halved(seen, first, one)) is not None
    ]
    if not runs:
        return None
    best = max(runs, key=lambda run: run.objective)
    if best.mixture.weights.min() * share.sum() < least:
        return None
    gain = best.objective - weight @ one.log_density(own.X)
    return _Split(float(gain * share.sum() / weight.sum()), k, best.mixture)


def _halved(rows: Rows, first: np.ndarray, one: Mixture) -> Run | None:
    if first.all() or not first.any():
        return None
    own, start = rows.problem, from_responsibilities(rows, one_hot(first.astype(int), 2))
    if own.family.shared:
        start = replace(start, whitening=one.whitening)
    try:
        return run_plain(own, start, SPLIT_PASSES, 0.0)
    except np.linalg.LinAlgError:
        return None


def _beyond_the_middle(own: Problem, one: Mixture, scale: np.ndarray) -> np.ndarray:
    """Which rows lie beyond the component's mean, along its longest axis in units of ``scale``."""
    covariance = one.covariances[0] / np.outer(scale, scale)
    return (own.X - one.means[0]) / scale @ np.linalg.eigh(covariance)[1][:, -1] > 0.0


def _neighbourhood(own: Problem, one: Mixture, rng: np.random.Generator) -> np.ndarray:
    """Which rows are nearest to a random one of them."""
    weight = own.sample_weight
    assert weight is not None
    scaled = (own.X - one.means[0]) / own.scale
    centre = rng.choice(len(scaled), p=weight / weight.sum())
    near = np.argsort(np.sum((scaled - scaled[centre]) ** 2, axis=1), kind="stable")
    size = rng.uniform(*PART) * weight.sum()
    inside = np.zeros(len(scaled), dtype=bool)
    inside[near[np.cumsum(weight[near]) <= size]] = True
    return inside
