"""Why this K, and where the criteria disagree."""

from collections.abc import Callable

from bayesgmm.report import figures
from bayesgmm.report.blocks import Block, Folded, Section, Table, Text, Verdict
from bayesgmm.report.checks import with_row_numbers
from bayesgmm.report.clusters import Fitted
from bayesgmm.report.context import Context
from bayesgmm.report.evidence import CRITERIA, Criterion, Model
from bayesgmm.report.verdicts import choice as words
from bayesgmm.report.wording import NBSP, fixed, joined, percent, signed

Cell = Callable[[Model], str]


def how_many(context: Context) -> Section:
    """Criteria over K and family: verdict, picture, tables."""
    evidence, choice = context.evidence, context.choice
    blocks: list[Block] = []
    pair = context.chosen.closest_pair[:2] if context.chosen.k > 1 else None
    disagreement = words.disagreement(choice, pair)
    if disagreement is not None:
        blocks.append(Verdict(*disagreement))
    family = words.family_sentence(choice, len(evidence.families))
    lines = [words.preference(choice), family, words.edge_sentence(choice)]
    if choice.prediction is not None and choice.prediction.flaw and not choice.uncompared:
        lines.append(words.flaw_sentence(choice.prediction))
    blocks.append(Text(" ".join(line for line in lines if line)))
    if len(evidence.models) > 1:
        blocks.append(figures.criteria(context))
        blocks.append(_by_k(context))
    if len(evidence.families) > 1:
        blocks.append(_by_family(context))
    if context.X.shape[1] == 1 and len({m.covariance_type for m in evidence.models}) > 1:
        same = "With one measurement, full, diag and spherical are one and the same model."
        blocks.append(Text(same, small=True))
    if evidence.failures:
        failed = joined(
            f"{f.covariance_type} with K = {f.n_components} by {_ENGINES.get(f.engine, f.engine)} "
            f"({f.reason.rstrip('.')})"
            for f in evidence.failures
        )
        blocks.append(Verdict("Some fits failed.", f"They are left out: {failed}."))
    blocks.append(Folded("Every fit, with all its numbers", (_all_fits(context),)))
    heading = words.how_many_heading(choice)
    return Section("how-many", "How many", "How many clusters", heading, tuple(blocks))


_ENGINES = {"em": "EM", "bayes": "posterior"}


def _by_k(context: Context) -> Table:
    evidence = context.evidence
    models = list(evidence.by_k.values())
    chosen = models.index(evidence.chosen)
    columns = ["K"]
    columns += [
        f"{m.n_components} chosen" if i == chosen else str(m.n_components)
        for i, m in enumerate(models)
    ]
    rows: list[tuple[str, ...]] = []
    groups: list[int] = []

    def add(label: str, cell: Cell) -> None:
        cells = [cell(model) for model in models]
        if any(text != "–" for text in cells):
            rows.append((label, *cells))

    def close_group() -> None:
        if rows and len(rows) - 1 not in groups:
            groups.append(len(rows) - 1)

    if len(evidence.families) > 1:
        add("covariance family", evidence.family)
    add("free parameters", lambda m: fixed(m.value("n_parameters"), 0))
    add("log-likelihood of the EM fit", lambda m: fixed(m.value("log_likelihood"), 1))
    close_group()
    for key in ("bic", "icl", "aic"):
        criterion = CRITERIA[key]
        add(f"{criterion.name} (lower is better)", _value_of(criterion))
        if key != "aic":
            add("above the best", _above_best(context, models, criterion))
    close_group()
    add("elpd by LOO (higher is better)", _value_of(CRITERIA["loo"]))
    add("standard error", lambda m: fixed(m.value("se_loo"), 1))
    reference = evidence.loo_reference
    if reference is not None and sum(m.loo is not None for m in models) > 1:
        name = f"K{NBSP}={NBSP}{reference.n_components}"
        if len(evidence.families) > 1:
            name = f"{name}, {evidence.family(reference)}"
        add(f"LOO against {name}", _difference(context, 0))
        add("standard error of that", _difference(context, 1))
    add("elpd by WAIC (higher is better)", _value_of(CRITERIA["waic"]))
    add("largest k-hat", lambda m: fixed(m.value("max_pareto_k"), 2))
    close_group()
    _add_reading(context, add)
    captions = ["At each K the best of the covariance families."] * (len(evidence.families) > 1)
    if any(m.em is not None for m in models):
        captions.append(
            "EM runs from many starts; where few end at the best fit, a better one may exist."
        )
    return Table(
        tuple(columns),
        tuple(rows),
        caption=" ".join(captions),
        chosen=chosen + 1,
        groups=tuple(groups[:-1] if groups and groups[-1] == len(rows) - 1 else groups),
        label="Criteria by number of clusters",
    )


