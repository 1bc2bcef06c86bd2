"""``bayesgmm report``: everything, on one page."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bayesgmm.cli import options
from bayesgmm.cli.application import COMMAND_LINE
from bayesgmm.cli.inputs import read_data
from bayesgmm.cli.screen import Screen, warn
from bayesgmm.cli.select import tell_troubles

if TYPE_CHECKING:
    from bayesgmm.selection.result import SelectionResult


@click.command(
    epilog="""\b
Examples:
  bayesgmm report faithful
  bayesgmm report data.csv --max-components 8 -o data.html
  bayesgmm report data.parquet --columns height,weight --title "Growth" -o growth.md
  bayesgmm report data.csv --drop-incomplete --save-fit fit.json
"""
)
@options.data
@options.sweep
@options.criterion
@options.columns
@options.drop_incomplete
@options.sampling
@options.seed
@click.option("--title", help="What the data are; by default their name.")
@options.output("Where to write the report (.html or .md).", default="report.html")
@click.option(
    "--save-fit",
    type=click.Path(path_type=Path),
    help="Also write the EM fit of the chosen model to this file (.json), for `predict`: cluster 1 "
    "of the report is its component 0, and so on.",
)
@options.quiet
@click.pass_context
def report(
    ctx: click.Context,
    data: str,
    max_components: int,
    covariance_types: tuple[str, ...],
    criterion: str | None,
    columns: tuple[str, ...] | None,
    drop_incomplete: bool,
    draws: int,
    chains: int,
    random_state: int,
    title: str | None,
    output: Path,
    save_fit: Path | None,
    quiet: bool,
) -> None:
    """Write a report: how many clusters, which, how sure.

    Fits mixtures with 1, 2, ... components in all four covariance families by EM and, at each
    number, samples the posterior of the best family (by BIC) and of the full one. Writes one
    self-contained page: the choice and its margin, the clusters and their uncertainty, rows in
    doubt, EM beside posterior, diagnostics, priors, and how to repeat and cite it. `select` prints
    the same choice without the page.
    """
    from bayesgmm.persistence.files import check_target

    screen = Screen(quiet)
    output = check_target(output, (".html", ".htm", ".md"), "A report")
    if save_fit is not None:
        check_target(save_fit, (".json",), "An EM fit")
    table = read_data(data, columns, drop_incomplete, screen)
    from bayesgmm.cli.compiling import compilation_told
    from bayesgmm.report import write_report
    from bayesgmm.selection.sweep import select_components

    screen.note(f"fitting {options.up_to(max_components)} by EM and from the posterior")
    with compilation_told(screen):
        result = select_components(
            table.frame,
            range(1, max_components + 1),
            covariance_types,
            ("em", "bayes"),
            criterion=criterion,
            posterior_for="leading",
            draws=draws,
            chains=chains,
            random_state=random_state,
            progressbar=screen.has_bars,
            data_name=table.name,
        )
    tell_troubles(result, screen, "the report")
    with screen.working("writing the report"):
        write_report(
            result,
            output,
            title=title or table.title,
            command=ctx.meta[COMMAND_LINE],
            units=table.units,
            left_out=table.left_out,
            incomplete=table.incomplete,
        )
    screen.note(f"the report is in {output}")
    if save_fit is not None:
        _save(result, save_fit, screen)


def _save(result: "SelectionResult", path: Path, screen: Screen) -> None:
    from bayesgmm.persistence import save
    from bayesgmm.report.clusters import read_model
    from bayesgmm.report.evidence import Evidence
    from bayesgmm.report.verdicts.agreement import moved_sentence

    model = Evidence(result).chosen
    fit = model.em
    if fit is None:
        warn(f"the chosen model has no EM fit to write to {path}.")
        return
    save(fit, path)
    screen.note(f"its EM fit is in {path}")
    moved = moved_sentence(read_model(model, result.X).moved)
    if moved:
        warn(f"{path} is not what the report shows: {moved[0].lower()}{moved[1:]}")
