"""Runs of samplers, what their draws are worth, and the row that compares two of them.

The effective sample size (bulk) is the least over quantities, of two kinds: those that no labelling
of the components changes, and the parameters of components that are separated, after relabelling to
the mode of the fit (both programs' draws in the same way).
"""

import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from bayesgmm.bayes import elpd
from bayesgmm.bayes.convergence import rhat_and_ess
from bayesgmm.bayes.diagnostics import invariants
from bayesgmm.bayes.engines import EngineResult, draw_posterior
from bayesgmm.bayes.hmc import TUNE
from bayesgmm.bayes.labels import overlap, relabel
from bayesgmm.core.mixture import Mixture
from bayesgmm.exceptions import PosteriorWarning
from bayesgmm.priors import Priors
from em_figures.measuring import columns, heading, row
from posterior_figures.problems import Problem

CHAINS = 4
DRAWS = 1000
# Of components that share no more than this of the smaller's rows, parameters are compared.
SEPARATED = 0.1
N_POINTS = 8
NAMES = (
    "data",
    "peer: warm-up + draws",
    "peer: compile, sample, s",
    "peer: ESS",
    "bayesgmm: sample, fit, s",
    "bayesgmm: ESS",
    "ratio of ESS/s",
    "the less",
    "by the processor's time",
    "all in",
    "difference, standard errors",
)
LEGEND = (
    "The ESS are the least over invariant quantities / over parameters of separated components. "
    "Seconds are the wall clock's, warm-up included; the less of the two ratios is given by the "
    "processor's time to sample, too, and with compilation and our whole fit. The last column is "
    "the largest difference of posterior means."
)


@dataclass(frozen=True)
class Seconds:
    """Of the wall clock, and of all threads on the processor, which other load disturbs less."""

    wall: float
    processor: float


@dataclass(frozen=True)
class Draws:
    """What a sampler drew, and its times in seconds.

    Attributes
    ----------
    mixture : Mixture
        With leading axes (chain, draw), labels as they came.
    sampling : Seconds
        Until the draws are there, warm-up included.
    whole : float
        What a user waits in all, by the wall clock: with compilation (others), or with relabelling,
        log-likelihood and diagnostics (ours).
    warm_up : int
        Draws a chain before those.
    """

    mixture: Mixture
    sampling: Seconds
    whole: float
    warm_up: int


def ours(problem: Problem, draws: int, repeats: int = 3) -> tuple[Draws, Mixture]:
    """Our draws, by the default sampler, and the mode that labels refer to."""
    estimator = problem.estimator(draws=draws, chains=CHAINS)
    sampling, whole = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PosteriorWarning)  # the table says what draws are worth
        estimator.fit(problem.X)  # loads what is compiled
        for _ in range(repeats):
            seconds, drawn = timed(lambda: draw(problem, draws))
            sampling.append(seconds)
            whole.append(timed(lambda: estimator.fit(problem.X))[0].wall)
    median = Seconds(*np.median([(one.wall, one.processor) for one in sampling], axis=0))
    return Draws(drawn.draws, median, float(np.median(whole)), TUNE), drawn.map


def draw(problem: Problem, draws: int) -> EngineResult:
    """What a fit does before it looks at its draws."""
    return draw_posterior(
        problem.X,
        problem.n_components,
        "full",
        Priors(),
        draws=draws,
        tune=None,
        chains=CHAINS,
        rng=np.random.default_rng(0),
        progressbar=False,
    )


def timed[T](function: Callable[[], T]) -> tuple[Seconds, T]:
    wall, processor = time.perf_counter(), time.process_time()
    result = function()
    return Seconds(time.perf_counter() - wall, time.process_time() - processor), result