def _add_reading(context: Context, add: Callable[[str, Cell], None]) -> None:
    def read(text: Callable[[Fitted], str]) -> Cell:
        return lambda m: text(context.fitted[m.n_components])

    def diagnosed(text: Callable[..., str]) -> Cell:
        return lambda m: "–" if m.bayes is None else text(m.bayes.diagnostics_)

    def starts(m: Model) -> str:
        found = None if m.em is None else m.em.starts_
        return "–" if found is None else f"{found.n_at_best} of {found.n_starts}"

    add("EM starts that end at the best fit", starts)
    add("smallest share", read(lambda f: percent(f.shares.min())))
    add("rows in doubt", read(lambda f: str(len(f.in_doubt))))
    add("R-hat, free of labels", diagnosed(lambda d: fixed(d.worst("invariant")[1], 3)))
    add("R-hat of the clusters", diagnosed(lambda d: fixed(d.worst("component")[1], 3)))
    posteriors = [m.bayes for m in context.evidence.models if m.bayes is not None]
    if any(bayes.diagnostics_.can_diverge for bayes in posteriors):
        add("divergences", diagnosed(lambda d: str(int(d.n_divergences))))
    add("draws with switched labels", diagnosed(lambda d: percent(d.switched)))


def _value_of(criterion: Criterion) -> Cell:
    return lambda m: fixed(m.value(criterion.column), 1)


def _above_best(context: Context, models: list[Model], criterion: Criterion) -> Cell:
    best = context.evidence.best(criterion, models)

    def cell(model: Model) -> str:
        value = model.value(criterion.column)
        if value is None or best is None:
            return "–"
        gap = value - (best.value(criterion.column) or 0.0)
        return "best" if model is best else signed(gap, 2 if gap < 2.0 else 1)

    return cell


def _difference(context: Context, which: int) -> Cell:
    def cell(model: Model) -> str:
        if model is context.evidence.loo_reference:
            return "reference" if which == 0 else "–"
        difference = context.evidence.loo_difference(model)
        if difference is None:
            return "–"
        return signed(difference[0], 1) if which == 0 else fixed(difference[1], 1)

    return cell


def _by_family(context: Context) -> Table:
    evidence, criterion = context.evidence, context.evidence.criterion
    tried = evidence.tried
    cells: dict[tuple[str, int], Model] = {}
    for m in evidence.models:
        name = m.covariance_type
        if context.X.shape[1] == 1 and name != "tied":
            name = "full"
        cells.setdefault((name, m.n_components), m)
    chosen = (evidence.family(evidence.chosen), evidence.chosen.n_components)
    rows = []
    for family in evidence.families:
        row = [family]
        for k in tried:
            model = cells.get((family, k))
            text = "–" if model is None else fixed(model.value(criterion.column), 1)
            row.append(f"{text} ✓" if (family, k) == chosen else text)
        rows.append(tuple(row))
    direction = "lower" if criterion.lower_is_better else "higher"
    return Table(
        ("family", *(f"K{NBSP}={NBSP}{k}" for k in tried)),
        tuple(rows),
        caption=f"{criterion.name} of every family ({direction} is better; ✓ chosen).",
        label=f"{criterion.name} by family and number of clusters",
    )


_COLUMNS = (
    ("n_parameters", "parameters", 0),
    ("log_likelihood", "log-likelihood", 1),
    ("bic", "BIC", 1),
    ("aic", "AIC", 1),
    ("icl", "ICL", 1),
    ("elpd_loo", "elpd LOO", 1),
    ("se_loo", "its SE", 1),
    ("p_loo", "p LOO", 1),
    ("max_pareto_k", "k-hat", 2),
    ("n_high_pareto_k", "k-hat high", 0),
    ("elpd_waic", "elpd WAIC", 1),
    ("se_waic", "its SE", 1),
    ("p_waic", "p WAIC", 1),
    ("loo_weight", "LOO weight", 2),
    ("seconds", "seconds", 2),
)


def _all_fits(context: Context) -> Table:
    records = context.evidence.result.table.to_dict("records")
    present = [c for c in _COLUMNS if any(_is_known(row.get(c[0])) for row in records)]
    rows = []
    for row in records:
        engine = _ENGINES.get(str(row["engine"]), str(row["engine"]))
        name = f"{engine}, {row['covariance_type']}, {row['n_components']}"
        numbers = [
            fixed(row[column], decimals) if _is_known(row[column]) else "–"
            for column, _, decimals in present
        ]
        note = with_row_numbers(str(row["note"]), context.row_numbers)
        note = f"{row['status']}: {note}" if note else str(row["status"])
        rows.append((name, *numbers, note))
    return Table(
        ("engine, family, K", *(name for _, name, _ in present), "status"),
        tuple(rows),
        caption=(
            "BIC, AIC and ICL: −2 log L and a penalty, lower is better. elpd: nats, higher is "
            "better."
        ),
        align="l" + "r" * len(present) + "l",
        label="Every fit",
    )


def _is_known(value: object) -> bool:
    return isinstance(value, (int, float)) and value == value
