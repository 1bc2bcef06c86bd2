"""Spherical covariances: each component one variance, the same in every direction."""

import numpy as np

from bayesgmm.core.covariance.family import CovarianceFamily, diagonal_matrices, whiten_variances


class Spherical(CovarianceFamily):
    """Native covariances (K,): variances."""

    name = "spherical"
    mclust_code = "VII"
    structure = "diagonal"
    shared = False
    isotropic = True

    def n_parameters(self, n_components, n_features):
        return n_components

    def native_shape(self, n_components, n_features):
        return (n_components,)

    def to_full(self, native, n_components, n_features):
        return diagonal_matrices(self.kernel_factors(native, n_components, n_features))

    def from_full(self, covariances):
        return covariances[..., 0, 0].copy()

    def whiten(self, native):
        return whiten_variances(native)

    def covariances(self, whitening):
        return whitening**-2.0

    def kernel_factors(self, whitening, n_components, n_features):
        return np.broadcast_to(whitening[..., None], (*whitening.shape, n_features))

    def estimate(self, scatter, counts, prior_scatter=0.0, prior_count=0.0):
        n_features = scatter.shape[-1]
        return (scatter.sum(-1) + prior_scatter) / (n_features * counts + prior_count)

    def add_ridge(self, native, ridge):
        return native + ridge.mean()
