"""``bayesgmm fit``: maximum likelihood by EM."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bayesgmm.cli import options
from bayesgmm.cli.inputs import Table, read_data
from bayesgmm.cli.screen import Screen
from bayesgmm.cli.tables import aligned, number

if TYPE_CHECKING:
    from bayesgmm.em.estimator import GaussianMixture


@click.command(
    epilog="""\b
Examples:
  bayesgmm fit faithful -k 2
  bayesgmm fit data.csv -k 3 --columns height,weight -o fit.json
  bayesgmm predict fit.json data.csv
"""
)
@options.data
@options.components
@options.columns
@options.drop_incomplete
@options.seed
@options.output("Write the fit to this file (.json), for `predict` and for load() in Python.")
@options.quiet
def fit(
    data: str,
    n_components: int,
    covariance_type: str,
    columns: tuple[str, ...] | None,
    drop_incomplete: bool,
    random_state: int,
    output: Path | None,
    quiet: bool,
) -> None:
    """Fit one mixture by EM (maximum likelihood).

    Runs EM from many starts and keeps the best end. Prints the weight, means and standard
    deviations of each component, numbered from 0; another seed may number the same ones otherwise.
    How sure these numbers are, EM does not say: for that there is `sample`. For how many components
    to take there is `select`.
    """
    from bayesgmm.persistence.files import check_target

    screen = Screen(quiet)
    if output is not None:
        check_target(output, (".json",), "An EM fit")
    table = read_data(data, columns, drop_incomplete, screen)
    from bayesgmm.cli.compiling import compilation_told
    from bayesgmm.data.wording import plural
    from bayesgmm.em.estimator import GaussianMixture
    from bayesgmm.persistence import save

    model = GaussianMixture(
        n_components, covariance_type=covariance_type, random_state=random_state
    )
    with (
        compilation_told(screen),
        screen.working(f"fitting {plural(n_components, 'component')} by EM"),
    ):
        model.fit(table.frame)
    click.echo(_summary(model, table))
    if output is not None:
        save(model, output)
        screen.note(f"the fit is in {output}")


def _summary(model: "GaussianMixture", table: Table) -> str:
    from bayesgmm.data.wording import plural

    frame, mixture, starts = table.frame, model.mixture_, model.starts_
    bic, icl = model.bic(frame), model.icl(frame)
    reached = f"{starts.n_at_best} of {starts.n_starts}"
    spikes = f" ({starts.n_spikes} collapsed)" if starts.n_spikes else ""
    lines = [
        f"EM, {plural(mixture.n_components, 'component')}, {mixture.covariance_type} covariances: "
        f"{table.name}, {table.size}",
        "",
        _parameters(model, list(frame.columns)),
        "",
        f"log-likelihood  {model.lower_bound_ * model.n_rows_:.2f} nats, "
        f"{mixture.n_parameters} free parameters",
        f"BIC {bic:.2f}, ICL {icl:.2f} (lower is better)",
        f"starts that reached this optimum: {reached}{spikes}",
    ]
    return "\n".join(lines)


def _parameters(model: "GaussianMixture", names: list[str]) -> str:
    import numpy as np

    mixture = model.mixture_
    sds = np.sqrt(np.diagonal(mixture.covariances, axis1=-2, axis2=-1))
    rows = [["weight", "", *map(number, mixture.weights)]]
    for j, name in enumerate(names):
        rows.append(["mean", name, *map(number, mixture.means[:, j])])
    for j, name in enumerate(names):
        rows.append(["sd", name, *map(number, sds[:, j])])
    header = ["component", "", *(str(k) for k in range(mixture.n_components))]
    return aligned(header, rows, n_text=2)