def compare(name: str, problem: Problem, peer: Draws, own: Draws, mode: Mixture) -> None:
    """Print the row of a problem."""
    apart = separated(own.mixture, mode, problem.X)
    theirs, mine = (quantities(one.mixture, mode, problem.X, apart) for one in (peer, own))
    least = [[least_ess(values) for values in kinds] for kinds in (theirs, mine)]
    gains = np.array(least[1]) / np.array(least[0])
    ratios = gains * peer.sampling.wall / own.sampling.wall
    by_processor = gains * peer.sampling.processor / own.sampling.processor
    whole = gains * peer.whole / own.whole
    row(
        name,
        f"{peer.warm_up} + {peer.mixture.batch_shape[1]}",
        f"{peer.whole - peer.sampling.wall:.1f}, {peer.sampling.wall:.2f}",
        both(least[0], ".0f"),
        f"{own.sampling.wall:.2f}, {own.whole:.2f}",
        both(least[1], ".0f"),
        both(ratios, ".1f"),
        f"{np.nanmin(ratios):.1f}",
        f"{np.nanmin(by_processor):.1f}",
        f"{np.nanmin(whole):.1f}",
        f"{largest_difference(theirs[0], mine[0]):.1f}",
    )


def heads(title: str, text: str) -> None:
    heading(title, f"{text} {LEGEND}")
    columns(*NAMES)


def both(pair: Iterable[float], digits: str) -> str:
    return " / ".join("none" if np.isnan(value) else format(value, digits) for value in pair)


def separated(draws: Mixture, mode: Mixture, X: np.ndarray) -> np.ndarray:
    """Components that share little with any other."""
    shared = overlap(relabel(draws, mode, X).mixture, X)
    np.fill_diagonal(shared, 0.0)
    return np.flatnonzero((shared <= SEPARATED).all(axis=1))


def quantities(
    draws: Mixture, mode: Mixture, X: np.ndarray, components: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Quantities (chain, draw, n) that no labelling changes, and those of some components."""
    shape, d = draws.batch_shape, X.shape[1]
    entries = np.tril_indices(d)
    weights, means, covariances = draws.weights, draws.means, draws.covariances
    centre = np.einsum("...k,...ki->...i", weights, means)
    second = covariances + means[..., :, None] * means[..., None, :]
    total = np.einsum("...k,...kij->...ij", weights, second)
    total -= centre[..., :, None] * centre[..., None, :]
    points = X[np.linspace(0, len(X) - 1, N_POINTS).astype(int)]
    invariant = [
        log_likelihood(draws, X)[..., None],
        np.stack([*invariants(draws).values(), np.sum(weights**2, axis=-1)], axis=-1),
        centre,
        total[..., entries[0], entries[1]],
        draws.log_density(points).reshape(*shape, N_POINTS),
    ]
    named = relabel(draws, mode, X).mixture
    labelled = [
        named.weights[..., components],
        named.means[..., components, :].reshape(*shape, -1),
        named.covariances[..., components, :, :][..., entries[0], entries[1]].reshape(*shape, -1),
    ]
    return np.concatenate(invariant, axis=-1), np.concatenate(labelled, axis=-1)


def log_likelihood(draws: Mixture, X: np.ndarray) -> np.ndarray:
    of_rows = elpd.pointwise(draws, X)
    blocks = elpd.row_blocks(len(X), int(np.prod(draws.batch_shape)))
    return np.sum([of_rows(rows).sum(axis=-1) for rows in blocks], axis=0)


def least_ess(values: np.ndarray) -> float:
    """NaN where there are no quantities."""
    return float(rhat_and_ess(values)[1].min()) if values.shape[-1] else np.nan


def largest_difference(values: np.ndarray, others: np.ndarray) -> float:
    """Of posterior means, in Monte Carlo standard errors of the difference."""
    variance = sum(v.var(axis=(0, 1)) / rhat_and_ess(v)[1] for v in (values, others))
    apart = np.abs(values.mean(axis=(0, 1)) - others.mean(axis=(0, 1)))
    return float(np.max(apart / np.sqrt(variance)))
