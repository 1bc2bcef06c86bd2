"""Blocked Gibbs sampling: labels given parameters, parameters given labels."""

from collections.abc import Sequence

import numpy as np

from bayesgmm.bayes.checkpoint import Checkpoint
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.cycling import Cycling
from bayesgmm.bayes.modes import Mode, spread_starts
from bayesgmm.bayes.samplers import PosteriorDraws

# There is nothing to tune, but the start is to be forgotten.
TUNE = 400


def sample_gibbs(
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
    """Draw from the posterior by blocked Gibbs sampling.

    Parameters
    ----------
    posterior : LogPosterior
    modes : sequence of Mode
        Those of the posterior, that with the largest share first.
    draws, chains : int
    tune : int or None
        Sweeps a chain that are thrown away first; None takes 400.
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
    A sweep costs one pass over the data, where a draw of NUTS costs several, and nothing has to be
    tuned. Neighbouring draws are as good as independent where the components are far apart, and
    resemble each other the more they overlap: labels then change a few at a time. Chains start as
    those of NUTS do. Where quantities that no labelling changes have not mixed, and the data are
    not so large that it would take long, the chains go on ten times as far, thinned by ten, and
    where that does not do, ten times as far again.

    An interrupt (Ctrl-C) ends sampling, and the draws so far are returned.
    """
    starts = spread_starts(modes, chains, rng)
    sweeps = Cycling(posterior, modes[0], "Gibbs sampling", progressbar, sweep_every=1)
    first = sweeps.begin(starts, TUNE if tune is None else tune, rng)
    return sweeps.until_mixed(
        first.draws[:, -1], draws=draws, rng=rng, checkpoint=checkpoint, name="gibbs"
    )
