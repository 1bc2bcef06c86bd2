"""The checks: what was found, what was wanted, what it means."""

import math
from collections.abc import Sequence

from bayesgmm.bayes.verdicts import (
    FEW_DIVERGENCES,
    MAX_RHAT,
    MIN_AGREEMENT,
    MIN_ESS_PER_CHAIN,
)
from bayesgmm.report.blocks import Check, Level
from bayesgmm.report.wording import (
    NBSP,
    capital,
    counted,
    fixed,
    in_words,
    joined,
    percent,
    row_list,
)

# Share of rows in doubt from which clusters cannot be spoken of one by one.
_DOUBT = 0.1


def chains_agree(rhat: float) -> bool:
    """Whether the chains tell one story; a single chain (R-hat unknown) cannot disagree."""
    return not rhat > MAX_RHAT


def starts_check(n_starts: int, n_at_best: int, k: int) -> Check:
    """Whether EM's starts lead to one optimum."""
    name, found = "EM found one optimum", f"{n_at_best} of {counted(n_starts, 'start')}"
    wanted = "at least half"
    if k == 1:
        return Check(name, found, "any", "With one component there is only one.", "pass")
    if n_starts == 1:
        means = "One start cannot show whether others exist. Raise n_init."
        return Check(name, found, wanted, means, "note")
    if 2 * n_at_best >= n_starts:
        means = "Other starting points lead to the same answer."
        return Check(name, found, wanted, means, "pass")
    means = (
        f"Only {n_at_best} of {n_starts} starts reach the best optimum: better ones may exist. "
        "Raise n_init."
    )
    return Check(name, found, wanted, means, "note")


def rival_starts_sentence(k: int, n_at_best: int, n_starts: int) -> str:
    """A warning that the rival's likelihood, and so the margin, rests on few starts; or nothing."""
    if n_starts < 2 or 2 * n_at_best >= n_starts or n_at_best > 2:
        return ""
    return (
        f"The optimum at K{NBSP}={NBSP}{k} was reached by {n_at_best} of {n_starts} starts, so a "
        "better one may exist and the margin may shrink."
    )


def spike_check(
    narrowest: float, smallest: float, n_features: int, n_spikes: int, is_spike: bool
) -> Check:
    """Whether a cluster has shrunk onto a handful of rows.

    Parameters
    ----------
    narrowest : float
        Smallest sd of a cluster in any direction, relative to that of all rows there.
    smallest : float
        Rows that the smallest cluster stands for: its share times the number of rows.
    n_features : int
    n_spikes : int
        EM starts that collapsed and were passed over.
    is_spike : bool
        Whether all of them did, so that the fit shown is one.
    """
    name, wanted = "No spike", f"over 0.01 sd, {n_features + 1} rows or more"
    found = f"narrowest axis {fixed(narrowest, 2 if narrowest >= 0.1 else 4)} sd"
    if is_spike:
        found = f"{found}, smallest cluster {fixed(smallest, 1)} rows"
        means = (
            "A cluster has shrunk onto a handful of rows, where the likelihood has no bound. "
            "Use fewer components, another covariance family, or priors."
        )
        return Check(name, found, wanted, means, "fail")
    if n_spikes:
        one = n_spikes == 1
        means = (
            f"{'One EM start' if one else f'{n_spikes} EM starts'} collapsed onto a few rows "
            f"(likelihood without bound). {'It was' if one else 'They were'} discarded; the fit "
            "shown is the best without such a spike."
        )
        return Check(name, found, wanted, means, "note")
    means = "No cluster has shrunk onto a handful of rows."
    return Check(name, found, wanted, means, "pass")


def parameters_check(n_parameters: int, n_values: int) -> Check:
    """The check that there are values enough for the parameters, which there are not."""
    found = f"{counted(n_values, 'value')}, {counted(n_parameters, 'parameter')}"
    means = (
        "So few values can be fitted in many ways: which model is best by a criterion is chance."
    )
    return Check("Values for the parameters", found, "two for each", means, "fail")


def convergence_check(converged: bool, n_iter: int) -> Check:
    """Whether EM came to rest."""
    found = f"{'yes' if converged else 'no'}, after {counted(n_iter, 'pass', 'passes')}"
    if converged:
        return Check("EM converged", found, "yes", "More passes would not change the fit.", "pass")
    means = "EM was stopped on its way: the likelihood is too low. Raise max_iter."
    return Check("EM converged", found, "yes", means, "fail")


def rhat_check(
    rhat: float, worst: str, chains: int, modes: Sequence[tuple[int, float]] = ()
) -> Check:
    """Whether the chains agree on what no naming of the clusters changes.

    ``worst`` names what they agree on least; R-hat is NaN for a single chain. ``modes`` as in
    `disagreement_sentence`.
    """
    name, wanted = "Chains agree (R-hat)", f"up to {fixed(MAX_RHAT, 2)}"
    if math.isnan(rhat):
        means = "One chain cannot show whether others would tell the same. Run several."
        return Check(name, "unknown", wanted, means, "note")
    found = f"{fixed(rhat, 3)} at worst"
    if chains_agree(rhat) and len(modes) < 2:
        means = f"{capital(in_words(chains))} chains tell the same story."
        return Check(name, found, wanted, means, "pass")
    return Check(name, found, wanted, disagreement_sentence(rhat, worst, modes), "fail")


