"""Coordinates around a mixture in which all components are standard.

With ``Sigma_k = L_k L_k'`` and ``W_k = L_k^-1`` at the centre, a mixture nearby has weights
``w_k (1 + b_k)``, means ``mu_k + L_k a_k`` and covariances ``L_k (I + S_k) L_k'``. The coordinates
b, a and S are affine in the parameters themselves and free of units. In them the complete-data
log-likelihood of a row of component k, with ``y = W_k (x - mu_k)``, is
``log(1 + b) - log|I + S| / 2 - (y - a)' (I + S)^-1 (y - a) / 2``. At the centre its score is
``(1, y, (y y' - I) / 2)``, and its curvature is algebra on ``y`` and ``y y'``: sums of the one
pass.
"""

from dataclasses import dataclass

import numpy as np

from bayesgmm.core.covariance.family import diagonal_matrices
from bayesgmm.core.mixture import Mixture
from bayesgmm.em.parameters import Layout


@dataclass
class Sums:
    """What the complete-data log-likelihood of all rows is known by, pseudo-rows included.

    Attributes
    ----------
    rows : (K,) array
        How often ``log(1 + b)`` is added.
    determinants : (K,) array
        How often ``log|I + S| / 2`` is subtracted.
    means : (K,) array
        How often ``a' (I + S)^-1 a / 2`` is.
    first, second : (K, D), (K, D, D) arrays
        Sums of ``y`` and of ``y y'``.
    """

    rows: np.ndarray
    determinants: np.ndarray
    means: np.ndarray
    first: np.ndarray
    second: np.ndarray


class Local:
    """The coordinates around one mixture: b (K), a (K D), then the entries of each S.

    They stand where the parameters do that they move (:class:`~bayesgmm.em.parameters.Layout`).

    Parameters
    ----------
    mixture : Mixture
        Without leading axes.
    """

    def __init__(self, mixture: Mixture):
        self.mixture, self.layout = mixture, Layout.of(mixture)
        factors = mixture.kernel_factors
        is_triangular = mixture.family.structure == "triangular"
        self.whitening = factors if is_triangular else diagonal_matrices(factors)
        self.cholesky = np.linalg.inv(self.whitening)
        # Entries (p, q) of a symmetric S; those of an isotropic one move together. A diagonal
        # entry stands once in S, another one twice.
        d = mixture.n_features
        self.p, self.q = np.tril_indices(d) if is_triangular else (np.arange(d), np.arange(d))
        self.half = np.where(self.p == self.q, 0.5, 1.0)

    def places(self, k: int) -> np.ndarray:
        """Where b, a and S of one component stand."""
        layout = self.layout
        every = np.arange(layout.size)
        return np.concatenate([[k], every[layout.mean(k)], every[layout.covariance(k)]])

    def features(self, rows: np.ndarray, k: int) -> np.ndarray:
        """The complete-data scores of rows (N, D) of component k, (N, 1 + D + Q)."""
        y = (rows - self.mixture.means[k]) @ self.whitening[k].T
        squares = self.half * (y[:, self.p] * y[:, self.q] - (self.p == self.q))
        return np.concatenate([np.ones((len(y), 1)), y, self._joined(squares)], axis=1)

    def score(self, sums: Sums) -> np.ndarray:
        """The derivatives of the log-likelihood, (P,): by Fisher's identity those of the sums."""
        out = np.zeros(self.layout.size)
        for k in range(self.mixture.n_components):
            balance = sums.second[k] - sums.determinants[k] * np.eye(self.mixture.n_features)
            slope = self._joined(self.half * balance[self.p, self.q])
            out[self.places(k)] += np.concatenate([sums.rows[k : k + 1], sums.first[k], slope])
        return out

    def complete_information(self, sums: Sums) -> np.ndarray:
        """Minus the second derivatives of the complete-data log-likelihood, (P, P)."""
        out = np.zeros((self.layout.size, self.layout.size))
        d = self.mixture.n_features
        features = np.arange(d)[:, None]
        for k in range(self.mixture.n_components):
            first = sums.first[k]
            cross = (features == self.p) * first[self.q] + (features == self.q) * first[self.p]
            cross = self._joined(self.half * cross)
            pairs = self._pairs(sums.second[k] - 0.5 * sums.determinants[k] * np.eye(d))
            block = np.zeros((1 + d + cross.shape[1],) * 2)
            block[0, 0] = sums.rows[k]
            block[1 : d + 1, 1 : d + 1] = sums.means[k] * np.eye(d)
            block[1 : d + 1, d + 1 :] = cross
            block[d + 1 :, 1 : d + 1] = cross.T
            block[d + 1 :, d + 1 :] = self._joined(self._joined(pairs).T)
            places = self.places(k)
            out[np.ix_(places, places)] += block
        return out

    def precision_slopes(self) -> np.ndarray:
        """Derivatives of the diagonal of the summed precisions, (D, P), or (1, P) if isotropic."""
        n = 1 if self.mixture.family.isotropic else self.mixture.n_features
        out = np.zeros((n, self.layout.size))
        for k in range(self.layout.n_covariances):
            whitening = self.whitening[k]
            slopes = -2.0 * self.half[:, None] * whitening[self.p] * whitening[self.q]
            out[:, self.layout.covariance(k)] = self._joined(slopes.T)[:n]
        return out

    def to_natural(self, covariance: np.ndarray) -> np.ndarray:
        """The covariance (P, P) of the natural parameters from that of the coordinates."""
        layout = self.layout
        rows, columns = layout.entries
        blocks = [(slice(0, layout.n_components), np.diag(self.mixture.weights))]
        blocks += [(layout.mean(k), self.cholesky[k]) for k in range(layout.n_components)]
        for k in range(layout.n_covariances):
            top, bottom = self.cholesky[k][rows], self.cholesky[k][columns]
            matrix = top[:, self.p] * bottom[:, self.q] + top[:, self.q] * bottom[:, self.p]
            blocks.append((layout.covariance(k), self._joined(self.half * matrix)))
        for _ in range(2):
            moved = np.empty_like(covariance)
            for place, matrix in blocks:
                moved[place] = matrix @ covariance[place]
            covariance = moved.T
        return covariance

    def _pairs(self, centre: np.ndarray) -> np.ndarray:
        """``tr(B_i B_j centre)`` for the symmetric matrices B that the entries stand for."""
        p, q = self.p, self.q
        out = np.zeros((len(p), len(p)))
        for a, b in ((p, q), (q, p)):
            for c, e in ((p, q), (q, p)):
                out += (b[:, None] == c) * centre[e, a[:, None]]
        return self.half[:, None] * self.half * out

    def _joined(self, values: np.ndarray) -> np.ndarray:
        """Along the last axis, entries that move together added up."""
        return values.sum(axis=-1, keepdims=True) if self.mixture.family.isotropic else values
