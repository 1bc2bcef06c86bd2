"""What every command has in common when something is wrong: one line, and an exit status."""

import shlex
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from bayesgmm.cli.screen import warn
from bayesgmm.cli.wording import in_options

UNUSABLE, INTERRUPTED = 2, 130
# Where a command finds what was typed.
COMMAND_LINE = "bayesgmm.command_line"


class Application(click.Group):
    """A group whose commands end with one line on standard error where others show a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order in which they were added."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep what was typed, for reports that say how to repeat them."""
        ctx.meta[COMMAND_LINE] = shlex.join(["bayesgmm", *args])
        return super().parse_args(ctx, args)

    def main(
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run a command and exit."""
        extra["standalone_mode"] = False
        try:
            status = super().main(args, prog_name or "bayesgmm", **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            status = UNUSABLE
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "bayesgmm"
            _fail(f"{error.format_message().rstrip('.')}; see '{path} --help'.")
            status = UNUSABLE
        except click.ClickException as error:
            _fail(error.format_message())
            status = UNUSABLE
        except OSError as error:
            # Input that cannot be read is told of where it is read; this is about writing.
            _fail(f"{error.filename or 'standard output'}: {error.strerror or error}")
            status = UNUSABLE
        except click.Abort:
            click.echo("interrupted", err=True)
            status = INTERRUPTED
        sys.exit(status if isinstance(status, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; errors about its input become click's, in terms of its options."""
        with _warnings_in_one_line():
            try:
                return super().invoke(ctx)
            except ValueError as error:
                if not _is_about_input(error):
                    raise
                command = self.commands[str(ctx.invoked_subcommand)]
                raise click.ClickException(in_options(str(error), command)) from error


def _is_about_input(error: ValueError) -> bool:
    from sklearn.utils._param_validation import InvalidParameterError

    from bayesgmm.exceptions import DataError

    return isinstance(error, DataError | InvalidParameterError)


def _fail(message: str) -> None:
    click.echo(f"error: {' '.join(message.split())}", err=True)


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    told = set()

    def show(message: Warning | str, *_: Any) -> None:
        text = " ".join(str(message).split())
        if text not in told:
            told.add(text)
            warn(text)

    with warnings.catch_warnings():
        # Ours are all UserWarnings; of what libraries announce for their future, the user of a
        # command can change nothing.
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("ignore", FutureWarning)
        warnings.showwarning = show
        yield
