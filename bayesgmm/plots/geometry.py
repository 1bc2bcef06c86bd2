"""Ellipses, slices, grids and highest-density levels: everything plots compute."""

import numpy as np
from matplotlib.path import Path

from bayesgmm.core.mixture import Mixture

# Monte Carlo error of a mean over this many draws is far below the width of a line.
GRID_DRAWS = 200
_LEVEL_SAMPLES = 20_000
# Beyond this many standard deviations a component adds less than 0.1 % to any picture.
_REACH = 3.5


def ellipse(means: np.ndarray, covariances: np.ndarray, prob: float, n: int = 90) -> np.ndarray:
    """Closed outlines of the ellipses that hold ``prob`` of 2-D Gaussians.

    Parameters
    ----------
    means : (..., 2) array
    covariances : (..., 2, 2) array
    prob : float
        Probability inside.
    n : int
        Points of an outline.

    Returns
    -------
    (..., n, 2) array
    """
    angle = np.linspace(0.0, 2.0 * np.pi, n)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    radius = np.sqrt(-2.0 * np.log1p(-prob))
    factors = np.linalg.cholesky(covariances)
    return means[..., None, :] + radius * circle @ np.swapaxes(factors, -1, -2)


def slices(shares: np.ndarray) -> list[Path]:
    """The slices of one unit pie, one path for each share, clockwise from the top."""
    edges = 90.0 - 360.0 * np.concatenate([[0.0], np.cumsum(shares)])
    return [
        Path.unit_circle() if share > 0.999 else Path.wedge(stop, start)
        for share, start, stop in zip(shares, edges[:-1], edges[1:], strict=True)
    ]


def point_estimate(mixture: Mixture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (K,), means (K, D) and covariances (K, D, D), averaged over the draws."""
    draws = mixture.flatten()
    return (
        draws.weights.mean(axis=0),
        draws.means.mean(axis=0),
        draws.covariances.mean(axis=0),
    )


def marginal(mixture: Mixture, features: tuple[int, ...]) -> Mixture:
    """The mixture of some of the features: again a Gaussian mixture of the same family."""
    if features == tuple(range(mixture.n_features)):
        return mixture
    chosen = list(features)
    names = mixture.feature_names
    return Mixture.from_covariances(
        mixture.weights,
        mixture.means[..., chosen],
        mixture.covariances[..., chosen, :][..., chosen],
        mixture.covariance_type,
        None if names is None else tuple(names[j] for j in features),
    )


def grid(mixture: Mixture, feature: int, values: np.ndarray | None, n: int) -> np.ndarray:
    """Increasing points that span data and components of one feature.

    About ``n`` are evenly spaced; further ones around every centre keep a narrow component from
    falling between them.
    """
    _, means, covariances = point_estimate(mixture)
    centres, spreads = means[:, feature], np.sqrt(covariances[:, feature, feature])
    low, high = np.min(centres - _REACH * spreads), np.max(centres + _REACH * spreads)
    if values is not None:
        low, high = min(low, values.min()), max(high, values.max())
    step = np.linspace(-_REACH, _REACH, max(15, n // 8))
    near = (centres[:, None] + spreads[:, None] * step).ravel()
    points = np.unique(np.concatenate([np.linspace(low, high, n), near]))
    apart = np.concatenate([[True], np.diff(points) > 1e-9 * (high - low)])
    return points[apart]


def density_levels(mixture: Mixture, masses: tuple[float, ...]) -> np.ndarray:
    """Log densities whose contours enclose the given masses with the smallest area.

    The level for mass p is the (1 - p) quantile of the log density at draws from the mixture
    itself, which no grid has to cover.

    References
    ----------
    Hyndman (1996), doi:10.1080/00031305.1996.10474359.
    """
    X, _ = mixture.sample(_LEVEL_SAMPLES, np.random.default_rng(0))
    log_density = mixture.predictive_log_density(X)
    return np.quantile(log_density, 1.0 - np.asarray(masses))
