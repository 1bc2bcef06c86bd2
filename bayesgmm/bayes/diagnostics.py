"""Whether the draws can be trusted, in numbers and in words."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.csgraph import connected_components

from bayesgmm.bayes import verdicts
from bayesgmm.bayes.chain_modes import modes_of_chains
from bayesgmm.bayes.convergence import rhat_and_ess
from bayesgmm.bayes.labels import Relabelling
from bayesgmm.bayes.samplers import Importance
from bayesgmm.core.mixture import Mixture

if TYPE_CHECKING:
    import pandas as pd

# Two components are said to overlap if the smaller of them shares more than this of its rows.
_OVERLAP = 0.1
# R-hat and ESS are computed of so many quantities at once.
_AT_ONCE = 32


@dataclass(frozen=True)
class Diagnostics:
    """What the chains say about themselves; ``print`` it for a summary.

    R-hat compares chains, ESS (bulk) counts the independent draws that the draws are worth. Both
    are taken of relabelled parameters and of quantities that no labelling changes; the latter
    decide whether the posterior was explored, the former whether components can be spoken of one
    by one.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a quantity: quantity, kind, mean, sd, rhat, ess. The kind is "invariant" or
        "component"; where draws were relabelled in different ways also "raw", components under the
        labels they were sampled with; and "count", the number of occupied components. The last
        two are not judged: labels are expected to switch, and a count may hardly ever change.
    n_divergences : int
    n_draws : int
        Over all chains.
    switched : float
        Fraction of draws whose labels, as sampled, differ from the most common ones of their chain.
    messages : tuple of str
        What is wrong and what to do; empty if nothing is.
    chains : pandas.DataFrame
        A row a chain: chain, mode (0 for all if they sit in one), log_likelihood (its mean, nats),
        weight. Weights sum to one; those of a mode are what stacking gives it, divided evenly
        among its chains. The fit's own averages weigh all chains alike.
    overlapping : tuple of tuples of int
        Groups of components that share more than a tenth of their rows' memberships.
    n_namings : int
        How many different labels chains most commonly have: above one, they differ between chains.
    agreement : float
        Share of draws that three methods of relabelling order in the same way.
    complete : bool
        False if sampling was interrupted, and these are the draws so far.
    importance : Importance or None
        Of independent draws that were weighted and resampled: k-hat, and their effective sample
        size, which then stands in the table for every quantity. R-hat is NaN there: it compares
        chains.
    can_diverge : bool
        False for samplers that have no divergences.
    better_fit : float
        How much higher the log-likelihood is at another mode of the posterior than at the highest,
        in nats: the priors then outweigh the data, and EM without priors may find other clusters.
        Zero where no mode that was found is better by three nats, and not looked for where a
        function is among the priors.
    unvisited : float
        How much of the posterior is held, by their normal approximations, by modes that EM found
        and at which there is no draw. Zero where a function is among the priors.
    places : tuple of float
        Shares of the draws at modes that hardly any draw is between, the largest first; one where
        there are none, or a function is among the priors. Numbers by component average over them.
    evidence_error : float
        Standard error of the log of the evidence, in nats, by the differences between populations;
        zero for samplers that do not estimate it, and for one population.
    """

    table: "pd.DataFrame"
    n_divergences: int
    n_draws: int
    switched: float
    messages: tuple[str, ...]
    chains: "pd.DataFrame"
    overlapping: tuple[tuple[int, ...], ...] = ()
    n_namings: int = 1
    agreement: float = 1.0
    complete: bool = True
    importance: Importance | None = None
    can_diverge: bool = True
    better_fit: float = 0.0
    unvisited: float = 0.0
    places: tuple[float, ...] = (1.0,)
    evidence_error: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.messages

    @property
    def max_rhat(self) -> float:
        """Largest R-hat over all invariant and component quantities.

        NaN for one chain, and for independent draws.
        """
        return float(np.fmax.reduce(self._judged["rhat"].to_numpy()))

    @property
    def min_ess(self) -> float:
        """Smallest effective sample size over all invariant and component quantities."""
        return float(self._judged["ess"].to_numpy().min())

    @property
    def n_components(self) -> int:
        """Number of components, K."""
        is_weight = self.table["quantity"].str.startswith("weight ")
        return max(1, int((is_weight & (self.table["kind"] == "component")).sum()))

    @property
    def verdict(self) -> str:
        """A sentence on chains and components, good or bad; a second where the priors decide."""
        return verdicts.verdict(self)

    @property
    def _judged(self) -> "pd.DataFrame":
        return self.table.query("kind in ('invariant', 'component')")

    def worst(self, kind: str) -> tuple[str, float, float]:
        """Of one kind of quantity: the one with the largest R-hat, that, and the least ESS."""
        part = self.table.query("kind == @kind")
        rhat = part["rhat"].to_numpy()
        # One chain has no R-hat.
        worst = int(np.argmax(np.where(np.isnan(rhat), -np.inf, rhat)))
        names = part["quantity"].to_numpy()
        return str(names[worst]), float(rhat[worst]), float(part["ess"].to_numpy().min())

    def __str__(self) -> str:
        return verdicts.summary(self)


def diagnose(
    draws: Mixture,
    relabelled: Relabelling,
    log_likelihood: np.ndarray,
    diverging: np.ndarray | None,
    feature_names: tuple[str, ...],
    *,
    weigh_modes: Callable[[np.ndarray], np.ndarray],
    agreement: float,
    overlap: np.ndarray,
    complete: bool = True,
    n_wanted: int | None = None,
    importance: Importance | None = None,
    better_fit: float = 0.0,
    unvisited: float = 0.0,
    places: tuple[float, ...] = (1.0,),
    evidence_error: float = 0.0,
) -> Diagnostics:
    """Diagnose draws.

    Parameters
    ----------
    draws : Mixture
        As they were sampled, with leading axes (chain, draw).
    relabelled : Relabelling
        The same under agreed labels.
    log_likelihood : (chain, draw) array
        Of all rows together.
    diverging : (chain, draw) array of bool, or None
        None of a sampler that cannot diverge.
    feature_names : tuple of str
    weigh_modes : callable
        From the mode of each chain to the weight of each mode; called where there are several.
    agreement : float
        Between methods of relabelling.
    overlap : (K, K) array
        Of the components' memberships.
    complete : bool, default True
        False if sampling was interrupted.
    n_wanted : int, optional
        Draws asked for, over all chains.
    importance : Importance, optional
        Of draws that are no chains.
    better_fit, unvisited, evidence_error : float, default 0
    places : tuple of float, default (1,)
        As in :class:`Diagnostics`.
    """
    import pandas as pd

    mixture = relabelled.mixture
    of_all = {"log likelihood": log_likelihood} | invariants(mixture) | relabelled.functionals
    quantities = {("invariant", name): values for name, values in of_all.items()}
    quantities |= _components("component", mixture, feature_names)
    if relabelled.n_occupied is not None:
        quantities["count", "number of occupied components"] = relabelled.n_occupied
    compared = np.stack(list(quantities.values()), axis=-1)
    if relabelled.switched or relabelled.n_namings > 1:
        quantities |= _components("raw", draws, feature_names)
    names = [(quantity, kind) for kind, quantity in quantities]
    table = pd.DataFrame(names, columns=["quantity", "kind"])
    table[["mean", "sd", "rhat", "ess"]] = _summarise(list(quantities.values()))
    if importance is None:
        modes = modes_of_chains(compared)
    else:
        table["rhat"], table["ess"] = np.nan, importance.ess
        modes = np.zeros(len(compared), dtype=int)
    chains = pd.DataFrame({
        "chain": np.arange(len(modes)),
        "mode": modes,
        "log_likelihood": log_likelihood.mean(axis=1),
        "weight": _weights_of_chains(modes, weigh_modes),
    })  # fmt: skip
    found = Diagnostics(
        table=table,
        n_divergences=0 if diverging is None else int(diverging.sum()),
        n_draws=int(log_likelihood.size),
        switched=relabelled.switched,
        messages=(),
        chains=chains,
        overlapping=_groups(overlap > _OVERLAP),
        n_namings=relabelled.n_namings,
        agreement=agreement,
        complete=complete,
        importance=importance,
        can_diverge=diverging is not None,
        better_fit=better_fit,
        unvisited=unvisited,
        places=places,
        evidence_error=evidence_error,
    )
    return replace(found, messages=verdicts.messages(found, n_wanted))


def invariants(mixture: Mixture) -> dict[str, np.ndarray]:
    """Quantities (chain, draw) of a mixture that no labelling of its components changes."""
    if mixture.n_components == 1:
        return {}
    weights = mixture.weights
    return {
        "entropy of the weights": -np.sum(weights * np.log(np.maximum(weights, 1e-300)), axis=-1),
        "largest weight": weights.max(axis=-1),
        "smallest weight": weights.min(axis=-1),
    }


def _components(kind: str, mixture: Mixture, names: tuple[str, ...]) -> dict:
    out = {}
    sd = np.sqrt(mixture.covariances.diagonal(axis1=-2, axis2=-1))
    for k in range(mixture.n_components):
        if mixture.n_components > 1:
            out[kind, f"weight {k}"] = mixture.weights[..., k]
        for d, name in enumerate(names):
            out[kind, f"mean {k}, {name}"] = mixture.means[..., k, d]
            out[kind, f"sd {k}, {name}"] = sd[..., k, d]
    return out


def _summarise(quantities: list[np.ndarray]) -> np.ndarray:
    """Mean, sd, R-hat and ESS of each, (n, 4)."""
    rows = []
    for start in range(0, len(quantities), _AT_ONCE):
        values = np.stack(quantities[start : start + _AT_ONCE], axis=-1)
        rhat, ess = rhat_and_ess(values)
        rows.append(np.stack([values.mean((0, 1)), values.std((0, 1), ddof=1), rhat, ess], axis=-1))
    return np.concatenate(rows)


def _weights_of_chains(
    modes: np.ndarray, weigh_modes: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    sizes = np.bincount(modes)
    weights = weigh_modes(modes) if len(sizes) > 1 else np.ones(1)
    return (weights / sizes)[modes]


def _groups(linked: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Groups of at least two components that are linked, directly or by others."""
    n_groups, group = connected_components(linked, directed=False)
    members = [tuple(np.flatnonzero(group == g).tolist()) for g in range(n_groups)]
    return tuple(sorted(m for m in members if len(m) > 1))
