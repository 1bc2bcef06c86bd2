"""Hamiltonian moves and Gibbs sweeps in turn: the default."""

from collections.abc import Sequence

import numpy as np

from bayesgmm.bayes.checkpoint import Checkpoint
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.cycling import Cycling
from bayesgmm.bayes.modes import Optimum, find_modes, spread_starts
from bayesgmm.bayes.samplers import PosteriorDraws

TUNE = 100
# The least share of moves taken, which says how close to normal the posterior is; moves in a cycle,
# and cycles to a sweep. Near a normal posterior moves alone would do, and sweeps, twice as dear,
# are a safeguard; far from one moves are not worth their time.
CYCLES = [(0.7, (3, 10)), (0.2, (2, 1)), (0.0, (0, 1))]


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
    The share of moves taken in the second half of the first cycles, in the chain that takes fewest,
    decides what a draw is: three moves, and a sweep with one draw in ten, where the posterior is
    close to normal; two moves and a sweep; or a sweep alone. From there on nothing is adapted.
    Chains start as those of NUTS do, and are run longer as those of Gibbs sampling are.

    An interrupt (Ctrl-C) ends sampling, and the draws so far are returned.
    """
    modes = find_modes(posterior, optima)

    def cycling(n_moves: int, sweep_every: int) -> Cycling:
        return Cycling(posterior, modes[0], n_moves, sweep_every, "Sampling", progressbar)

    starts = spread_starts(modes, chains, rng)
    first = cycling(2, 1).begin(starts, TUNE if tune is None else tune, rng)
    acceptance = first.sample_stats["acceptance_rate"]
    # A chain in another mode may take hardly any, as the coordinates are not its own.
    taken = float(acceptance[:, acceptance.shape[1] // 2 :].mean(axis=1).min())
    cycles = [cycling(*kind) for _, kind in CYCLES]
    chosen = next(cycles[i] for i, (least, _) in enumerate(CYCLES) if taken >= least)
    if checkpoint is not None:
        # With another seed the choice might be another one, and what is there of no use.
        begun = [cycle for cycle in cycles if checkpoint.has(f"{cycle.run_name}-1")]
        chosen = begun[0] if begun else chosen
    return chosen.until_mixed(
        first.draws[:, -1], draws=draws, rng=rng, checkpoint=checkpoint, name="hmc"
    )
