"""``bayesgmm sample``: draws from the posterior."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bayesgmm.cli import options
from bayesgmm.cli.application import INTERRUPTED
from bayesgmm.cli.inputs import Table, read_data
from bayesgmm.cli.screen import Screen
from bayesgmm.cli.tables import aligned, decimals_for, fixed

if TYPE_CHECKING:
    import numpy as np

    from bayesgmm.bayes.estimator import BayesianGaussianMixture

_TAIL = 0.05


@click.command(
    epilog="""\b
Examples:
  bayesgmm sample faithful -k 2
  bayesgmm sample data.csv -k 3 --family tied --draws 2000 -o fit.nc
  bayesgmm predict fit.nc data.csv --interval 0.9
"""
)
@options.data
@options.components
@options.columns
@options.drop_incomplete
@options.sampling
@options.sampler
@options.checkpoint
@options.seed
@options.output(
    "Write the posterior to this file (.nc, netCDF), for `predict`, for load() in Python and for "
    "ArviZ."
)
@options.quiet
def sample(
    data: str,
    n_components: int,
    covariance_type: str,
    columns: tuple[str, ...] | None,
    drop_incomplete: bool,
    draws: int,
    chains: int,
    sampler: str,
    checkpoint: Path | None,
    random_state: int,
    output: Path | None,
    quiet: bool,
) -> int:
    """Draw from the posterior of one mixture.

    Samples weights, means and covariances given the data, under weak priors scaled to the data, and
    gives the components the same numbers (from 0) in every draw. Prints the posterior mean,
    standard deviation, 90 % interval and the posterior mode (MAP) of each parameter, and whether
    the draws can be trusted.
    """
    from bayesgmm.persistence.files import check_target

    screen = Screen(quiet)
    if output is not None:
        check_target(output, (".nc",), "A posterior")
    table = read_data(data, columns, drop_incomplete, screen)
    from bayesgmm.bayes.estimator import BayesianGaussianMixture
    from bayesgmm.data import check_enough_rows
    from bayesgmm.data.wording import plural
    from bayesgmm.persistence import save

    what = plural(n_components, "component")
    screen.note(f"sampling {what}: {plural(chains, 'chain')} of {draws} draws")
    model = BayesianGaussianMixture(
        n_components,
        covariance_type=covariance_type,
        sampler=sampler,
        draws=draws,
        chains=chains,
        random_state=random_state,
        progressbar=screen.has_bars,
        checkpoint=checkpoint,
    )
    # Asked before Numba is imported, which takes a while.
    check_enough_rows(len(table.frame), n_components)
    from bayesgmm.cli.compiling import compilation_told

    with compilation_told(screen):
        model.fit(table.frame)
    if screen.has_bars and _is_by_nuts(model):
        click.echo(err=True)  # nutpie leaves the cursor behind its last bar
    click.echo(_summary(model, table))
    if output is not None:
        save(model, output)
        screen.note(f"the posterior is in {output}")
    return 0 if model.diagnostics_.complete else INTERRUPTED


def _is_by_nuts(model: "BayesianGaussianMixture") -> bool:
    return model.posterior_["posterior"].attrs["sampler"] == "nuts"


def _summary(model: "BayesianGaussianMixture", table: Table) -> str:
    from bayesgmm.data.wording import plural

    mixture, found = model.mixture_, model.diagnostics_
    numbers = [f"least effective sample size {found.min_ess:.0f}"]
    if found.importance is None:
        numbers.insert(0, f"largest R-hat {fixed(found.max_rhat, 3)}")
    if found.can_diverge:
        numbers.append(f"{found.n_divergences} of {found.n_draws} draws diverged")
    return "\n".join(
        [
            f"Posterior, {plural(mixture.n_components, 'component')}, {mixture.covariance_type} "
            f"covariances: {table.name}, {table.size}",
            "",
            _parameters(model, list(table.frame.columns)),
            "",
            f"diagnostics: {found.verdict}",
            ", ".join(numbers),
        ]
    )


def _parameters(model: "BayesianGaussianMixture", names: list[str]) -> str:
    import numpy as np

    draws, mode = model.mixture_.flatten(), model.map_
    sds, map_sds = (np.sqrt(np.diagonal(m.covariances, axis1=-2, axis2=-1)) for m in (draws, mode))
    rows = []
    for k in range(draws.n_components):
        named = [("weight", "", draws.weights[:, k], mode.weights[k])]
        named += [("mean", n, draws.means[:, k, j], mode.means[k, j]) for j, n in enumerate(names)]
        named += [("sd", n, sds[:, k, j], map_sds[k, j]) for j, n in enumerate(names)]
        for i, (parameter, name, values, at_mode) in enumerate(named):
            rows.append(
                [str(k) if i == 0 else "", parameter, name, *_numbers(values, float(at_mode))]
            )
    header = ["component", "", "", "mean", "sd", "5 %", "95 %", "MAP"]
    return aligned(header, rows, n_text=3)


def _numbers(values: "np.ndarray", at_mode: float) -> list[str]:
    import numpy as np

    sd = float(values.std(ddof=1))
    lower, upper = np.quantile(values, [_TAIL, 1.0 - _TAIL])
    decimals = decimals_for(sd)
    shown = (float(values.mean()), sd, float(lower), float(upper), at_mode)
    return [fixed(value, decimals) for value in shown]
