"""Which checks there are for a model, with their numbers."""

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from bayesgmm.em.degeneracy import flatness
from bayesgmm.em.problem import Problem
from bayesgmm.report.blocks import Check
from bayesgmm.report.clusters import Fitted
from bayesgmm.report.verdicts import trust


def run_checks(fitted: Fitted, row_numbers: np.ndarray, waic: Any = None) -> tuple[Check, ...]:
    """Every check that the fits of a model allow.

    Parameters
    ----------
    fitted : Fitted
    row_numbers : (N,) array
        What each row is called.
    waic : ELPDData, optional
        Of the posterior.
    """
    model = fitted.model
    return (
        *(() if model.em is None else _em_checks(fitted, model.em)),
        *(() if model.bayes is None else _posterior_checks(fitted, model.bayes, row_numbers, waic)),
    )


def narrowest_axis(fitted: Fitted) -> float:
    """Smallest sd of a cluster in any direction, relative to that of all rows in that direction."""
    problem = Problem(fitted.X, fitted.point.covariance_type)
    return math.sqrt(flatness(fitted.point, problem).min())


def _em_checks(fitted: Fitted, em: Any) -> Iterator[Check]:
    starts = em.starts_
    yield trust.convergence_check(bool(em.converged_), int(em.n_iter_))
    yield trust.starts_check(starts.n_starts, starts.n_at_best, fitted.k)
    smallest = float(len(fitted.X) * fitted.point.weights.min())
    yield trust.spike_check(
        narrowest_axis(fitted),
        smallest,
        fitted.point.n_features,
        starts.n_spikes,
        starts.all_collapsed,
    )


def has_spike(fitted: Fitted) -> bool:
    """Whether the EM fit stands on a handful of rows."""
    return fitted.model.em is not None and fitted.model.em.starts_.all_collapsed


def _posterior_checks(
    fitted: Fitted, bayes: Any, row_numbers: np.ndarray, waic: Any
) -> Iterator[Check]:
    diagnostics, model = bayes.diagnostics_, fitted.model
    total = math.prod(bayes.mixture_.batch_shape)
    what = least_agreed(bayes, row_numbers)
    ess = diagnostics.worst("invariant")[2]
    agree, loo = chains_agree(bayes), model.loo
    loo_holds = loo is not None and bool(np.all(np.ravel(loo.pareto_k) <= loo.good_k))
    yield trust.rhat_check(chains_rhat(bayes), what, fitted.chains, modes(bayes))
    yield trust.ess_check(ess, total, fitted.chains)
    if diagnostics.can_diverge:
        yield trust.divergence_check(int(diagnostics.n_divergences), total)
    if fitted.k > 1:
        what, rhat, ess = diagnostics.worst("component")
        agreement = float(diagnostics.agreement)
        rough = trust.is_rough(rhat, ess, fitted.chains, agreement)
        overlap = bool(fitted.overlapping)
        yield trust.stability_check(rhat, in_plain_words(what), agree, ess, fitted.chains)
        switched = float(diagnostics.switched)
        yield trust.switching_check(switched, agree, rough, agreement, overlap, loo_holds)
        yield trust.separation_check(
            fitted.k, fitted.overlapping, rough, len(fitted.in_doubt), len(fitted.X)
        )
    if loo is not None:
        k_hat = np.ravel(loo.pareto_k)
        high = np.flatnonzero(k_hat > loo.good_k)
        order = high[np.argsort(-k_hat[high], kind="stable")]
        yield trust.loo_check(float(k_hat.max()), float(loo.good_k), row_numbers[order].tolist())
    if waic is not None:
        yield trust.waic_check(int(waic.n_high_variance), waic.elpd, model.value("elpd_loo"))


def in_plain_words(quantity: str) -> str:
    """A component's quantity of the diagnostics in a reader's words, without its number.

    Diagnostics count components from 0 and in the order of the posterior; a report does neither.
    """
    kind, _, feature = quantity.partition(", ")
    word = {"weight": "share", "mean": "centre", "sd": "spread"}.get(kind.split(" ")[0])
    if word is None:
        return quantity
    return f"a {word} in {feature}" if feature else f"a {word}"


def mean_log_likelihood(bayes: Any) -> float:
    """The log-likelihood of the rows, averaged over the posterior."""
    table = bayes.diagnostics_.table
    return float(table.loc[table["quantity"] == "log likelihood", "mean"].iloc[0])


def chains_rhat(bayes: Any) -> float:
    """The largest R-hat of what no naming of the clusters changes."""
    return bayes.diagnostics_.worst("invariant")[1]


def least_agreed(bayes: Any, row_numbers: np.ndarray) -> str:
    """What has that R-hat."""
    return with_row_numbers(bayes.diagnostics_.worst("invariant")[0], row_numbers)


def with_row_numbers(text: str, row_numbers: np.ndarray) -> str:
    """A text of the diagnostics, which have the positions of rows, with their numbers."""
    return re.sub(
        r"(?<=co-clustering of rows )(\d+) and (\d+)",
        lambda rows: f"{row_numbers[int(rows[1])]} and {row_numbers[int(rows[2])]}",
        text,
    )


def chains_agree(bayes: Any) -> bool:
    """Whether the chains tell one story; a single chain cannot disagree."""
    return trust.chains_agree(chains_rhat(bayes)) and len(modes(bayes)) < 2


def modes(bayes: Any) -> list[tuple[int, float]]:
    """The number of chains and the stacking weight of each mode that chains sit in."""
    chains = bayes.diagnostics_.chains
    return [(len(part), float(part["weight"].sum())) for _, part in chains.groupby("mode")]
