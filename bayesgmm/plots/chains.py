"""Chains, draw by draw."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from bayesgmm.exceptions import DataError, DataTypeError
from bayesgmm.plots.scene import read_scene
from bayesgmm.plots.style import axes_or_new, describe, palette_of

_MOST_DRAWS = 250


def plot_trace(fit: Any, X: Any = None, *, ax: Axes | None = None) -> Axes:
    """Draw the log-likelihood of the data along each chain.

    The log-likelihood does not depend on the labels, so a chain that swaps them does not show; one
    that is stuck at another mode does.

    Parameters
    ----------
    fit : fitted estimator or Mixture
        A posterior: its mixture has (chain, draw) axes.
    X : (N, D) array-like or frame
        The rows that were fitted.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError
        If the fit has no (chain, draw) axes, or X is left out.
    """
    if X is None:
        raise DataError("a trace needs the rows that were fitted; write plot_trace(bayes, X).")
    scene = read_scene(fit, X)
    mixture = scene.mixture
    if len(mixture.batch_shape) != 2:
        raise DataError(
            "a trace needs draws with axes (chain, draw), got a fit with leading axes "
            f"{mixture.batch_shape}; fit a BayesianGaussianMixture."
        )
    kept = mixture[:, _thinned(mixture.batch_shape[1])]
    values = np.array([draw.log_density(scene.data).sum() for draw in kept.flatten()])
    values = values.reshape(kept.batch_shape)
    return _draw(values, mixture.batch_shape[1], "log-likelihood (nats)", ax)


def plot_chains(values: Any, *, label: str = "", ax: Axes | None = None) -> Axes:
    """Draw one quantity along each chain, in greys: chains are not clusters.

    Of long chains every second, third, ... draw is shown, and the axis says so.

    Parameters
    ----------
    values : (chain, draw) array-like
        The quantity; best one that does not depend on the labels.
    label : str, optional
        Its name and unit.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError
        If the values have other axes, or are no numbers.
    """
    try:
        values = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise DataTypeError(
            f"values must be numbers with axes (chain, draw), got {type(values).__name__}; write "
            "plot_trace(bayes, X) for the log-likelihood, or for the share of component 0 "
            "plot_chains(bayes.mixture_.weights[..., 0])."
        ) from None
    if values.ndim != 2 or not values.size:
        raise DataError(f"values must have axes (chain, draw), got shape {values.shape}.")
    return _draw(values[:, _thinned(values.shape[1])], values.shape[1], label, ax)


def _thinned(n_draws: int) -> slice:
    return slice(None, None, -(-n_draws // _MOST_DRAWS))


def _draw(values: np.ndarray, n_draws: int, label: str, ax: Axes | None) -> Axes:
    ax = axes_or_new(ax)
    palette = palette_of(ax)
    every = _thinned(n_draws).step
    ink, paper = np.array(to_rgb(palette.ink)), np.array(to_rgb(palette.paper or "#ffffff"))
    for chain, fade in enumerate(np.linspace(0.0, 0.6, len(values))):
        ax.plot(
            np.arange(0, n_draws, every),
            values[chain],
            color=tuple((1 - fade) * ink + fade * paper),
            linewidth=0.7,
            gid=f"chain-{chain + 1}",
        )
    nth = {1: "", 2: " (every 2nd shown)", 3: " (every 3rd shown)"}
    ax.set_xlabel(f"draw{nth.get(every, f' (every {every}th shown)')}")
    ax.set_ylabel(label)
    ax.margins(x=0.01)
    describe(ax, f"{label or 'A quantity'} along {len(values)} chains of {n_draws} draws.")
    return ax
