"""Blocked Gibbs sampling, compiled: labels given parameters, parameters given labels."""

from collections.abc import Iterator, Sequence

import numpy as np

from bayesgmm.bayes.chains import run_in_threads
from bayesgmm.bayes.coordinates import LogPosterior
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
    A sweep costs one pass over the data, where a draw of NUTS costs seven or more, and nothing has
    to be tuned. Neighbouring draws are as good as independent where the components are far apart,
    and resemble each other the more they overlap: labels then change a few at a time. Chains start
    as those of NUTS.
    """
    from bayesgmm.bayes.conditionals import run

    tune = TUNE if tune is None else tune
    starts = spread_starts(find_modes(posterior, optima), chains, rng)
    streams = rng.integers(2**64, size=(chains, 1), dtype=np.uint64)
    thetas = np.empty((chains, tune + draws, starts.shape[1]))
    log_density = np.empty(thetas.shape[:2])
    sizes = np.asarray(posterior.sizes, dtype=np.int64)
    n_sweeps = max(1, int(_BIT / posterior.cost))

    def chain(c: int) -> Iterator[int]:
        for first in range(0, tune + draws, n_sweeps):
            bit = slice(first, first + n_sweeps)
            out = thetas[c, bit]
            run(
                starts[c], posterior.rows, sizes, posterior.numbers, streams[c], out,
                log_density[c, bit],
            )  # fmt: skip
            yield len(out)

    work = [chain(c) for c in range(chains)]
    run_in_threads(work, log_density.size, "Gibbs sampling", progressbar)
    mixture, hyper = posterior.unpack(thetas[:, tune:])
    return PosteriorDraws(mixture, hyper, {"lp": log_density[:, tune:]}, "gibbs")
