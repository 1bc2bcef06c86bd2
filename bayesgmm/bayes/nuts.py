"""NUTS on the compiled posterior, preconditioned by the observed information."""

from dataclasses import dataclass

import numpy as np

from bayesgmm.bayes import nutpie_adapter
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.core.mixture import Mixture

# Standard deviations, in preconditioned coordinates, by which chains start apart.
OVERDISPERSION = 2.0
# The coordinates are near standard normal, so little tuning is needed.
TUNE = 400
# Other optima get a chain if their log posterior is within this of the best, in nats.
NEAR = 10.0


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
        The MAP first, then other modes within reach. The first chain starts at the MAP, the
        others at the other modes, and around the MAP once there are no more.
    draws, chains : int
    tune : int or None
        None takes 400.
    rng : numpy.random.Generator
    progressbar : bool
    """
    from bayesgmm.bayes import callbacks

    mode, basis = posterior.centre(posterior.pack(*optima[0]))
    n = len(mode)
    starts = OVERDISPERSION * rng.standard_normal((chains, n))
    starts[0] = 0.0
    for chain, optimum in zip(range(1, chains), optima[1:], strict=False):
        starts[chain] = np.linalg.solve(basis, posterior.pack(*optimum) - mode)
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
