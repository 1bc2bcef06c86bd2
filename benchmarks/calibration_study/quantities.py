"""Functions of a mixture that no order of its components changes."""

import numpy as np

from bayesgmm.core.mixture import Mixture


def invariants(mixture: Mixture, X: np.ndarray) -> dict[str, np.ndarray]:
    """Quantities of a mixture, or of each of its draws; leading axes are kept."""
    w, means, covariances = mixture.weights, mixture.means, mixture.covariances
    centre = np.einsum("...k,...ki->...i", w, means)
    offsets = means - centre[..., None, :]
    total = np.einsum("...k,...kij->...ij", w, covariances)
    total = total + np.einsum("...k,...ki,...kj->...ij", w, offsets, offsets)
    log_volumes = np.linalg.slogdet(covariances)[1]
    origin = np.zeros((1, mixture.n_features))
    return {
        "log-likelihood": mixture.log_density(X).sum(axis=-1),
        "density at 0": mixture.log_density(origin)[..., 0],
        "evenness of weights": np.sum(w**2, axis=-1),
        "overall mean": centre[..., 0],
        "overall volume": np.linalg.slogdet(total)[1],
        "mean log volume": np.sum(w * log_volumes, axis=-1),
    }


NAMES = (
    "log-likelihood",
    "density at 0",
    "evenness of weights",
    "overall mean",
    "overall volume",
    "mean log volume",
)
