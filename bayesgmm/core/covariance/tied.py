"""One covariance shared by all components (linear discriminant analysis, without the labels)."""

import numpy as np

from bayesgmm.core.covariance.family import CovarianceFamily, covariance_of, whiten_full


class Tied(CovarianceFamily):
    """Native covariances (D, D)."""

    name = "tied"
    mclust_code = "EEE"
    structure = "triangular"
    shared = True
    isotropic = False

    def n_parameters(self, n_components, n_features):
        return n_features * (n_features + 1) // 2

    def native_shape(self, n_components, n_features):
        return (n_features, n_features)

    def to_full(self, native, n_components, n_features):
        shape = (*native.shape[:-2], n_components, n_features, n_features)
        return np.broadcast_to(native[..., None, :, :], shape)

    def from_full(self, covariances):
        return covariances[..., 0, :, :]

    def whiten(self, native):
        return whiten_full(native)

    def covariances(self, whitening):
        return covariance_of(whitening)

    def kernel_factors(self, whitening, n_components, n_features):
        return self.to_full(whitening, n_components, n_features)

    def estimate(self, scatter, counts, prior_scatter=0.0, prior_count=0.0):
        return (scatter + prior_scatter) / (counts.sum() + prior_count)

    def add_ridge(self, native, ridge):
        out = native.copy()
        i = np.arange(len(ridge))
        out[..., i, i] += ridge
        return out
