"""Names among which an argument of an estimator chooses, and what messages say about them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sklearn.utils._param_validation import StrOptions

from bayesgmm.data.wording import did_you_mean


class OneOf(StrOptions):
    """scikit-learn's constraint for names, which messages list in their order.

    Parameters
    ----------
    names : iterable of str
    """

    def __init__(self, names: Iterable[str]):
        self.names = tuple(names)
        super().__init__(set(self.names))

    def __str__(self) -> str:
        return f"a str among {', '.join(map(repr, self.names))}"


def with_near_name(
    message: str, constraints: Mapping[str, Sequence[Any]], arguments: Mapping[str, Any]
) -> str:
    """The message of scikit-learn about an argument, with a name that is near to what was given.

    Parameters
    ----------
    message : str
    constraints : mapping of str to sequences
        As in ``_parameter_constraints``.
    arguments : mapping
        All that were given.
    """
    for argument, value in arguments.items():
        if isinstance(value, str) and message.startswith(f"The {argument!r} parameter"):
            names = [n for c in constraints[argument] if isinstance(c, OneOf) for n in c.names]
            return f"{message.removesuffix('.')}{did_you_mean(value, names)}."
    return message


def refuse_keywords(where: str, given: Iterable[str], why: Mapping[str, str]) -> None:
    """Refuse keyword arguments that a method does not have, with what to do instead.

    Raises
    ------
    TypeError
    """
    for name in given:
        reason = f": {why[name]}" if name in why else ""
        raise TypeError(f"{where} takes no {name}={reason}.")


def refuse_unknown(
    where: str,
    given: Iterable[str],
    known: Iterable[str],
    why: Mapping[str, str],
    elsewhere: Mapping[str, str] | None = None,
) -> None:
    """Refuse arguments that something does not have, with what to do instead, or a near name.

    Parameters
    ----------
    where : str
        What they were given to.
    given, known : iterable of str
        Those that it does not have, and those that it has.
    why : mapping of str to str
        What to do instead.
    elsewhere : mapping of str to str, optional
        Names that others have for known ones.

    Raises
    ------
    TypeError
    """
    for name in given:
        if name in why:
            refuse_keywords(where, [name], why)
        near = did_you_mean(name, known, elsewhere)
        raise TypeError(f"{where} has no argument {name!r}{near}.")
