"""Slow, obvious formulae of what the package computes fast. For tests only."""

from itertools import product

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from bayesgmm.core.covariance import get_family
from bayesgmm.core.mixture import Mixture

FAMILIES = ("full", "tied", "diag", "spherical")


def random_spd(rng, n, d, spread=1.0):
    """``n`` well-conditioned covariances (n, d, d)."""
    root = rng.normal(size=(n, d, d + 3)) * spread
    return root @ root.transpose(0, 2, 1) / (d + 3) + 0.1 * spread**2 * np.eye(d)


def random_mixture(family, k, d, rng, separation=2.0):
    """A mixture of one family with means apart and unequal weights."""
    full = random_spd(rng, 1 if family == "tied" else k, d)
    native = {
        "full": full,
        "tied": full[0],
        "diag": full.diagonal(axis1=1, axis2=2),
        "spherical": full[:, 0, 0],
    }[family]
    return Mixture.from_covariances(
        rng.dirichlet(np.full(k, 5.0)),
        separation * rng.normal(size=(k, d)),
        native,
        family,
    )


def random_data(mixture, n, seed=0):
    """Rows drawn from a mixture."""
    return mixture.sample(n, np.random.default_rng(seed))[0]


def log_joint(X, weights, means, covariances):
    """log w_k + log N(x_n | mu_k, Sigma_k), (N, K), by SciPy."""
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    columns = [
        log_w + np.atleast_1d(multivariate_normal(m, c, allow_singular=False).logpdf(X))
        for log_w, m, c in zip(log_weights, means, covariances, strict=True)
    ]
    return np.column_stack(columns)


def log_likelihood(X, mixture, sample_weight=None):
    """Weighted log-likelihood of a mixture without draws."""
    joint = log_joint(X, mixture.weights, mixture.means, mixture.covariances)
    return float(np.sum(logsumexp(joint, axis=1) * (1 if sample_weight is None else sample_weight)))


def statistics(X, mixture, sample_weight=None):
    """Log-likelihood, counts, first and second whitened moments, with (N, K, D) arrays.

    The second are as in ``Statistics``: pooled for tied covariances, diagonals for diagonal ones.
    """
    joint = log_joint(X, mixture.weights, mixture.means, mixture.covariances)
    density = logsumexp(joint, axis=1)
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    r = np.exp(joint - density[:, None]) * weight[:, None]
    whitening = np.linalg.inv(np.linalg.cholesky(mixture.covariances))
    y = np.einsum("kij,nkj->nki", whitening, X[:, None, :] - mixture.means)
    first = np.einsum("nk,nki->ki", r, y)
    second = np.einsum("nk,nki,nkj->kij", r, y, y)
    family = get_family(mixture.covariance_type)
    if family.structure == "diagonal":
        second = second.diagonal(axis1=1, axis2=2)
    if family.shared:
        second = second.sum(axis=0)
    return float(weight @ density), r.sum(axis=0), first, second


def long_double_statistics(X, weights, means, factors):
    """The same in extended precision, from diagonal whitening factors (K, D)."""
    X, weights, means, factors = (
        np.asarray(a, np.longdouble) for a in (X, weights, means, factors)
    )
    y = (X[:, None, :] - means) * factors
    two_pi = 2 * np.arccos(np.longdouble(-1.0))
    joint = np.log(weights) + np.log(factors).sum(1) - (y**2).sum(2) / 2
    joint = joint - X.shape[1] * np.log(two_pi) / 2
    top = joint.max(axis=1, keepdims=True)
    total = np.exp(joint - top).sum(axis=1, keepdims=True)
    r = np.exp(joint - top) / total
    density = top[:, 0] + np.log(total[:, 0])
    return density.sum(), r.sum(0), np.einsum("nk,nkd->kd", r, y), np.einsum("nk,nkd->kd", r, y**2)


def gradient(function, x, step=1e-6):
    """Central differences of a function of a vector, steps relative to its entries."""
    out = np.empty_like(x)
    for i in range(len(x)):
        h = step * max(1.0, abs(x[i]))
        ahead, behind = x.copy(), x.copy()
        ahead[i] += h
        behind[i] -= h
        out[i] = (function(ahead) - function(behind)) / (2 * h)
    return out


class Parameters:
    """Native parameters of a mixture as one free vector, for numerical optimisers and Jacobians.

    log odds against the last component, means, then log-Cholesky factors or log-variances of the
    covariances themselves (not of their inverses, as the package has it).
    """

    def __init__(self, family, k, d):
        self.family, self.k, self.d = family, k, d
        self.n_covariances = 1 if family == "tied" else k
        self.lower = np.tril_indices(d)

    def pack(self, mixture):
        parts = [np.log(mixture.weights[:-1] / mixture.weights[-1]), mixture.means.ravel()]
        native = mixture.native_covariances
        if self.family in ("diag", "spherical"):
            parts.append(np.log(native).ravel())
        else:
            for matrix in native.reshape(-1, self.d, self.d):
                chol = np.linalg.cholesky(matrix)
                chol[np.diag_indices(self.d)] = np.log(np.diag(chol))
                parts.append(chol[self.lower])
        return np.concatenate(parts)

    def unpack(self, vector):
        k, d = self.k, self.d
        odds = np.append(vector[: k - 1], 0.0)
        weights = np.exp(odds - logsumexp(odds))
        means = vector[k - 1 : k - 1 + k * d].reshape(k, d)
        rest = vector[k - 1 + k * d :]
        if self.family == "diag":
            native = np.exp(rest).reshape(k, d)
        elif self.family == "spherical":
            native = np.exp(rest)
        else:
            native = np.zeros((self.n_covariances, d, d))
            for matrix, values in zip(native, np.split(rest, self.n_covariances), strict=True):
                matrix[self.lower] = values
                matrix[np.diag_indices(d)] = np.exp(np.diag(matrix))
                matrix[:] = matrix @ matrix.T
            if self.family == "tied":
                native = native[0]
        return Mixture.from_covariances(weights, means, native, self.family)


SHAPES = [
    (n, d, k)
    for n, d, k in product(
        (1, 2, 7, 8, 255, 256, 257, 700), (1, 2, 3, 4, 5, 6, 9, 11, 27), (1, 2, 5)
    )
    if (n + d + k) % 3 == 0 or n in (1, 257)
]
