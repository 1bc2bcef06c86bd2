"""Blocked Gibbs sampling, compiled: labels given parameters, parameters given labels."""

from collections.abc import Iterator, Sequence

import numpy as np

from bayesgmm.bayes.chains import run_in_threads
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.mixing import THIN, should_run_longer
from bayesgmm.bayes.modes import Optimum, find_modes, spread_starts
from bayesgmm.bayes.samplers import PosteriorDraws

# There is nothing to tune, but the start is to be forgotten.
TUNE = 400
# A chain looks up from its sweeps after this many rows x components x (features^2 + 20): under a
# tenth of a second.
_BIT = 2e8


def sample_gibbs(
    posterior: LogPosterior,
    optima: Sequence[Optimum],
    *,
    draws: int,
    tune: int | None,
    chains: int,
    rng: np.random.Generator,
    progressbar: bool,
) -> PosteriorDraws:
    """Draw from the posterior by blocked Gibbs sampling.

    Parameters
    ----------
    posterior : LogPosterior
    optima : sequence of (mixture, half the hierarchical scale)
        Modes of the posterior density, the highest first.
    draws, chains : int
    tune : int or None
        Sweeps a chain that are thrown away first; None takes 400.
    rng : numpy.random.Generator
    progressbar : bool

    Notes
    -----
    A sweep costs one pass over the data, where a draw of NUTS costs several, and nothing has to be
    tuned. Neighbouring draws are as good as independent where the components are far apart, and
    resemble each other the more they overlap: labels then change a few at a time. Chains start as
    those of NUTS do. Where quantities that no labelling changes have not mixed, and the data are
    not so large that it would take long, the chains go on ten times as far, thinned by ten.
    """
    from bayesgmm.bayes.conditionals import run

    tune = TUNE if tune is None else tune
    thetas = spread_starts(find_modes(posterior, optima), chains, rng)
    streams = rng.integers(2**64, size=(chains, 1), dtype=np.uint64)
    sizes = np.asarray(posterior.sizes, dtype=np.int64)

    def sample(draws: int, thin: int) -> tuple[np.ndarray, np.ndarray]:
        """Go on from where the chains are; coordinates (chain, draw, P) and log densities there."""
        out = np.empty((chains, draws, thetas.shape[1]))
        log_density = np.empty((chains, draws))
        length = max(1, int(_BIT / (thin * posterior.cost)))

        def chain(c: int) -> Iterator[int]:
            for first in range(0, draws, length):
                bit = slice(first, first + length)
                run(
                    thetas[c], posterior.rows, sizes, posterior.numbers, streams[c], thin,
                    out[c, bit], log_density[c, bit],
                )  # fmt: skip
                yield len(out[c, bit])

        work = [chain(c) for c in range(chains)]
        run_in_threads(work, chains * draws, "Gibbs sampling", progressbar)
        return out, log_density

    found, log_density = (part[:, tune:] for part in sample(tune + draws, thin=1))
    mixture, hyper = posterior.unpack(found)
    stats = {"lp": log_density}
    if should_run_longer(posterior, mixture, stats, n_passes=chains * (tune + draws)):
        found, log_density = sample(draws, thin=THIN)
        mixture, hyper = posterior.unpack(found)
        stats = {"lp": log_density}
    return PosteriorDraws(mixture, hyper, stats, "gibbs")
