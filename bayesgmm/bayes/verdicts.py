"""What diagnostics say in words: one sentence, a summary, and what to do about what is wrong."""

from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.data.wording import joined, plural

if TYPE_CHECKING:
    from bayesgmm.bayes.diagnostics import Diagnostics

# Thresholds of Vehtari et al. (2021), doi:10.1214/20-BA1221: R-hat, and ESS a chain.
MAX_RHAT = 1.01
MIN_ESS_PER_CHAIN = 100
# Shape of importance weights above which they tell nothing, not even how wrong they are: Vehtari et
# al. (2024), jmlr.org/papers/v25/19-556.html.
MAX_PARETO_K = 0.7
# Share of draws relabelled above which the names of the components are not stable.
MANY_SWITCHES = 0.01
# Share of draws below which methods of relabelling do not agree on the names.
MIN_AGREEMENT = 0.9
# Modes without a draw are not spoken of where they hold less than this of the posterior: shares by
# normal approximations are rough.
FEW_UNVISITED = 0.05
# Standard error of the log evidence, in nats, above which hardly more than one population counts.
MAX_EVIDENCE_ERROR = 0.5
# Components without a row in the average draw, from which on they are spoken of.
MOSTLY_EMPTY = 0.5
# Divergences rarer than this matter little.
FEW_DIVERGENCES = 1e-3


def verdict(found: "Diagnostics") -> str:
    """Whether the chains agree and components can be told apart, and whether the priors decide."""
    parts = [_chains(found)]
    if _many_diverged(found):
        parts.append(f"{found.n_divergences} of {found.n_draws} draws diverged")
    if len(found.places) > 1:
        held = joined([f"{share:.0%}" for share in found.places], quote=False)
        parts.append(
            f"the posterior has {len(found.places)} separate modes ({held} of the draws), and "
            "numbers by component average over them"
        )
    parts += _components(found)
    if not found.complete:
        n_chains = len(found.chains)
        parts.insert(0, f"stopped early, after {plural(found.n_draws // n_chains, 'draw')} a chain")
    text = "; ".join(parts)
    text = f"{text[0].upper()}{text[1:]}."
    if found.better_fit:
        text += (
            " The priors decide between modes: another one fits the data better than the highest, "
            f"by {found.better_fit:.1f} nats of log-likelihood."
        )
    return text


def summary(found: "Diagnostics") -> str:
    """The verdict, the numbers behind it a kind a line, and the messages."""
    lines = [found.verdict, "", f"{'':<24}{'number':>8}{'largest R-hat':>16}{'least ESS':>12}"]
    for kind, name in _KINDS.items():
        part = found.table[found.table["kind"] == kind]
        if len(part):
            _, rhat, ess = found.worst(kind)
            shown = f"{rhat:.3f}" if np.isfinite(rhat) else "-"
            lines.append(f"{name:<24}{len(part):>8}{shown:>16}{ess:>12.0f}")
    lines.append("")
    if found.importance is None:
        diverged = f", {found.n_divergences} diverged" if found.can_diverge else ""
        lines.append(f"{found.n_draws} draws in {plural(len(found.chains), 'chain')}{diverged}.")
    if found.n_components > 1:
        between = "differ" if found.n_namings > 1 else "are the same"
        between = f" and {between} between chains" if len(found.chains) > 1 else ""
        lines.append(
            f"Labels, as sampled, switched in {100 * found.switched:.0f}% of the draws{between}; "
            f"methods of relabelling agree on {100 * found.agreement:.0f}% of them."
        )
    return "\n".join([*lines, *(f"- {text}" for text in found.messages)])


_KINDS = {
    "invariant": "free of labels",
    "component": "components, relabelled",
    "raw": "components, as sampled",
}


