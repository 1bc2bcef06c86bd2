"""Diagonal covariances: features independent within a component, each with its own variance."""

from bayesgmm.core.covariance.family import CovarianceFamily, diagonal_matrices, whiten_variances


class Diag(CovarianceFamily):
    """Native covariances (K, D): variances."""

    name = "diag"
    mclust_code = "VVI"
    structure = "diagonal"
    shared = False
    isotropic = False

    def n_parameters(self, n_components, n_features):
        return n_components * n_features

    def native_shape(self, n_components, n_features):
        return (n_components, n_features)

    def to_full(self, native, n_components, n_features):
        return diagonal_matrices(native)

    def from_full(self, covariances):
        return covariances.diagonal(axis1=-2, axis2=-1).copy()

    def whiten(self, native):
        return whiten_variances(native)

    def covariances(self, whitening):
        return whitening**-2.0

    def kernel_factors(self, whitening, n_components, n_features):
        return whitening

    def estimate(self, scatter, counts, prior_scatter=0.0, prior_count=0.0):
        return (scatter + prior_scatter) / (counts + prior_count)[:, None]

    def add_ridge(self, native, ridge):
        return native + ridge
