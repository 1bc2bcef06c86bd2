"""``bayesgmm predict``: where new rows belong."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayesgmm.cli import options
from bayesgmm.cli.inputs import read_rows
from bayesgmm.cli.screen import Screen

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from bayesgmm.bayes.estimator import BayesianGaussianMixture
    from bayesgmm.em.estimator import GaussianMixture

# More than can be meant, fewer than rounding leaves.
_DIGITS = "%.6g"


@click.command(
    epilog="""\b
Examples:
  bayesgmm fit faithful -k 2 -o fit.json
  bayesgmm predict fit.json faithful | head
  bayesgmm predict fit.nc new.csv --interval 0.9 -o out.csv
"""
)
@click.argument("fit", type=click.Path(path_type=Path))
@options.data
@options.drop_incomplete
@click.option(
    "--interval",
    type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True),
    metavar="P",
    help="Also write the interval that holds this share of the posterior of each probability, "
    "such as 0.9. The probability is the mean over the draws, which a few of them can pull out of "
    "the interval.",
)
@options.output("Write the table to this file (.csv) instead of standard output.")
@options.quiet
def predict(
    fit: Path,
    data: str,
    drop_incomplete: bool,
    interval: float | None,
    output: Path | None,
    quiet: bool,
) -> None:
    """Say to which component each row of DATA belongs.

    FIT is a file that `fit`, `sample` or `report --save-fit` wrote. The columns it was fitted to
    are taken from DATA by their names; others are ignored. Writes a CSV with one line for each row:
    row (its number in DATA, counted from 0 as in messages about rows; --drop-incomplete leaves
    numbers out), label (the most probable component, numbered from 0 as `fit` and `sample` print
    them), its probability in each component, and log_density (nats; low where the row is unlike the
    data of the fit).

    A report counts from 1: its row 1 is row 0 here, and its cluster 1 is component 0 of the fit
    that `report --save-fit` wrote.
    """
    from bayesgmm.bayes.estimator import BayesianGaussianMixture
    from bayesgmm.exceptions import DataError
    from bayesgmm.persistence import load
    from bayesgmm.persistence.files import check_target, replacing

    screen = Screen(quiet)
    if output is not None:
        output = check_target(output, (".csv",), "A table")
        if any(output.exists() and output.samefile(p) for p in (fit, Path(data)) if p.exists()):
            raise DataError(f"'{output}' is what is read; write to another file.")
    model = load(fit)
    if interval is not None and not isinstance(model, BayesianGaussianMixture):
        raise DataError(f"--interval needs a posterior, but '{fit}' holds an EM fit; leave it out.")
    names = getattr(model, "feature_names_in_", None)
    columns = None if names is None else [str(name) for name in names]
    frame = read_rows(data, columns, drop_incomplete, screen)
    from bayesgmm.cli.compiling import compilation_told

    with compilation_told(screen):
        table = _memberships(model, frame, interval)
    if output is None:
        click.echo(table.to_csv(index=False, float_format=_DIGITS), nl=False)
        return
    with replacing(output) as part:
        table.to_csv(part, index=False, float_format=_DIGITS)
    screen.note(f"the memberships are in {output}")


def _memberships(
    model: "GaussianMixture | BayesianGaussianMixture",
    frame: "pd.DataFrame",
    interval: float | None,
) -> "pd.DataFrame":
    import pandas as pd

    from bayesgmm.em.estimator import GaussianMixture

    bounds: dict[str, np.ndarray] = {}
    probability: Any
    if interval is None or isinstance(model, GaussianMixture):
        probability = model.predict_proba(frame)
    else:
        probability, bounds["lower"], bounds["upper"] = model.predict_proba(frame, interval)
    values = {"row": frame.index.to_numpy(), "label": probability.argmax(axis=1)}
    for k in range(probability.shape[1]):
        values[f"probability_{k}"] = probability[:, k]
        for bound, at in bounds.items():
            values[f"probability_{k}_{bound}"] = at[:, k]
    values["log_density"] = model.score_samples(frame)
    return pd.DataFrame(values)
