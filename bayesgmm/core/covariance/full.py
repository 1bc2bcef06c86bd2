"""Full covariances: each component its own volume, shape and orientation."""

import numpy as np

from bayesgmm.core.covariance.family import CovarianceFamily, covariance_of, whiten_full


class Full(CovarianceFamily):
    """Native covariances (K, D, D)."""

    name = "full"
    mclust_code = "VVV"
    structure = "triangular"
    shared = False
    isotropic = False

    def n_parameters(self, n_components, n_features):
        return n_components * n_features * (n_features + 1) // 2

    def native_shape(self, n_components, n_features):
        return (n_components, n_features, n_features)

    def to_full(self, native, n_components, n_features):
        return native

    def from_full(self, covariances):
        return covariances

    def whiten(self, native):
        return whiten_full(native)

    def covariances(self, whitening):
        return covariance_of(whitening)

    def kernel_factors(self, whitening, n_components, n_features):
        return whitening

    def estimate(self, scatter, counts, prior_scatter=0.0, prior_count=0.0):
        return (scatter + prior_scatter) / (counts + prior_count)[:, None, None]

    def add_ridge(self, native, ridge):
        out = native.copy()
        i = np.arange(len(ridge))
        out[..., i, i] += ridge
        return out
