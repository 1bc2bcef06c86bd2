"""``bayesgmm report``: everything, on one page."""

from pathlib import Path

import click

from bayesgmm.cli import options
from bayesgmm.cli.application import COMMAND_LINE
from bayesgmm.cli.inputs import read_data
from bayesgmm.cli.screen import Screen
from bayesgmm.cli.select import tell_troubles


@click.command(
    epilog="""\b
Examples:
  bayesgmm report faithful
  bayesgmm report data.csv --max-components 8 -o data.html
  bayesgmm report data.parquet --columns height,weight --title "Growth" -o growth.md
"""
)
@options.data
@options.max_components(4)
@options.families("all")
@options.criterion
@options.columns
@options.sampling
@options.seed
@click.option("--title", help="What the data are; by default their name.")
@options.output("Where to write the report (.html or .md).", default="report.html")
@options.quiet
@click.pass_context
def report(
    ctx: click.Context,
    data: str,
    max_components: int,
    families: tuple[str, ...],
    criterion: str | None,
    columns: tuple[str, ...] | None,
    draws: int,
    chains: int,
    seed: int,
    title: str | None,
    output: Path,
    quiet: bool,
) -> None:
    """Write a report: how many clusters, which, how sure.

    Fits mixtures with 1, 2, ... components in all four covariance families by EM and, at each
    number, samples the posterior of the best family (by BIC) and of the full one. Writes one
    self-contained page: the choice and its margin, the clusters and their uncertainty, rows in
    doubt, EM beside posterior, diagnostics, priors, and how to repeat and cite it.
    """
    from bayesgmm.persistence.files import check_target

    screen = Screen(quiet)
    output = check_target(output, (".html", ".htm", ".md"), "A report")
    table = read_data(data, columns, screen)
    from bayesgmm.report import write_report
    from bayesgmm.selection.sweep import select_components

    screen.note(f"fitting {options.up_to(max_components)} by EM and from the posterior")
    result = select_components(
        table.frame,
        range(1, max_components + 1),
        families,
        ("em", "bayes"),
        criterion=criterion,
        posterior_for="leading",
        draws=draws,
        chains=chains,
        random_state=seed,
        progressbar=screen.has_bars,
        data_name=table.name,
    )
    tell_troubles(result)
    with screen.working("writing the report"):
        write_report(
            result,
            output,
            title=title or table.title,
            command=ctx.meta[COMMAND_LINE],
            units=table.units,
        )
    screen.note(f"the report is in {output}")
