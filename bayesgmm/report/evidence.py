"""What a sweep holds, as the report reads it: models, criteria, margins.

Numbers only; the sentences about them are in :mod:`bayesgmm.report.verdicts`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bayesgmm.core.criteria import total_and_error
from bayesgmm.core.mixture import Mixture


@dataclass(frozen=True)
class Criterion:
    """How a criterion is written and read.

    Attributes
    ----------
    key, column : str
        Short name, and column of the sweep's table.
    name, long_name : str
        As printed.
    lower_is_better : bool
    in_nats : bool
        Whether differences are of elpd, with a standard error, or in points of -2 log L.
    """

    key: str
    column: str
    name: str
    long_name: str
    lower_is_better: bool = True
    in_nats: bool = False

    @property
    def engine(self) -> str:
        """Whose fits have it."""
        return "bayes" if self.in_nats else "em"


CRITERIA = {
    "bic": Criterion("bic", "bic", "BIC", "BIC"),
    "icl": Criterion("icl", "icl", "ICL", "ICL"),
    "aic": Criterion("aic", "aic", "AIC", "AIC"),
    "loo": Criterion("loo", "elpd_loo", "LOO", "leave-one-out prediction", False, True),
    "waic": Criterion("waic", "elpd_waic", "WAIC", "WAIC", False, True),
}


@dataclass(frozen=True)
class Model:
    """One family and number of components, fitted by one engine or by both.

    Attributes
    ----------
    covariance_type : str
    n_components : int
    em, bayes : estimators or None
    loo : ELPDData or None
        The pointwise result of PSIS-LOO.
    numbers : mapping
        The numbers of its rows of the sweep's table that are known.
    """

    covariance_type: str
    n_components: int
    em: Any
    bayes: Any
    loo: Any
    numbers: Mapping[str, float]

    def value(self, column: str) -> float | None:
        """A number of the table, or None where there is none."""
        return self.numbers.get(column)


@dataclass(frozen=True)
class Failure:
    """A fit that did not succeed, and why."""

    engine: str
    covariance_type: str
    n_components: int
    reason: str


@dataclass(frozen=True)
class Lead:
    """By how much the model best by elpd leads another, from paired rows."""

    model: Model
    difference: float
    se: float


@dataclass(frozen=True)
class Evidence:
    """A sweep, read.

    Parameters
    ----------
    result : SelectionResult
        What `bayesgmm.select_components` returned.
    """

    result: Any

    @property
    def X(self) -> np.ndarray:
        """The data, (N, D)."""
        return self.result.X

    @property
    def n_rows(self) -> int:
        """Number of rows, N."""
        return len(self.X)

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(str(name) for name in self.result.feature_names)

    @cached_property
    def criterion(self) -> Criterion:
        """The criterion that K was chosen by."""
        return CRITERIA[str(self.result.criterion).removeprefix("elpd_")]

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """Every model with at least one fit, by K, families in the order they were tried."""
        fits: dict[tuple[str, int], dict[str, Any]] = {}
        for row in self.result.table.to_dict("records"):
            engine, name, k = _key(row)
            fit = self.result.fits.get((engine, name, k))
            if fit is None:
                continue
            entry = fits.setdefault((name, k), {"numbers": {}})
            entry[engine] = fit
            known = {c: float(v) for c, v in row.items() if _is_number(v)}
            if engine == "bayes":
                # The mean over the posterior, which is not to be mixed up with the maximum.
                known.pop("log_likelihood", None)
            entry["numbers"] |= known
        loo = self.result.loo
        models = [
            Model(*key, entry.get("em"), entry.get("bayes"), loo.get(key), entry["numbers"])
            for key, entry in fits.items()
        ]
        return tuple(sorted(models, key=lambda model: model.n_components))

    @cached_property
    def failures(self) -> tuple[Failure, ...]:
        """The rows of the table without a fit."""
        rows = [(_key(row), str(row["note"])) for row in self.result.table.to_dict("records")]
        return tuple(
            Failure(*key, reason) for key, reason in rows if self.result.fits.get(key) is None
        )

    @cached_property
    def tried(self) -> tuple[int, ...]:
        """The numbers of components with a fit, ascending."""
        return tuple(sorted({m.n_components for m in self.models}))

    @cached_property
    def chosen(self) -> Model:
        """The model that was chosen."""
        _, name, k = _key(dict(self.result.best_row))
        return next(m for m in self.models if (m.covariance_type, m.n_components) == (name, k))

    @cached_property
    def by_k(self) -> dict[int, Model]:
        """The model shown at each K: the chosen one at its K, elsewhere the best family."""
        shown = {}
        for k in self.tried:
            candidates = [m for m in self.models if m.n_components == k]
            if k == self.chosen.n_components:
                shown[k] = self.chosen
            else:
                shown[k] = self.best(self.criterion, candidates) or candidates[0]
        return shown

    def shows(self, model: Model) -> bool:
        """Whether a model is the one shown at its K."""
        return self.by_k[model.n_components] is model

    def cost(self, model: Model, criterion: Criterion) -> float | None:
        """The criterion turned so that lower is better, or None where it is unknown."""
        value = model.value(criterion.column)
        return value if value is None or criterion.lower_is_better else -value

    def known(self, criterion: Criterion) -> frozenset[int]:
        """The numbers of components for which a criterion is known."""
        return frozenset(m.n_components for m in self.models if self.cost(m, criterion) is not None)

    @cached_property
    def uncompared(self) -> dict[int, str]:
        """K -> what its fits did, where the criterion of the choice is known for one K only."""
        if len(self.known(self.criterion)) != 1:
            return {}
        engine = self.criterion.engine
        rows = [_key(row) for row in self.result.table.to_dict("records")]
        others = {k for name, _, k in rows if name == engine} - self.known(self.criterion)
        return {k: self._happened(engine, k) for k in sorted(others)}

    @cached_property
    def collapsed(self) -> tuple[Model, ...]:
        """Models whose EM fits collapsed and are left out of the criterion, which is of EM fits."""
        if self.criterion.in_nats or self.uncompared:
            return ()
        return tuple(
            m
            for m in self.models
            if m.em is not None
            and m.em.starts_.all_collapsed
            and self.cost(m, self.criterion) is None
        )

    def flat(self, mixture: Any) -> tuple[str, ...]:
        """The columns that do not vary in a component of a mixture, where it can so collapse."""
        return tuple(self.feature_names[j] for j in flat_columns(mixture, self.X))

    def _happened(self, engine: str, k: int) -> str:
        fits = [fit for key, fit in self.result.fits.items() if key[0] == engine and key[2] == k]
        if not fits:
            return "failed"
        if engine == "em" and all(fit.starts_.all_collapsed for fit in fits):
            return "collapsed"
        return f"gave no {self.criterion.name}"

    def best(self, criterion: Criterion, models: Any = None) -> Model | None:
        """The best model by a criterion.

        Among equals (the same model may go by two names) one with a posterior, then the chosen
        family, then the first tried.
        """
        known = [
            ((round(cost, 5), m.bayes is None, m.covariance_type != self.chosen.covariance_type), m)
            for m in (self.models if models is None else models)
            if (cost := self.cost(m, criterion)) is not None
        ]
        return min(known, key=lambda entry: entry[0])[1] if known else None

    def margin(self, model: Model) -> float | None:
        """How much worse than the chosen one a model is by the criterion of the choice."""
        ours, theirs = self.cost(self.chosen, self.criterion), self.cost(model, self.criterion)
        return None if ours is None or theirs is None else theirs - ours

    @cached_property
    def rival(self) -> Model | None:
        """The best model with another K."""
        k = self.chosen.n_components
        return self.best(self.criterion, [m for m in self.models if m.n_components != k])

    @cached_property
    def family_rival(self) -> Model | None:
        """The best model of a family that is truly another one."""
        ours = self.family(self.chosen)
        return self.best(self.criterion, [m for m in self.models if self.family(m) != ours])

    def family(self, model: Model) -> str:
        """The family of a model, under one name where several are the same.

        With one feature, full, diag and spherical are; with one component, full and tied.
        """
        name, k = model.covariance_type, model.n_components
        if self.X.shape[1] == 1:
            return "tied" if name == "tied" and k > 1 else "full"
        return "full" if k == 1 and name == "tied" else name

    @cached_property
    def families(self) -> tuple[str, ...]:
        """The covariance families that truly differ, in the order they were tried."""
        if self.X.shape[1] == 1:
            return tuple(dict.fromkeys(self.family(m) for m in self.models if m.n_components > 1))
        return tuple(dict.fromkeys(m.covariance_type for m in self.models))

    @cached_property
    def loo_reference(self) -> Model | None:
        """The model that LOO differences are taken to: the chosen one, or the best at its K."""
        if self.chosen.loo is not None:
            return self.chosen
        k = self.chosen.n_components
        return self.best(CRITERIA["loo"], [m for m in self.models if m.n_components == k])

    def loo_difference(self, model: Model) -> tuple[float, float] | None:
        """Elpd by LOO of a model minus the reference's, and the standard error of that."""
        if self.loo_reference is None or model.loo is None:
            return None
        return total_and_error(np.ravel(model.loo.elpd_i) - np.ravel(self.loo_reference.loo.elpd_i))

    @cached_property
    def loo_lead(self) -> Lead | None:
        """The model best by LOO and its lead over the reference; None without two posteriors."""
        shown = {
            (self.family(m), m.n_components): m for m in self.by_k.values() if m.loo is not None
        }
        others = {(self.family(m), m.n_components): m for m in self.models if m.loo is not None}
        candidates = list((others | shown).values())
        best = self.best(CRITERIA["loo"], candidates)
        difference = None if best is None else self.loo_difference(best)
        if best is None or difference is None or len(candidates) < 2:
            return None
        return Lead(best, *difference)

    def has_posterior(self) -> bool:
        """Whether any model has a posterior."""
        return any(m.bayes is not None for m in self.models)


def flat_columns(mixture: Mixture, X: np.ndarray) -> tuple[int, ...]:
    """Columns that are the same in all rows of a component, so that no data bound its density.

    A handful of rows, up to as many as there are columns, are so by chance and do not count. A
    covariance that all components share is bounded by any of them that varies.
    """
    if mixture.n_components == 1:
        return ()
    family = mixture.family
    labels = mixture.responsibilities(X).argmax(axis=1)
    least = 1 if family.shared else X.shape[1] + 1
    parts = [X[labels == k] for k in range(mixture.n_components)]
    flat = np.array([np.ptp(part, axis=0) == 0 for part in parts if len(part) >= least])
    if not len(flat):
        return ()
    if family.isotropic:
        flat &= flat.all(axis=1, keepdims=True)
    found = flat.all(axis=0) if family.shared else flat.any(axis=0)
    return tuple(int(j) for j in np.flatnonzero(found & (np.ptp(X, axis=0) > 0)))


def _key(row: Mapping[str, Any]) -> tuple[str, str, int]:
    return str(row["engine"]), str(row["covariance_type"]), int(row["n_components"])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and math.isfinite(value)