def messages(found: "Diagnostics", n_wanted: int | None = None) -> tuple[str, ...]:
    """What is wrong, and what to do; ``n_wanted`` draws were asked for, over all chains."""
    n_chains = len(found.chains)
    enough = MIN_ESS_PER_CHAIN * n_chains
    out = []
    if not found.complete:
        told = f"there are {found.n_draws} draws, {found.n_draws // n_chains} in each of {n_chains}"
        if n_wanted is not None and found.n_draws < n_wanted:
            noun = "chain" if n_chains == 1 else "chains"
            end = f"{noun}, of the {n_wanted} that were asked for"
        else:
            end = "chains, which had not mixed and were to be run for longer"
        out.append(f"Sampling was interrupted: {told} {end}.")
    stuck = _stuck(found)
    if stuck:
        out.append(
            f"The draws do not move: the {stuck} is the same in all of them, or not "
            "finite. Try another seed (random_state=), or fewer components."
        )
    if found.importance is not None and not found.importance.pareto_k < MAX_PARETO_K:
        out.append(
            "The approximation is too far from the posterior for weights to mend it: k-hat is "
            f"{found.importance.pareto_k:.2f} (below {MAX_PARETO_K:.2f} is wanted). Means, "
            "intervals and the effective sample size may be off by any amount; use "
            "sampler='nuts'."
        )
    name, rhat, ess = found.worst("invariant")
    if found.chains["mode"].to_numpy().any():
        out.append(_modes_message(found))
    elif rhat > MAX_RHAT:
        out.append(
            f"The chains disagree: R-hat is {_above(rhat)} for the {name} (1.01 at most is "
            "wanted). They may sit in different modes; run longer (draws=), or lower the number "
            "of components."
        )
    if found.unvisited > FEW_UNVISITED:
        out.append(
            f"No draw is at modes that hold about {found.unvisited:.0%} of the posterior, by their "
            "normal approximations: they are missing from all averages. Run more chains (chains=); "
            "sampler='hmc' jumps between modes."
        )
    if found.evidence_error > MAX_EVIDENCE_ERROR:
        out.append(
            "The populations of particles disagree on the evidence (standard error of its "
            f"logarithm {found.evidence_error:.2f} nats, {MAX_EVIDENCE_ERROR} at most is wanted), "
            "so that most draws come from one or two of them, and better modes may be missing "
            "still: trust neither the evidence nor the draws. Take more particles (draws=)."
        )
    if ess < enough:
        out.append(
            f"The draws are worth only {ess:.0f} independent ones ({enough} are wanted); run "
            "longer (draws=)."
        )
    name, rhat, ess = found.worst("component")
    is_rough, unsure = _is_rough(found), found.agreement < MIN_AGREEMENT
    if is_rough:
        # One chain has no R-hat.
        worst = f"R-hat {rhat:.3f} for {name}, " if np.isfinite(rhat) else ""
        # Whether WAIC and LOO hold, single rows decide as well.
        hold = "" if out or _many_diverged(found) else "densities hold, but "
        out.append(
            f"Components are not stable from draw to draw ({worst}least effective sample size "
            f"{ess:.0f}): {hold}read component-wise numbers as rough."
        )
    # Names as sampled say nothing where the new ones hold, or components are separated: samplers
    # that begin everywhere give them at random.
    if (is_rough or unsure) and found.switched > MANY_SWITCHES and found.overlapping:
        out.append(
            f"Labels switched in {100 * found.switched:.0f}% of the draws: the components "
            "overlap. They were relabelled; quantities that no labelling changes are not affected."
        )
    if unsure:
        out.append(
            f"Methods of relabelling agree on only {100 * found.agreement:.0f}% of the draws: "
            "component-wise numbers depend on which is used."
        )
    if _many_diverged(found):
        out.append(
            f"{found.n_divergences} of {found.n_draws} draws diverged: the sampler could not enter "
            "a narrow region; its share of the posterior may be missing. Use fewer components or a "
            "stronger prior on the covariances."
        )
    return tuple(out)


