"""Arguments and options that several commands take."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

FAMILIES = ("full", "tied", "diag", "spherical")
SAMPLERS = ("auto", "hmc", "nuts", "gibbs", "laplace", "vi", "smc")


class Names(click.ParamType):
    """Names with commas between them; a name that holds a comma stands in double quotes.

    Parameters
    ----------
    known : tuple of str, optional
        The only ones there are; ``all`` then means all of them.
    """

    name = "names"

    def __init__(self, known: tuple[str, ...] | None = None):
        self.known = known

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split."""
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in next(csv.reader([value], skipinitialspace=True)))
        if self.known and names == ("all",):
            return self.known
        for name in names:
            if not name:
                self.fail(f"{value!r} has an empty name", param, ctx)
            if self.known and name not in self.known:
                self.fail(f"{name!r} is none of {', '.join(self.known)} or all", param, ctx)
        return tuple(dict.fromkeys(names)) if self.known else names


def data(command: Callable) -> Callable:
    """The table that a command reads."""
    return click.argument("data")(command)


def components(command: Callable) -> Callable:
    """K and the covariance family of one model."""
    k = click.option(
        "-k",
        "--components",
        "n_components",
        type=click.IntRange(min=1),
        required=True,
        help="Number of components.",
    )
    family = click.option(
        "--family",
        "covariance_type",
        type=click.Choice(FAMILIES),
        default="full",
        show_default=True,
        help="Shape of the components: full (any ellipse), tied (one ellipse for all), diag "
        "(along the axes), spherical (round).",
    )
    return k(family(command))


def _together(
    ctx: click.Context, option: click.Parameter, given: tuple[tuple[str, ...], ...]
) -> tuple[str, ...] | None:
    return tuple(name for names in given for name in names) or None


def columns(command: Callable) -> Callable:
    """Which columns of the table."""
    return click.option(
        "--columns",
        type=Names(),
        multiple=True,
        callback=_together,
        metavar="A,B,...",
        help="Columns to use; by default all that hold measurements. Text, identifiers and known "
        "classes are left out, and said to be.",
    )(command)


def drop_incomplete(command: Callable) -> Callable:
    """What becomes of rows with gaps."""
    return click.option(
        "--drop-incomplete",
        is_flag=True,
        help="Leave out rows with missing values in the columns used; how many is said. Without it "
        "they are an error.",
    )(command)


def sweep(command: Callable) -> Callable:
    """Which mixtures to compare; one set of defaults, so that all commands choose alike."""
    largest = click.option(
        "--max-components",
        type=click.IntRange(min=1),
        default=4,
        show_default=True,
        help="Largest number of components to try; all from 1 up are.",
    )
    families = click.option(
        "--families",
        "covariance_types",
        type=Names(FAMILIES),
        default="all",
        show_default=True,
        metavar="A,B,...",
        help=f"Covariance families to try: all, or some of {', '.join(FAMILIES)}.",
    )
    return largest(families(command))


def up_to(max_components: int) -> str:
    """What a sweep tries, in words."""
    return "one component" if max_components == 1 else f"1 to {max_components} components"


def criterion(command: Callable) -> Callable:
    """What decides."""
    return click.option(
        "--criterion",
        type=click.Choice(["bic", "icl", "aic", "loo", "waic"]),
        help="What decides: bic, icl and aic of the EM fits, loo and waic of the posteriors.  "
        "[default: bic; loo where there is no EM]",
    )(command)


def sampling(command: Callable) -> Callable:
    """How much to sample."""
    draws = click.option(
        "--draws",
        type=click.IntRange(min=4),
        default=1000,
        show_default=True,
        help="Posterior draws of each chain.",
    )
    chains = click.option(
        "--chains", type=click.IntRange(min=1), default=4, show_default=True, help="Chains."
    )
    return draws(chains(command))


def sampler(command: Callable) -> Callable:
    """How to sample."""
    return click.option(
        "--sampler",
        type=click.Choice(SAMPLERS),
        default="auto",
        show_default=True,
        help="How to sample: hmc (what auto takes; a draw is nearly independent of the one "
        "before), nuts (good everywhere, slower), gibbs (a draw is cheap, but resembles the one "
        "before where components overlap), laplace (cheapest where there are many rows to each "
        "component; where it does not do, nuts takes over), vi (a quick approximation, says how "
        "near it is), smc (slow, needs no modes to start at).",
    )(command)


def checkpoint(command: Callable) -> Callable:
    """Where draws are kept while they come."""
    return click.option(
        "--checkpoint",
        type=click.Path(path_type=Path),
        help="Keep the draws so far in this file (.zarr.zip); the same command goes on from there. "
        "For auto, hmc, nuts and gibbs.",
    )(command)


def seed(command: Callable) -> Callable:
    """The seed."""
    return click.option(
        "--seed",
        "random_state",
        type=click.IntRange(0, 2**32 - 1),
        default=0,
        show_default=True,
        help="Seed: the same one gives the same result.",
    )(command)


def quiet(command: Callable) -> Callable:
    """Whether to keep still."""
    return click.option(
        "-q",
        "--quiet",
        is_flag=True,
        help="No progress and no remarks; warnings and errors remain.",
    )(command)


def output(what: str, default: str | None = None) -> Callable:
    """The file to write."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        default=default,
        show_default=default is not None,
        help=what,
    )
