"""What a sweep over models returns."""

from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesgmm.bayes.estimator import BayesianGaussianMixture
from bayesgmm.data.wording import did_you_mean, plural
from bayesgmm.em.estimator import GaussianMixture
from bayesgmm.exceptions import DataError

if TYPE_CHECKING:
    import pandas as pd
    from arviz_stats.utils import ELPDData

    from bayesgmm.core.criteria import WAIC

Estimator = GaussianMixture | BayesianGaussianMixture

# criterion: (column, engine whose rows have it, whether lower is better)
CRITERIA = {
    "bic": ("bic", "em", True),
    "aic": ("aic", "em", True),
    "icl": ("icl", "em", True),
    "loo": ("elpd_loo", "bayes", False),
    "waic": ("elpd_waic", "bayes", False),
}


@dataclass(frozen=True, repr=False)
class SelectionResult:
    """All fits of a sweep, and the table that compares them.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a fit. ``engine``, ``covariance_type``, ``n_components``, ``n_parameters``;
        ``log_likelihood`` in nats: the maximum for EM, the posterior mean for a posterior;
        ``bic``, ``aic``, ``icl``: lower is better, in nats times two, blank for posteriors, and for
        EM fits whose every start collapsed onto a few rows where there are sound ones;
        ``elpd_loo``, ``elpd_waic``: higher is better, in nats, blank for EM, each with its standard
        error ``se_*`` and effective number of parameters ``p_*``; ``max_pareto_k`` and
        ``n_high_pareto_k``: where LOO is unreliable; ``n_high_variance``: where WAIC is;
        ``loo_weight``: stacking weight among the posteriors; ``seconds``; ``status``: "ok",
        "warning" or "failed"; ``note``: the warning, or the reason.
    fits : dict
        The fitted estimators by (engine, covariance_type, n_components); failed ones are absent.
    loo, waic : dict
        ArviZ's ``ELPDData`` and :class:`WAIC` by (covariance_type, n_components).
    criterion : str
        What ``best`` goes by.
    X : (N, D) array
    feature_names : tuple of str
    data_name : str or None
    random_state : int
        The seed of every fit.
    seconds : float
        For the whole sweep.
    """

    table: "pd.DataFrame"
    fits: dict[tuple[str, str, int], Estimator]
    loo: "dict[tuple[str, int], ELPDData]"
    waic: "dict[tuple[str, int], WAIC]"
    criterion: str
    X: np.ndarray = field(repr=False)
    feature_names: tuple[str, ...]
    data_name: str | None
    random_state: int
    seconds: float

    @property
    def n_rows(self) -> int:
        """Number of rows of the data."""
        return self.X.shape[0]

    @property
    def n_features(self) -> int:
        """Number of features of the data."""
        return self.X.shape[1]

    @property
    def best_row(self) -> "pd.Series":
        """The row of the table that the criterion prefers."""
        return self.ranked(self.criterion).iloc[0]

    @property
    def best(self) -> Estimator:
        """The fitted estimator that the criterion prefers."""
        row = self.best_row
        key = str(row["engine"]), str(row["covariance_type"]), int(row["n_components"])  # pyright: ignore
        return self.fits[key]

    def ranked(self, criterion: str) -> "pd.DataFrame":
        """The rows that have a criterion, best first.

        Raises
        ------
        DataError
            If there is no such criterion, or no row that has it.
        """
        if criterion not in CRITERIA:
            raise DataError(
                f"criterion must be one of {', '.join(CRITERIA)}, got {criterion!r}"
                f"{did_you_mean(criterion, CRITERIA)}."
            )
        column, engine, lower = CRITERIA[criterion]
        rows = self.table.dropna(subset=[column])
        if rows.empty:
            raise DataError(
                f"no fit has a value of {criterion}: it needs engine {engine!r} and at least one "
                "fit that did not fail (see .table['note'])."
            )
        # Families that are one model in one dimension differ by rounding: the first one leads.
        order = np.round(rows[column].to_numpy(dtype=float), 6) * (1 if lower else -1)
        return rows.iloc[np.argsort(order, kind="stable")]

    def fit_of(self, engine: str, covariance_type: str, n_components: int) -> Estimator | None:
        """One fitted estimator, or None if it failed or was not asked for."""
        return self.fits.get((engine, covariance_type, n_components))

    def plot(self) -> Any:
        """Draw the criteria over the number of components; returns a Matplotlib figure."""
        from bayesgmm.plots import plot_criteria_panel

        return plot_criteria_panel(self)

    def report(self, path: str | PathLike[str]) -> None:
        """Write the report to ``path``: one HTML or Markdown file, by its suffix."""
        from bayesgmm.report import write_report

        write_report(self, path)

    def __repr__(self) -> str:
        try:
            row = self.best_row
            k = int(row["n_components"])  # pyright: ignore
            best = f"{plural(k, 'component')}, {row['covariance_type']}"
        except DataError:
            best = "none"
        n_fits = plural(len(self.table), "fit")
        return f"SelectionResult({n_fits}; best by {self.criterion}: {best})"

    def __str__(self) -> str:
        if self.table.empty:
            return repr(self)
        names = ["engine", "covariance_type", "n_components", *(c[0] for c in CRITERIA.values())]
        shown = self.table[[*names, "status"]].dropna(axis="columns", how="all")
        lines = shown.round(1).to_string(index=False, na_rep="")
        return f"{self!r}\n{lines}"
