"""EM against the posterior, parameter by parameter, under aligned labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils.validation import check_is_fitted

from bayesgmm.bayes.estimator import BayesianGaussianMixture
from bayesgmm.core.alignment import matching_order
from bayesgmm.core.mixture import Mixture
from bayesgmm.data.wording import plural
from bayesgmm.em.estimator import GaussianMixture
from bayesgmm.exceptions import DataError

if TYPE_CHECKING:
    import pandas as pd

# Every interval of the package: equal-tailed, 90%.
PROB = 0.9


@dataclass(frozen=True, repr=False)
class EstimatesComparison:
    """The same parameters by EM and from the posterior; ``print`` it for a table.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a parameter: ``parameter`` ("weight", "mean", "sd" or "correlation"), ``component``
        (the posterior's number, or "all" for what the components share), ``feature``, ``em``,
        ``map``, posterior ``mean`` and ``sd``, ``lower`` and ``upper`` bound of the interval, and
        ``shift``: (em - mean) / sd.
    prob : float
        What the equal-tailed intervals hold.
    order : (K,) array of int
        Component ``j`` of the posterior is component ``order[j]`` of the EM fit.
    """

    table: "pd.DataFrame"
    prob: float
    order: np.ndarray

    def __str__(self) -> str:
        table = self.table.to_string(index=False, float_format=_number)
        return f"{table}\n\n{self._legend}"

    def __repr__(self) -> str:
        return f"EstimatesComparison({plural(len(self.table), 'parameter')})"

    def _repr_html_(self) -> str:
        table = self.table.to_html(index=False, float_format=_number)
        return f"{table}<p>{self._legend}</p>"

    @property
    def _legend(self) -> str:
        return (
            "map, mean, sd, lower and upper are of the posterior, of which lower to upper hold "
            f"{100 * self.prob:.0f}%; shift is (em - mean) / sd."
        )


def _number(value: float) -> str:
    return f"{value:.4g}"


def compare_estimates(em: GaussianMixture, bayes: BayesianGaussianMixture) -> EstimatesComparison:
    """Set an EM fit beside a posterior of the same model and data.

    Components are matched by the rows they hold: the assignment with the largest shared
    membership. Spreads are shown as standard deviations and correlations, which can be read.

    Parameters
    ----------
    em : GaussianMixture
        Fitted.
    bayes : BayesianGaussianMixture
        Fitted to the same data with as many components and the same covariance family.

    Raises
    ------
    DataError
        If the two are not an EM fit and a posterior of one model.
    """
    import pandas as pd

    if not (isinstance(em, GaussianMixture) and isinstance(bayes, BayesianGaussianMixture)):
        raise DataError(
            "compare_estimates takes an EM fit first and a posterior second, got "
            f"{type(em).__name__} and {type(bayes).__name__}."
        )
    check_is_fitted(em)
    check_is_fitted(bayes)
    point, draws, mode = em.mixture_, bayes.mixture_, bayes.map_
    for what in ("n_components", "n_features", "covariance_type", "feature_names"):
        ours, theirs = getattr(point, what), getattr(draws, what)
        # The draws name every column; an EM fit only those that had names.
        if ours is not None and ours != theirs:
            raise DataError(
                f"both fits must have the same {what}, got {ours!r} (EM) and {theirs!r} "
                "(posterior)."
            )
    X = bayes.posterior_["observed_data"].to_dataset()["X"].values
    order = matching_order(point, mode, X)
    names = draws.feature_names or tuple(f"x{i}" for i in range(draws.n_features))
    tail = (1.0 - PROB) / 2.0
    rows = []
    for (key, a), (_, b), (_, values) in zip(
        _parameters(point.permute(order), names),
        _parameters(mode, names),
        _parameters(draws, names),
        strict=True,
    ):
        mean, sd = float(values.mean()), float(values.std(ddof=1))
        lower, upper = np.quantile(values, [tail, 1.0 - tail])
        shift = (float(a) - mean) / sd if sd > 0 else np.nan
        rows.append((*key, float(a), float(b), mean, sd, lower, upper, shift))
    columns = ["parameter", "component", "feature", "em", "map", "mean", "sd", "lower", "upper"]
    return EstimatesComparison(pd.DataFrame(rows, columns=[*columns, "shift"]), PROB, order)


def _parameters(
    mixture: Mixture, names: tuple[str, ...]
) -> Iterator[tuple[tuple[str, int | str, str], np.ndarray]]:
    """((parameter, component, feature), values with the mixture's leading axes)."""
    covariances = mixture.covariances
    sds = np.sqrt(covariances.diagonal(axis1=-2, axis2=-1))
    shared = mixture.family.shared
    if mixture.n_components > 1:
        for k in range(mixture.n_components):
            yield ("weight", k, ""), mixture.weights[..., k]
    for k in range(mixture.n_components):
        for i, name in enumerate(names):
            yield ("mean", k, name), mixture.means[..., k, i]
    for k in range(1 if shared else mixture.n_components):
        component = "all" if shared and mixture.n_components > 1 else k
        for i, name in enumerate(names):
            yield ("sd", component, name), sds[..., k, i]
        if mixture.family.structure == "diagonal":
            continue
        for i, first in enumerate(names):
            for j in range(i):
                product = sds[..., k, i] * sds[..., k, j]
                correlation = covariances[..., k, i, j] / product
                yield ("correlation", component, f"{names[j]}, {first}"), correlation
