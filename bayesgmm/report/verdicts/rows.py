"""Who belongs where: certainty, overlap, rows that fit no cluster."""

from collections.abc import Sequence

from bayesgmm.report.verdicts.choice import Placement
from bayesgmm.report.wording import capital, counted, fixed, in_words, interval, percent, row_list

# A row is odd when chance puts fewer rows than this as far out.
ODD = 0.5
# Rows expected in the wrong cluster, as a share of all, below which clusters stand apart.
_APART = 0.005


def doubt_heading(n_rows: int, doubtful: Sequence[int]) -> str:
    """How many rows are sure; ``doubtful`` are the numbers of the rows."""
    doubt = len(doubtful)
    sure = n_rows - doubt
    if doubt == 0:
        return f"All {n_rows} rows are sure"
    if sure == 0:
        return f"All {n_rows} rows are in doubt"
    verb = "is" if sure == 1 else "are"
    if doubt == 1:
        return f"{counted(sure, 'row')} {verb} sure; row {doubtful[0]} is in doubt"
    return f"{counted(sure, 'row')} {verb} sure, {doubt} are in doubt"


def picture_heading(k: int, placement: Placement, n_features: int) -> str:
    """How far apart the clusters stand."""
    noun = "peak" if n_features == 1 else "cloud"
    if k == 1:
        return f"One {noun}"
    many = f"{capital(in_words(k))} {noun}s"
    if placement.expected_wrong < _APART * placement.n_rows:
        return f"{many}, well apart"
    return f"{many} that overlap" if placement.overlaps else f"{many} that touch"


def wrong_sentence(n_rows: int, expected: float, bounds: tuple[float, float] | None, k: int) -> str:
    """How many rows are expected in the wrong cluster."""
    which = "likelier" if k == 2 else "likeliest"
    decimals = 1 if expected < 10 else 0
    start = f"If each row goes to its {which} cluster,"
    if max((expected, *(bounds or ()))) < 0.05:  # all print as 0.0
        return f"{start} practically none of {n_rows} rows is expected in the wrong one."
    found = (
        f"{start} about {fixed(expected, decimals)} of {n_rows} rows are expected in the wrong one"
    )
    if bounds is not None:
        found = f"{found} (90 % interval {interval(*bounds, decimals)})"
    return f"{found}."


def overlap_verdict(placement: Placement, pair: tuple[int, int, float]) -> tuple[str, str] | None:
    """Which clusters overlap and what to do about it, or None if labels can be used.

    ``pair`` holds two clusters (from 0) and the rows expected to be mistaken between them.
    """
    if not placement.overlaps:
        return None
    a, b, mistaken = pair
    decimals = 1 if mistaken < 10 else 0
    return (
        f"Clusters {a + 1} and {b + 1} overlap.",
        f"About {fixed(mistaken, decimals)} of {placement.n_rows} rows are expected in the wrong "
        "one of the two. Use memberships, not labels.",
    )


def has_heavy_tails(n_rows: int, n_beyond: int) -> bool:
    """Whether more rows lie beyond the 99 % ellipses than chance puts there."""
    return n_beyond > 0.01 * n_rows + 3.0 * (0.01 * n_rows) ** 0.5


def odd_heading(odd: Sequence[int], heavy: bool) -> str:
    """Whether any row fits no cluster; ``odd`` are the numbers of the rows."""
    if len(odd) == 0:
        return "No row is odd by itself, but many lie far out" if heavy else "No row is odd"
    verb = "fits" if len(odd) == 1 else "fit"
    return f"{capital(row_list(odd))} {verb} no cluster"


def odd_sentence(
    n_rows: int, n_beyond: int, least: int, expected: float, odd: Sequence[int] = ()
) -> str:
    """How the rows far from every cluster compare with chance.

    Parameters
    ----------
    n_rows : int
    n_beyond : int
        Rows beyond the 99 % ellipse of every cluster.
    least : int
        Number of the row that is least expected.
    expected : float
        How many rows chance puts as far out as the nearest of the odd rows, at most; without odd
        rows, as far as that one.
    odd : sequence of int
        Numbers of the rows for which this is below one half, as in the heading.
    """
    verb = "lies" if n_beyond == 1 else "lie"
    rows = "row" if n_beyond == 1 else "rows"
    beyond = (
        f"{capital(in_words(n_beyond))} {rows} {verb} beyond the 99 % ellipse of every cluster. "
        f"Chance alone puts up to {fixed(0.01 * n_rows, 1)} there on average"
    )
    if has_heavy_tails(n_rows, n_beyond):
        beyond = f"{beyond}; so many say that the tails are heavier than a Gaussian's."
    elif n_beyond > 0.01 * n_rows and not len(odd):
        # Of rows that are odd the number may be usual and the distance not.
        beyond = f"{beyond}, so {in_words(n_beyond)} is nothing unusual."
    else:
        beyond = f"{beyond}."
    many = fixed(expected, 2)
    if len(odd):
        at_most = f"at most {many}" if expected >= 0.005 else "fewer than 0.01"
        if len(odd) == 1:
            surprise = (
                f"{capital(row_list(odd))} is a surprise: {at_most} rows are expected as far out. "
                "Look at it: it may be a slip, or belong"
            )
        else:
            surprise = (
                f"{capital(row_list(odd))} are surprises: {in_words(len(odd))} rows lie where "
                f"{at_most} are expected. Look at them: they may be slips, or belong"
            )
        return f"{beyond} {surprise} to a group too small to be a cluster."
    return (
        f"{beyond} Even the least expected, row {least}, is no surprise: up to {many} rows are "
        f"expected as far out, and only below {fixed(ODD, 1)} would it deserve a look."
    )


def caption_doubt(n_rows: int, n_doubt: int) -> str:
    """Rows in doubt, for the caption of a picture."""
    if n_doubt == 0:
        return "No row is in doubt."
    if n_doubt == 1:
        return "One row is in doubt."
    if n_doubt > 0.1 * n_rows:
        return f"{n_doubt} rows ({percent(n_doubt / n_rows)}) are in doubt."
    return f"{capital(in_words(n_doubt))} rows are in doubt."
