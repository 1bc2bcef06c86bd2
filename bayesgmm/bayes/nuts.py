"""NUTS on the compiled posterior, preconditioned by the observed information."""

from dataclasses import dataclass

import numpy as np

from bayesgmm.bayes import nutpie_adapter
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.core.mixture import Mixture

# Standard deviations of a mode by which chains start apart from it.
OVERDISPERSION = 2.0
# The coordinates are near standard normal, so little tuning is needed.
TUNE = 400
# Modes are looked at if their density is within this of the highest, in nats, and these at most.
NEAR = 10.0
MAX_MODES = 8


@dataclass(frozen=True)
class PosteriorDraws:
    """Draws of a mixture, as they came: labels may differ between draws.

    Attributes
    ----------
    mixture : Mixture
        With leading axes (chain, draw), in the units of the data.
    hyper : (chain, draw, n) array
        Draws of half the hierarchical scale; n is zero if the scale is fixed.
    sample_stats : dict of (chain, draw) arrays
    """

    mixture: Mixture
    hyper: np.ndarray
    sample_stats: dict[str, np.ndarray]


def sample_nuts(
    posterior: LogPosterior,
    optima: list[tuple[Mixture, np.ndarray | None]],
    *,
    draws: int,
    tune: int | None,
    chains: int,
    rng: np.random.Generator,
    progressbar: bool,
) -> PosteriorDraws:
    """Draw from the posterior.

    Parameters
    ----------
    posterior : LogPosterior
    optima : list of (mixture, half the hierarchical scale)
        Modes of the posterior density, the highest first.
    draws, chains : int
    tune : int or None
        None takes 400.
    rng : numpy.random.Generator
    progressbar : bool

    Notes
    -----
    A high mode may be narrow and hold little of the posterior. Each mode's share is approximated by
    Laplace's method, chains are allotted to modes by their shares, and start spread about them: if
    the chains do not move between modes, their draws taken together are still about right, and
    R-hat says that they did not.
    """
    from bayesgmm.bayes import callbacks

    modes = [_Mode(*posterior.centre(posterior.pack(*o)), posterior) for o in optima[:MAX_MODES]]
    modes.sort(key=lambda mode: -mode.log_mass)
    mode, basis = modes[0].place, modes[0].basis
    n = len(mode)
    starts = np.zeros((chains, n))
    for chain, which in enumerate(_allot(modes, chains)):
        spread = OVERDISPERSION * rng.standard_normal(n) if chain else np.zeros(n)
        place = modes[which].place + modes[which].basis @ spread
        starts[chain] = np.linalg.solve(basis, place - mode)
    sizes = np.asarray(posterior.sizes, dtype=np.int64)
    arrays = (mode, basis, posterior.rows, sizes, posterior.numbers)
    addresses = [array.ctypes.data for array in arrays]
    head = [*posterior.rows.shape, n, len(posterior.numbers)]
    raw = nutpie_adapter.sample(
        callbacks.density,
        callbacks.expand,
        np.array([*head, *addresses], dtype=np.int64),
        n,
        starts,
        draws=draws,
        tune=TUNE if tune is None else tune,
        chains=chains,
        seed=int(rng.integers(2**31)),
        progressbar=progressbar,
    )
    mixture, hyper = posterior.unpack(raw.draws)
    return PosteriorDraws(mixture, hyper, raw.sample_stats)


class _Mode:
    """A mode, its shape, and the log of its share of the posterior by Laplace's method."""

    def __init__(self, place: np.ndarray, basis: np.ndarray, posterior: LogPosterior):
        self.place, self.basis = place, basis
        height = posterior.value_and_gradient(place)[0]
        self.log_mass = height + np.linalg.slogdet(basis)[1]


def _allot(modes: list[_Mode], chains: int) -> list[int]:
    """Which mode each chain starts at: shares rounded so that the largest remainders win."""
    log_mass = np.array([mode.log_mass for mode in modes])
    share = np.exp(log_mass - log_mass.max())
    quota = chains * share / share.sum()
    counts = np.floor(quota).astype(int)
    remainders = np.argsort(-(quota - counts), kind="stable")
    counts[remainders[: chains - counts.sum()]] += 1
    return np.repeat(np.arange(len(modes)), counts).tolist()
