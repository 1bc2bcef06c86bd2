"""The prior of half the scale of the covariances, b: Gamma and log-normal as one family."""

from typing import NamedTuple

import numpy as np


class Hyperprior(NamedTuple):
    """A density of b, entry by entry: ``b^power exp(-rate b - (log b - centre)^2 precision / 2)``.

    Attributes
    ----------
    power : float
        The shape less one of a Gamma, or -1.
    precision : float
        One over the variance of log b; zero for a Gamma.
    rate : (D,) or () array
        Of a Gamma; zero for a log-normal.
    centre : (D,) or () array
        Mean of log b; of no account for a Gamma.
    """

    power: float
    precision: float
    rate: np.ndarray
    centre: np.ndarray

    @classmethod
    def gamma(cls, shape: float, rate: np.ndarray) -> "Hyperprior":
        """Gamma with that shape and rate."""
        return cls(shape - 1.0, 0.0, rate, np.zeros_like(rate))

    @classmethod
    def log_normal(cls, median: np.ndarray, sigma: float) -> "Hyperprior":
        """Log-normal with that median, ``sigma`` the standard deviation of log b."""
        return cls(-1.0, sigma**-2.0, np.zeros_like(median), np.log(median))

    def in_units(self, unit: np.ndarray) -> "Hyperprior":
        """The prior of b in other units: of ``b / unit``."""
        return self._replace(rate=self.rate * unit, centre=self.centre - np.log(unit))
