"""EM against the posterior."""

from bayesgmm.report import figures
from bayesgmm.report.blocks import Block, Folded, Section, Table, Text
from bayesgmm.report.context import Context
from bayesgmm.report.estimates import Estimate
from bayesgmm.report.verdicts import agreement
from bayesgmm.report.wording import NBSP, decimals_for, fixed, interval, signed

# Rows that a table, and a forest plot, show at once.
_MAX_ROWS = 40


def estimates(context: Context) -> Section | None:
    """Estimates side by side; None without both an EM fit and a posterior."""
    rows = context.estimates
    if not rows:
        return None
    worst = max(rows, key=lambda row: abs(row.shift))
    shift = worst.shift
    decimals = decimals_for(worst.sd, 2)
    sentence = agreement.shift_sentence(
        context.full_name(worst),
        _value(worst.em, worst, decimals),
        _value(worst.mean, worst, decimals),
        shift,
        sum(abs(row.shift) > 1.0 for row in rows),
        len(rows),
    )
    blocks: list[Block] = [Text(sentence)]
    ranked = sorted(range(len(rows)), key=lambda i: -abs(rows[i].shift))
    shown = sorted(ranked[:_MAX_ROWS])
    rest = [i for i in range(len(rows)) if i not in set(shown)]
    blocks.append(figures.forest([rows[i] for i in shown]))
    caption = (
        "In the units of the data; shares in per cent. EM: maximum likelihood. MAP: the mode of "
        "the posterior. Intervals are equal-tailed."
    )
    if rest:
        caption = f"The {len(shown)} of {len(rows)} estimates that shift most. {caption}"
    blocks.append(_table(context, [rows[i] for i in shown], caption))
    if rest:
        others = _table(context, [rows[i] for i in rest], "The other estimates.")
        blocks.append(Folded(f"The other {len(rest)} estimates", (others,)))
    heading = agreement.shift_heading(shift)
    return Section(
        "estimates", "EM and posterior", "EM against the posterior", heading, tuple(blocks)
    )


def _value(value: float, row: Estimate, decimals: int) -> str:
    if row.kind == "share":
        return f"{fixed(100 * value, max(0, decimals - 2))}{NBSP}%"
    return fixed(value, decimals)


def _table(context: Context, rows: list[Estimate], caption: str) -> Table:
    several = context.chosen.k > 1
    columns = ("parameter", "EM", "MAP", "mean", "sd", f"90{NBSP}% interval", "EM shift, sd")
    entries = []
    for row in rows:
        scale = 100.0 if row.kind == "share" else 1.0
        decimals = decimals_for(scale * row.sd, 2)
        numbers = [fixed(scale * v, decimals) for v in (row.em, row.map, row.mean, row.sd)]
        unit = "%" if row.kind == "share" else context.unit_of(row.feature)
        name = f"{row.name} ({unit})" if unit else row.name
        if several:
            which = "all" if row.component is None else row.component + 1
            name = f"{name}{NBSP}·{NBSP}{which}"
        ends = interval(scale * row.lower, scale * row.upper, decimals)
        entries.append((name, *numbers, ends, signed(row.shift, 2)))
    swatches = ()
    if several:
        swatches = tuple(-1 if row.component is None else row.component for row in rows)
    return Table(columns, tuple(entries), caption=caption, swatches=swatches, label="Estimates")
