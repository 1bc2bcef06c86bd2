"""Shares, centres, spreads and correlations by EM, by MAP and over the posterior.

The numbers are those of `compare_estimates`; here they get the report's words and its numbering of
the clusters, which is that of the EM fit.
"""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from bayesgmm.report.clusters import Fitted
from bayesgmm.selection.estimates import compare_estimates

Kind = Literal["share", "centre", "spread", "correlation"]
_KINDS: dict[str, Kind] = {
    "weight": "share",
    "mean": "centre",
    "sd": "spread",
    "correlation": "correlation",
}


@dataclass(frozen=True)
class Estimate:
    """One parameter as every engine sees it, in the units of the data.

    Attributes
    ----------
    kind : {"share", "centre", "spread", "correlation"}
    component : int or None
        None if all components share the number.
    feature : str
        One name, two for a correlation, none for a share.
    em, map, mean, sd, lower, upper : float
        EM, posterior mode, and posterior; the interval holds 90 %, with equal tails.
    """

    kind: Kind
    component: int | None
    feature: str
    em: float
    map: float
    mean: float
    sd: float
    lower: float
    upper: float

    @property
    def shift(self) -> float:
        """(EM - mean) / sd."""
        return (self.em - self.mean) / self.sd if self.sd > 0 else 0.0

    @property
    def pull(self) -> float:
        """How far the prior moves the mode: (MAP - EM) / sd."""
        return (self.map - self.em) / self.sd if self.sd > 0 else 0.0

    @property
    def name(self) -> str:
        """What it is called, without its cluster."""
        feature = self.feature
        if self.kind == "correlation" and feature.count(", ") == 1:
            feature = feature.replace(", ", " and ")
        return f"{self.kind} of {feature}" if feature else self.kind


def estimates(fitted: Fitted) -> tuple[Estimate, ...]:
    """Every parameter of a model, cluster by cluster; empty unless both engines fitted it."""
    model = fitted.model
    if model.em is None or model.bayes is None:
        return ()
    comparison = compare_estimates(model.em, model.bayes)
    rows = []
    for row in comparison.table.to_dict("records"):
        component = row["component"]
        rows.append(
            Estimate(
                _KINDS[row["parameter"]],
                None if component == "all" else int(comparison.order[component]),
                str(row["feature"]),
                *(float(row[name]) for name in ("em", "map", "mean", "sd", "lower", "upper")),
            )
        )
    last = fitted.k
    return tuple(sorted(rows, key=lambda row: last if row.component is None else row.component))


def as_table(rows: list[Estimate]) -> pd.DataFrame:
    """The rows as `compare_estimates` has them, with the report's numbering."""
    names = {kind: name for name, kind in _KINDS.items()}
    return pd.DataFrame(
        {
            "parameter": [names[row.kind] for row in rows],
            "component": [row.component for row in rows],
            "feature": [row.feature for row in rows],
            **{
                name: [getattr(row, name) for row in rows]
                for name in ("em", "map", "mean", "sd", "lower", "upper", "shift")
            },
        }
    )
