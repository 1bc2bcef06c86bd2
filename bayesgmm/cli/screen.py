"""Standard error: remarks, warnings, progress. Standard output is for results."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from bayesgmm.cli.wording import in_options
from bayesgmm.progress import working


def in_own_words(text: str) -> str:
    """A message of the library in terms of the options of the command that runs."""
    # There is none in a thread, as where the fits of a pool warn.
    context = click.get_current_context(silent=True)
    return text if context is None else in_options(text, context.command)


def warn(text: str) -> None:
    """Say something that the user should not miss."""
    click.echo(f"warning: {in_own_words(text)}", err=True)


@dataclass(frozen=True)
class Screen:
    """How much to say.

    Attributes
    ----------
    quiet : bool
        Say nothing but warnings and errors.
    """

    quiet: bool = False

    @property
    def has_bars(self) -> bool:
        """Whether to draw progress bars."""
        return not self.quiet and sys.stderr.isatty()

    def note(self, text: str) -> None:
        """Say something that helps."""
        if not self.quiet:
            click.echo(text, err=True)

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show that something is under way: a line, or on a terminal a sign that goes away."""
        if not self.has_bars:
            self.note(what)
        with working(what, show=self.has_bars):
            yield
