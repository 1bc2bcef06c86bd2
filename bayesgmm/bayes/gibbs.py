"""Blocked Gibbs sampling, compiled: labels given parameters, parameters given labels."""

from collections.abc import Iterator, Sequence

import numpy as np

from bayesgmm.bayes.chains import most_draws, run_in_threads
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.mixing import THIN, should_run_longer
from bayesgmm.bayes.modes import Optimum, find_modes, spread_starts
from bayesgmm.bayes.samplers import PosteriorDraws

# There is nothing to tune, but the start is to be forgotten.
TUNE = 400


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

    Raises
    ------
    KeyboardInterrupt
        If sampling is interrupted before any chain has four draws.

    Notes
    -----
    A sweep costs one pass over the data, where a draw of NUTS costs several, and nothing has to be
    tuned. Neighbouring draws are as good as independent where the components are far apart, and
    resemble each other the more they overlap: labels then change a few at a time. Chains start as
    those of NUTS do. Where quantities that no labelling changes have not mixed, and the data are
    not so large that it would take long, the chains go on ten times as far, thinned by ten.

    An interrupt (Ctrl-C) ends sampling, and the draws so far are returned.
    """
    tune = TUNE if tune is None else tune
    work = _Chains(posterior, spread_starts(find_modes(posterior, optima), chains, rng), rng)
    work.run(tune + draws, progressbar=progressbar)
    thetas, log_density = work.kept(tune)
    mixture, hyper = posterior.unpack(thetas)
    stats = {"lp": log_density}
    complete = work.complete
    if complete and should_run_longer(posterior, mixture, stats, chains * (tune + draws)):
        work.run(draws, thin=THIN, progressbar=progressbar)
        complete = work.complete
        if complete:
            thetas, log_density = work.kept()
            mixture, hyper = posterior.unpack(thetas)
            stats = {"lp": log_density}
    return PosteriorDraws(mixture, hyper, stats, "gibbs", complete=complete)


class _Chains:
    """Chains under way: where each of them is, and what the last run left.

    Attributes
    ----------
    complete : bool
        False if the last run was interrupted.
    """

    complete: bool

    def __init__(self, posterior: LogPosterior, starts: np.ndarray, rng: np.random.Generator):
        self.posterior, self.thetas = posterior, starts
        self.streams = rng.integers(2**64, size=(len(starts), 1), dtype=np.uint64)

    def run(self, draws: int, *, thin: int = 1, progressbar: bool) -> None:
        """Go on, and keep one in ``thin`` of the states on the way."""
        n_chains, n = self.thetas.shape
        self.draws = np.empty((n_chains, draws, n))
        self.log_density = np.empty((n_chains, draws))
        self.counts = np.zeros(n_chains, dtype=int)
        work = [self._chain(c, thin) for c in range(n_chains)]
        try:
            run_in_threads(work, n_chains * draws, "Gibbs sampling", progressbar)
        except KeyboardInterrupt:
            self.complete = False
        else:
            self.complete = True

    def _chain(self, c: int, thin: int) -> Iterator[int]:
        from bayesgmm.bayes.conditionals import run

        problem = self.posterior.arguments
        length = self.posterior.length_of_a_bit(thin)
        for first in range(0, self.draws.shape[1], length):
            bit = slice(first, first + length)
            out, log_density = self.draws[c, bit], self.log_density[c, bit]
            run(self.thetas[c], *problem, self.streams[c], thin, out, log_density)
            self.counts[c] += len(out)
            yield len(out)

    def kept(self, tune: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates (chain, draw, P) and log densities after the first ``tune`` of the run."""
        if self.complete:
            return self.draws[:, tune:], self.log_density[:, tune:]
        chains, n = most_draws(np.maximum(self.counts - tune, 0))
        return self.draws[chains, tune : tune + n], self.log_density[chains, tune : tune + n]
