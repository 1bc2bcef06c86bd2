"""The prior objects a user chooses among."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesgmm.exceptions import DataError

UserPrior = Callable[[int, int], Any]


def _check_numbers(
    value: Any, name: str, *, positive: bool, scalar: bool = False, optional: bool = False
) -> None:
    if value is None and optional:
        return
    wanted = "one number" if scalar else "a number or an array of them"
    try:
        if np.asarray(value).dtype.kind in "US":  # NumPy would read numbers from text
            raise TypeError
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"{name} must be {wanted}, got {value!r}.") from None
    if scalar and numbers.ndim:
        raise DataError(f"{name} must be one number, got shape {numbers.shape}.")
    if not np.all(np.isfinite(numbers)) or (positive and not np.all(numbers > 0)):
        rule = "positive and finite" if positive else "finite"
        raise DataError(f"{name} must be {rule}, got {value!r}.")


@dataclass(frozen=True)
class DataSummary:
    """What data-scaled priors ask of the data: N rows (of positive weight), D features.

    Attributes
    ----------
    mean, centre, spread : (D,) arrays
        Mean, midrange and range of each feature.
    covariance : (D, D) array
        Sample covariance, divided by the sum of the weights less one.
    """

    mean: np.ndarray
    centre: np.ndarray
    spread: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, sample_weight: np.ndarray | None = None) -> "DataSummary":
        """Summarise the rows of ``X`` (N, D), with frequencies ``sample_weight`` (N,) if given."""
        low, high = X.min(axis=0).astype(float), X.max(axis=0).astype(float)
        weight = np.ones(len(X)) if sample_weight is None else sample_weight
        n = weight.sum()
        mean = weight @ X / n
        offsets = X - mean
        covariance = (offsets * weight[:, None]).T @ offsets / max(n - 1.0, 1.0)
        return cls(mean, (low + high) / 2.0, high - low, covariance)


@dataclass(frozen=True)
class Dirichlet:
    """Weights ~ Dirichlet(concentration, ..., concentration).

    Parameters
    ----------
    concentration : float or (K,) array_like, default 1
        One is uniform over the simplex; below one empties components, above one evens them out.
    """

    concentration: Any = 1.0

    def __post_init__(self) -> None:
        _check_numbers(self.concentration, "Dirichlet(concentration=...)", positive=True)


@dataclass(frozen=True)
class GammaConcentration:
    """Weights ~ Dirichlet(e, ..., e) with a concentration that is learned: e ~ Gamma(shape, rate).

    Fitted with more components than are needed, a small e leaves the others empty. By default the
    prior of a sparse finite mixture (Malsiner-Walli, Frühwirth-Schnatter and Grün, 2016,
    doi:10.1007/s11222-014-9500-2), with mean 1 / K. For K without bound the total K e becomes the
    precision of a Dirichlet process, which Escobar and West (1995,
    doi:10.1080/01621459.1995.10476550) give a Gamma prior.

    A concentration below one leaves the joint density without a bound where a component is empty,
    and so without a mode: ``GaussianMixture`` refuses this prior. ``map_`` of a posterior, and the
    starts of its chains, are at a concentration of the prior mean, or of one where that is below.

    Parameters
    ----------
    shape : float, default 10
    rate : float, optional
        By default the shape times K, so that the prior mean of e is 1 / K.
    """

    shape: float = 10.0
    rate: float | None = None

    def __post_init__(self) -> None:
        _check_numbers(self.shape, "GammaConcentration(shape=...)", positive=True, scalar=True)
        _check_numbers(
            self.rate, "GammaConcentration(rate=...)", positive=True, scalar=True, optional=True
        )


@dataclass(frozen=True)
class NormalMeans:
    """Means ~ Normal(loc, scale^2), feature by feature, independent of the covariances.

    Parameters
    ----------
    loc : float or (D,) array_like, optional
        Prior mean, by default the midrange of each feature.
    scale : float or (D,) array_like, optional
        Prior standard deviation, by default the range of each feature: so wide that a component
        may sit anywhere among the data, and proper (Richardson and Green, 1997,
        doi:10.1111/1467-9868.00095).
    """

    loc: Any = None
    scale: Any = None

    def __post_init__(self) -> None:
        _check_numbers(self.loc, "NormalMeans(loc=...)", positive=False, optional=True)
        _check_numbers(self.scale, "NormalMeans(scale=...)", positive=True, optional=True)


@dataclass(frozen=True)
class ConjugateMeans:
    """Means ~ Normal(loc, covariance of the component / strength).

    Parameters
    ----------
    loc : float or (D,) array_like, optional
        Prior mean, by default the mean of each feature.
    strength : float, default 0.01
        The prior counts as this many rows at ``loc`` (Fraley and Raftery, 2007,
        doi:10.1007/s00357-007-0004-5).
    """

    loc: Any = None
    strength: float = 0.01

    def __post_init__(self) -> None:
        _check_numbers(self.loc, "ConjugateMeans(loc=...)", positive=False, optional=True)
        _check_numbers(self.strength, "ConjugateMeans(strength=...)", positive=True, scalar=True)


@dataclass(frozen=True)
class InverseWishart:
    """Covariances ~ inverse-Wishart(dof, scale): the precision is Wishart.

    The density is proportional to ``|S|^-(dof + D + 1)/2 exp(-tr(scale S^-1) / 2)``. Diagonal and
    spherical families take the marginal of a variance under it: inverse-gamma with shape
    ``(dof - D + 1) / 2`` and rate half the scale of the feature (of the mean over features, for
    spherical ones). It vanishes fast enough at zero for the posterior to be proper whatever the
    ties in the data.

    Parameters
    ----------
    dof : float, optional
        Degrees of freedom, above D - 1; by default D + 2, the least for which the prior mean exists
        by a margin of one (it is then the scale itself).
    scale : float, (D,) or (D, D) array_like, optional
        Scale matrix, or its diagonal. By default the covariance of the data divided by
        ``K^(2/D)``: K equal clusters would share the volume of the data (Fraley and Raftery, 2007,
        doi:10.1007/s00357-007-0004-5).
    """

    dof: float | None = None
    scale: Any = None

    def __post_init__(self) -> None:
        _check_numbers(
            self.dof, "InverseWishart(dof=...)", positive=True, scalar=True, optional=True
        )
        _check_numbers(self.scale, "InverseWishart(scale=...)", positive=False, optional=True)


@dataclass(frozen=True)
class GammaScale:
    """A hierarchical scale: precisions ~ Gamma(shape, rate b), with b ~ Gamma(hyper_shape, h).

    Richardson and Green's prior (1997, doi:10.1111/1467-9868.00095) for one feature; with more, the
    covariances are inverse-Wishart with ``2 shape + D - 1`` degrees of freedom and scale
    ``2 diag(b)``, so that every variance has the same marginal prior as in one dimension.

    The posterior is improper for data with many tied values: b follows a spike to zero. Fits then
    warn and count the ties. :class:`LogNormalScale` is proper for any data.

    Parameters
    ----------
    shape : float, default 2
    hyper_shape : float, default 0.2
    hyper_rate : float or (D,) array_like, optional
        By default 10 / range^2 of each feature.
    """

    shape: float = 2.0
    hyper_shape: float = 0.2
    hyper_rate: Any = None

    def __post_init__(self) -> None:
        _check_numbers(self.shape, "GammaScale(shape=...)", positive=True, scalar=True)
        _check_numbers(self.hyper_shape, "GammaScale(hyper_shape=...)", positive=True, scalar=True)
        _check_numbers(self.hyper_rate, "GammaScale(hyper_rate=...)", positive=True, optional=True)


@dataclass(frozen=True)
class LogNormalScale:
    """A hierarchical scale that is proper for any data: as GammaScale, but log b is normal.

    The covariances given b are those of :class:`GammaScale`: inverse-Wishart with
    ``2 shape + D - 1`` degrees of freedom and scale ``2 diag(b)``; a variance of diagonal and
    spherical families is inverse-gamma(shape, b). The typical spread of a cluster is learned from
    the data, feature by feature, as Richardson and Green's is (1997, doi:10.1111/1467-9868.00095).

    Given b, the likelihood with the mixture integrated out is at most a power of b near zero, one
    that grows with the ties in the data. A Gamma density is itself a power there, and too many ties
    outweigh it; a log-normal one vanishes faster than any, and so keeps the posterior proper
    whatever the ties.

    Parameters
    ----------
    shape : float, default 1.5
        The default gives D + 2 degrees of freedom, as InverseWishart has.
    median : float or (D,) array_like, optional
        Of b. By default half the variance of each feature divided by ``K^(2/D)``: there the
        covariances have the default scale of InverseWishart, less its correlations.
    sigma : float, default 2
        Standard deviation of log b, which is twice that of the logarithm of a typical standard
        deviation. By default nine in ten of those lie within a factor of 5 of the median's.
    """

    shape: float = 1.5
    median: Any = None
    sigma: float = 2.0

    def __post_init__(self) -> None:
        _check_numbers(self.shape, "LogNormalScale(shape=...)", positive=True, scalar=True)
        _check_numbers(self.median, "LogNormalScale(median=...)", positive=True, optional=True)
        _check_numbers(self.sigma, "LogNormalScale(sigma=...)", positive=True, scalar=True)


@dataclass(frozen=True)
class LKJ:
    """Correlations ~ LKJ(eta), and standard deviations log-normal, independent of them.

    The density of a correlation matrix R is proportional to ``|R|^(eta - 1)`` (Lewandowski,
    Kurowicka and Joe, 2009, doi:10.1016/j.jmva.2009.04.008). It says about spreads and about
    correlations what is meant, each by itself, which an inverse-Wishart cannot (Barnard, McCulloch
    and Meng, 2000, Statistica Sinica 10, 1281-1311). Diagonal and spherical families have the
    standard deviations alone.

    There are no conditionals and no M-step in closed form: ``sampler="hmc"``, "gibbs" and
    ``GaussianMixture`` refuse it. The joint density may have no bound where a component holds as
    many rows as there are columns, or few more. ``map_`` is then the highest of the modes near
    those that EM finds under an inverse-Wishart of like scale; where the way up from one of these
    leads to a component without spread, it stands for itself.

    The posterior is improper where too many rows lie exactly on one sloping line: fits then warn
    and count them.

    Parameters
    ----------
    eta : float, default 2
        One is uniform over correlation matrices; above one favours weak correlations. At least 1.
    median : float or (D,) array_like, optional
        Of the standard deviations. By default that of each feature divided by ``K^(1/D)``, as the
        default scale of InverseWishart has it (their root mean square, for spherical ones).
    sigma : float, default 1
        Standard deviation of the logarithm of a standard deviation. By default nine in ten lie
        within a factor of 5 of the median.
    """

    eta: float = 2.0
    median: Any = None
    sigma: float = 1.0

    def __post_init__(self) -> None:
        _check_numbers(self.eta, "LKJ(eta=...)", positive=True, scalar=True)
        if not self.eta >= 1:
            raise DataError(
                f"LKJ(eta=...) must be 1 or above, got {self.eta!r}: below 1 the density has no "
                "bound where correlations are perfect."
            )
        _check_numbers(self.median, "LKJ(median=...)", positive=True, optional=True)
        _check_numbers(self.sigma, "LKJ(sigma=...)", positive=True, scalar=True)


@dataclass(frozen=True)
class Priors:
    """Priors on the three parts of a mixture, independent of each other.

    Parameters
    ----------
    weights : Dirichlet, GammaConcentration or callable, default ``Dirichlet(1)``
    means : NormalMeans, ConjugateMeans or callable, default ``NormalMeans()``
    covariances : InverseWishart, GammaScale, LogNormalScale, LKJ or callable
        ``InverseWishart()`` by default.

        A callable ``f(n_components, n_features)`` runs inside a PyMC model and returns the weights
        (K,), the means (K, D) or a :class:`~bayesgmm.Covariances`; it may register
        hyperparameters of its own. Give a named function, not a lambda, where the fit is to be
        pickled.

    Notes
    -----
    The defaults are weakly informative, proper for any data, and move with the units of the data.
    """

    weights: Dirichlet | GammaConcentration | UserPrior = Dirichlet()
    means: NormalMeans | ConjugateMeans | UserPrior = NormalMeans()
    covariances: InverseWishart | GammaScale | LogNormalScale | LKJ | UserPrior = InverseWishart()
    summary: DataSummary | None = None

    def __post_init__(self) -> None:
        for slot, kinds in _KINDS.items():
            value = getattr(self, slot)
            if not isinstance(value, kinds) and (isinstance(value, type) or not callable(value)):
                names = " or ".join(f"{kind.__name__}(...)" for kind in kinds)
                raise DataError(
                    f"Priors({slot}=...) must be {names} or a function "
                    f"f(n_components, n_features), got {value!r}."
                )

    @classmethod
    def default(cls, X: Any = None) -> "Priors":
        """The default priors, scaled to ``X`` (N, D) if given, else to the data that are fitted."""
        return cls(summary=_summarise(X))

    @classmethod
    def conjugate(cls, X: Any = None, strength: float = 0.01) -> "Priors":
        """Fraley and Raftery's priors (2007, doi:10.1007/s00357-007-0004-5): closed-form MAP-EM."""
        return cls(means=ConjugateMeans(strength=strength), summary=_summarise(X))

    @classmethod
    def richardson_green(cls, X: Any = None) -> "Priors":
        """Richardson and Green's priors (1997, doi:10.1111/1467-9868.00095)."""
        return cls(covariances=GammaScale(), summary=_summarise(X))

    @property
    def is_ours(self) -> bool:
        """Whether every slot holds one of our prior objects, none a user's function."""
        return not self.user_slots

    @property
    def user_slots(self) -> tuple[str, ...]:
        """Which of "weights", "means" and "covariances" hold a user's function."""
        return tuple(s for s, kinds in _KINDS.items() if not isinstance(getattr(self, s), kinds))


_KINDS: dict[str, tuple[type, ...]] = {
    "weights": (Dirichlet, GammaConcentration),
    "means": (NormalMeans, ConjugateMeans),
    "covariances": (InverseWishart, GammaScale, LogNormalScale, LKJ),
}


def _summarise(X: Any) -> DataSummary | None:
    if X is None:
        return None
    from bayesgmm.data.validate import as_data

    return DataSummary.of(as_data(X).values)
