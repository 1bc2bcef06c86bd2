"""Who belongs where, and which rows to look at."""

import numpy as np
from scipy.stats import chi2

from bayesgmm.report.blocks import (
    Block,
    Certainty,
    Folded,
    Heading,
    Rows,
    Section,
    Table,
    Text,
    Verdict,
)
from bayesgmm.report.context import Context
from bayesgmm.report.verdicts import rows as words
from bayesgmm.report.wording import NBSP, capital, counted, fixed, percent, percent_range

_MAX_SHOWN = 12
_MIN_SHOWN = 5
_MAX_FEATURES = 4
# Letters of their names together.
_ROOM = 36


def rows(context: Context) -> Section:
    """Rows in doubt, odd rows, and the list of all."""
    fitted = context.chosen
    odd_heading, odd_blocks = _odd(context)
    if fitted.k == 1:
        return Section("rows", "Rows", "Rows to look at", odd_heading, odd_blocks)
    doubtful = context.numbers_of(fitted.in_doubt)
    source = (
        "averaged over the posterior, so it counts both the overlap of the clusters and the doubt "
        "about their shapes"
        if fitted.draws is not None
        else "by the EM fit, so it counts the overlap of the clusters but not the doubt about "
        "their shapes"
    )
    blocks: list[Block] = [
        Text(
            f"A membership is the probability that a row belongs to a cluster, {source}. "
            f"{capital(context.counting)}. Highest membership of each row:"
        ),
        Certainty(_levels(fitted.memberships)),
    ]
    overlap = None
    if context.placement is not None:
        overlap = words.overlap_verdict(context.placement, fitted.closest_pair)
    if overlap is not None:
        blocks.append(Verdict(*overlap))
    blocks += [Heading("The least certain rows"), _least_certain(context)]
    blocks += [Heading(odd_heading), *odd_blocks]
    if context.rows_listed:
        summary = f"All {len(fitted.X)} rows with their memberships"
        blocks.append(Folded(summary, (all_rows(context),)))
    heading = words.doubt_heading(len(fitted.X), doubtful)
    return Section("rows", "Rows", "Who belongs where", heading, tuple(blocks))


def all_rows(context: Context) -> Rows:
    """Every row with its memberships at each K shown."""
    values = tuple(
        tuple(fixed(value, decimals) for value, decimals in zip(row, context.decimals, strict=True))
        for row in context.X.tolist()
    )
    memberships = {
        k: tuple(tuple(row) for row in np.round(1000 * fitted.memberships).astype(int).tolist())
        for k, fitted in context.fitted.items()
    }
    numbers = tuple(context.row_numbers.tolist())
    return Rows(context.names, numbers, values, memberships, context.chosen.k, context.drawn)


def shown_features(context: Context) -> list[int]:
    """The features that tables of rows have room for, in their own order."""
    shown: list[int] = []
    for j in context.by_separation[:_MAX_FEATURES]:
        if shown and sum(len(context.names[i]) for i in (*shown, j)) > _ROOM:
            break
        shown.append(j)
    return sorted(shown)


def _levels(memberships: np.ndarray) -> tuple[tuple[str, int], ...]:
    largest = memberships.max(axis=1)
    edges = [0.999, 0.99, 0.9]
    names = [
        f"99.9{NBSP}% or more",
        f"99 to 99.9{NBSP}%",
        f"90 to 99{NBSP}%",
        f"under 90{NBSP}%, in doubt",
    ]
    level = np.sum([largest < edge for edge in edges], axis=0)
    return tuple((name, int(np.sum(level == i))) for i, name in enumerate(names))


def _least_certain(context: Context) -> Table:
    fitted = context.chosen
    n_shown = int(np.clip(len(fitted.in_doubt), _MIN_SHOWN, _MAX_SHOWN))
    order = np.argsort(fitted.memberships.max(axis=1), kind="stable")[:n_shown]
    features = shown_features(context)
    bounds = fitted.membership_interval(order)
    columns = ["row", *(context.names[j] for j in features), "cluster", "membership"]
    if bounds is not None:
        columns.append(f"90{NBSP}% interval")
    columns += ["next", "membership"] if fitted.k > 2 else []
    table_rows = []
    for i, row in enumerate(order):
        ranked = np.argsort(-fitted.memberships[row], kind="stable")
        best = int(ranked[0])
        entries = [str(context.row_numbers[row])]
        entries += [fixed(context.X[row, j], context.decimals[j]) for j in features]
        entries += [str(best + 1), percent(float(fitted.memberships[row, best]), 1)]
        if bounds is not None:
            entries.append(percent_range(bounds[0][i, best], bounds[1][i, best]))
        if fitted.k > 2:
            second = int(ranked[1])
            entries += [str(second + 1), percent(float(fitted.memberships[row, second]), 1)]
        table_rows.append(tuple(entries))
    n_doubt = len(fitted.in_doubt)
    caption = f"The first {n_shown} of {n_doubt} rows in doubt." if n_doubt > n_shown else ""
    return Table(
        tuple(columns),
        tuple(table_rows),
        caption=caption,
        bars=tuple(tuple(fitted.memberships[row].tolist()) for row in order),
        label="Least certain rows",
        sortable=True,
    )


def _odd(context: Context) -> tuple[str, tuple[Block, ...]]:
    fitted = context.chosen
    expected = fitted.expected_as_far
    nearest = fitted.distances.min(axis=1)
    order = np.argsort(expected, kind="stable")
    odd = order[expected[order] < words.ODD]
    odd_numbers = context.numbers_of(odd)
    beyond = int(np.sum(nearest**2 > chi2.ppf(0.99, context.X.shape[1])))
    heavy = words.has_heavy_tails(len(fitted.X), beyond)
    first, nearest_odd = int(order[0]), int(order[max(len(odd), 1) - 1])
    sentence = words.odd_sentence(
        len(fitted.X),
        beyond,
        int(context.row_numbers[first]),
        float(expected[nearest_odd]),
        odd_numbers,
    )
    n_shown = int(np.clip(len(odd), _MIN_SHOWN, _MAX_SHOWN))
    features = shown_features(context)
    columns = ["row", *(context.names[j] for j in features)]
    columns += ["nearest cluster"] if fitted.k > 1 else []
    columns += ["distance, sd", "rows this far expected"]
    table_rows = []
    for row in order[:n_shown]:
        entries = [str(context.row_numbers[row])]
        entries += [fixed(context.X[row, j], context.decimals[j]) for j in features]
        if fitted.k > 1:
            entries.append(str(fitted.distances[row].argmin() + 1))
        many = float(expected[row])
        far = fixed(many, 2) if many >= 0.005 else f"<{NBSP}0.01"
        table_rows.append((*entries, fixed(float(nearest[row]), 2), far))
    caption = f"The {counted(len(table_rows), 'least expected row')}."
    if fitted.draws is not None:
        caption += (
            " Numbers expected are averaged over the posterior and distances are not, so their "
            "orders may differ."
        )
    table = Table(
        tuple(columns), tuple(table_rows), caption=caption, label="Odd rows", sortable=True
    )
    return words.odd_heading(odd_numbers, heavy), (Text(sentence), table)
