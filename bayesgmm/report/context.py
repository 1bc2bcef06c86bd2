"""Everything the sections of one report share, computed once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from bayesgmm.data.wording import unit_beside, with_unit
from bayesgmm.report.blocks import Check
from bayesgmm.report.checks import chains_agree, mean_log_likelihood, run_checks
from bayesgmm.report.clusters import Fitted, read_model
from bayesgmm.report.estimates import Estimate, estimates
from bayesgmm.report.evidence import CRITERIA, Evidence, Model
from bayesgmm.report.verdicts.agreement import agreement_check, other_fit
from bayesgmm.report.verdicts.choice import (
    Choice,
    Option,
    Placement,
    Prediction,
    flat_flaw,
    k_hat_words,
    shape_words,
)
from bayesgmm.report.verdicts.trust import parameters_check
from bayesgmm.report.verdicts.uncompared import comparison_check
from bayesgmm.report.wording import NBSP, decimals_for, decimals_of

# Numbers in the list of all rows; more would fill the file.
_MAX_LISTED = 60_000
# Share of rows with high k-hats above which leave-one-out is not heard.
_HIGH = 0.05
# Skewness of a column above which components may be there to describe it.
_SKEWED = 2.0


@dataclass(frozen=True)
class Context:
    """A sweep read for a report.

    Attributes
    ----------
    evidence : Evidence
    data_name : str
    units : mapping
        Column -> unit, for the columns that have one.
    left_out : mapping
        Column of the table that is not among the data -> why.
    incomplete : tuple of int
        Rows of the table (from 0, ascending) that are not among the data, because they have gaps.
    """

    evidence: Evidence
    data_name: str
    units: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    incomplete: tuple[int, ...] = ()

    @property
    def X(self) -> np.ndarray:
        """The data, (N, D)."""
        return self.evidence.X

    @property
    def counting(self) -> str:
        """How rows are counted."""
        table = " as in the data, those left out included" if self.incomplete else ""
        return f"rows are counted from 1{table}"

    @cached_property
    def row_numbers(self) -> np.ndarray:
        """What each row is called, (N,): its number in the table, counted from 1."""
        whole = len(self.X) + len(self.incomplete)
        return np.delete(np.arange(1, whole + 1), self.incomplete)

    def numbers_of(self, rows: np.ndarray) -> list[int]:
        """What some rows are called."""
        return self.row_numbers[rows].tolist()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return self.evidence.feature_names

    def unit_of(self, name: str) -> str:
        """The unit of a column, unless its name says it already (``bill_length_mm``)."""
        return unit_beside(name, self.units.get(name, ""))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The names with their units."""
        return tuple(with_unit(name, self.units.get(name, "")) for name in self.names)

    def unit(self, feature: int) -> str:
        """The unit of a feature, after a space that does not break, or nothing."""
        unit = self.units.get(self.names[feature], "")
        return f"{NBSP}{'× ' if unit[:1].isdigit() else ''}{unit}" if unit else ""

    @cached_property
    def decimals(self) -> tuple[int, ...]:
        """Decimals that each column was recorded with."""
        return tuple(decimals_of(column) for column in self.X.T)

    @cached_property
    def fitted(self) -> dict[int, Fitted]:
        """The clusters of the model shown at each K."""
        return {k: read_model(model, self.X) for k, model in self.evidence.by_k.items()}

    @property
    def chosen(self) -> Fitted:
        """The clusters of the chosen model."""
        return self.fitted[self.evidence.chosen.n_components]

    @cached_property
    def centre_errors(self) -> np.ndarray:
        """Posterior sd of each centre, or what it would be if the clusters were known, (K, D)."""
        fitted = self.chosen
        if fitted.draws is not None:
            return fitted.draws.means.std(axis=0)
        variances = np.diagonal(fitted.point.covariances, axis1=-2, axis2=-1)
        return np.sqrt(variances / (len(self.X) * fitted.point.weights[:, None]))

    def centre_decimals(self, feature: int) -> int:
        """Decimals that a centre can be told to: one more than its first uncertain figure."""
        return decimals_for(float(np.min(self.centre_errors[:, feature])), 1)

    @cached_property
    def separation(self) -> np.ndarray:
        """How far apart the centres lie in each feature, in sds within clusters, (D,)."""
        point = self.chosen.point
        variances = np.diagonal(point.covariances, axis1=-2, axis2=-1)
        within = np.sqrt(point.weights @ variances)
        return np.ptp(point.means, axis=0) / within

    @cached_property
    def by_separation(self) -> tuple[int, ...]:
        """The features, those that tell the clusters apart best first."""
        return tuple(int(j) for j in np.argsort(-self.separation, kind="stable"))

    @property
    def drawn(self) -> tuple[int, ...]:
        """The features that the picture draws: all of two, else those that separate best."""
        return tuple(sorted(self.by_separation[:2]))

    @property
    def rows_listed(self) -> bool:
        """Whether the report holds every row: of several clusters, and not too many."""
        n, d = self.X.shape
        return self.chosen.k > 1 and n * (d + sum(self.fitted)) <= _MAX_LISTED

    @cached_property
    def skewed(self) -> tuple[str, ...]:
        """The positive columns that are strongly skewed, and by their logarithms are not."""
        found = []
        for name, column in zip(self.names, self.X.T, strict=True):
            if column.min() <= 0:
                continue
            skewness = _skewness(column)
            if skewness > _SKEWED and abs(_skewness(np.log(column))) < skewness / 2.0:
                found.append(name)
        return tuple(found)

    @cached_property
    def placement(self) -> Placement | None:
        """How surely the rows are placed; None for one cluster."""
        fitted = self.chosen
        if fitted.k == 1:
            return None
        empty = tuple(int(k) for k in np.flatnonzero(fitted.sizes == 0))
        return Placement(len(self.X), len(fitted.in_doubt), fitted.expected_wrong, empty)

    @cached_property
    def choice(self) -> Choice:
        """What there is to say about K."""
        evidence = self.evidence
        criterion = evidence.criterion
        others = {}
        for other in CRITERIA.values():
            if other.key in (criterion.key, "loo", "waic"):
                continue
            # Known for one K only, a criterion prefers nothing.
            if len(evidence.known(other)) < 2:
                continue
            # AIC is shown in the table, but it is no guide to the number of groups.
            best = None if other.key == "aic" else evidence.best(other)
            if best is not None:
                others[other.name] = best.n_components
        collapsed: dict[str, tuple[int, ...]] = {}
        flat: dict[str, None] = {}
        for model in evidence.collapsed:
            family = evidence.family(model)
            numbers = {*collapsed.get(family, ()), model.n_components}
            collapsed[family] = tuple(sorted(numbers))
            flat |= dict.fromkeys(evidence.flat(model.em.mixture_))
        by_loo = criterion.key == "loo"
        cautions = self._flaws(evidence.chosen, evidence.rival) if by_loo else ()
        return Choice(
            k=evidence.chosen.n_components,
            tried=evidence.tried,
            criterion=criterion.long_name,
            shape=self.shape(evidence.chosen),
            rival=self._option(evidence.rival),
            other_family=self._option(evidence.family_rival),
            others=others,
            prediction=self._prediction(),
            in_nats=criterion.in_nats,
            uncompared=evidence.uncompared,
            n_parameters=int(evidence.chosen.value("n_parameters") or 0),
            n_values=self.X.size,
            collapsed=collapsed,
            flat=tuple(flat),
            flaw=self._flat(evidence.chosen) if criterion.in_nats else "",
            caution="".join(cautions),
        )

    def _prediction(self) -> Prediction | None:
        evidence = self.evidence
        by_loo = len(evidence.known(CRITERIA["loo"])) > 1
        lead = evidence.loo_lead if by_loo and not evidence.criterion.in_nats else None
        if lead is None:
            return None
        flaw, caution = self._flaws(lead.model, evidence.loo_reference)
        return Prediction(
            lead.model.n_components,
            lead.difference,
            lead.se,
            shape=self.shape(lead.model),
            is_rough=not chains_agree(lead.model.bayes),
            is_shown=evidence.shows(lead.model),
            flaw=flaw,
            caution=caution,
        )

    def _flaws(self, *models: Model | None) -> tuple[str, str]:
        """Why leave-one-out says nothing of some models, or if it does, why it is rough."""
        known = [model for model in models if model is not None]
        flat = next((text for model in known if (text := self._flat(model))), "")
        loo = [model.loo for model in known if model.loo is not None]
        high = {n for found in loo for n in np.flatnonzero(found.pareto_k > found.good_k)}
        if flat or not high:
            return flat, ""
        worst = max(float(np.max(found.pareto_k)) for found in loo)
        text = k_hat_words(len(high), worst, float(loo[0].good_k))
        # Above one the weights have no mean.
        hopeless = worst > 1.0 or len(high) > _HIGH * len(self.X)
        return (text, "") if hopeless else ("", text)

    def _flat(self, model: Model) -> str:
        if model.bayes is None:
            return ""
        columns = self.evidence.flat(model.bayes.map_)
        return flat_flaw(columns, model.n_components) if columns else ""

    def shape(self, model: Model) -> str:
        """The shape of a model's clusters in words; nothing where only one family was tried."""
        if len(self.evidence.families) < 2:
            return ""
        return shape_words(self.evidence.family(model), self.X.shape[1])

    def _option(self, model: Model | None) -> Option | None:
        margin = None if model is None else self.evidence.margin(model)
        if model is None or margin is None:
            return None
        difference = (
            self.evidence.loo_difference(model) if self.evidence.criterion.in_nats else None
        )
        se = None if difference is None else difference[1]
        return Option(model.n_components, margin, se, self.shape(model))

    @cached_property
    def estimates(self) -> tuple[Estimate, ...]:
        """The parameters of the chosen model by EM, MAP and posterior."""
        return estimates(self.chosen)

    def full_name(self, estimate: Estimate) -> str:
        """What a parameter is called in a sentence, with its cluster."""
        name = f"the {estimate.name}"
        if self.chosen.k == 1:
            return name
        if estimate.component is None:
            return f"{name} in every cluster"
        return f"{name} {'in' if estimate.feature else 'of'} cluster {estimate.component + 1}"

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """The checks on the chosen model."""
        model = self.evidence.chosen
        key = (model.covariance_type, model.n_components)
        found = run_checks(self.chosen, self.row_numbers, self.evidence.result.waic.get(key))
        if self.estimates:
            found += (self._agreement_check(),)
        choice = self.choice
        if choice.is_undetermined:
            found += (parameters_check(choice.n_parameters, choice.n_values),)
        if choice.uncompared:
            found += (
                comparison_check(choice.criterion, choice.k, choice.uncompared, choice.in_nats),
            )
        return found

    @cached_property
    def other_fit(self) -> str:
        """That the clusters shown are not those of the EM fit; nothing where they are."""
        if not self.estimates:
            return ""
        model = self.evidence.chosen
        what, shift = self._largest("shift")
        mean = mean_log_likelihood(model.bayes)
        return other_fit(what, shift, model.value("log_likelihood"), mean)

    def _agreement_check(self) -> Check:
        return agreement_check(
            self._largest("shift"),
            self._largest("pull"),
            self.chosen.sure_by_one,
            len(self.X),
            self.other_fit,
        )

    def _largest(self, of: str) -> tuple[str, float]:
        worst = max(self.estimates, key=lambda estimate: abs(getattr(estimate, of)))
        return self.full_name(worst), getattr(worst, of)

    @cached_property
    def chains_agree(self) -> bool:
        """Whether the posterior of the chosen model can be read; true without one."""
        bayes = self.evidence.chosen.bayes
        return bayes is None or chains_agree(bayes)


def _skewness(values: np.ndarray) -> float:
    centred = values - values.mean()
    # That of scipy warns of columns that hardly vary.
    return float(np.mean(centred**3) / max(np.mean(centred**2) ** 1.5, 1e-300))
