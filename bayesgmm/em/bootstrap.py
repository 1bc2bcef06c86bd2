"""The bootstrap: the fit again and again, to rows or weights drawn anew.

Each replicate is refitted from the fit itself, so that it stays at the same optimum, and its
components are put in the fit's order. The replicates are draws of a mixture, and whatever is
written for draws takes them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from bayesgmm.core import threads
from bayesgmm.core.alignment import matching_order
from bayesgmm.core.mixture import Mixture
from bayesgmm.em.degeneracy import find_spikes
from bayesgmm.em.loop import run_accelerated
from bayesgmm.em.problem import Problem
from bayesgmm.progress import Progress

# Passes over the data for one refit, of which most take a dozen.
MAX_PASSES = 2000


@dataclass(frozen=True)
class Replicates:
    """What became of the refits.

    Attributes
    ----------
    draws : Mixture or None
        With one leading axis; None if every refit collapsed.
    n_collapsed : int
        Refits that ended on a spike, and are left out.
    """

    draws: Mixture | None
    n_collapsed: int


def bootstrap(
    problem: Problem,
    mixture: Mixture,
    kind: str,
    n_boot: int,
    rng: np.random.Generator,
    n_jobs: int | None = None,
    progressbar: bool = False,
) -> Replicates:
    """Refit a mixture to data drawn anew.

    Parameters
    ----------
    problem : Problem
        What was fitted. Priors stay as they are; weights of rows count as frequencies.
    mixture : Mixture
        The fit.
    kind : str
        One of :data:`RESAMPLERS`.
    n_boot : int
        Number of replicates.
    rng : numpy.random.Generator
    n_jobs : int, optional
        Threads, as in joblib: the pass over the data holds no lock.
    progressbar : bool, default False

    Notes
    -----
    Every refit runs to the optimum whatever the fit's own ``tol``: with a loose one, plain EM
    would stop where it began, and the replicates would hardly differ.
    """
    seeds = rng.integers(2**63, size=n_boot)
    n_threads = threads.share(n_jobs)
    mixtures, n_collapsed = [], 0
    with threads.single_blas(), Progress(progressbar, n_boot) as advance:
        advance("bootstrap")
        refits: Any = Parallel(n_jobs, prefer="threads", return_as="generator")(
            delayed(_refit)(problem, mixture, kind, int(seed), n_threads) for seed in seeds
        )
        for refit in refits:
            if refit is None:
                n_collapsed += 1
            else:
                mixtures.append(refit)
            advance("bootstrap")
    if not mixtures:
        return Replicates(None, n_collapsed)
    draws = replace(
        mixture,
        weights=np.stack([m.weights for m in mixtures]),
        means=np.stack([m.means for m in mixtures]),
        whitening=np.stack([m.whitening for m in mixtures]),
    )
    return Replicates(draws.permute(matching_order(draws, mixture, problem.X)), n_collapsed)


def _refit(
    problem: Problem, mixture: Mixture, kind: str, seed: int, n_threads: int
) -> Mixture | None:
    resampled = RESAMPLERS[kind](problem, mixture, np.random.default_rng(seed))
    try:
        with threads.limit(n_threads):
            found = run_accelerated(resampled, mixture, MAX_PASSES).mixture
            return None if find_spikes(found, resampled) else found
    except np.linalg.LinAlgError:
        return None


def _weighted(problem: Problem, mixture: Mixture, rng: np.random.Generator) -> Problem:
    """Exponential weights, a row's own number of them added up, made to sum to what they did."""
    shape = np.ones(len(problem.X)) if problem.sample_weight is None else problem.sample_weight
    weight = rng.standard_gamma(shape)
    return replace(problem, sample_weight=weight * (problem.n / weight.sum()))


def _nonparametric(problem: Problem, mixture: Mixture, rng: np.random.Generator) -> Problem:
    """Rows drawn with replacement, which is to say multinomial weights."""
    weight = problem.sample_weight
    share = np.full(len(problem.X), 1.0 / problem.n) if weight is None else weight / problem.n
    counts = rng.multinomial(_whole(problem.n), share)
    return replace(problem, sample_weight=counts.astype(float))


def _parametric(problem: Problem, mixture: Mixture, rng: np.random.Generator) -> Problem:
    """Rows drawn from the fit."""
    return replace(problem, X=mixture.sample(_whole(problem.n), rng)[0], sample_weight=None)


def _whole(n: float) -> int:
    return max(1, round(n))


RESAMPLERS: dict[str, Callable[[Problem, Mixture, np.random.Generator], Problem]] = {
    "weighted": _weighted,
    "nonparametric": _nonparametric,
    "parametric": _parametric,
}
