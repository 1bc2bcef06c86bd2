"""Whether the draws can be trusted, in numbers and in words."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesgmm.bayes.samplers import Importance
from bayesgmm.core.mixture import Mixture

if TYPE_CHECKING:
    import pandas as pd

# Thresholds of Vehtari et al. (2021), doi:10.1214/20-BA1221: R-hat, and ESS a chain.
MAX_RHAT = 1.01
MIN_ESS_PER_CHAIN = 100
# Share of draws relabelled above which the names of the components are not stable.
MANY_SWITCHES = 0.01


@dataclass(frozen=True)
class Diagnostics:
    """What the chains say about themselves.

    R-hat compares chains, ESS (bulk) counts the independent draws that the draws are worth. Both
    are taken of relabelled parameters and of quantities that no labelling changes; the latter
    decide whether the posterior was explored, the former whether components can be spoken of one
    by one.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a quantity: quantity, kind ("invariant" or "component"), mean, sd, rhat, ess.
    n_divergences : int
    n_draws : int
        Over all chains.
    switched : float
        Fraction of draws whose labels differ from the most common ones of their chain.
    messages : tuple of str
        What is wrong and what to do; empty if nothing is.
    importance : Importance or None
        Of independent draws that were weighted and resampled: k-hat, and their effective sample
        size, which then stands in the table for every quantity. R-hat is NaN there: it compares
        chains.
    """

    table: "pd.DataFrame"
    n_divergences: int
    n_draws: int
    switched: float
    messages: tuple[str, ...]
    importance: Importance | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.messages

    @property
    def max_rhat(self) -> float:
        """Largest R-hat over all quantities; NaN for one chain, and for independent draws."""
        return float(np.fmax.reduce(self.table["rhat"].to_numpy()))

    @property
    def min_ess(self) -> float:
        """Smallest effective sample size over all quantities."""
        return float(self.table["ess"].to_numpy().min())

    def worst(self, kind: str) -> tuple[str, float, float]:
        """Of one kind of quantity: the one with the largest R-hat, that, and the least ESS."""
        part = self.table.query("kind == @kind")
        rhat = part["rhat"].to_numpy()
        # One chain has no R-hat.
        worst = int(np.argmax(np.where(np.isnan(rhat), -np.inf, rhat)))
        names = part["quantity"].to_numpy()
        return str(names[worst]), float(rhat[worst]), float(part["ess"].to_numpy().min())


def diagnose(
    mixture: Mixture,
    log_likelihood: np.ndarray,
    diverging: np.ndarray,
    switched: float,
    feature_names: tuple[str, ...],
    importance: Importance | None = None,
) -> Diagnostics:
    """Diagnose relabelled draws.

    Parameters
    ----------
    mixture : Mixture
        With leading axes (chain, draw).
    log_likelihood : (chain, draw) array
        Of all rows together.
    diverging : (chain, draw) array of bool
    switched : float
        From relabelling.
    feature_names : tuple of str
    importance : Importance, optional
        Of draws that are no chains.
    """
    import pandas as pd

    of_all = {"log likelihood": log_likelihood} | invariants(mixture)
    quantities = {("invariant", name): values for name, values in of_all.items()}
    quantities |= _components(mixture, feature_names)
    rows = []
    for (kind, name), values in quantities.items():
        rhat, ess = rhat_and_ess(values) if importance is None else (np.nan, importance.ess)
        rows.append((name, kind, values.mean(), values.std(ddof=1), rhat, ess))
    columns = ["quantity", "kind", "mean", "sd", "rhat", "ess"]
    table = pd.DataFrame(rows, columns=columns)
    n_divergences, n_draws = int(diverging.sum()), int(diverging.size)
    found = Diagnostics(table, n_divergences, n_draws, switched, (), importance)
    return replace(found, messages=_messages(found, n_chains=log_likelihood.shape[0]))


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


def _components(mixture: Mixture, names: tuple[str, ...]) -> dict:
    out = {}
    sd = np.sqrt(mixture.covariances.diagonal(axis1=-2, axis2=-1))
    for k in range(mixture.n_components):
        if mixture.n_components > 1:
            out["component", f"weight {k}"] = mixture.weights[..., k]
        for d, name in enumerate(names):
            out["component", f"mean {k}, {name}"] = mixture.means[..., k, d]
            out["component", f"sd {k}, {name}"] = sd[..., k, d]
    return out


def rhat_and_ess(values: np.ndarray) -> tuple[float, float]:
    """R-hat (NaN for one chain) and bulk effective sample size of draws (chain, draw)."""
    from arviz_stats import base

    values = np.ascontiguousarray(values)
    statistics: Any = base.array_stats  # pyright: ignore[reportPrivateImportUsage]
    # Draws that do not move have no variance to divide by; they are reported in words.
    with np.errstate(divide="ignore", invalid="ignore"):
        ess = float(statistics.ess(values, chain_axis=0, draw_axis=1, method="bulk"))
        if len(values) == 1:
            return float("nan"), ess
        return float(statistics.rhat(values, chain_axis=0, draw_axis=1)), ess


def _messages(found: Diagnostics, n_chains: int) -> tuple[str, ...]:
    out = []
    enough = MIN_ESS_PER_CHAIN * n_chains
    stuck = found.table.loc[~(found.table["sd"] > 0), "quantity"]
    if len(stuck):
        out.append(
            f"The draws do not move: the {stuck.iloc[0]} is the same in all of them, or not "
            "finite. Try another seed (random_state=), or fewer components."
        )
    name, rhat, ess = found.worst("invariant")
    if rhat > MAX_RHAT:
        out.append(
            f"The chains disagree: R-hat is {rhat:.3f} for the {name} (1.01 at most is wanted). "
            "They may sit in different modes; run longer (draws=), or lower the number of "
            "components."
        )
    if ess < enough:
        out.append(
            f"The draws are worth only {ess:.0f} independent ones ({enough} are wanted); run "
            "longer (draws=)."
        )
    name, rhat, ess = found.worst("component")
    if rhat > MAX_RHAT or ess < enough:
        # One chain has no R-hat.
        worst = f"R-hat {rhat:.3f} for {name}, " if n_chains > 1 else ""
        out.append(
            f"Components are not stable from draw to draw ({worst}least "
            f"effective sample size {ess:.0f}): densities, WAIC and LOO hold if nothing else is "
            "said here, but read component-wise numbers as rough."
        )
    if found.switched > MANY_SWITCHES:
        out.append(
            f"Labels switched in {100 * found.switched:.0f}% of the draws: the components "
            "overlap. They were relabelled; quantities that no labelling changes are not affected."
        )
    if found.n_divergences:
        share = found.n_divergences / found.n_draws
        out.append(
            f"{found.n_divergences} of {found.n_draws} draws diverged: the sampler could not enter "
            "a narrow region"
            + (
                ". So few matter little."
                if share < 1e-3
                else "; its share of the posterior may be missing. Use fewer components or a "
                "stronger prior on the covariances."
            )
        )
    return tuple(out)
