"""``bayesgmm select``: how many components, of which family."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bayesgmm.cli import options
from bayesgmm.cli.inputs import read_data
from bayesgmm.cli.screen import Screen, in_own_words, warn
from bayesgmm.cli.tables import aligned, fixed

if TYPE_CHECKING:
    import pandas as pd

    from bayesgmm.selection.result import SelectionResult

# As many remarks on fits that were not chosen are told where nothing keeps them.
_FEW = 4
_EM = {"log-lik.": "log_likelihood", "BIC": "bic", "ICL": "icl", "AIC": "aic"}
_BAYES = {
    "elpd LOO": "elpd_loo",
    "se": "se_loo",
    "p LOO": "p_loo",
    "high k": "n_high_pareto_k",
    "elpd WAIC": "elpd_waic",
    "weight": "loo_weight",
}


@click.command(
    epilog="""\b
Examples:
  bayesgmm select faithful
  bayesgmm select data.csv --max-components 9 --engines em
  bayesgmm select data.csv --criterion loo -o table.csv
"""
)
@options.data
@options.sweep
@click.option(
    "--engines",
    type=options.Names(("em", "bayes")),
    default="em,bayes",
    show_default=True,
    metavar="A,B",
    help="em (fast; BIC, ICL, AIC), bayes (posteriors; LOO, WAIC), or both.",
)
@options.criterion
@options.columns
@options.drop_incomplete
@options.sampling
@options.seed
@options.output("Also write the whole table to this file (.csv).")
@options.quiet
def select(
    data: str,
    max_components: int,
    covariance_types: tuple[str, ...],
    engines: tuple[str, ...],
    criterion: str | None,
    columns: tuple[str, ...] | None,
    drop_incomplete: bool,
    draws: int,
    chains: int,
    random_state: int,
    output: Path | None,
    quiet: bool,
) -> None:
    """Compare mixtures with 1, 2, ... components.

    Makes the fits of `report`, by default the same ones, and so the same choice: all families by
    EM and, at each number, the posterior of the best family (by BIC) and of the full one. Without
    EM every family is sampled.

    BIC, ICL and AIC are of the EM fits: lower is better. BIC asks how many components describe the
    density, ICL how many clusters stand apart. LOO and WAIC are of the posteriors: the expected log
    density of new rows, in nats, higher is better; a difference within two standard errors is too
    small to call; "high k" counts the rows for which LOO is unreliable. The best of each column is
    marked with *.
    """
    from bayesgmm.persistence.files import check_target, replacing

    screen = Screen(quiet)
    if output is not None:
        output = check_target(output, (".csv",), "A table")
    table = read_data(data, columns, drop_incomplete, screen)
    from bayesgmm.cli.compiling import compilation_told
    from bayesgmm.selection.sweep import select_components

    screen.note(f"fitting {options.up_to(max_components)} ({', '.join(covariance_types)})")
    with compilation_told(screen):
        result = select_components(
            table.frame,
            range(1, max_components + 1),
            covariance_types,
            engines,
            criterion=criterion,
            posterior_for="leading" if "em" in engines else "all",
            draws=draws,
            chains=chains,
            random_state=random_state,
            progressbar=screen.has_bars,
            data_name=table.name,
        )
    tell_troubles(result, screen, None if output is None else f"the table ({output})")
    click.echo("\n".join(_summary(result)))
    if output is not None:
        with replacing(output) as part:
            result.table.to_csv(part, index=False)
        screen.note(f"the table is in {output}")


def tell_troubles(result: "SelectionResult", screen: Screen, place: str | None) -> None:
    """Say which fits failed, what is to be said of the chosen ones, and where to read of others.

    Parameters
    ----------
    result : SelectionResult
    screen : Screen
    place : str or None
        What keeps all remarks; where nothing does, a few are told here.
    """
    from bayesgmm.data.wording import joined, plural

    table = result.table
    chosen = result.best_row[["covariance_type", "n_components"]]
    is_chosen = (table[["covariance_type", "n_components"]] == chosen).all(axis=1)
    others: dict[str, str] = {}
    for row in table.assign(is_chosen=is_chosen).query("status != 'ok'").to_dict("records"):
        size = plural(row["n_components"], "component")
        model = f"{row['engine']}, {row['covariance_type']}, {size}"
        note = " ".join(str(row["note"]).split())
        # The gravest; the table and the report have the others.
        first = f"{note.split('. ')[0].removesuffix('.')}."
        if row["status"] == "failed":
            warn(f"{model}: failed: {note}")
        elif row["is_chosen"]:
            warn(f"{model}: {first}")
        else:
            others[f"{row['engine']} {row['covariance_type']} {row['n_components']}"] = first
    if place is None and len(others) <= _FEW:
        for fit, first in others.items():
            screen.note(f"{fit}, not chosen: {in_own_words(first)}")
    elif others:
        fits = joined(others, quote=False)
        place = place or "the table (-o)"
        screen.note(f"fits with remarks, none of them chosen: {fits}; {place} has them")


def _summary(result: "SelectionResult") -> list[str]:
    from bayesgmm.report.context import Context
    from bayesgmm.report.evidence import Evidence
    from bayesgmm.report.verdicts import choice as words

    table, lines = result.table, []
    for engine, title, shown in (
        ("em", "EM (lower is better, but for the log-likelihood)", _EM),
        ("bayes", "Posterior (higher is better, nats)", _BAYES),
    ):
        part = table.loc[(table["engine"] == engine) & (table["status"] != "failed")]
        if len(part):
            lines += [title, _criteria(part, shown)]
            if engine == "em" and part["bic"].isna().any():
                lines.append(
                    "-: every start collapsed, so the likelihood has no bound; not compared"
                )
            lines.append("")
    evidence = Evidence(result)
    choice = Context(evidence, result.data_name or "data").choice
    sentences = (
        words.preference(choice),
        words.family_sentence(choice, len(evidence.families)),
        words.criteria_sentence(choice),
        words.edge_sentence(choice),
    )
    return [*lines, *(sentence for sentence in sentences if sentence)]


def _criteria(part: "pd.DataFrame", shown: dict[str, str]) -> str:
    best = {}
    for column in shown.values():
        if column in ("bic", "icl", "aic"):
            best[column] = part[column].idxmin()
        elif column in ("elpd_loo", "elpd_waic"):
            best[column] = part[column].idxmax()
    rows = []
    for index, row in zip(part.index, part.to_dict("records"), strict=True):
        cells = [row["covariance_type"], str(row["n_components"]), f"{row['n_parameters']:.0f}"]
        for column in shown.values():
            mark = ("*" if best[column] == index else " ") if column in best else ""
            cells.append(fixed(row[column], 0 if column == "n_high_pareto_k" else 2) + mark)
        rows.append(cells)
    marked = [f"{title} " if column in best else title for title, column in shown.items()]
    return aligned(["family", "K", "parameters", *marked], rows)
