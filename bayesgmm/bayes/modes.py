"""The modes of a posterior in the sampler's coordinates: their shapes, shares, and starts there."""

from collections.abc import Sequence
from functools import cached_property
from itertools import combinations, permutations
from math import factorial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse.csgraph import connected_components

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
_SAME = 1.0
# Chains jump to modes that hold at least this share of the posterior.
_WORTH_A_JUMP = 1e-3
# Modes are places apart where in the middle fifth between them there are fewer draws than this
# share of those at the mode that has fewer.
_HARDLY_ANY, _BETWEEN = 0.1, 0.1
# Places with a smaller share of the draws are not spoken of.
_A_PLACE = 0.05
# So many draws and rows tell which modes draws are at.
_MAX_DRAWS, _MAX_ROWS = 400, 1000
# Rows whose company tells clusterings apart.
_ANCHORS = 10


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
        if all(mode.distance(place) > _SAME for mode in modes):
            modes.append(Mode(place, basis, posterior))
            modes += [_renamed(posterior, place, basis, order) for order in orders[1:]]
    return sorted(modes, key=lambda mode: -mode.log_mass)


def _renamed(
    posterior: LogPosterior, place: np.ndarray, basis: np.ndarray, order: np.ndarray
) -> Mode:
    """A mode under other names, moved on by one Newton step as the prior tells names apart."""
    place = posterior.permute(place, order)
    basis = np.ascontiguousarray(posterior.permute(basis.T, order).T)
    value, slope = posterior.value_and_gradient(place)
    ahead = place + basis @ (basis.T @ slope)
    return Mode(
        ahead if posterior.value_and_gradient(ahead)[0] > value else place, basis, posterior
    )


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


class Visits(NamedTuple):
    """What draws say of the modes.

    Attributes
    ----------
    missing : float
        How much of the posterior modes hold at which there is no draw.
    places : tuple of float
        Shares of the draws at modes, or groups of modes, that hardly any draw is between, the
        largest first; those below a twentieth are left out.
    """

    missing: float = 0.0
    places: tuple[float, ...] = (1.0,)


def visits(modes: Sequence[Mode], draws: Mixture) -> Visits:
    """Look at which modes draws are.

    A draw is at the mode that is nearest, and at all that are no farther than draws commonly are
    from theirs: modes lie close together where components are empty. Labels make no difference.
    """
    if len(modes) == 1:
        return Visits()
    some = draws.thin(_MAX_DRAWS)
    away = _squared_distances(_signature(modes, some), _signature(modes))
    held, nearest = shares(modes), away.min(axis=1)
    common = np.maximum(nearest, np.median(nearest))
    held[(away <= common[:, None]).any(axis=0)] = 0.0
    return Visits(float(held.sum()), _places(modes, some))


def _places(modes: Sequence[Mode], draws: Mixture) -> tuple[float, ...]:
    """Shares of the draws at places that are apart, by which rows go together."""
    rows = _rows(modes)
    at_draws, at_modes = _together(draws, rows), _together(_mixtures(modes), rows)
    which = _squared_distances(at_draws, at_modes).argmin(axis=1)
    n_at, is_apart = np.bincount(which), np.zeros((len(modes), len(modes)), dtype=bool)
    for i, j in combinations(np.unique(which), 2):
        line = at_modes[j] - at_modes[i]
        along = (at_draws[(which == i) | (which == j)] - at_modes[i]) @ line
        share = along / max(float(line @ line), 1e-300)
        n_between = np.sum(np.abs(share - 0.5) < _BETWEEN)
        is_apart[i, j] = n_between < _HARDLY_ANY * min(n_at[i], n_at[j])
    n, group = connected_components(~(is_apart | is_apart.T))
    counts = np.bincount(group[which], minlength=n) / len(which)
    return tuple(sorted((float(share) for share in counts if share >= _A_PLACE), reverse=True))


def _together(mixture: Mixture, rows: np.ndarray) -> np.ndarray:
    """Probabilities that rows and a few of them are of one component, (n, rows x few)."""
    memberships = mixture.responsibilities(rows)
    few = memberships[:, :: -(-len(rows) // _ANCHORS)]
    return (memberships @ few.transpose(0, 2, 1)).reshape(len(memberships), -1)


def modes_with(modes: Sequence[Mode], others: Sequence[Mode]) -> list[Mode]:
    """Modes, and those others that differ from them by more than labels."""
    away = _squared_distances(_signature(others), _signature(modes))
    new = (away > _SAME**2).all(axis=1)
    return [*modes, *(mode for mode, is_new in zip(others, new, strict=True) if is_new)]


def _signature(modes: Sequence[Mode], draws: Mixture | None = None) -> np.ndarray:
    """Log densities of rows (n, rows) at modes, or at draws, whatever their labels.

    The sum of squares of a difference is about the squared distance in standard deviations.
    """
    return (_mixtures(modes) if draws is None else draws).log_density(_rows(modes))


def _mixtures(modes: Sequence[Mode]) -> Mixture:
    return modes[0].posterior.unpack(np.array([mode.place for mode in modes]))[0]


def _rows(modes: Sequence[Mode]) -> np.ndarray:
    X = modes[0].posterior.problem.X
    return np.asarray(X[:: -(-len(X) // _MAX_ROWS)], dtype=float)


def _squared_distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.array([((points - other) ** 2).sum(axis=-1) for other in others]).T


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
