"""Sequential Monte Carlo: particles from the prior to the posterior, the likelihood coming in.

The likelihood is raised to powers that grow from nothing to one (Neal, 2001,
doi:10.1023/A:1008923215028; Del Moral, Doucet and Jasra, 2006,
doi:10.1111/j.1467-9868.2006.00553.x). At each power the particles are weighted, resampled and
moved. The mean weights multiply up to the evidence, the density of the data under the prior.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.stats import rankdata

from bayesgmm.bayes.chains import run_in_threads
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.modes import Mode
from bayesgmm.bayes.samplers import PosteriorDraws

# Fewer particles do not fill the prior.
MIN_PARTICLES = 1000
# More than this for each coordinate, so that the shape of the moves is known.
PARTICLES_A_COORDINATE = 5
# Share of the particles that the weights of one step leave, in effective number.
KEPT = 0.5
# Moves go on until ranks before and after are correlated by less than this ...
CORRELATION = 0.2
# ... or there have been so many.
MAX_MOVES = 15
# Length of a move where the density is standard normal: a quarter of a period.
_LENGTH = np.pi / 2
_ACCEPTANCE = 0.8
# Curvatures below this, in coordinates of standardised data, are taken for it.
INFORMATION_FLOOR = 1e-3
_MAX_STEPS = 16
_PROGRESS = 1000


def sample_smc(
    posterior: LogPosterior,
    modes: Sequence[Mode],
    *,
    draws: int,
    tune: int | None,
    chains: int,
    rng: np.random.Generator,
    progressbar: bool,
) -> PosteriorDraws:
    """Draw from the posterior by sequential Monte Carlo, and estimate the evidence.

    Parameters
    ----------
    posterior : LogPosterior
    modes : sequence of Mode
        Not used: particles start at draws from the prior.
    draws : int
        Particles of each population, or those kept of the 1000 (or five a coordinate) that it has
        at least.
    tune : int or None
        Not used: the moves are tuned on the way.
    chains : int
        Populations, each on its own.
    rng : numpy.random.Generator
    progressbar : bool

    Raises
    ------
    KeyboardInterrupt
        If it is interrupted: particles on their way are no draws from the posterior.

    Notes
    -----
    The next power is the one at which half of the particles' effective number is left. They are
    moved by Hamiltonian Monte Carlo, in units of the mean squared gradient (Titsias, 2023,
    arXiv:2305.14442): that is the mean curvature, which does not grow with the distance between
    modes, as a covariance over particles with labels of all kinds would. Step sizes and numbers of
    moves follow the acceptance and what the moves forget (Buchholz, Chopin and Jacob, 2021,
    doi:10.1214/20-BA1222).

    A population counts by its estimate of the evidence (Vergé, Dubarry, Del Moral and Moulines,
    2015, doi:10.1007/s11222-013-9429-x): one that has missed the better modes gives few draws.

    Resampling leaves descendants side by side, in the order of their ancestors. Draws that are
    alike because of a common ancestor are therefore neighbours, as in a chain, and effective sample
    sizes take account of it.
    """
    n = max(draws, MIN_PARTICLES, PARTICLES_A_COORDINATE * posterior.sizes.n_coordinates)
    seeds = rng.integers(2**63, size=chains)
    populations = [_Population(posterior, n, int(seed)) for seed in seeds]
    work = [population.run() for population in populations]
    run_in_threads(work, chains * _PROGRESS, "Sequential Monte Carlo", progressbar)
    log_evidence = np.array([population.log_evidence for population in populations])
    kept = _kept(log_evidence, n, draws)
    thetas = np.concatenate([population.thetas for population in populations])[kept]
    values = np.concatenate([population.values for population in populations])[kept]
    stats = {"lp": values.sum(axis=-1)}
    mixture, hyper = posterior.unpack(thetas)
    # In the units of the data.
    log_evidence -= len(posterior.rows) * np.log(posterior.problem.scale).sum()
    return PosteriorDraws(mixture, hyper, stats, "smc", log_evidence=log_evidence)


def _kept(log_evidence: np.ndarray, n: int, draws: int) -> np.ndarray:
    """Which of the particles, n in each population, are the draws (chain, draw): in their order."""
    chains = len(log_evidence)
    weights = np.exp(log_evidence - log_evidence.max())
    ends = np.cumsum(np.repeat(weights / weights.sum() / n, n))
    places = (np.arange(chains * draws) + 0.5) / (chains * draws)
    return np.minimum(np.searchsorted(ends, places), chains * n - 1).reshape(chains, draws)


class _Population:
    """Particles on their way from the prior to the posterior.

    Attributes
    ----------
    thetas : (n, P) array
    values, slopes : (n, 2), (n, 2, P) arrays
        Log prior and log-likelihood, and their gradients.
    power : float
        Of the likelihood.
    log_evidence : float
        Of the standardised data, as far as ``power``.
    """

    def __init__(self, posterior: LogPosterior, n: int, seed: int) -> None:
        self.posterior, self.rng = posterior, np.random.default_rng(seed)
        self.stream = self.rng.integers(2**64, size=1, dtype=np.uint64)
        self.problem = posterior.arguments
        p = posterior.sizes.n_coordinates
        self.thetas, self.values, self.slopes = (
            np.empty((n, p)),
            np.empty((n, 2)),
            np.empty((n, 2, p)),
        )
        self.power, self.log_evidence, self.step = 0.0, 0.0, 0.5

    def run(self) -> Iterator[int]:
        """Go all the way, and say after each bit how much of the progress it was."""
        from bayesgmm.bayes.prior_draws import draw_prior
        from bayesgmm.bayes.tempering import evaluate

        draw_prior(*self.problem[1:], self.stream, self.thetas)
        for bit in self._bits(1):
            evaluate(self.thetas[bit], *self.problem, self.values[bit], self.slopes[bit])
            yield 0
        reached = 0
        while self.power < 1.0:
            self._reweight()
            yield from self._move()
            # Powers grow about as a geometric sequence does.
            now = round(_PROGRESS * self.power**0.2)
            yield now - reached
            reached = now

    def _reweight(self) -> None:
        """On to the next power, and resample."""
        n, log_likelihood = len(self.values), self.values[:, 1]

        def log_weights(increment: float) -> np.ndarray:
            found = increment * (log_likelihood - log_likelihood.max())
            return found - np.logaddexp.reduce(found)

        def leaves_enough(increment: float) -> bool:
            return np.exp(-np.logaddexp.reduce(2.0 * log_weights(increment))) >= KEPT * n

        increment = 1.0 - self.power
        if not leaves_enough(increment):
            # The first ones may be many orders of magnitude below one.
            low, high = np.log(increment) - 700.0, np.log(increment)
            while high - low > 1e-3:
                middle = (low + high) / 2.0
                low, high = (middle, high) if leaves_enough(np.exp(middle)) else (low, middle)
            increment = np.exp(low)
            self.power += increment
        else:
            self.power = 1.0
        self.log_evidence += np.logaddexp.reduce(increment * log_likelihood) - np.log(n)
        weights = np.exp(log_weights(increment))
        places = (self.rng.random() + np.arange(n)) / n
        kept = np.minimum(np.searchsorted(np.cumsum(weights), places), n - 1)
        self.thetas, self.values, self.slopes = (
            array[kept] for array in (self.thetas, self.values, self.slopes)
        )

    def _move(self) -> Iterator[int]:
        """Move the particles until they have forgotten where they were."""
        from bayesgmm.bayes.tempering import move

        slopes = self.slopes[:, 0] + self.power * self.slopes[:, 1]
        information, vectors = np.linalg.eigh(slopes.T @ slopes / len(slopes))
        shape = vectors / np.sqrt(np.maximum(information, INFORMATION_FLOOR))
        before = [rankdata(values) for values in self.values.T]
        for _ in range(MAX_MOVES):
            n_steps = int(np.clip(np.round(_LENGTH / (0.75 * self.step)), 1, _MAX_STEPS))
            accepted = 0
            for bit in self._bits(n_steps):
                particles = self.thetas[bit], self.values[bit], self.slopes[bit]
                tuning = shape, self.step, n_steps, self.stream
                accepted += move(*particles, self.power, *self.problem, *tuning)
                yield 0
            self.step *= np.exp(accepted / len(self.thetas) - _ACCEPTANCE)
            now = [rankdata(values) for values in self.values.T]
            if max(np.corrcoef(b, a)[0, 1] for b, a in zip(before, now, strict=True)) < CORRELATION:
                break

    def _bits(self, n_passes: int) -> Iterator[slice]:
        """Parts of the particles, each moved in a moment."""
        length = self.posterior.length_of_a_bit(n_passes)
        for first in range(0, len(self.thetas), length):
            yield slice(first, min(first + length, len(self.thetas)))
