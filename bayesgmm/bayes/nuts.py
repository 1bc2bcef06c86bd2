"""NUTS on the compiled posterior, preconditioned by the observed information."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from bayesgmm.bayes import nutpie_adapter
from bayesgmm.bayes.checkpoint import Checkpoint
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.mixing import THIN, should_run_longer
from bayesgmm.bayes.modes import Mode, spread_starts
from bayesgmm.bayes.raw_draws import RawDraws
from bayesgmm.bayes.samplers import PosteriorDraws

# The coordinates are near standard normal, so little tuning is needed, and longer steps than usual
# give more for each gradient.
TUNE = 200
TARGET_ACCEPT = 0.7
# Where that does not do, chains are run again with smaller steps, for longer, and thinned.
LONG_TUNE = 1000
LONG_TARGET_ACCEPT = 0.9


def sample_nuts(
    posterior: LogPosterior,
    modes: Sequence[Mode],
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
    modes : sequence of Mode
        Those of the posterior, that with the largest share first.
    draws, chains : int
    tune : int or None
        None takes 200.
    rng : numpy.random.Generator
    progressbar : bool
    checkpoint : Checkpoint, optional
        Where the draws so far are kept, and gone on from.

    Notes
    -----
    Each mode's share of the posterior is approximated by Laplace's method, chains are allotted to
    modes by their shares, and start spread about them.

    Where quantities that no labelling changes have not mixed, and the data are not so large that it
    would take long, the chains are run again, ten times as long, and thinned by ten.

    An interrupt (Ctrl-C) ends sampling, and the draws so far are returned.
    """
    from bayesgmm.bayes import callbacks

    mode, basis = modes[0].place, modes[0].basis
    n = len(mode)
    starts = np.linalg.solve(basis, (spread_starts(modes, chains, rng) - mode).T).T.copy()
    arrays = (mode, basis, *posterior.arguments)
    addresses = [array.ctypes.data for array in arrays]
    head = [*posterior.rows.shape, n, len(posterior.numbers)]
    block = np.array([*head, *addresses], dtype=np.int64)

    def as_start(theta: np.ndarray) -> np.ndarray:
        return np.linalg.solve(basis, theta - mode)

    def run(name: str, draws: int, tune: int, target_accept: float) -> RawDraws:
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

    raw = run("chains", draws, TUNE if tune is None else tune, TARGET_ACCEPT)
    mixture, hyper = posterior.unpack(raw.draws)
    n_passes = float(raw.sample_stats["n_steps"].sum())
    if raw.complete and should_run_longer(posterior, mixture, raw.sample_stats, THIN * n_passes):
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
    return PosteriorDraws(mixture, hyper, raw.sample_stats, "nuts", complete=raw.complete)


def _thinned(raw: RawDraws, n: int) -> RawDraws:
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
    return RawDraws(draws, kept, raw.complete)
