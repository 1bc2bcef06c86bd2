"""The modes of a posterior in the sampler's coordinates: their shapes, shares, and starts there."""

from collections.abc import Sequence
from functools import cached_property
from itertools import permutations
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.core.mixture import Mixture

if TYPE_CHECKING:
    from bayesgmm.bayes.proposals import Normal, Proposal

# A mode by EM, the highest first, and half the hierarchical scale there.
Optimum = tuple[Mixture, np.ndarray | None]

# Standard deviations of a mode by which chains start apart from it.
OVERDISPERSION = 2.0
# The first chain starts closer, but not at the mode: nutpie takes a slope of zero for an error.
FIRST_DISPERSION = 0.1
N_HALVINGS = 20
# So many modes are looked at at most, and so many labellings of each where they weigh differently.
_MAX_MODES, _MAX_LABELLINGS = 8, 24
# Modes nearer to each other than this, in standard deviations, are one.
SAME = 1.0
# Chains jump to modes that hold at least this share of the posterior.
_WORTH_A_JUMP = 1e-3


class Mode:
    """A mode, its shape, and the log of its share of the posterior by Laplace's method.

    Attributes
    ----------
    place : (P,) array
    basis : (P, P) array
        The posterior at ``place + basis z`` is roughly standard normal in z.
    log_mass : float
        Up to a constant that is the same for all modes.
    """

    def __init__(self, place: np.ndarray, basis: np.ndarray, posterior: LogPosterior):
        self.place, self.basis, self.posterior = place, basis, posterior
        height = posterior.value_and_gradient(place)[0]
        self.log_mass = height + np.linalg.slogdet(basis)[1]

    @cached_property
    def normal(self) -> "Normal":
        """The normal approximation, in coordinates in which the posterior is nearer to normal."""
        from bayesgmm.bayes.proposals import normal_at

        return normal_at(self.posterior, self.place, self.basis)

    def distance(self, place: np.ndarray) -> float:
        """How many standard deviations a place is away."""
        return float(np.linalg.norm(np.linalg.solve(self.basis, place - self.place)))

    def near(self, dispersion: float, rng: np.random.Generator) -> np.ndarray:
        """A place about so many standard deviations away where the density is finite."""
        offset = dispersion * (self.basis @ rng.standard_normal(len(self.place)))
        for _ in range(N_HALVINGS):
            value, slope = self.posterior.value_and_gradient(self.place + offset)
            if np.isfinite(value) and np.all(np.isfinite(slope)):
                break
            offset /= 2.0
        return self.place + offset


def find_modes(posterior: LogPosterior, optima: Sequence[Optimum]) -> list[Mode]:
    """The modes of the sampler's density near those of EM, that with the largest share first.

    Under a Dirichlet prior with different numbers labellings are modes of their own.
    """
    k, modes = posterior.n_components, []
    has_labellings = np.ptp(posterior.priors.concentration) > 0.0
    orders = [np.arange(k)]
    if has_labellings and factorial(k) <= _MAX_LABELLINGS:
        orders = list(map(np.array, permutations(range(k))))
    for optimum in optima[:_MAX_MODES]:
        place, basis = posterior.centre(posterior.pack(*optimum))
        if all(mode.distance(place) > SAME for mode in modes):
            modes.append(Mode(place, basis, posterior))
            modes += [_renamed(posterior, place, basis, order) for order in orders[1:]]
    return sorted(modes, key=lambda mode: -mode.log_mass)


def _renamed(
    posterior: LogPosterior, place: np.ndarray, basis: np.ndarray, order: np.ndarray
) -> Mode:
    """A mode under other names, moved on by one Newton step as the prior tells names apart."""
    place = posterior.permute(place, order)
    basis = np.ascontiguousarray(posterior.permute(basis.T, order).T)
    here = Mode(place, basis, posterior)
    _, slope = posterior.value_and_gradient(place)
    ahead = Mode(place + basis @ (basis.T @ slope), basis, posterior)
    return ahead if ahead.log_mass > here.log_mass else here


def spread_starts(modes: Sequence[Mode], chains: int, rng: np.random.Generator) -> np.ndarray:
    """Where chains start (chains, P): at modes by their shares, and spread about them.

    A high mode may be narrow and hold little of the posterior. If chains do not move between modes,
    their draws taken together are still about right, and R-hat says that they did not.
    """
    return np.array([
        modes[which].near(OVERDISPERSION if chain else FIRST_DISPERSION, rng)
        for chain, which in enumerate(allot(shares(modes), chains))
    ])  # fmt: skip


def proposal_of(modes: Sequence[Mode]) -> "Proposal":
    """The mixture of the normals at the modes that hold enough of the posterior to be gone to."""
    from bayesgmm.bayes.proposals import mixture_of

    held = shares(modes)
    kept = np.flatnonzero(held >= _WORTH_A_JUMP)
    return mixture_of([modes[int(m)].normal for m in kept], held[kept] / held[kept].sum())


def shares(modes: Sequence[Mode]) -> np.ndarray:
    """How much of the posterior each mode holds, in sum one."""
    log_mass = np.array([mode.log_mass for mode in modes])
    mass = np.exp(log_mass - log_mass.max())
    return mass / mass.sum()


def allot(shares: np.ndarray, n: int) -> list[int]:
    """The share that each of n things belongs to, the largest remainders rounded up."""
    quota = n * shares
    counts = np.floor(quota).astype(int)
    remainders = np.argsort(-(quota - counts), kind="stable")
    counts[remainders[: n - counts.sum()]] += 1
    return np.repeat(np.arange(len(shares)), counts).tolist()
