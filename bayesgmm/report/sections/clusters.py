"""Who the clusters are."""

import numpy as np

from bayesgmm.report.blocks import Block, Card, Cards, Section, Table, Text
from bayesgmm.report.clusters import TAILS
from bayesgmm.report.context import Context
from bayesgmm.report.verdicts import agreement
from bayesgmm.report.verdicts.rows import wrong_sentence
from bayesgmm.report.wording import (
    NBSP,
    capital,
    counted,
    decimals_for,
    fixed,
    in_words,
    interval,
    joined,
    percent,
    percent_range,
)

# Centres this far apart, in sds, are called high and low.
_APART = 0.5
_MAX_NAMED = 3
_SHARES = (
    "Rows are counted in their likeliest cluster; the share in the population is the chance that a "
    "new row comes from it, in which rows in doubt count by their memberships."
)


def clusters(context: Context) -> Section:
    """Share, centre, spread and typical rows of each cluster."""
    fitted = context.chosen
    cards = Cards(tuple(_card(context, k) for k in range(fitted.k)))
    blocks: list[Block] = [cards]
    if fitted.k == 2:
        blocks.append(Text(_difference(context)))
    if fitted.k > 1:
        bounds = fitted.expected_wrong_interval
        sentence = wrong_sentence(len(fitted.X), fitted.expected_wrong, bounds, fitted.k)
        if fitted.draws is not None:
            sentence = f"{sentence} {agreement.interval_sentence()}"
        blocks.append(Text(sentence))
    elif fitted.draws is not None:
        blocks.append(Text(agreement.interval_sentence()))
    if fitted.draws is None:
        blocks.append(
            Text(
                "EM gives one best value for each number and no uncertainty; a posterior fit would "
                "add intervals.",
                small=True,
            )
        )
    if fitted.k > 1:
        blocks.append(Text(f"{_SHARES} {_definition(fitted.k)} {_numbering(context)}", small=True))
    topic = "The clusters" if fitted.k > 1 else "The rows as one group"
    return Section("clusters", "Clusters", topic, _heading(context), tuple(blocks))


def _heading(context: Context) -> str:
    fitted = context.chosen
    if fitted.k == 1:
        return f"One group of {counted(len(fitted.X), 'row')}"
    feature = context.by_separation[0]
    centres = fitted.centres[:, feature]
    decimals = min(context.centre_decimals(feature), context.decimals[feature] + 1)
    ends = interval(float(centres.min()), float(centres.max()), decimals)
    many = capital(in_words(fitted.k))
    where = f" in {context.names[feature]}" if fitted.point.n_features > 1 else ""
    return (
        f"{many} groups, farthest apart{where}: centres from {ends}{context.unit(feature)}"
        if (where)
        else f"{many} groups with centres from {ends}{context.unit(feature)}"
    )


def _card(context: Context, k: int) -> Card:
    fitted = context.chosen
    draws = fitted.draws
    n = int(fitted.sizes[k])
    share = "" if fitted.k == 1 else f"share in the population: {percent(fitted.shares[k])}"
    if share and draws is not None:
        share = f"{share} ({percent_range(*np.quantile(draws.weights[:, k], TAILS))})"
    size = (
        counted(n, "row") if fitted.k == 1 else f"{counted(n, 'row')}, {percent(n / len(fitted.X))}"
    )
    return Card(
        number=k + 1,
        who=_who(context, k),
        of=fitted.k,
        size=size,
        share=share,
        table=_places(context, k),
        notes=tuple(note for note in (_correlation(context, k), _typical(context, k)) if note),
    )


def _places(context: Context, k: int) -> Table:
    fitted = context.chosen
    draws = fitted.covariance_draws
    if draws is None:
        spreads = np.sqrt(np.diagonal(fitted.point.covariances[k]))
    else:
        variances = np.diagonal(draws.covariances[:, k], axis1=-2, axis2=-1)
        spreads = np.sqrt(variances).mean(axis=0)
    rows = []
    for j, label in enumerate(context.labels):
        decimals = context.centre_decimals(j)
        row = [label, fixed(fitted.centres[k, j], decimals)]
        if draws is not None:
            low, high = np.quantile(draws.means[:, k, j], TAILS)
            row.append(interval(low, high, decimals))
        rows.append((*row, fixed(spreads[j], decimals)))
    columns = ["measurement", "centre", f"90{NBSP}% interval", "spread, sd"]
    if draws is None:
        columns.pop(2)
    label = f"Cluster {k + 1}" if fitted.k > 1 else "All rows"
    return Table(tuple(columns), tuple(rows), label=f"{label}: centres and spreads")


