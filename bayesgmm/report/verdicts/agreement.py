"""EM against the posterior, and what the priors do."""

from bayesgmm.report.blocks import Check
from bayesgmm.report.wording import fixed, in_words, joined, percent, signed

_SMALL = 0.25
# Posterior sds up to which EM and posterior describe the same fit, and from which they do not.
_SAME = 2.0
_GROSS = 5.0
# Share of rows that the two put in different clusters from which it is said.
_MOVED = 0.05
# Share of rows that only one of the two is sure of from which it is said.
_UNSURE = 0.1
NO_PULL = (
    "EM and MAP are different fits, so their distance does not measure the pull of the priors: "
    "these may favour another mode, or EM may have missed one."
)


def shift_heading(largest: float) -> str:
    """Whether it matters which engine is read; the largest shift is in posterior sds."""
    size = abs(largest)
    if size < _SMALL:
        return "EM and the posterior agree"
    if size <= _SAME:
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


def other_fit(what: str, shift: float, em: float | None, mean: float) -> str:
    """What it means that EM and posterior describe different fits; nothing where they do not.

    Parameters
    ----------
    what : str
        Name of the parameter with the largest shift.
    shift : float
        (EM - mean) / sd.
    em, mean : float
        Log-likelihood of the EM fit, if known, and its mean over the posterior.
    """
    if em is not None and mean > em:
        return (
            f"The draws fit the rows better than the optimum of EM: {fixed(mean, 1)} nats on "
            f"average against {fixed(em, 1)}. EM did not find the mode that was sampled, so "
            "BIC and ICL are of another fit than the clusters here. Raise n_init."
        )
    if abs(shift) > _GROSS:
        return (
            f"EM and the posterior describe different fits: {what} shifts by {signed(shift, 1)} "
            "posterior sd. BIC and ICL are of the EM fit, the clusters here of the posterior."
        )
    return ""


def agreement_check(
    shift: tuple[str, float],
    pull: tuple[str, float],
    sure_by_one: tuple[int, int],
    n_rows: int,
    different: str = "",
) -> Check:
    """Whether the EM fit and the posterior describe the same fit.

    Parameters
    ----------
    shift : tuple of str and float
        The parameter with the largest shift, and that: (EM - mean) / sd.
    pull : tuple of str and float
        The same of (MAP - EM) / sd.
    sure_by_one : tuple of int
        Rows that are sure by EM and in doubt under the posterior, and the other way round.
    n_rows : int
    different : str
        As `other_fit`.
    """
    found = f"{fixed(abs(shift[1]), 2)} sd apart at worst"
    if abs(pull[1]) > _SAME:
        found = f"{found}, {fixed(abs(pull[1]), 2)} from EM to MAP"
    name, wanted = "EM and posterior agree", f"up to {fixed(_SAME, 0)} sd"
    if different:
        return Check(name, found, wanted, different, "fail")
    moves, unsure = _moves(shift, pull), _unsure(sure_by_one, n_rows)
    if moves:
        means = " ".join([f"The same clusters, but {joined(moves)}.", *unsure])
    elif unsure:
        means = " ".join(["The estimates agree, the memberships do not.", *unsure])
    else:
        return Check(name, found, wanted, "Both describe the same fit.", "pass")
    return Check(name, found, wanted, means, "note")


def _unsure(sure_by_one: tuple[int, int], n_rows: int) -> list[str]:
    names = (("EM", "under the posterior"), ("The posterior", "by EM"))
    return [
        f"{who} is sure of {n} of {n_rows} rows that are in doubt {where}."
        for n, (who, where) in zip(sure_by_one, names, strict=True)
        if n > _UNSURE * n_rows
    ]


def _moves(shift: tuple[str, float], pull: tuple[str, float]) -> list[str]:
    (what, size), (pulled, by) = shift, pull
    from_em = f"by {signed(by, 2)} posterior sd from EM to MAP"
    if abs(size) > _SAME and abs(by) > _SAME and what == pulled:
        return [f"the priors decide {what}: it moves {from_em}, by {signed(-size, 2)} to the mean"]
    moves = []
    if abs(size) > _SAME:
        moves.append(f"{what} moves by {signed(-size, 2)} posterior sd from EM to the mean")
    if abs(by) > _SAME:
        moves.append(f"the priors decide {pulled}: it moves {from_em}")
    return moves


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
    if size <= 1.0:
        return "The priors move the fit a little"
    return "The priors move the fit" if size <= _SAME else "The priors decide part of the fit"


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
    do = "move" if size <= _SAME else "decide"
    return (
        f"The priors {do} {what}: from EM to MAP it moves by {signed(pull, 2)} posterior sd. Run "
        "again with a prior half and twice as wide, and compare."
    )


def interval_sentence(prob: float = 0.9) -> str:
    """What every interval holds."""
    return f"All intervals in this report hold {percent(prob)} of the posterior, with equal tails."
