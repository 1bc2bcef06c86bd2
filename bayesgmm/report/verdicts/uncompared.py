"""What is said where the criterion of the choice is known for a single K of several."""

from collections.abc import Mapping, Sequence

from bayesgmm.report.blocks import Check
from bayesgmm.report.wording import capital, in_words, joined


def headline(happened: Mapping[int, str], in_nats: bool) -> str:
    """The one line that answers: nothing was compared, and why.

    Parameters
    ----------
    happened : mapping of int to str
        K -> what its fits did: collapsed, failed.
    in_nats : bool
        Whether the criterion is of posteriors rather than of EM fits.
    """
    return f"{'Sampling' if in_nats else 'EM'} could not compare: {reasons(happened, in_nats)}"


def known_sentence(criterion: str, k: int, happened: Mapping[int, str], in_nats: bool) -> str:
    """For which K the criterion is known, and why for no other."""
    return (
        f"{capital(criterion)} is known for {clusters_of((k,))} only: {reasons(happened, in_nats)}."
    )


def reasons(happened: Mapping[int, str], in_nats: bool) -> str:
    """``the fits of two and three clusters collapsed and those of four clusters failed``."""
    groups: dict[str, list[int]] = {}
    for k, what in sorted(happened.items()):
        groups.setdefault(what, []).append(k)
    parts = []
    for what, numbers in groups.items():
        which = "those" if parts else "the posteriors" if in_nats else "the fits"
        parts.append(f"{which} of {clusters_of(numbers)} {what}")
    return joined(parts)


def advice(in_nats: bool) -> str:
    """What to do about it."""
    if in_nats:
        return "Try another covariance family."
    return "Try another covariance family, or choose by leave-one-out (--criterion loo)."


def comparison_check(criterion: str, k: int, happened: Mapping[int, str], in_nats: bool) -> Check:
    """The check that several K could be compared, which they could not."""
    means = (
        f"{known_sentence(criterion, k, happened, in_nats)} Nothing says yet how many there are."
    )
    found = f"1 of {1 + len(happened)}"
    return Check("Numbers of clusters compared", found, "2 or more", means, "fail")


def clusters_of(numbers: Sequence[int]) -> str:
    """``two and three clusters``, ``two to four clusters``."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) > 2 and last - first == len(numbers) - 1:
        words = f"{in_words(first)} to {in_words(last)}"
    else:
        words = joined(in_words(k) for k in numbers)
    return f"{words} cluster{'' if last == 1 else 's'}"
