"""Whether chains have mixed; where they have not, they run longer and are thinned."""

from collections.abc import Mapping

import numpy as np

from bayesgmm.bayes.convergence import rhat_and_ess
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.diagnostics import invariants
from bayesgmm.bayes.verdicts import MAX_RHAT, MIN_ESS_PER_CHAIN
from bayesgmm.core.mixture import Mixture

# Chains that have not mixed run so many times as long, and one draw in so many is kept ...
THIN = 10
# ... if that takes less than this many rows x components x (features^2 + 20): a few seconds.
AFFORDABLE = 2e10
# Draws should be worth so many times what diagnostics ask for: they look at more quantities.
_MARGIN = 1.5


def should_run_longer(
    posterior: LogPosterior,
    mixture: Mixture,
    sample_stats: Mapping[str, np.ndarray],
    n_passes: float,
) -> bool:
    """Whether quantities that no labelling changes disagree between chains, and time allows.

    Parameters
    ----------
    posterior : LogPosterior
    mixture : Mixture
        Draws with leading axes (chain, draw).
    sample_stats : dict of (chain, draw) arrays
        With the log density, "lp".
    n_passes : float
        How often the longer chains would go over the data, all together.
    """
    if n_passes * posterior.cost > AFFORDABLE:
        return False
    # Means in the order of their values show moves between modes that weights alone do not.
    ordered = np.sort(mixture.means, axis=-2).reshape(*mixture.batch_shape, -1)
    quantities = [sample_stats["lp"], *invariants(mixture).values(), *np.moveaxis(ordered, -1, 0)]
    rhat, ess = rhat_and_ess(np.stack(quantities, axis=-1))
    chains, n = sample_stats["lp"].shape
    # Few draws are never worth more.
    enough = chains * min(_MARGIN * MIN_ESS_PER_CHAIN, n // 2)
    return bool(np.any(rhat > MAX_RHAT) or not np.all(ess >= enough))
