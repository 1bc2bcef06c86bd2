"""Priors as numbers, which all engines share: their densities, and what they assume in words."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import gammaln, multigammaln, xlogy  # pyright: ignore[reportAttributeAccessIssue]

from bayesgmm.core.covariance import CovarianceFamily, get_family
from bayesgmm.priors import lkj
from bayesgmm.priors.hyper import Hyperprior


@dataclass(frozen=True)
class ResolvedPriors:
    """The numbers of a prior of ours for K components, D features and one covariance family.

    Attributes
    ----------
    covariance_type : str
    concentration : (K,) array
        Of the Dirichlet on the weights; where it is learned, its prior mean.
    loc : (D,) array
        Prior mean of the means.
    scale : (D,) array or None
        Prior standard deviation of independent means; None for conjugate ones.
    strength : float
        Prior rows behind conjugate means; zero for independent ones.
    dof : float
        Degrees of freedom: of the inverse-Wishart (full, tied), or twice the shape of the
        inverse-gamma of a variance (diag, spherical).
    scatter : array
        Scale: (D, D) for full and tied, (D,) for diag, () for spherical. With a hierarchical scale,
        at the prior mean of the hyperparameter, or its median if that is log-normal.
    hyper_shape : float or None
        Of a Gamma on half the scale of each feature; None if there is none.
    hyper_rate : (D,) or () array or None
        Its rate.
    hyper_median : (D,) or () array or None
        Of a log-normal on half the scale of each feature; None if there is none.
    hyper_sigma : float or None
        The standard deviation of its logarithm.
    eta : float or None
        Of LKJ correlations; None without. The degrees of freedom and the scale are then those of an
        inverse-Wishart of like scale, see :meth:`for_em`.
    sd_median : (D,) or () array or None
        Median of log-normal standard deviations, which go with LKJ correlations.
    sd_sigma : float or None
        The standard deviation of their logarithms.
    concentration_shape, concentration_rate : float or None
        Of a Gamma on the concentration; None if that is fixed.
    """

    covariance_type: str
    concentration: np.ndarray
    loc: np.ndarray
    scale: np.ndarray | None
    strength: float
    dof: float
    scatter: np.ndarray
    hyper_shape: float | None = None
    hyper_rate: np.ndarray | None = None
    hyper_median: np.ndarray | None = None
    hyper_sigma: float | None = None
    eta: float | None = None
    sd_median: np.ndarray | None = None
    sd_sigma: float | None = None
    concentration_shape: float | None = None
    concentration_rate: float | None = None

    @property
    def family(self) -> CovarianceFamily:
        """The covariance family."""
        return get_family(self.covariance_type)

    @property
    def is_hierarchical(self) -> bool:
        """Whether the scale of the covariances has a prior of its own."""
        return self.hyperprior is not None

    @property
    def hyperprior(self) -> Hyperprior | None:
        """The prior of half the scale, b, if it has one."""
        if self.hyper_shape is not None and self.hyper_rate is not None:
            return Hyperprior.gamma(self.hyper_shape, self.hyper_rate)
        if self.hyper_sigma is not None and self.hyper_median is not None:
            return Hyperprior.log_normal(self.hyper_median, self.hyper_sigma)
        return None

    @property
    def is_lkj(self) -> bool:
        """Whether correlations are LKJ and standard deviations log-normal."""
        return self.eta is not None

    @property
    def learns_concentration(self) -> bool:
        """Whether the concentration of the weights has a prior of its own."""
        return self.concentration_shape is not None

    def bounded(self) -> "ResolvedPriors":
        """These priors, or near ones under which the weights have a mode.

        A concentration that is learned is fixed at its prior mean. One below one becomes one:
        below, the density has no bound where a component is empty.
        """
        return replace(
            self,
            concentration=np.maximum(self.concentration, 1.0),
            concentration_shape=None,
            concentration_rate=None,
        )

    def for_em(self) -> "ResolvedPriors":
        """The same with an inverse-Wishart of like scale in place of LKJ: what EM takes."""
        return replace(self.bounded(), eta=None, sd_median=None, sd_sigma=None)

    @property
    def divisor(self) -> float:
        """What the prior adds to the divisor of a covariance's mode: its exponent, doubled."""
        d = len(self.loc)
        return self.dof + (d + 1 if self.family.structure == "triangular" else 2)

    def scatter_at(self, hyper: np.ndarray | None) -> np.ndarray:
        """The scale given the hyperparameter (D,) or (), or the fixed one."""
        if hyper is None:
            return self.scatter
        return 2.0 * (np.diag(hyper) if self.scatter.ndim == 2 else np.asarray(hyper))

    def log_density(
        self,
        weights: np.ndarray,
        means: np.ndarray,
        covariances: np.ndarray,
        hyper: np.ndarray | None = None,
        concentration: float | None = None,
    ) -> float:
        """Log prior density with respect to Lebesgue measure on the parameters themselves.

        Parameters
        ----------
        weights : (K,) array
        means : (K, D) array
        covariances : array
            In the family's native shape: (K, D, D), (D, D), (K, D) or (K,).
        hyper : (D,) or () array, optional
            Half the scale, where it is hierarchical.
        concentration : float, optional
            Of the weights, where it is learned.
        """
        family, (k, d) = self.family, means.shape
        a, total = self.concentration, 0.0
        g, h = self.concentration_shape, self.concentration_rate
        if g is not None and h is not None and concentration is not None:
            a = np.full(k, concentration)
            total += g * np.log(h) - gammaln(g) + (g - 1.0) * np.log(concentration)
            total -= h * concentration
        total += gammaln(a.sum()) - gammaln(a).sum() + np.sum(xlogy(a - 1.0, weights))
        offsets = means - self.loc
        full = family.to_full(covariances, k, d)
        if self.scale is not None:
            z = offsets / self.scale
            total -= 0.5 * np.sum(z**2) + k * np.sum(np.log(self.scale * np.sqrt(2 * np.pi)))
        else:
            precision = self.strength * np.linalg.inv(full)
            quadratic = np.einsum("ki,kij,kj->", offsets, precision, offsets)
            log_det = np.linalg.slogdet(precision / (2 * np.pi))[1].sum()
            total += 0.5 * (log_det - quadratic)
        if hyper is not None:
            total += self._log_hyper(hyper)
        total += self._log_covariances(covariances, self.scatter_at(hyper))
        return float(total)

    def _log_hyper(self, hyper: np.ndarray) -> float:
        g, h = self.hyper_shape, self.hyper_rate
        if g is not None and h is not None:
            return np.sum(g * np.log(h) - gammaln(g) + (g - 1.0) * np.log(hyper) - h * hyper)
        sigma = self.hyper_sigma
        assert sigma is not None
        z = np.log(hyper / self.hyper_median) / sigma
        return -np.sum(0.5 * z**2 + np.log(hyper * sigma * np.sqrt(2 * np.pi)))

    def _log_covariances(self, covariances: np.ndarray, scatter: np.ndarray) -> float:
        nu = self.dof
        if self.eta is not None:
            assert self.sd_median is not None
            assert self.sd_sigma is not None
            sds = np.log(self.sd_median), self.sd_sigma
            return lkj.log_density(covariances, self.family, self.eta, *sds)
        if self.family.structure == "diagonal":
            shape, rate = nu / 2.0, scatter / 2.0
            density = shape * np.log(rate) - gammaln(shape)
            return np.sum(density - (shape + 1.0) * np.log(covariances) - rate / covariances)
        d = len(self.loc)
        matrices = covariances.reshape(-1, d, d)
        log_det = np.linalg.slogdet(matrices)[1]
        traces = np.trace(np.linalg.solve(matrices, scatter[None]), axis1=1, axis2=2)
        constant = 0.5 * nu * (np.linalg.slogdet(scatter)[1] - d * np.log(2.0))
        constant -= multigammaln(nu / 2.0, d)
        return np.sum(constant - 0.5 * (nu + d + 1.0) * log_det - 0.5 * traces)

    def describe(self) -> list[tuple[str, str, str]]:
        """For each part of the mixture: its name, its prior, and what that assumes, in words."""
        a = np.unique(self.concentration)
        weights = f"Dirichlet({', '.join(_number(v) for v in a)})"
        uniform = len(a) == 1 and a[0] == 1.0
        assumes = "above one evens the shares out, below one empties components"
        if uniform:
            assumes = "every division of the rows among the components is equally likely"
        if self.learns_concentration:
            gamma = f"{_number(self.concentration_shape)}, rate {_number(self.concentration_rate)}"
            weights = f"Dirichlet(e, ..., e), e ~ Gamma({gamma})"
            assumes = "how evenly the rows are shared out is learned; a small e empties components"
        rows = [("weights", weights, assumes)]
        if self.scale is not None:
            rows.append(
                (
                    "means",
                    f"Normal(mean {_numbers(self.loc)}, sd {_numbers(self.scale)})",
                    "independent of the covariances; by default wide enough for any place among "
                    "the data",
                )
            )
        else:
            rows.append(
                (
                    "means",
                    f"Normal(mean {_numbers(self.loc)}, covariance / {_number(self.strength)})",
                    f"as strong as {_number(self.strength)} rows at the prior mean",
                )
            )
        rows.append(("covariances", *self._describe_covariances()))
        return rows

    def _describe_covariances(self) -> tuple[str, str]:
        nu, family = _number(self.dof), self.family
        if self.sd_median is not None:
            median = _numbers(np.atleast_1d(self.sd_median))
            sds = f"sds log-normal(median {median}, sigma {_number(self.sd_sigma)})"
            if family.structure == "diagonal":
                return sds, "rules out components of no spread; proper for any data"
            return (
                f"correlations LKJ({_number(self.eta)}), {sds}",
                "spreads and correlations apart; improper for data with many rows exactly on a "
                "line",
            )
        if family.structure == "triangular":
            name = f"inverse-Wishart({nu} degrees of freedom, scale"
            typical = np.sqrt(np.diag(np.atleast_2d(self.scatter)))
            scale = f"with sds {_numbers(typical)})"
        else:
            name = f"variances inverse-gamma(shape {_number(self.dof / 2)}, rate"
            scale = f"{_numbers(np.atleast_1d(self.scatter / 2))})"
        if self.hyper_rate is not None or self.hyper_median is not None:
            of_b = "2b" if family.structure == "triangular" else "b"
            learned = "the typical spread is learned from the data"
            if self.hyper_rate is not None:
                rate = _numbers(np.atleast_1d(self.hyper_rate))
                return (
                    f"{name} {of_b}), b ~ Gamma({_number(self.hyper_shape)}, rate {rate})",
                    f"{learned}; improper for data with many ties",
                )
            assert self.hyper_median is not None
            median = _numbers(np.atleast_1d(self.hyper_median))
            return (
                f"{name} {of_b}), b ~ log-normal(median {median}, sigma "
                f"{_number(self.hyper_sigma)})",
                f"{learned}; proper for any data",
            )
        return (
            f"{name} {scale}",
            "weak, but rules out components of no spread; proper for any data",
        )


def _number(value: Any) -> str:
    return f"{float(value):.3g}"


def _numbers(values: np.ndarray) -> str:
    return ", ".join(_number(v) for v in values)
