"""The checks, and the priors."""

from bayesgmm.bayes.verdicts import MAX_RHAT
from bayesgmm.report import figures
from bayesgmm.report.blocks import Block, Checks, Section, Table, Text, Verdict
from bayesgmm.report.checks import chains_agree, chains_rhat
from bayesgmm.report.context import Context
from bayesgmm.report.evidence import Model
from bayesgmm.report.verdicts import agreement, trust
from bayesgmm.report.wording import NBSP, fixed, joined

_ABOUT = {"weights": "Shares", "means": "Centres", "covariances": "Shapes"}


def checks(context: Context) -> Section | None:
    """What was checked on the chosen model, and which of the others to distrust."""
    found = context.checks
    if not found:
        return None
    blocks: list[Block] = [Checks(found)]
    evidence = context.evidence
    told = list(evidence.by_k.values())
    # The first screen may speak of a model that is not shown.
    if evidence.loo_lead is not None and not evidence.shows(evidence.loo_lead.model):
        told.append(evidence.loo_lead.model)
    shaky = [
        _name_with_rhat(context, model)
        for model in told
        if model is not evidence.chosen
        and model.bayes is not None
        and not chains_agree(model.bayes)
    ]
    if shaky:
        blocks.append(
            Verdict(
                "Some of the other fits are not settled.",
                f"Chains disagree (R-hat over {fixed(MAX_RHAT, 2)}) at {joined(shaky)}: read their "
                "clusters, and comparisons with them, as rough.",
            )
        )
    chains = figures.chains(context)
    if chains is not None:
        blocks.append(chains)
    heading = trust.checks_heading(found)
    return Section("checks", "Checks", "Can the numbers be trusted", heading, tuple(blocks))


def _name_with_rhat(context: Context, model: Model) -> str:
    family = f"{context.evidence.family(model)}, " if len(context.evidence.families) > 1 else ""
    return (
        f"K{NBSP}={NBSP}{model.n_components} ({family}R-hat {fixed(chains_rhat(model.bayes), 3)})"
    )


def priors(context: Context) -> Section | None:
    """What was assumed; None without a posterior of the chosen model."""
    bayes = context.evidence.chosen.bayes
    if bayes is None:
        return None
    blocks: list[Block] = []
    strongest = max(context.estimates, key=lambda row: abs(row.pull), default=None)
    if context.other_fit:
        blocks.append(Text(agreement.NO_PULL))
        strongest = None
    elif strongest is not None:
        name = context.full_name(strongest)
        blocks.append(Text(agreement.prior_sentence(name, strongest.pull)))
    describe = getattr(bayes.priors_, "describe", None)
    if describe is None:
        blocks.append(Text("The priors were given as functions of a PyMC model."))
    else:
        rows = tuple(
            (_ABOUT.get(str(about), str(about)), str(prior), _sentence(str(means)))
            for about, prior, means in describe()
        )
        blocks.append(
            Table(("about", "prior", "means"), rows, align="lll", stacked=True, label="Priors")
        )
    heading = agreement.prior_heading(None if strongest is None else strongest.pull)
    return Section("priors", "Priors", "What was assumed", heading, tuple(blocks))


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."