def disagreement_sentence(rhat: float, worst: str, modes: Sequence[tuple[int, float]] = ()) -> str:
    """What to do when chains disagree.

    ``modes`` are the number of chains and the stacking weight of each mode, where there are
    several that no chain moves between.
    """
    start = f"R-hat is {fixed(rhat, 3)} for the {worst}."
    if len(modes) < 2:
        return f"{start} Run longer (--draws) or lower K."
    told = [f"{counted(n, 'chain')} in one (weight {fixed(weight, 2)})" for n, weight in modes]
    return (
        f"{start} The chains sit in {in_words(len(modes))} modes and do not move between them: "
        f"{joined(told)}, weighed by stacking. All numbers here weigh the chains alike. Lower K, "
        "or run more chains."
    )


def is_rough(rhat: float, ess: float, chains: int, agreement: float) -> bool:
    """Whether numbers by cluster are, after relabelling: by R-hat, by ESS, or by the method."""
    few = ess < MIN_ESS_PER_CHAIN * chains
    return few or not chains_agree(rhat) or agreement < MIN_AGREEMENT


def stability_check(rhat: float, worst: str, agree: bool, ess: float, chains: int) -> Check:
    """Whether numbers by cluster are the same in every chain.

    Parameters
    ----------
    rhat : float
        Largest over shares, centres and spreads.
    worst : str
        What it belongs to.
    agree : bool
        Whether the chains agree on everything else.
    ess : float
        Smallest over the same.
    chains : int
    """
    name, wanted = "Clusters are stable (R-hat)", f"up to {fixed(MAX_RHAT, 2)}"
    if math.isnan(rhat):
        means = "One chain cannot show whether others would find the same clusters."
        return Check(name, "unknown", wanted, means, "note")
    found = f"{fixed(rhat, 3)} at worst"
    if not chains_agree(rhat):
        start = "The fit is stable but its clusters are not" if agree else "Clusters are not stable"
        means = f"{start}: R-hat is {fixed(rhat, 3)} for {worst}. Read numbers by cluster as rough."
        return Check(name, found, wanted, means, "note")
    if ess < MIN_ESS_PER_CHAIN * chains:
        means = (
            f"Numbers by cluster rest on only {ess:.0f} independent draws at worst. Read them as "
            "rough."
        )
        return Check(name, found, wanted, means, "note")
    return Check(name, found, wanted, "Every chain finds the same clusters.", "pass")


def separation_check(
    k: int, groups: Sequence[Sequence[int]], rough: bool, n_doubt: int, n_rows: int
) -> Check:
    """Whether clusters can be spoken of one by one.

    Parameters
    ----------
    k : int
    groups : sequence of sequences of int
        Of clusters (from 0) that overlap.
    rough : bool
        As `is_rough`.
    n_doubt, n_rows : int
        Rows in doubt over all draws, and all rows.
    """
    n_apart = k - sum(map(len, groups))
    name, found, wanted = "Clusters are separated", f"{n_apart} of {k}", "all"
    if groups:
        told = "; ".join(f"clusters {joined(j + 1 for j in group)} overlap" for group in groups)
        means = f"{capital(told)}. Read the numbers of such clusters jointly."
        return Check(name, found, wanted, means, "note")
    if n_doubt > _DOUBT * n_rows:
        means = (
            "No two clusters share a tenth of their rows in a draw, but draws differ in where rows "
            f"belong: {n_doubt} of {n_rows} are in doubt. Read numbers by cluster as rough."
        )
        return Check(name, f"{found} in each draw", wanted, means, "note")
    means = "No two clusters share a tenth of their rows."
    means += " Their numbers are rough all the same." if rough else " Each can be read by itself."
    return Check(name, found, wanted, means, "pass")


def ess_check(ess: float, total: int, chains: int) -> Check:
    """Whether there are enough independent draws."""
    least = MIN_ESS_PER_CHAIN * chains
    name, found, wanted = "Enough draws (ESS)", f"{ess:.0f} at worst", f"{least} or more"
    worth = f"{total} draws are worth at least {ess:.0f} independent ones"
    if ess >= least:
        return Check(name, found, wanted, f"{worth}.", "pass")
    means = f"{worth}: too few for steady intervals. Run longer (--draws)."
    return Check(name, found, wanted, means, "fail" if ess < least / 4 else "note")


def divergence_check(n_divergent: int, total: int) -> Check:
    """Whether the sampler met corners it could not enter."""
    name, found = "No divergences", f"{n_divergent} of {total}"
    if n_divergent == 0:
        means = "The sampler met no corner that it could not enter."
        return Check(name, found, "0", means, "pass")
    means = (
        f"{counted(n_divergent, 'draw')} of {total} diverged: the sampler could not enter a narrow "
        "region."
    )
    if n_divergent < FEW_DIVERGENCES * total:
        return Check(name, found, "0", f"{means} Rates under 0.1 % matter little.", "note")
    means = f"{means} What lies there is missing from every interval."
    return Check(name, found, "0", means, "fail")


