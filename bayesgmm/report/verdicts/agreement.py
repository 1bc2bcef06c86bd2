"""EM against the posterior, and what the priors do."""

from bayesgmm.report.blocks import Check
from bayesgmm.report.wording import fixed, in_words, percent, signed

_SMALL = 0.25
# Posterior sds beyond which EM and posterior do not describe the same fit.
_GROSS = 5.0
# Share of rows that the two put in different clusters from which it is said.
_MOVED = 0.05


def shift_heading(largest: float) -> str:
    """Whether it matters which engine is read; the largest shift is in posterior sds."""
    size = abs(largest)
    if size < _SMALL:
        return "EM and the posterior agree"
    if size <= 1.0:
        return "EM and the posterior differ a little"
    return "EM and the posterior differ"


def shift_sentence(what: str, em: str, mean: str, shift: float, n_over: int, n_total: int) -> str:
    """The largest shift, in the units of the data and in posterior sds.

    Parameters
    ----------
    what : str
        Name of the parameter.
    em, mean : str
        Its values, as printed.
    shift : float
        (EM - mean) / sd.
    n_over, n_total : int
        Parameters that shift by more than one posterior sd, and all of them.
    """
    if abs(shift) < _SMALL:
        start = (
            "No estimate differs by as much as a quarter of its posterior sd. The largest gap is"
        )
    else:
        start = "The largest gap is"
    text = (
        f"{start} in {what}: EM gives {em}, the posterior mean is {mean}, a shift of "
        f"{signed(shift, 2)} posterior sd."
    )
    if n_over:
        many = f"{in_words(n_over)} of {n_total} estimates"
        text = f"{text} In all, {many} shift{'s' if n_over == 1 else ''} by more than one sd."
    return f"{text} The intervals are those of the posterior."


def agreement_check(what: str, shift: float, em: float | None, mean: float) -> Check:
    """Whether the EM fit and the posterior describe the same fit.

    Parameters
    ----------
    what : str
        Name of the parameter with the largest shift.
    shift : float
        (EM - mean) / sd.
    em, mean : float
        Log-likelihood of the EM fit, if known, and its mean over the posterior.
    """
    name, wanted = "EM and posterior agree", f"up to {fixed(_GROSS, 0)} sd"
    found = f"{fixed(abs(shift), 2)} sd apart at worst"
    if em is not None and mean > em:
        means = (
            f"The draws fit the rows better than the optimum of EM: {fixed(mean, 1)} nats on "
            f"average against {fixed(em, 1)}. EM did not find the mode that was sampled, so "
            "BIC and ICL are of another fit. Raise n_init."
        )
        return Check(name, found, wanted, means, "fail")
    if abs(shift) > _GROSS:
        means = (
            f"They describe different fits: {what} shifts by {signed(shift, 1)} posterior sd. BIC "
            "and ICL are of the EM fit, the clusters here of the posterior."
        )
        return Check(name, found, wanted, means, "note")
    return Check(name, found, wanted, "Both describe the same fit.", "pass")


def moved_sentence(share: float) -> str:
    """How many rows the EM fit puts elsewhere than the posterior; nothing where they are few."""
    if share <= _MOVED:
        return ""
    return f"The EM fit puts {percent(share)} of the rows in another cluster than the report does."


def prior_heading(pull: float | None) -> str:
    """What the priors do to the answer; ``pull`` is the largest from EM to MAP, if known."""
    if pull is None:
        return "Priors, and what they mean here"
    size = abs(pull)
    if size < _SMALL:
        return "The priors hardly move the fit"
    return (
        "The priors move the fit a little" if size <= 1.0 else "The priors decide part of the fit"
    )


def prior_sentence(what: str, pull: float) -> str:
    """How far the prior moves the mode, at most: from the EM fit to the MAP, in posterior sds."""
    size = abs(pull)
    if size < _SMALL:
        return (
            f"The pull of the priors is negligible: from EM to MAP no estimate moves by more than "
            f"{fixed(size, 2)} posterior sd."
        )
    if size <= 1.0:
        return (
            f"The pull of the priors is mild: from EM to MAP they move {what} by "
            f"{signed(pull, 2)} posterior sd, and every other estimate by less."
        )
    return (
        f"The priors decide {what}: from EM to MAP it moves by {signed(pull, 2)} posterior sd. Run "
        "again with a prior half and twice as wide, and compare."
    )


def interval_sentence(prob: float = 0.9) -> str:
    """What every interval holds."""
    return f"All intervals in this report hold {percent(prob)} of the posterior, with equal tails."
