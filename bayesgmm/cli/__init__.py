"""The command line: it parses, calls, prints.

One file for each command; what they share is in `options` (arguments), `inputs` (data), `screen`
(what goes to standard error), `tables` (what goes to standard output) and `application` (exit
codes). Modules here import nothing heavy before a command runs, so that ``--help`` is quick, and a
command imports what it fits and draws with once the data are read, so that errors are.
"""

import click

from bayesgmm import __version__
from bayesgmm.cli.application import Application
from bayesgmm.cli.fit import fit
from bayesgmm.cli.predict import predict
from bayesgmm.cli.report import report
from bayesgmm.cli.sample import sample
from bayesgmm.cli.select import select

__all__ = ["main"]


@click.group(
    "bayesgmm",
    cls=Application,
    epilog="""\b
Examples:
  bayesgmm report faithful                      a page to read: report.html
  bayesgmm select data.csv --max-components 8   how many components?
  bayesgmm fit data.csv -k 3 -o fit.json        EM
  bayesgmm sample data.csv -k 3 -o fit.nc       the posterior
  bayesgmm predict fit.nc new.csv -o out.csv    memberships of new rows
\b
Exit status: 0 done, 2 the input or the command line cannot be used (one line on
standard error says why), 130 interrupted.
""",
)
@click.version_option(__version__, message="bayesgmm %(version)s")
def main() -> None:
    """Gaussian mixtures by EM and by full Bayesian inference.

    Start with `report`: it tries several numbers of components, chooses, and writes one page with
    the clusters, their uncertainty and the checks. The other commands do its parts.

    DATA is a bundled data set (faithful, galaxies, iris, penguins, wine, enzyme, overlap) or a file
    with named columns: .csv, .tsv or .parquet. Results go to standard output or into files,
    progress and remarks to standard error.
    """


for _command in (report, select, fit, sample, predict):
    main.add_command(_command)
