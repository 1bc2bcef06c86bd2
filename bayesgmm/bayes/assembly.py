"""From draws as they came to what a fit keeps: relabelled, as a tree, and diagnosed."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bayesgmm import __version__
from bayesgmm.bayes import elpd
from bayesgmm.bayes.chain_modes import weigh_modes
from bayesgmm.bayes.diagnostics import Diagnostics, diagnose
from bayesgmm.bayes.labels import agreement, overlap, relabel
from bayesgmm.bayes.tree import MAX_LOG_LIKELIHOOD_BYTES, build_tree, variables_dataset
from bayesgmm.core.mixture import Mixture
from bayesgmm.priors import ResolvedPriors

if TYPE_CHECKING:
    import xarray as xr

    from bayesgmm.bayes.engines import EngineResult


def assemble(
    drawn: "EngineResult", X: np.ndarray, names: tuple[str, ...], n_wanted: int
) -> "tuple[Mixture, xr.DataTree, Diagnostics]":
    """Relabel draws, put them into a tree, and diagnose them.

    Parameters
    ----------
    drawn : EngineResult
    X : (N, D) array
    names : tuple of str
        Of the features.
    n_wanted : int
        Draws asked for, over all chains.

    Returns
    -------
    mixture : Mixture
        The relabelled draws, with leading axes (chain, draw).
    tree : xarray.DataTree
    diagnostics : Diagnostics
    """
    relabelled = relabel(drawn.draws, drawn.map, X)
    mixture = replace(relabelled.mixture, feature_names=names)
    log_likelihood = elpd.pointwise(mixture, X)
    n_draws = int(np.prod(mixture.batch_shape))
    if 8 * n_draws * len(X) <= MAX_LOG_LIKELIHOOD_BYTES:
        kept = log_likelihood(slice(None))
        total = kept.sum(axis=-1)
    else:
        kept = None
        totals = [draws.log_density(X).sum(axis=-1) for draws in mixture.blocks(len(X))]
        total = np.concatenate(totals).reshape(mixture.batch_shape)
    attributes = {
        "covariance_type": mixture.covariance_type,
        "sampler": drawn.sampler,
        "created_by": f"bayesgmm {__version__}",
        "complete": int(drawn.complete),
    }
    if drawn.importance is not None:
        attributes |= {
            "pareto_k": drawn.importance.pareto_k,
            "importance_ess": drawn.importance.ess,
        }
    if drawn.log_evidence is not None:
        attributes |= _evidence(drawn.log_evidence)
    if isinstance(drawn.priors, ResolvedPriors):
        others = variables_dataset(mixture, drawn.priors, drawn.hyper)
    else:
        assert drawn.extra is not None  # the PyMC model has more variables than ours
        others = relabelled.apply(drawn.extra)
    # Plots of ArviZ look for divergences, also where a sampler has none.
    sample_stats = {"diverging": np.zeros(mixture.batch_shape, dtype=bool)} | drawn.sample_stats
    tree = build_tree(mixture, others, sample_stats, X, kept, names, attributes, drawn.constants)
    visits = drawn.visits()
    diagnostics = diagnose(
        drawn.draws,
        relabelled,
        total,
        drawn.sample_stats.get("diverging"),
        names,
        weigh_modes=lambda modes: weigh_modes(
            modes, log_likelihood, len(X), tree["posterior"].to_dataset()
        ),
        agreement=agreement(drawn.draws, drawn.map, X),
        overlap=overlap(mixture, X),
        complete=drawn.complete,
        n_wanted=n_wanted,
        importance=drawn.importance,
        better_fit=drawn.better_fit,
        unvisited=visits.missing,
        places=visits.places,
        evidence_error=float(attributes.get("log_evidence_error", 0.0)),
    )
    return mixture, tree, diagnostics


def _evidence(log_evidence: np.ndarray) -> dict[str, float]:
    """The log of the chains' mean evidence, and its standard error where there are several."""
    n = len(log_evidence)
    relative = np.exp(log_evidence - log_evidence.max())
    found = {"log_evidence": float(log_evidence.max() + np.log(relative.mean()))}
    if n > 1:
        error = relative.std(ddof=1) / (relative.mean() * np.sqrt(n))
        found["log_evidence_error"] = float(error)
    return found
