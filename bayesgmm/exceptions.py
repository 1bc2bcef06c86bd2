"""Errors and warnings that bayesgmm raises on purpose.

Every message states the rule, the value found and what to try.
"""

__all__ = [
    "ConvergenceWarning",
    "DataError",
    "DataTypeError",
    "DegeneracyWarning",
    "DegenerateDataError",
    "PosteriorWarning",
    "StandardErrorWarning",
]

from sklearn.exceptions import ConvergenceWarning


class DataError(ValueError):
    """The data, or a file that should hold them, cannot be used as they are."""


class DataTypeError(DataError, TypeError):
    """The data are of a kind that is never accepted (sparse, dates, arbitrary objects).

    A `TypeError` too, which is what scikit-learn's checks of an estimator expect here.
    """


class DegenerateDataError(DataError):
    """The data make a covariance singular whatever the fit (constant or collinear columns)."""


class DegeneracyWarning(UserWarning):
    """A component stands on so few or so flat rows that its likelihood has no bound."""


class PosteriorWarning(UserWarning):
    """The draws are not to be trusted as they are (R-hat, effective sample size, divergences)."""


class StandardErrorWarning(UserWarning):
    """Standard errors could not be had, or are not to be trusted as they are."""
