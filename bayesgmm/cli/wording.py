"""The library's messages, which name its arguments, in the words of the command line."""

import re

import click

# An argument and perhaps its value: draws=, covariance_type='diag', n_components = 83.
_ARGUMENT = re.compile(r"\b(?P<name>\w+) ?= ?(?:'(?P<text>[^']*)'|(?P<number>\d+))?")
# The user's own words, as a column's name; but not the value of an argument.
_QUOTED = re.compile(r"""(?<!\w)(?<!=)(?<!= )(?:'[^']*'|"[^"]*")""")
_HIDDEN = re.compile("\0(\\d+)\0")
_WORDS = {"n_components": "components", "n_samples": "rows"}
# What no command has an option for, where it is named last.
_NAMES = r"\b(priors=|reg_covar\b=?|max_iter, tol\b)"
_PYTHON = re.compile(rf"{_NAMES}(?!.*{_NAMES})")


def in_options(message: str, command: click.Command) -> str:
    """Call arguments as the options of a command are called.

    Options keep their values under the names of the arguments that they become, so that a command
    itself says which is which.

    Parameters
    ----------
    message : str
    command : click.Command
    """
    quoted: list[str] = []

    def hide(match: re.Match[str]) -> str:
        quoted.append(match[0])
        return f"\0{len(quoted) - 1}\0"

    flags = {option.name: option.opts[0] for option in command.params}

    def named(match: re.Match[str]) -> str:
        name = match["name"]
        flag = flags.get(name) or flags.get(f"{name}s")
        if flag is None:
            return match[0]
        return f"{flag} {match['text'] or match['number'] or ''}".rstrip()

    message = _ARGUMENT.sub(named, _QUOTED.sub(hide, message))
    for word, said in _WORDS.items():
        message = re.sub(rf"\b{word}\b", said, message)
    message = _PYTHON.sub(r"\g<0> (in Python)", message)
    return _HIDDEN.sub(lambda match: quoted[int(match[1])], message)
