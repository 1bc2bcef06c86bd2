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
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.jumps import Proposal, log_improbabilities, propose_all
from bayesgmm.bayes.log_posterior import log_density_at
from bayesgmm.bayes.modes import Optimum, allot, find_modes, shares
from bayesgmm.bayes.nuts import sample_nuts
from bayesgmm.bayes.samplers import Importance, PosteriorDraws
from bayesgmm.bayes.verdicts import MIN_ESS_PER_CHAIN
from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler
from bayesgmm.exceptions import PosteriorWarning

njit = Compiler(*KERNEL_SOURCES, density_module.__file__, __file__).njit

# k-hat needs a tail to look at.
MIN_PROPOSALS = 1000
# The logarithm of a relative weight that is nothing beside the others, but still a number.
_NO_WEIGHT = -700.0


def sample_laplace(
    posterior: LogPosterior,
    optima: Sequence[Optimum],
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
    optima : sequence of (mixture, half the hierarchical scale)
        Modes of the posterior density, the highest first.
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
        100 independent ones a chain, or than half their number, so that NUTS takes over.

    Notes
    -----
    The proposal is a mixture of normals, one a mode, weighted by the modes' shares after Laplace.
    A draw costs one pass over the data, without a gradient.

    An interrupt (Ctrl-C) before NUTS takes over raises KeyboardInterrupt: weights of a part of the
    proposals say nothing about the rest.
    """
    modes = find_modes(posterior, optima)
    label = "Laplace, with importance weights"
    normals = [(mode.proposal, share) for mode, share in zip(modes, shares(modes), strict=True)]
    drawn = weigh(posterior, normals, draws, chains, rng, progressbar, "laplace", label)
    assert drawn.importance is not None
    enough = min(MIN_ESS_PER_CHAIN * chains, draws * chains // 2)
    reason = _why_not(drawn.importance, max(draws * chains, MIN_PROPOSALS), enough)
    if reason:
        warnings.warn(
            f"sampler='laplace' does not do for these data ({reason}); NUTS was run instead.",
            PosteriorWarning,
            stacklevel=4,  # the caller of fit
        )
        return sample_nuts(
            posterior,
            optima,
            draws=draws,
            tune=tune,
            chains=chains,
            rng=rng,
            progressbar=progressbar,
        )
    return drawn


def weigh(
    posterior: LogPosterior,
    normals: Sequence[tuple[Proposal, float]],
    draws: int,
    chains: int,
    rng: np.random.Generator,
    progressbar: bool,
    sampler: str,
    label: str,
) -> PosteriorDraws:
    """Draw from a mixture of normals with shares, weight by what it gets wrong, and resample.

    ``sampler`` is the name that the draws go by, ``label`` stands beside the progress bar.
    """
    sizes = posterior.arguments[1]
    thetas = _propose(normals, sizes, max(draws * chains, MIN_PROPOSALS), rng)
    log_density = _log_density(posterior, thetas, progressbar, label)
    weights, pareto_k = _smoothed_weights(log_density - _log_proposal(normals, sizes, thetas))
    kept, ess = _resample(weights, draws * chains, rng)
    kept = kept.reshape(chains, draws)
    mixture, hyper = posterior.unpack(thetas[kept])
    stats = {"lp": log_density[kept]}
    return PosteriorDraws(mixture, hyper, stats, sampler, Importance(pareto_k, ess))


def _propose(
    normals: Sequence[tuple[Proposal, float]], sizes: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws theta (n, P); NaN where a draw of a normal is none."""
    which = np.array(allot(np.array([share for _, share in normals]), n))
    z = rng.standard_normal((n, len(normals[0][0].origin)))
    thetas = np.empty_like(z)
    for i, (proposal, _) in enumerate(normals):
        own = np.empty((np.sum(which == i), z.shape[1]))
        propose_all(z[which == i], proposal, sizes, own)
        thetas[which == i] = own
    return thetas


def _log_proposal(
    normals: Sequence[tuple[Proposal, float]], sizes: np.ndarray, thetas: np.ndarray
) -> np.ndarray:
    """Log density of the mixture of normals, up to a constant; NaN where theta is."""
    total, part = np.full(len(thetas), -np.inf), np.empty(len(thetas))
    for proposal, share in normals:
        log_improbabilities(thetas, proposal, sizes, part)
        with np.errstate(divide="ignore", invalid="ignore"):
            own = np.log(share) + np.linalg.slogdet(proposal.inverse)[1] - part
            total = np.logaddexp(total, own)
    return total


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


def _why_not(found: Importance, n: int, enough: int) -> str:
    """What is wrong with the weights of n draws, or nothing."""
    limit = min(0.7, 1.0 - 1.0 / np.log10(n))
    if not found.pareto_k < limit:
        return f"the weights' k-hat is {found.pareto_k:.2f}, below {limit:.2f} is wanted"
    if found.ess < enough:
        return f"the draws are worth {found.ess:.0f} independent ones, {enough} are wanted"
    return ""
