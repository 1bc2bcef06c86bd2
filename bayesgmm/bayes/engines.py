"""From data and priors to draws: which sampler runs, and on what."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesgmm.bayes.checkpoint import Checkpoint, fingerprint
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.modes import find_modes
from bayesgmm.bayes.polish import polished
from bayesgmm.bayes.samplers import (
    SAMPLERS,
    Importance,
    Sampler,
    chosen,
    function_at,
    has_conditionals,
)
from bayesgmm.bayes.visits import Visits, modes_with, visits
from bayesgmm.core import threads
from bayesgmm.core.mixture import Mixture
from bayesgmm.em.estimator import MAX_PASSES
from bayesgmm.em.loop import run_accelerated
from bayesgmm.em.problem import Problem
from bayesgmm.em.runs import Settings
from bayesgmm.em.search import search
from bayesgmm.exceptions import DataError
from bayesgmm.priors import Priors, ResolvedPriors, resolve

if TYPE_CHECKING:
    import xarray as xr

# Modes are looked at if their density is within this of the highest, in nats.
NEAR = 10.0
# A mode fits better than another where its likelihood is twenty times as large, in nats.
BETTER = 3.0


@dataclass(frozen=True)
class EngineResult:
    """What a sampler returns.

    Attributes
    ----------
    draws : Mixture
        With leading axes (chain, draw); labels may differ between draws.
    hyper : (chain, draw, n) array
        Half the hierarchical scale of the covariances' prior, then the concentration of the
        weights; n is zero if they are fixed, or part of ``extra``.
    sample_stats : dict of (chain, draw) arrays
    sampler : str
        The name of the sampler that made the draws.
    map : Mixture
        The mode of the joint posterior density; with a Dirichlet concentration below one, which
        has none, that of a concentration of one, and with one that is learned, that of its prior
        mean or of one.
    priors : ResolvedPriors or Priors
    importance : Importance or None
        Where the draws are no chains, but independent, weighted and resampled.
    log_evidence : (chain,) array or None
        Logarithm of the density of the data under the prior, as each chain estimates it.
    extra : xarray.Dataset or None
        Of draws from the PyMC model: all its variables but weights, means and covariances, with
        leading dims (chain, draw).
    constants : xarray.Dataset or None
        Data containers that a user's priors registered.
    complete : bool
        False if sampling was interrupted, and these are the draws so far.
    better_fit : float
        As in :class:`~bayesgmm.bayes.diagnostics.Diagnostics`.
    visits : callable
        Looks at which modes the draws are.
    """

    draws: Mixture
    hyper: np.ndarray
    sample_stats: dict[str, np.ndarray]
    sampler: str
    map: Mixture
    priors: ResolvedPriors | Priors
    importance: Importance | None = None
    log_evidence: np.ndarray | None = None
    extra: "xr.Dataset | None" = None
    constants: "xr.Dataset | None" = None
    complete: bool = True
    better_fit: float = 0.0
    visits: Callable[[], Visits] = Visits


def draw_posterior(
    X: np.ndarray,
    n_components: int,
    covariance_type: str,
    priors: Priors,
    *,
    sampler: str = "auto",
    draws: int,
    tune: int | None,
    chains: int,
    rng: np.random.Generator,
    progressbar: bool,
    checkpoint: str | os.PathLike[str] | None = None,
) -> EngineResult:
    """Draw from the posterior of a mixture.

    With priors of ours the compiled density is sampled, with a function among them the PyMC model.

    Parameters
    ----------
    X : (N, D) array
    n_components : int
    covariance_type : str
    priors : Priors
    sampler : str, default "auto"
        That, or a key of :data:`~bayesgmm.bayes.samplers.SAMPLERS`.
    draws, chains : int
    tune : int or None
    rng : numpy.random.Generator
    progressbar : bool
    checkpoint : str or path, optional
        File in which the draws so far are kept, and gone on from.

    Raises
    ------
    DataError
        If the sampler cannot take these priors, or the checkpoint cannot be used.
    """
    sampler = chosen(sampler, priors)
    places = SAMPLERS[sampler]
    options: dict[str, Any] = {
        "draws": draws,
        "tune": tune,
        "chains": chains,
        "rng": rng,
        "progressbar": progressbar,
    }
    if checkpoint is not None:
        if not places.takes_checkpoint:
            raise DataError(
                f"sampler='{sampler}' keeps no checkpoint, got checkpoint={str(checkpoint)!r}; use "
                "sampler='auto', or leave it out."
            )
        key = fingerprint(
            data=X,
            n_components=n_components,
            covariance_type=covariance_type,
            priors=priors,
            chains=chains,
            sampler=sampler,
        )
        options["checkpoint"] = Checkpoint(checkpoint, key)
    if not priors.is_ours:
        if places.on_model is None:
            raise DataError(
                f"sampler='{sampler}' needs priors of bayesgmm's own, got a function for the "
                f"{' and '.join(priors.user_slots)}; use sampler='nuts', which takes any."
            )
        return function_at(places.on_model)(X, n_components, covariance_type, priors, **options)
    if places.needs_conditionals and not has_conditionals(priors):
        raise DataError(
            f"sampler='{sampler}' draws each part from its conditional, which LKJ correlations do "
            "not have in closed form; use sampler='nuts', or covariances=InverseWishart()."
        )
    return _sample_density(X, n_components, covariance_type, priors, places, options)


def _sample_density(
    X: np.ndarray,
    n_components: int,
    covariance_type: str,
    priors: Priors,
    places: Sampler,
    options: dict[str, Any],
) -> EngineResult:
    """Find the modes by EM, and sample the compiled density from there."""
    resolved = resolve(priors, X, n_components, covariance_type)
    problem = Problem(X, covariance_type, priors=resolved)
    for_em = replace(problem, priors=resolved.for_em())
    settings = Settings(n_components, "auto", "mixed", None, MAX_PASSES)
    found = search(for_em, settings, options["rng"])
    near = [run for run in found.others if run.objective > found.run.objective - NEAR]
    optima = [(run.mixture, for_em.hyper(run.mixture)) for run in (found.run, *near)]
    fits = [found.run.mixture, *(run.mixture for run in found.others)]
    posterior = LogPosterior(problem, n_components)
    if resolved.is_lkj:
        optima = polished(posterior, optima)
        fits = [mixture for mixture, _ in optima]
    draw = function_at(places.on_density)
    # Chains run side by side, and each has small matrices to multiply.
    with threads.single_blas():
        modes = find_modes(posterior, optima)
        drawn = draw(posterior, modes, **options)

    def look() -> Visits:
        if places.starts_at_modes:
            return visits(modes, drawn.mixture)
        lp = drawn.sample_stats["lp"]
        best = drawn.mixture[np.unravel_index(lp.argmax(), lp.shape)]
        with threads.single_blas():
            run = run_accelerated(for_em, best, MAX_PASSES)
            reached = find_modes(posterior, [(run.mixture, for_em.hyper(run.mixture))])
        return visits(modes_with(modes, reached), drawn.mixture)

    return EngineResult(
        drawn.mixture,
        drawn.hyper,
        drawn.sample_stats,
        drawn.sampler,
        optima[0][0],
        resolved,
        importance=drawn.importance,
        log_evidence=drawn.log_evidence,
        complete=drawn.complete,
        better_fit=_better_fit(X, fits),
        visits=look,
    )


def _better_fit(X: np.ndarray, fits: list[Mixture]) -> float:
    """By how much the best fit is better than the first; zero if it is not."""
    log_likelihoods = [float(mode.log_density(X).sum()) for mode in fits]
    gain = max(log_likelihoods) - log_likelihoods[0]
    return gain if gain > BETTER else 0.0