def _who(context: Context, k: int) -> str:
    fitted = context.chosen
    if fitted.k == 1:
        return ""
    means, weights = fitted.centres, fitted.point.weights
    variances = np.diagonal(fitted.point.covariances, axis1=-2, axis2=-1)
    if fitted.k == 2:
        away = (means[k] - means[1 - k]) / np.sqrt(weights @ variances)
        low, high = "lower", "higher"
    else:
        sd = context.X.std(axis=0)
        # In a constant column no cluster is low or high.
        away = np.where(sd > 0, means[k] - context.X.mean(axis=0), 0.0) / np.where(sd > 0, sd, 1.0)
        low, high = "low", "high"
    named = [j for j in np.argsort(-np.abs(away), kind="stable") if abs(away[j]) >= _APART]
    words = [f"{low if away[j] < 0 else high} {context.names[j]}" for j in named[:_MAX_NAMED]]
    if words:
        return ", ".join(words)
    return "near the other in every measurement" if fitted.k == 2 else "near the middle"


def _definition(k: int) -> str:
    if k == 2:
        return (
            "Lower and higher: the centres are more than half a within-cluster sd apart. Centres "
            "and spreads are means and standard deviations; the spread is that of single rows."
        )
    return (
        "Low and high: the centre is more than half an sd of the column away from the column's "
        "mean. Spread is the standard deviation of single rows in a cluster."
    )


def _numbering(context: Context) -> str:
    model = context.evidence.chosen
    if model.em is None:
        return "Cluster 1 is component 0 of the fit, and so on."
    text = (
        "Cluster 1 is component 0 of the EM fit of this report, and so on; bayesgmm report "
        "--save-fit writes that fit for bayesgmm predict. Another fit may number its components "
        "otherwise."
    )
    return f"{text} {agreement.moved_sentence(context.chosen.moved)}".rstrip()


def _correlation(context: Context, k: int) -> str:
    fitted = context.chosen
    point, d = fitted.point, fitted.point.n_features
    if d == 1 or point.family.structure == "diagonal":
        return ""
    draws = fitted.covariance_draws
    full = point.covariances[k] if draws is None else draws.covariances[:, k]
    sds = np.sqrt(np.diagonal(full, axis1=-2, axis2=-1))
    correlations = full / (sds[..., :, None] * sds[..., None, :])
    typical = correlations if draws is None else correlations.mean(axis=0)
    i, j = np.unravel_index(np.argmax(np.abs(np.triu(typical, 1))), typical.shape)
    r = float(typical[i, j])
    names = "The two" if d == 2 else f"{context.names[i]} and {context.names[j]}"
    if draws is None:
        found = f"r{NBSP}={NBSP}{fixed(r, 2)}"
        return f"Within the cluster, {names if d > 2 else 'the two'} correlate: {found}" + (
            " (the strongest pair)." if d > 2 else "."
        )
    low, high = np.quantile(correlations[:, i, j], TAILS)
    found = f"r{NBSP}={NBSP}{fixed(r, 2)} (90{NBSP}% interval {interval(low, high, 2)})"
    if low > 0:
        how = "go together"
    elif high < 0:
        how = "go against each other"
    else:
        how = "may be unrelated"
    strongest = ", the strongest pair" if d > 2 else ""
    return f"Within the cluster, {names if d > 2 else 'the two'} {how}{strongest}: {found}."


def _typical(context: Context, k: int) -> str:
    rows = context.chosen.typical_rows(k)
    if not len(rows):
        return "No row has this as its likeliest cluster."
    shown = context.by_separation[:2] if context.X.shape[1] > 3 else range(context.X.shape[1])
    parts = [
        f"row {context.row_numbers[row]} ("
        + ", ".join(
            f"{fixed(context.X[row, j], context.decimals[j])}{context.unit(j)}"
            for j in sorted(shown)
        )
        + ")"
        for row in rows
    ]
    names = ""
    if context.X.shape[1] > 3:
        names = f" ({joined(context.names[j] for j in sorted(shown))})"
    return f"Typical rows{names}: {'; '.join(parts)}."


def _difference(context: Context) -> str:
    fitted = context.chosen
    means = fitted.point.means
    first, second = np.argsort(means[:, context.by_separation[0]])
    parts = []
    for j in context.by_separation[:4]:
        if fitted.draws is None:
            gap = abs(float(means[second, j] - means[first, j]))
            decimals = context.centre_decimals(j)
            parts.append(f"{fixed(gap, decimals)}{context.unit(j)} in {context.names[j]}")
            continue
        values = fitted.draws.means[:, second, j] - fitted.draws.means[:, first, j]
        values = values * (1.0 if values.mean() >= 0 else -1.0)
        low, high = np.quantile(values, TAILS)
        decimals = decimals_for(float(values.std()), 1)
        parts.append(
            f"{fixed(values.mean(), decimals)}{context.unit(j)} in {context.names[j]} "
            f"({interval(low, high, decimals)})"
        )
    return f"The centres differ by {joined(parts)}."
