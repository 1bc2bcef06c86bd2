"""Whether steps of a sampler leave the joint distribution of parameters and data alone."""

from functools import partial

import numpy as np
from scipy import stats

from bayesgmm.bayes.conditionals import addresses_of, sweep
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.em.problem import Problem
from bayesgmm.priors import (
    ConjugateMeans,
    Dirichlet,
    GammaConcentration,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    NormalMeans,
    Priors,
    resolve,
)

MEANS = {
    "independent": NormalMeans(loc=[0.5, -1.0], scale=[1.5, 0.7]),
    "conjugate": ConjugateMeans(loc=[0.5, -1.0], strength=0.4),
}
COVARIANCES = {
    "fixed": InverseWishart(dof=6.0, scale=[[2.0, 0.6], [0.6, 1.0]]),
    "hierarchical": GammaScale(shape=2.5, hyper_shape=3.0, hyper_rate=[4.0, 2.0]),
    "log-normal": LogNormalScale(shape=2.5, median=[0.7, 1.5], sigma=0.6),
}
WEIGHTS = {"fixed": Dirichlet([0.7, 2.5]), "learned": GammaConcentration(3.0, rate=4.0)}
K, D, N_ROWS = 2, 2, 6


def addresses(posterior):
    """Of the functions that a sweep is made of."""
    return addresses_of(bool(posterior.sizes.is_triangular))


def sweep_of(posterior):
    """A step that is a sweep."""
    return partial(sweep, addresses(posterior))


def stream(seed):
    return np.array([seed], dtype=np.uint64)


def small_posterior(family, means, covariances, weights="fixed"):
    """A few rows, so that the priors matter, and a concentration below one."""
    X = np.random.default_rng(0).normal(size=(N_ROWS, D))
    priors = Priors(WEIGHTS[weights], MEANS[means], COVARIANCES[covariances])
    resolved = resolve(priors, X, K, family)
    return LogPosterior(Problem(X, family, priors=resolved), K)


def from_the_prior(posterior, rng):
    """Coordinates of a draw from the prior, by SciPy's distributions."""
    sizes, numbers = posterior.sizes, posterior.numbers
    concentration, rest = numbers[:K], numbers[K:]
    loc, spread, dof = rest[:D], rest[D : 2 * D], rest[2 * D]
    scatter = rest[2 * D + 1 : 2 * D + 1 + D * D].reshape(D, D)
    hyper = rest[2 * D + 1 + D * D :]
    n_hyper = sizes.n_hyper
    if n_hyper and hyper[1]:
        beta = np.exp(
            hyper[2 + n_hyper : 2 + 2 * n_hyper] + rng.normal(size=n_hyper) / np.sqrt(hyper[1])
        )
    else:
        beta = rng.gamma(hyper[0], 1.0 / hyper[2 : 2 + n_hyper]) if n_hyper else np.empty(0)
    if sizes.is_triangular:
        if n_hyper:
            scatter = 2.0 * np.diag(beta)
        shape = np.atleast_3d(stats.invwishart(dof, scatter).rvs(sizes.n_factors, rng))
        full = np.broadcast_to(shape.reshape(-1, D, D), (K, D, D))
        factors = np.linalg.inv(np.linalg.cholesky(full))[: sizes.n_factors]
        coordinates = [
            np.r_[np.log(np.diag(factor)), factor[np.tril_indices(D, -1)]] for factor in factors
        ]
    else:
        rate = beta if n_hyper else scatter[0] / 2.0
        n = 1 if sizes.is_isotropic else D
        variances = rate[:n] / rng.gamma(dof / 2.0, size=(K, n))
        coordinates = [-0.5 * np.log(variances).ravel()]
        full = np.stack([np.diag(np.broadcast_to(v, D)) for v in variances])
    if sizes.is_conjugate:
        root = np.linalg.cholesky(full / spread[0])
        means = loc + np.einsum("kij,kj->ki", root, rng.normal(size=(K, D)))
    else:
        means = loc + spread * rng.normal(size=(K, D))
    learned = np.empty(0)
    if sizes.n_concentrations:
        learned = rng.gamma(numbers[-2], 1.0 / numbers[-1:])
        concentration = np.repeat(learned, K)
    log_weights = np.log(rng.gamma(concentration + 1.0)) + np.log(rng.random(K)) / concentration
    log_odds = log_weights[:-1] - log_weights[-1]
    return np.concatenate([log_odds, means.ravel(), *coordinates, np.log(beta), np.log(learned)])


def rows_given(posterior, thetas, rng):
    """Data (chain, row, feature) for each of many thetas, in standardised units."""
    mixture, _ = posterior.unpack(thetas)
    scale = posterior.problem.scale
    labels = rng.random((len(thetas), N_ROWS, 1)) > np.cumsum(mixture.weights, axis=-1)[:, None]
    labels = labels[..., : K - 1].sum(axis=-1)
    chosen = np.arange(len(thetas))[:, None], labels
    roots = np.linalg.cholesky(mixture.covariances)[chosen] / scale[:, None]
    means = (mixture.means[chosen] - posterior.problem.centre_and_covariance[0]) / scale
    return means + np.einsum("cnij,cnj->cni", roots, rng.normal(size=means.shape))


def joint_distribution_scores(posterior, step, n_chains, n_steps, seed):
    """How far steps move the mean of many functions of theta, in standard errors.

    Chains start at draws from the prior; data given theta and theta given data by a step, in turn,
    leave the joint distribution as it is (Geweke, 2004, doi:10.1198/016214504000001132). The chains
    are independent of each other, so the errors are plain. A step is called with theta, which it
    moves, rows, sizes, numbers and a stream.
    """
    rng = np.random.default_rng(seed)
    thetas = np.array([from_the_prior(posterior, rng) for _ in range(n_chains)])
    order = np.sort(thetas, axis=0)
    sizes = np.asarray(posterior.sizes, dtype=np.int64)
    streams = rng.integers(2**64, size=(n_chains, 1), dtype=np.uint64)

    def functions(thetas):
        # Ranks among the prior draws, so that no tail is too heavy: means, spreads, dependences.
        ranks = [np.searchsorted(o, t) for o, t in zip(order.T, thetas.T, strict=True)]
        u = np.array(ranks).T / n_chains - 0.5
        i, j = np.tril_indices(u.shape[1])
        return np.hstack([u, u[:, i] * u[:, j]])

    before, total = functions(thetas), 0.0
    for _ in range(n_steps):
        X = rows_given(posterior, thetas, rng)
        for c in range(n_chains):
            step(thetas[c], X[c], sizes, posterior.numbers, streams[c])
        total = total + functions(thetas)
    moved = total / n_steps - before
    return moved.mean(axis=0) / (moved.std(axis=0, ddof=1) / np.sqrt(n_chains))
