"""Importance sampling from normals at the modes: independent draws, where the posterior is smooth.

Where there are many rows to each component the posterior is nearly normal, above all in the
coordinates of :mod:`~bayesgmm.bayes.complete_data`. Draws of that normal are weighted by what it
gets wrong, the largest weights smoothed (Vehtari, Simpson, Gelman, Yao and Gabry, 2024,
jmlr.org/papers/v25/19-556.html), and resampled. The shape k-hat of the weights' upper tail tells
whether that can be trusted.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from bayesgmm.bayes import log_posterior as density_module
from bayesgmm.bayes.complete_data import LEAST_ROWS
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.log_posterior import log_density_at
from bayesgmm.bayes.modes import Mode, allot, proposal_of, shares
from bayesgmm.bayes.nuts import sample_nuts
from bayesgmm.bayes.proposals import Proposal, propose_all
from bayesgmm.bayes.samplers import Importance, PosteriorDraws
from bayesgmm.bayes.verdicts import MIN_ESS_PER_CHAIN
from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler
from bayesgmm.exceptions import PosteriorWarning

njit = Compiler(*KERNEL_SOURCES, density_module.__file__, __file__).njit

# k-hat needs a tail to look at.
MIN_PROPOSALS = 1000
# A mode that holds less of the posterior than this is not asked for its rows.
_MATTERS = 0.01
# The logarithm of a relative weight that is nothing beside the others, but still a number.
_NO_WEIGHT = -700.0


def sample_laplace(
    posterior: LogPosterior,
    modes: Sequence[Mode],
    *,
    draws: int,
    tune: int | None,
    chains: int,
    rng: np.random.Generator,
    progressbar: bool,
) -> PosteriorDraws:
    """Draw from the posterior by Pareto-smoothed importance sampling, or else by NUTS.

    Parameters
    ----------
    posterior : LogPosterior
    modes : sequence of Mode
        Those of the posterior, that with the largest share first.
    draws, chains : int
        Draws are independent; chains are a way to lay them out.
    tune : int or None
        For NUTS only, where it takes over.
    rng : numpy.random.Generator
    progressbar : bool

    Warns
    -----
    PosteriorWarning
        If k-hat is 0.7 or more (less where there are few draws), or the draws are worth fewer than
        100 independent ones a chain, or than half their number, or a component of a mode has
        fewer than ten rows, whose tails are the prior's; NUTS then takes over.

    Notes
    -----
    The proposal is a mixture of normals, one a mode, weighted by the modes' shares after Laplace.
    A draw costs one pass over the data, without a gradient.

    An interrupt (Ctrl-C) before NUTS takes over raises KeyboardInterrupt: weights of a part of the
    proposals say nothing about the rest.
    """
    label = "Laplace, with importance weights"
    enough = min(MIN_ESS_PER_CHAIN * chains, draws * chains // 2)
    reason = _too_few_rows(modes)
    if not reason:
        drawn = weigh(
            posterior, proposal_of(modes), draws, chains, rng, progressbar, "laplace", label
        )
        assert drawn.importance is not None
        reason = _why_not(drawn.importance, max(draws * chains, MIN_PROPOSALS), enough)
        if not reason:
            return drawn
    warnings.warn(
        f"sampler='laplace' does not do for these data ({reason}); NUTS was run instead.",
        PosteriorWarning,
        stacklevel=5,  # the caller of fit
    )
    return sample_nuts(
        posterior,
        modes,
        draws=draws,
        tune=tune,
        chains=chains,
        rng=rng,
        progressbar=progressbar,
    )


def weigh(
    posterior: LogPosterior,
    proposal: Proposal,
    draws: int,
    chains: int,
    rng: np.random.Generator,
    progressbar: bool,
    sampler: str,
    label: str,
) -> PosteriorDraws:
    """Draw from a mixture of normals, weight by what it gets wrong, and resample.

    ``sampler`` is the name that the draws go by, ``label`` stands beside the progress bar.
    """
    n = max(draws * chains, MIN_PROPOSALS)
    which = np.array(allot(proposal.shares, n))
    z = rng.standard_normal((n, posterior.sizes.n_coordinates))
    thetas, log_q = np.empty_like(z), np.empty(n)
    propose_all(z, which, proposal, posterior.arguments[1], thetas, log_q)
    log_density = _log_density(posterior, thetas, progressbar, label)
    with np.errstate(invalid="ignore"):
        log_ratios = log_density - log_q
    weights, pareto_k = _smoothed_weights(log_ratios)
    kept, ess = _resample(weights, draws * chains, rng)
    kept = kept.reshape(chains, draws)
    mixture, hyper = posterior.unpack(thetas[kept])
    stats = {"lp": log_density[kept]}
    return PosteriorDraws(mixture, hyper, stats, sampler, Importance(pareto_k, ess))


def _log_density(
    posterior: LogPosterior, thetas: np.ndarray, progressbar: bool, label: str = ""
) -> np.ndarray:
    out, arguments = np.empty(len(thetas)), posterior.arguments

    def evaluate(bit: slice) -> None:
        log_densities(thetas[bit], *arguments, out[bit])

    posterior.for_each_bit(len(thetas), evaluate, label, progressbar)
    return out


@njit(error_model="numpy")
def log_densities(thetas, X, sizes, numbers, out):
    """Write the log posterior density at each of thetas (n, P)."""
    log_density = log_density_at(sizes[12])
    for i in range(thetas.shape[0]):
        out[i] = log_density(thetas[i], X, sizes, numbers)


def _smoothed_weights(log_ratios: np.ndarray) -> tuple[np.ndarray, float]:
    """Normalised Pareto-smoothed weights, and k-hat."""
    from arviz_stats import base

    # Where the density is no number the draw has no weight, or as good as none.
    finite = np.isfinite(log_ratios)
    ratios = np.full(len(log_ratios), _NO_WEIGHT)
    if finite.any():
        ratios[finite] = np.maximum(log_ratios[finite] - log_ratios[finite].max(), _NO_WEIGHT)
    statistics = base.array_stats  # pyright: ignore[reportPrivateImportUsage]
    try:
        smoothed, pareto_k = statistics.psislw(-ratios)  # it wants them negative
    except ValueError:  # the tail is all one value: next to no draw has a weight
        smoothed, pareto_k = ratios, np.inf
    weights = np.exp(smoothed - smoothed.max())
    # The tail of weights that are all the same has no shape.
    return weights / weights.sum(), np.inf if np.isnan(pareto_k) else float(pareto_k)


def _resample(weights: np.ndarray, n: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Systematic resampling: n indices in random order, and what such draws are worth.

    A draw comes as often as its share of n says, rounded up or down at random; that adds to the
    error of the weights themselves.
    """
    places = (rng.random() + np.arange(n)) / n
    order = rng.permutation(len(weights))
    kept = np.searchsorted(np.cumsum(weights[order]), places)
    kept = order[np.minimum(kept, len(weights) - 1)]
    rest = (n * weights) % 1.0
    ess = 1.0 / (np.sum(weights**2) + np.sum(rest * (1.0 - rest)) / n**2)
    return rng.permutation(kept), float(ess)


def _too_few_rows(modes: Sequence[Mode]) -> str:
    """Of a component that its prior rules, or nothing: no weight is seen where no draw gets to."""
    that_matter = [mode for mode, held in zip(modes, shares(modes), strict=True) if held > _MATTERS]
    fewest = min(mode.normal.centre.rows.min() for mode in that_matter)
    if fewest < LEAST_ROWS:
        return f"a component has {fewest:.1f} rows, {LEAST_ROWS:.0f} are wanted"
    return ""


def _why_not(found: Importance, n: int, enough: int) -> str:
    """What is wrong with the weights of n draws, or nothing."""
    limit = min(0.7, 1.0 - 1.0 / np.log10(n))
    if not found.pareto_k < limit:
        return f"the weights' k-hat is {found.pareto_k:.2f}, below {limit:.2f} is wanted"
    if found.ess < enough:
        return f"the draws are worth {found.ess:.0f} independent ones, {enough} are wanted"
    return ""
