"""NUTS on the compiled posterior, preconditioned by the observed information."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bayesgmm.bayes import nutpie_adapter
from bayesgmm.bayes.checkpoint import Checkpoint
from bayesgmm.bayes.convergence import rhat_and_ess
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.diagnostics import invariants
from bayesgmm.bayes.verdicts import MAX_RHAT, MIN_ESS_PER_CHAIN
from bayesgmm.core.mixture import Mixture

# Standard deviations of a mode by which chains start apart from it.
OVERDISPERSION = 2.0
# The first chain starts closer, but not at the mode: nutpie takes a slope of zero for an error.
FIRST_DISPERSION = 0.1
N_HALVINGS = 20
# The coordinates are near standard normal, so little tuning is needed.
TUNE = 400
TARGET_ACCEPT = 0.8
# Where that does not do, chains are run again with smaller steps, for longer, and thinned ...
LONG_TUNE = 1000
LONG_TARGET_ACCEPT = 0.9
THIN = 10
# ... if that takes less than this many rows x components x (features^2 + 20): a few seconds.
AFFORDABLE = 2e10
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
    complete : bool
        False if sampling was interrupted, and these are the draws so far.
    """

    mixture: Mixture
    hyper: np.ndarray
    sample_stats: dict[str, np.ndarray]
    complete: bool = True


def sample_nuts(
    posterior: LogPosterior,
    optima: list[tuple[Mixture, np.ndarray | None]],
    *,
    draws: int,
    tune: int | None,
    chains: int,
    rng: np.random.Generator,
    progressbar: bool,
    checkpoint: Checkpoint | None = None,
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
    checkpoint : Checkpoint, optional
        Where the draws so far are kept, and gone on from.

    Notes
    -----
    A high mode may be narrow and hold little of the posterior. Each mode's share is approximated by
    Laplace's method, chains are allotted to modes by their shares, and start spread about them: if
    the chains do not move between modes, their draws taken together are still about right, and
    R-hat says that they did not.

    Where quantities that no labelling changes have not mixed, and the data are not so large that it
    would take long, the chains are run again, ten times as long, and thinned by ten.

    An interrupt (Ctrl-C) ends sampling, and the draws so far are returned.
    """
    from bayesgmm.bayes import callbacks

    modes = [_Mode(*posterior.centre(posterior.pack(*o)), posterior) for o in optima[:MAX_MODES]]
    modes.sort(key=lambda mode: -mode.log_mass)
    mode, basis = modes[0].place, modes[0].basis
    n = len(mode)
    starts = np.zeros((chains, n))
    for chain, which in enumerate(_allot(modes, chains)):
        place = modes[which].near(OVERDISPERSION if chain else FIRST_DISPERSION, rng)
        starts[chain] = np.linalg.solve(basis, place - mode)
    sizes = np.asarray(posterior.sizes, dtype=np.int64)
    arrays = (mode, basis, posterior.rows, sizes, posterior.numbers)
    addresses = [array.ctypes.data for array in arrays]
    head = [*posterior.rows.shape, n, len(posterior.numbers)]
    block = np.array([*head, *addresses], dtype=np.int64)

    def run(name: str, draws: int, tune: int, target_accept: float) -> nutpie_adapter.RawDraws:
        sample = partial(
            nutpie_adapter.sample,
            callbacks.density,
            callbacks.expand,
            block,
            tune=tune,
            target_accept=target_accept,
            progressbar=progressbar,
        )
        seed = int(rng.integers(2**31))
        if checkpoint is None:
            return sample(starts, draws=draws, seed=seed).even()
        return checkpoint.run(name, sample, starts, draws, seed, as_start).even()

    def as_start(theta: np.ndarray) -> np.ndarray:
        return np.linalg.solve(basis, theta - mode)

    raw = run("chains", draws, TUNE if tune is None else tune, TARGET_ACCEPT)
    cost = THIN * float(raw.sample_stats["n_steps"].sum()) * _cost(posterior)
    affordable = raw.complete and cost < AFFORDABLE
    if affordable and not _mixed(posterior.unpack(raw.draws)[0], raw.sample_stats["lp"]):
        long_tune = LONG_TUNE if tune is None else tune
        try:
            longer = run("longer", THIN * draws, long_tune, LONG_TARGET_ACCEPT)
        except KeyboardInterrupt:
            longer = None
        if longer is None or len(longer.draws) < chains or longer.draws.shape[1] < draws:
            raw = replace(raw, complete=False)
        else:
            raw = _thinned(longer, draws)
    mixture, hyper = posterior.unpack(raw.draws)
    return PosteriorDraws(mixture, hyper, raw.sample_stats, complete=raw.complete)


def _cost(posterior: LogPosterior) -> float:
    """How long one gradient takes, in rows x components x (features^2 + 20)."""
    n, d = posterior.rows.shape
    return n * posterior.n_components * (d * d + 20.0)


def _mixed(mixture: Mixture, log_density: np.ndarray) -> bool:
    """Whether the chains agree on quantities that no labelling changes."""
    # Means in the order of their values show moves between modes that weights alone do not.
    ordered = np.sort(mixture.means, axis=-2).reshape(*mixture.batch_shape, -1)
    quantities = [log_density, *invariants(mixture).values(), *np.moveaxis(ordered, -1, 0)]
    found = [rhat_and_ess(values) for values in quantities]
    enough = MIN_ESS_PER_CHAIN * len(log_density)
    return all(not rhat > MAX_RHAT and ess >= enough for rhat, ess in found)


def _thinned(raw: nutpie_adapter.RawDraws, n: int) -> nutpie_adapter.RawDraws:
    """``n`` draws a chain, each the last of a group of draws.

    It counts as divergent if one of its group is, and its steps are theirs.
    """
    size = raw.draws.shape[1] // n
    kept = {}
    for name, values in raw.sample_stats.items():
        groups = values[:, : n * size].reshape(len(values), n, size)
        if name == "diverging":
            kept[name] = groups.any(axis=-1)
        elif name == "n_steps":
            kept[name] = groups.sum(axis=-1)
        else:
            kept[name] = groups[..., -1]
    draws = raw.draws[:, size - 1 : n * size : size]
    return nutpie_adapter.RawDraws(draws, kept, raw.complete)


class _Mode:
    """A mode, its shape, and the log of its share of the posterior by Laplace's method."""

    def __init__(self, place: np.ndarray, basis: np.ndarray, posterior: LogPosterior):
        self.place, self.basis, self.posterior = place, basis, posterior
        height = posterior.value_and_gradient(place)[0]
        self.log_mass = height + np.linalg.slogdet(basis)[1]

    def near(self, dispersion: float, rng: np.random.Generator) -> np.ndarray:
        """A place about so many standard deviations away where the density is finite."""
        offset = dispersion * (self.basis @ rng.standard_normal(len(self.place)))
        for _ in range(N_HALVINGS):
            value, slope = self.posterior.value_and_gradient(self.place + offset)
            if np.isfinite(value) and np.all(np.isfinite(slope)):
                break
            offset /= 2.0
        return self.place + offset


def _allot(modes: list[_Mode], chains: int) -> list[int]:
    """Which mode each chain starts at: shares rounded so that the largest remainders win."""
    log_mass = np.array([mode.log_mass for mode in modes])
    share = np.exp(log_mass - log_mass.max())
    quota = chains * share / share.sum()
    counts = np.floor(quota).astype(int)
    remainders = np.argsort(-(quota - counts), kind="stable")
    counts[remainders[: chains - counts.sum()]] += 1
    return np.repeat(np.arange(len(modes)), counts).tolist()