def chains_by_mode(found: "Diagnostics") -> str:
    """Which chains sit in which mode, with its mean log-likelihood and its weight by stacking."""
    parts = []
    for _, part in found.chains.groupby("mode"):
        chains = part["chain"].tolist()
        noun = "chain" if len(chains) == 1 else "chains"
        parts.append(
            f"{noun} {joined(chains, quote=False)} (log likelihood "
            f"{part['log_likelihood'].mean():.1f}, weight {part['weight'].sum():.2f})"
        )
    return joined(parts, quote=False)


def _modes_message(found: "Diagnostics") -> str:
    n_modes = int(found.chains["mode"].to_numpy().max()) + 1
    return (
        f"The chains sit in {n_modes} modes and do not move between them: {chains_by_mode(found)}, "
        "weighed by stacking. All averages here weigh the chains alike; diagnostics_.chains has "
        "the weights. Lower the number of components, or run more chains."
    )


def _above(rhat: float) -> str:
    """An R-hat above the limit, with as many digits as show that it is."""
    return next(text for n in range(3, 17) if float(text := f"{rhat:.{n}f}") > MAX_RHAT)


def _is_rough(found: "Diagnostics") -> bool:
    """Whether relabelled numbers by component are not stable from draw to draw."""
    _, rhat, ess = found.worst("component")
    return rhat > MAX_RHAT or ess < MIN_ESS_PER_CHAIN * len(found.chains)


def _many_diverged(found: "Diagnostics") -> bool:
    return found.n_divergences > 0 and found.n_divergences >= FEW_DIVERGENCES * found.n_draws


def _stuck(found: "Diagnostics") -> str:
    table = found.table
    # A count may well be the same in all draws.
    stuck = table.loc[~(table["sd"] > 0) & (table["kind"] != "count"), "quantity"]
    return "" if stuck.empty else str(stuck.iloc[0])


def _chains(found: "Diagnostics") -> str:
    n_chains = len(found.chains)
    name, rhat, ess = found.worst("invariant")
    if _stuck(found):
        return "the draws do not move"
    if found.importance is not None:
        return (
            f"{found.n_draws} independent draws, weighted and resampled, are worth {ess:.0f} "
            f"unweighted ones (k-hat {found.importance.pareto_k:.2f}, below {MAX_PARETO_K:.2f} is "
            "wanted)"
        )
    if found.evidence_error > MAX_EVIDENCE_ERROR:
        return f"{n_chains} populations of particles disagree on the evidence"
    if found.chains["mode"].to_numpy().any():
        return f"{n_chains} chains sit in different modes: {chains_by_mode(found)}"
    if rhat > MAX_RHAT:
        return f"{n_chains} chains disagree (R-hat {_above(rhat)} for the {name})"
    few = ess < MIN_ESS_PER_CHAIN * n_chains
    worth = f"worth only {plural(int(ess), 'independent draw')}" if few else ""
    if n_chains == 1:
        return f"1 chain, with no other to compare it with{', is ' + worth if few else ''}"
    return f"{n_chains} chains agree{', but are ' + worth if few else ''}"


def _components(found: "Diagnostics") -> list[str]:
    """Which components can be spoken of one by one."""
    k, groups = found.n_components, found.overlapping
    if k == 1:
        return []
    n_separated = k - sum(map(len, groups))
    parts = []
    if n_separated == k:
        parts.append(
            "both components are separated" if k == 2 else f"all {k} components are separated"
        )
    elif n_separated:
        parts.append(
            f"{n_separated} of {k} components {'is' if n_separated == 1 else 'are'} separated"
        )
    occupied = found.table.loc[found.table["kind"] == "count", "mean"]
    if len(occupied) and occupied.iloc[0] < k - MOSTLY_EMPTY:
        parts.append(
            f"on average only {occupied.iloc[0]:.1f} of {k} components are the likeliest of any row"
        )
    if groups:
        names = [joined(group, quote=False) for group in groups]
        if len(groups) == 1:
            which, whose = f"components {names[0]} overlap", "their parameters"
        else:
            which, whose = f"components overlap: {'; '.join(names)}", "the parameters of each group"
        parts.append(f"{which}, read {whose} jointly")
    elif _is_rough(found):
        parts.append("but read component-wise numbers as rough")
    return parts
