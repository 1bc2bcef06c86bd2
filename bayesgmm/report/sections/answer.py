"""The first screen."""

from bayesgmm.report.blocks import Answer, Fact
from bayesgmm.report.checks import chains_rhat, has_spike, least_agreed, modes
from bayesgmm.report.context import Context
from bayesgmm.report.verdicts import choice as words
from bayesgmm.report.verdicts import trust
from bayesgmm.report.wording import counted, fixed, joined, percent, row_list

# Characters that fit a fact on one line.
_ROOM = 12


def answer(context: Context, date: str) -> Answer:
    """Headline, what it rests on, and the facts.

    Parameters
    ----------
    context : Context
    date : str
        As printed; may be empty.
    """
    choice, (n, d) = context.choice, context.X.shape
    kicker = [context.data_name, f"{counted(n, 'row')} × {counted(d, 'measurement')}"]
    if context.incomplete:
        kicker.append(f"{counted(len(context.incomplete), 'row')} with gaps left out")
    kicker.append(date)
    families = len(context.evidence.families)
    # A choice by elpd is of the posterior, as are the clusters.
    other_fit = "" if context.evidence.criterion.in_nats else context.other_fit
    lede = [
        other_fit,
        words.preference(choice),
        words.family_sentence(choice, families),
        words.criteria_sentence(choice),
        words.edge_sentence(choice),
        words.skew_sentence(choice.k, context.skewed),
        _rival_starts(context),
    ]
    spike = has_spike(context.chosen)
    if spike:
        lede.insert(0, next(c.means for c in context.checks if c.level == "fail"))
    if not context.chains_agree:
        bayes = context.evidence.chosen.bayes
        what = least_agreed(bayes, context.row_numbers)
        lede.insert(0, trust.disagreement_sentence(chains_rhat(bayes), what, modes(bayes)))
    unanswered = (
        spike
        or not context.chains_agree
        or choice.uncompared
        or choice.flaw
        or choice.is_undetermined
    )
    if context.placement is not None and context.placement.overlaps:
        lede.append("Use memberships, not labels.")
    return Answer(
        kicker=" · ".join(part for part in kicker if part),
        headline=words.headline(
            choice, context.placement, context.chains_agree, spike, bool(other_fit)
        ),
        lede=tuple(sentence for sentence in lede if sentence),
        facts=tuple(_facts(context)),
        level="fail" if unanswered else "pass",
    )


def _rival_starts(context: Context) -> str:
    rival = context.evidence.rival
    if rival is None or rival.em is None or context.evidence.criterion.in_nats:
        return ""
    starts = rival.em.starts_
    return trust.rival_starts_sentence(rival.n_components, starts.n_at_best, starts.n_starts)


def _facts(context: Context) -> list[Fact]:
    fitted, tried = context.chosen, context.evidence.tried
    if len(tried) == 1:
        only = "with a fit" if context.choice.uncompared else "tried"
        detail = f"the only number {only}"
    elif tried == tuple(range(tried[0], tried[-1] + 1)):
        detail = f"tried {tried[0]} to {tried[-1]}"
    else:
        detail = f"tried {joined(tried)}"
    if len(context.evidence.families) > 1:
        detail = f"{detail}, {len(context.evidence.families)} families"
    facts = [Fact("Clusters", str(fitted.k), detail)]
    if fitted.k > 1:
        sizes = [int(size) for size in fitted.sizes]
        shares = [percent(size / len(fitted.X)) for size in sizes]
        value = joined(sizes) if fitted.k == 2 else ", ".join(map(str, sizes))
        if len(value) <= _ROOM:
            facts.append(Fact("Sizes", value, f"{joined(shares)} of rows"))
        else:
            facts.append(
                Fact(
                    "Sizes",
                    f"{min(sizes)} to {max(sizes)}",
                    f"rows; {percent(min(sizes) / len(fitted.X))} to "
                    f"{percent(max(sizes) / len(fitted.X))}",
                )
            )
        doubtful = context.numbers_of(fitted.in_doubt)
        which = f": {row_list(doubtful, 3)}" if 0 < len(doubtful) <= 3 else ""
        reach = "no cluster reaches 90\u00a0%" if doubtful else "every row reaches 90\u00a0%"
        facts.append(Fact("Rows in doubt", str(len(doubtful)), f"{reach}{which}"))
    else:
        likelihood = context.evidence.chosen.value("log_likelihood")
        if likelihood is not None:
            facts.append(Fact("Log-likelihood", fixed(likelihood, 1), "of the EM fit, in nats"))
    if context.checks:
        facts.append(Fact("Checks", *trust.checks_fact(context.checks)))
    return facts
