"""The samplers by name, and what each of them returns."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.priors import LKJ, Priors


@dataclass(frozen=True)
class Importance:
    """What weights say about independent draws that were weighted and resampled.

    Attributes
    ----------
    pareto_k : float
        Shape of the weights' upper tail, k-hat: means are reliable below 0.7 (Vehtari et al., 2024,
        jmlr.org/papers/v25/19-556.html).
    ess : float
        Unweighted independent draws that they are worth.
    """

    pareto_k: float
    ess: float


@dataclass(frozen=True)
class PosteriorDraws:
    """Draws of a mixture, as they came: labels may differ between draws.

    Attributes
    ----------
    mixture : Mixture
        With leading axes (chain, draw), in the units of the data.
    hyper : (chain, draw, n) array
        Draws of half the hierarchical scale, then of the concentration of the weights; n is zero if
        both are fixed.
    sample_stats : dict of (chain, draw) arrays
        What this sampler has to say about each draw.
    sampler : str
        The name of the sampler that made them.
    importance : Importance or None
        Where draws are independent, weighted and resampled, rather than chains.
    log_evidence : (chain,) array or None
        Logarithm of the density of the data under the prior, in nats and the units of the data, as
        each chain estimates it; where the sampler does.
    complete : bool
        False if sampling was interrupted, and these are the draws so far.
    """

    mixture: Mixture
    hyper: np.ndarray
    sample_stats: dict[str, np.ndarray]
    sampler: str
    importance: Importance | None = None
    log_evidence: np.ndarray | None = None
    complete: bool = True


@dataclass(frozen=True)
class Sampler:
    """Where the functions of a sampler are, as "module:function".

    Attributes
    ----------
    on_density : str
        Draws from a :class:`~bayesgmm.bayes.coordinates.LogPosterior`, which priors of ours have,
        given its modes. Called as ``sample_nuts`` is.
    on_model : str or None
        Draws from a PyMC model, which any priors have. Called as ``sample_model`` is. None if the
        sampler needs to know the priors.
    needs_conditionals : bool
        Whether every part of the mixture must have a conditional in closed form.
    starts_at_modes : bool
        Whether draws or chains start at the modes, by their shares.
    takes_checkpoint : bool
        Whether the functions take a :class:`~bayesgmm.bayes.checkpoint.Checkpoint`.
    """

    on_density: str
    on_model: str | None = None
    needs_conditionals: bool = False
    starts_at_modes: bool = True
    takes_checkpoint: bool = False


SAMPLERS = {
    "hmc": Sampler("bayesgmm.bayes.hmc:sample_hmc", needs_conditionals=True, takes_checkpoint=True),
    "nuts": Sampler(
        "bayesgmm.bayes.nuts:sample_nuts",
        "bayesgmm.bayes.model_nuts:sample_model",
        takes_checkpoint=True,
    ),
    "gibbs": Sampler(
        "bayesgmm.bayes.gibbs:sample_gibbs", needs_conditionals=True, takes_checkpoint=True
    ),
    "laplace": Sampler("bayesgmm.bayes.laplace:sample_laplace"),
    "vi": Sampler("bayesgmm.bayes.vi:sample_vi"),
    "smc": Sampler("bayesgmm.bayes.smc:sample_smc", starts_at_modes=False),
}


def chosen(sampler: str, priors: Priors) -> str:
    """The name of a sampler; "auto" is "hmc", or NUTS where a prior has no conditionals."""
    if sampler != "auto":
        return sampler
    return "hmc" if priors.is_ours and has_conditionals(priors) else "nuts"


def has_conditionals(priors: Priors) -> bool:
    """Whether, of priors of ours, every part of a mixture has a conditional in closed form."""
    return not isinstance(priors.covariances, LKJ)


def function_at(place: str) -> Callable[..., Any]:
    """Import the function at "module:function"."""
    module, name = place.split(":")
    return getattr(import_module(module), name)