def switching_check(
    switched: float, agree: bool, rough: bool, agreement: float, overlap: bool, loo_holds: bool
) -> Check:
    """Whether cluster 1 is the same cluster in every draw, or could be made so.

    Parameters
    ----------
    switched : float
        Share of the draws.
    agree : bool
        Whether the chains do on everything that no naming changes.
    rough : bool
        As `is_rough`.
    agreement : float
        Share of the draws that methods of relabelling order in the same way.
    overlap : bool
        Whether clusters do.
    loo_holds : bool
        Whether LOO is known and no row has a high k-hat.
    """
    name, found, wanted = "No label switching", f"{percent(switched)} of draws", "0 %, or undone"
    if switched == 0 and agreement < MIN_AGREEMENT:
        means = f"Methods of naming clusters agree on only {percent(agreement)} of draws."
        return Check(name, found, wanted, f"{means} Read numbers by cluster as rough.", "note")
    if switched == 0:
        means = "“Cluster 1” means the same cluster in every draw."
        return Check(name, found, wanted, means, "pass")
    switch = f"labels switch in {percent(switched)} of draws"
    methods = f"methods of undoing it agree on {percent(agreement)} of them"
    if not (rough or overlap):
        means = f"As sampled, {switch}; that is undone here, and {methods}."
        return Check(name, f"{found}, undone", wanted, means, "pass")
    held = f"Densities{' and LOO' if loo_holds else ''} hold; read" if agree else "Read"
    if not rough:
        means = f"{capital(switch)}, because clusters overlap. {held} the numbers of those jointly."
        return Check(name, found, wanted, means, "note")
    means = f"The fit is stable but the names are not: {switch}" if agree else capital(switch)
    if agreement < MIN_AGREEMENT:
        means = f"{means}, and {methods}"
    return Check(name, found, wanted, f"{means}. {held} numbers by cluster as rough.", "note")


def loo_check(max_k: float, threshold: float, high: Sequence[int]) -> Check:
    """Whether leave-one-out rests on single rows; ``high`` are the numbers of such rows."""
    name = "LOO is reliable (k-hat)"
    found, wanted = f"{fixed(max_k, 2)} at worst", f"up to {fixed(threshold, 2)}"
    if len(high) == 0:
        means = "No single row rules the leave-one-out result."
        return Check(name, found, wanted, means, "pass")
    means = f"LOO leans on {row_list(high)} (k-hat up to {fixed(max_k, 2)}), so read it with care."
    return Check(name, found, wanted, means, "note")


def waic_check(n_high: int, elpd_waic: float | None, elpd_loo: float | None) -> Check:
    """Whether WAIC can be read; it is second to LOO, so it never fails."""
    name, found, wanted = "WAIC is reliable", f"{counted(n_high, 'row')} over 0.4", "0 rows"
    if n_high == 0:
        means = "No row's log density varies too much over the posterior."
        return Check(name, found, wanted, means, "pass")
    means = f"WAIC is shaky for {counted(n_high, 'row')}. Read LOO instead."
    if elpd_waic is not None and elpd_loo is not None:
        both = f"{fixed(elpd_waic, 1)} by WAIC, {fixed(elpd_loo, 1)} by LOO"
        means = f"{means[:-1]}: elpd is {both}."
    return Check(name, found, wanted, means, "note")


def checks_heading(checks: Sequence[Check]) -> str:
    """How many checks pass, in one line."""
    passed = sum(check.level == "pass" for check in checks)
    failed = [check.name for check in checks if check.level == "fail"]
    if not checks:
        return "Nothing could be checked"
    if passed == len(checks):
        return f"All {len(checks)} checks pass"
    text = f"{passed} of {counted(len(checks), 'check')} pass{'es' if passed == 1 else ''}"
    notes = len(checks) - passed - len(failed)
    parts = []
    if failed:
        parts.append(f"{in_words(len(failed))} fail{'s' if len(failed) == 1 else ''}")
    if notes:
        parts.append(f"{in_words(notes)} carr{'ies' if notes == 1 else 'y'} a note")
    return f"{text}; {', '.join(parts)}"


def checks_fact(checks: Sequence[Check]) -> tuple[str, str]:
    """The same as a value and a detail."""
    passed = sum(check.level == "pass" for check in checks)
    failed = sum(check.level == "fail" for check in checks)
    notes = len(checks) - passed - failed
    detail = f"{in_words(failed) if failed else 'none'} fail{'s' if failed < 2 else ''}"
    return f"{passed} of {len(checks)} pass", (
        f"{detail}; {counted(notes, 'note')}" if notes else detail
    )


def worst_level(checks: Sequence[Check]) -> Level:
    """The gravest verdict among checks."""
    levels = {check.level for check in checks}
    return "fail" if "fail" in levels else "note" if "note" in levels else "pass"
