"""Fits with known answers, drawn without a screen."""

import matplotlib as mpl
import numpy as np
import pytest

from bayesgmm.core.mixture import Mixture


@pytest.fixture(autouse=True)
def _no_screen():
    """Draw with Agg, find no figure left over, and leave none."""
    import matplotlib.pyplot as plt

    mpl.use("Agg")
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture
def plt():
    import matplotlib.pyplot as plt

    return plt


@pytest.fixture
def em() -> Mixture:
    """Two components in two dimensions that overlap a little."""
    return Mixture.from_covariances(
        np.array([0.4, 0.6]),
        np.array([[0.0, 0.0], [4.0, 1.0]]),
        np.array([[[1.0, 0.6], [0.6, 2.0]], [[2.0, -0.5], [-0.5, 0.5]]]),
        feature_names=("length", "width"),
    )


@pytest.fixture
def rows(em) -> np.ndarray:
    return em.sample(300, np.random.default_rng(1))[0]


def draws_around(mixture: Mixture, scale: float = 0.05, shape: tuple[int, int] = (2, 50)):
    """Draws whose weights, means and covariances spread around a mixture."""
    rng = np.random.default_rng(2)
    k, d = mixture.n_components, mixture.n_features
    weights = mixture.weights * np.exp(scale * rng.standard_normal((*shape, k)))
    means = mixture.means + scale * rng.standard_normal((*shape, k, d))
    stretch = np.exp(scale * rng.standard_normal((*shape, k)))[..., None, None]
    return Mixture.from_covariances(
        weights / weights.sum(axis=-1, keepdims=True),
        means,
        mixture.covariances * stretch,
        feature_names=mixture.feature_names,
    )


@pytest.fixture
def posterior(em) -> Mixture:
    return draws_around(em)


@pytest.fixture
def em_1d() -> Mixture:
    return Mixture.from_covariances(
        np.array([0.3, 0.7]), np.array([[0.0], [5.0]]), np.array([[[0.25]], [[1.0]]])
    )


@pytest.fixture
def rows_1d(em_1d) -> np.ndarray:
    return em_1d.sample(200, np.random.default_rng(3))[0]


def by_gid(ax, gid: str) -> list:
    """The artists of some Axes with this gid."""
    return ax.findobj(lambda artist: artist.get_gid() == gid)


def key_texts(ax) -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]
