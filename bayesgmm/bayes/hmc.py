"""Hamiltonian moves and Gibbs sweeps in turn: the default."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bayesgmm.bayes.checkpoint import Checkpoint
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.cycling import Cycling
from bayesgmm.bayes.modes import Optimum, find_modes, spread_starts
from bayesgmm.bayes.samplers import PosteriorDraws

TUNE = 100
# How often moves are taken says how close to normal the posterior is. From this on, moves alone
# would do, and sweeps are a safeguard; each costs about twice as much as a move.
NEAR_NORMAL = 0.7
# Below this they are not worth their time.
FAR_FROM_NORMAL = 0.2


def sample_hmc(
    posterior: LogPosterior,
    optima: Sequence[Optimum],
    *,
    draws: int,
    tune: int | None,
    chains: int,
    rng: np.random.Generator,
    progressbar: bool,
    checkpoint: Checkpoint | None = None,
) -> PosteriorDraws:
    """Draw from the posterior by Hamiltonian moves and Gibbs sweeps.

    Parameters
    ----------
    posterior : LogPosterior
    optima : sequence of (mixture, half the hierarchical scale)
        Modes of the posterior density, the highest first.
    draws, chains : int
    tune : int or None
        Cycles a chain, of two moves and a sweep, that are thrown away first; None takes 100.
    rng : numpy.random.Generator
    progressbar : bool
    checkpoint : Checkpoint, optional
        Where the draws so far are kept, and gone on from.

    Raises
    ------
    KeyboardInterrupt
        If sampling is interrupted before any chain has four draws.

    Notes
    -----
    The share of moves taken in the second half of the first cycles decides what a draw is: three
    moves, and a sweep with one draw in ten, where the posterior is close to normal; two moves and a
    sweep; or a sweep alone. From there on nothing is adapted. Chains start as those of NUTS do, and
    are run longer as those of Gibbs sampling are.

    An interrupt (Ctrl-C) ends sampling, and the draws so far are returned.
    """
    modes = find_modes(posterior, optima)

    def cycling(n_moves: int, sweep_every: int) -> Cycling:
        return Cycling(posterior, modes[0], n_moves, sweep_every, "Sampling", progressbar)

    first = cycling(2, 1).sample(
        spread_starts(modes, chains, rng),
        draws=TUNE if tune is None else tune,
        seed=int(rng.integers(2**31)),
    )
    if not first.complete:
        raise KeyboardInterrupt
    acceptance = first.sample_stats["acceptance_rate"]
    taken = float(acceptance[:, acceptance.shape[1] // 2 :].mean())
    if taken >= NEAR_NORMAL:
        chosen = cycling(3, 10)
    elif taken >= FAR_FROM_NORMAL:
        chosen = cycling(2, 1)
    else:
        chosen = cycling(0, 1)
    drawn = chosen.until_mixed(
        first.draws[:, -1], draws=draws, rng=rng, checkpoint=checkpoint, name="hmc"
    )
    no_moves = {"diverging": np.zeros(drawn.sample_stats["lp"].shape, dtype=bool)}
    return replace(drawn, sample_stats=no_moves | drawn.sample_stats)
