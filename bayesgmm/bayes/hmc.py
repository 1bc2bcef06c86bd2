"""Hamiltonian moves, or jumps, and Gibbs sweeps in turn: the default."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from bayesgmm.bayes.checkpoint import Checkpoint
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.cycling import Cycling
from bayesgmm.bayes.modes import Mode, proposal_of, spread_starts
from bayesgmm.bayes.raw_draws import RawDraws
from bayesgmm.bayes.samplers import PosteriorDraws

# Cycles thrown away, of jumps, and where these do not do, of moves.
TUNE = 100
# Jumps in a cycle and cycles to a sweep, by the least share of them taken, which says how close to
# normal the posterior is. Near a normal posterior jumps alone would do, and sweeps, twice as dear,
# are a safeguard; further from it they bring a chain back from tails that jumps seldom leave.
JUMPING = [(0.7, (2, 10)), (0.5, (4, 1))]
# Between modes that are far apart nothing else goes, so that fewer do; sweeps go between others.
JUMPING_BETWEEN = [(0.05, (1, 1))]
# The same of moves: far from a normal posterior they are not worth their time either.
MOVING = [(0.7, (3, 10)), (0.2, (2, 1)), (0.0, (0, 1))]


def sample_hmc(
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
    """Draw from the posterior by jumps, or Hamiltonian moves, and Gibbs sweeps.

    Parameters
    ----------
    posterior : LogPosterior
    modes : sequence of Mode
        Those of the posterior, that with the largest share first.
    draws, chains : int
    tune : int or None
        Cycles a chain that are thrown away first, twice as many where jumps do not do; None takes
        100.
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
    First come cycles of a jump and a sweep. The share of jumps taken in their second half, in the
    chain that takes fewest, decides whether a draw is two jumps, with a sweep one time in ten,
    where the posterior is close to normal, or four jumps and a sweep. One jump and a sweep it is
    where there are several modes and fewer are taken. Otherwise, and where the mode has a component
    of fewer than ten rows, whose tails are the prior's, cycles of two moves and a sweep follow, and
    the share of moves taken decides between three moves and a sweep one time in ten; two moves and
    a sweep; and a sweep alone. From there on nothing is adapted. Chains start as those of NUTS do,
    and are run longer as those of Gibbs sampling are.

    An interrupt (Ctrl-C) ends sampling, and the draws so far are returned.
    """
    from bayesgmm.bayes.complete_data import LEAST_ROWS

    n_first = TUNE if tune is None else tune
    cycling = partial(Cycling, posterior, modes[0], label="Sampling", progressbar=progressbar)
    proposal = proposal_of(modes)
    kinds = JUMPING if modes[0].normal.centre.rows.min() >= LEAST_ROWS else []
    if len(proposal.shares) > 1:
        kinds = kinds + JUMPING_BETWEEN
    jumps = partial(cycling, proposal=proposal)
    jumping = [(least, jumps(n_jumps=n, sweep_every=every)) for least, (n, every) in kinds]
    moving = [(least, cycling(n_moves=n, sweep_every=every)) for least, (n, every) in MOVING]
    places, suitable = spread_starts(modes, chains, rng), []
    if jumping:
        first = jumps(n_jumps=1, sweep_every=1).begin(places, n_first, rng)
        places, taken = first.draws[:, -1], _least_taken(first)
        suitable = [kind for least, kind in jumping if taken >= least]
    if not suitable:
        first = cycling(n_moves=2, sweep_every=1).begin(places, n_first, rng)
        places, taken = first.draws[:, -1], _least_taken(first)
        suitable = [kind for least, kind in moving if taken >= least]
    chosen = suitable[0]
    if checkpoint is not None:
        # With another seed the choice might be another one, and what is there of no use.
        kinds = [kind for _, kind in jumping + moving]
        begun = [kind for kind in kinds if checkpoint.has(f"{kind.run_name}-1")]
        chosen = begun[0] if begun else chosen
    return chosen.until_mixed(places, draws=draws, rng=rng, checkpoint=checkpoint, name="hmc")


def _least_taken(raw: RawDraws) -> float:
    """The share of moves or jumps taken in the second half, in the chain that takes fewest.

    Of moves a chain in another mode may take hardly any, as the coordinates are not its own.
    """
    acceptance = raw.sample_stats["acceptance_rate"]
    return float(acceptance[:, acceptance.shape[1] // 2 :].mean(axis=1).min())
