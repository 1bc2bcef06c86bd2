"""The sweep over numbers of components, covariance families and engines."""

import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesgmm.bayes.elpd import stacking_weights
from bayesgmm.bayes.estimator import BayesianGaussianMixture
from bayesgmm.core.covariance import FAMILIES, get_family
from bayesgmm.core.random_state import as_seed
from bayesgmm.data.validate import Data, as_data
from bayesgmm.data.wording import did_you_mean
from bayesgmm.em.estimator import GaussianMixture
from bayesgmm.exceptions import DataError
from bayesgmm.priors import Priors
from bayesgmm.progress import Progress
from bayesgmm.selection.result import CRITERIA, Estimator, SelectionResult

if TYPE_CHECKING:
    import pandas as pd

ENGINES = ("em", "bayes")

COLUMNS = (
    "engine", "covariance_type", "n_components", "n_parameters", "log_likelihood",
    "bic", "aic", "icl",
    "elpd_loo", "se_loo", "p_loo", "max_pareto_k", "n_high_pareto_k",
    "elpd_waic", "se_waic", "p_waic", "n_high_variance",
    "loo_weight", "seconds", "status", "note",
)  # fmt: skip


@dataclass(frozen=True)
class _Settings:
    """What every fit of a sweep has in common."""

    data: Data
    X: Any
    priors: Priors | None
    seed: int
    draws: int
    chains: int
    n_init: int | str

    def estimator(self, engine: str, covariance_type: str, n_components: int) -> Estimator:
        # All with the same seed: what a sweep finds is what a fit on its own does.
        if engine == "em":
            return GaussianMixture(
                n_components,
                covariance_type=covariance_type,
                n_init=self.n_init,
                random_state=self.seed,
            )
        return BayesianGaussianMixture(
            n_components,
            covariance_type=covariance_type,
            priors=self.priors,
            draws=self.draws,
            chains=self.chains,
            random_state=self.seed,
            progressbar=False,
        )


def select_components(
    X: Any,
    n_components: Iterable[int] = range(1, 7),
    covariance_types: Sequence[str] = ("full",),
    engines: Sequence[str] = ENGINES,
    *,
    criterion: str | None = None,
    posterior_for: str = "all",
    priors: Priors | None = None,
    random_state: Any = None,
    draws: int = 1000,
    chains: int = 4,
    n_init: int | str = "auto",
    progressbar: bool = True,
    data_name: str | None = None,
) -> SelectionResult:
    """Fit mixtures over a range of sizes, families and engines, and compare them.

    A fit that fails is a row with its reason; the sweep goes on.

    Parameters
    ----------
    X : (N, D) array_like or frame
    n_components : iterable of int, default 1 to 6
    covariance_types : sequence of str, default ("full",)
    engines : sequence of {"em", "bayes"}, default both
    criterion : {"bic", "aic", "icl", "loo", "waic"}, optional
        What ``best`` goes by: "bic" by default, or "loo" where there is no EM.
    posterior_for : {"all", "leading"}, default "all"
        "leading" samples, for each number of components, only the family with the best BIC and the
        full one, if it is asked for. Needs EM among the engines.
    priors : Priors, optional
        For the posteriors; EM is by maximum likelihood.
    random_state : int, Generator, RandomState or None
    draws, chains : int
        For the posteriors.
    n_init : int or "auto"
        For EM.
    progressbar : bool, default True
        Show progress on standard error.
    data_name : str, optional
        What a report calls the data.

    Returns
    -------
    SelectionResult

    Raises
    ------
    DataError
        If the data or an argument cannot be used, or if every fit fails.

    Examples
    --------
    >>> from bayesgmm import load_dataset, select_components
    >>> sweep = select_components(
    ...     load_dataset("faithful"), range(1, 4), engines=("em",), random_state=0,
    ...     progressbar=False,
    ... )
    >>> sweep.best.n_components
    2
    """
    began = time.perf_counter()
    sizes = _checked_sizes(n_components)
    families = _checked_families(covariance_types)
    engines = _checked_engines(engines, posterior_for)
    criterion = _checked_criterion(criterion, engines)
    data = as_data(X, min_rows=2)
    seed = as_seed(random_state)
    settings = _Settings(
        data=data,
        X=X,
        priors=priors,
        seed=seed,
        draws=draws,
        chains=chains,
        n_init=n_init,
    )
    result = _Collected()
    jobs = _Jobs(sizes, families, engines, posterior_for, result)
    with Progress(progressbar, jobs.total) as advance:
        for job in jobs:
            advance("{} {} K={}".format(*job))
            result.run(settings, *job)
    if not result.fits:
        raise DataError(f"every fit failed; the first: {result.rows[0]['note']}")
    names = data.feature_names or tuple(f"x{i}" for i in range(data.n_features))
    return SelectionResult(
        table=result.table(),
        fits=result.fits,
        loo=result.loo,
        waic=result.waic,
        criterion=criterion,
        X=data.values,
        feature_names=names,
        data_name=data_name,
        random_state=seed,
        seconds=time.perf_counter() - began,
    )


class _Collected:
    """The fits and rows so far."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.fits: dict[tuple[str, str, int], Estimator] = {}
        self.loo: dict[tuple[str, int], Any] = {}
        self.waic: dict[tuple[str, int], Any] = {}

    def run(
        self, settings: _Settings, engine: str, covariance_type: str, n_components: int
    ) -> None:
        """Fit one model and add its row."""
        row: dict[str, Any] = dict.fromkeys(COLUMNS)
        row |= {"engine": engine, "covariance_type": covariance_type}
        row |= {"n_components": n_components, "status": "ok", "note": ""}
        began = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                fit = settings.estimator(engine, covariance_type, n_components)
                row |= self._fit(fit, settings, engine, covariance_type, n_components)
            except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
                row |= {"status": "failed", "note": str(error)}
        row["seconds"] = time.perf_counter() - began
        ours = _unique([str(w.message) for w in caught if _is_ours(w)])
        if ours and row["status"] == "ok":
            row |= {"status": "warning", "note": " ".join(ours)}
        self.rows.append(row)

    def _fit(
        self, fit: Estimator, settings: _Settings, engine: str, covariance_type: str, k: int
    ) -> dict[str, Any]:
        fit.fit(settings.X)
        if isinstance(fit, GaussianMixture):
            row = _em_row(fit, settings)
        else:
            if fit.interrupted_:
                raise KeyboardInterrupt  # was meant for the sweep
            loo, waic = fit.loo(), fit.waic()
            self.loo[covariance_type, k], self.waic[covariance_type, k] = loo, waic
            row = _bayes_row(fit, loo, waic)
        self.fits[engine, covariance_type, k] = fit
        return row | {"n_parameters": fit.mixture_.n_parameters}

    def leading_family(self, n_components: int) -> str | None:
        """The family with the best BIC at one number of components; full, if it is among them."""
        rows = [r for r in self.rows if r["n_components"] == n_components and r["bic"] is not None]
        rows = [r for r in rows if not self._has_collapsed(r)] or rows
        if not rows:
            return None
        # Families may be one model under two names (one feature, one component), but for rounding.
        leading = min(rows, key=lambda r: (round(r["bic"], 6), r["covariance_type"] != "full"))
        return leading["covariance_type"]

    def _has_collapsed(self, row: dict[str, Any]) -> bool:
        fit = self.fits.get((row["engine"], row["covariance_type"], row["n_components"]))
        return isinstance(fit, GaussianMixture) and fit.starts_.all_collapsed

    def table(self) -> "pd.DataFrame":
        """All rows, with stacking weights among the posteriors."""
        import pandas as pd

        table = pd.DataFrame(self.rows, columns=list(COLUMNS))
        collapsed = [self._has_collapsed(row) for row in self.rows]
        is_sound = table["bic"].notna().to_numpy() & ~np.array(collapsed)
        if is_sound.any():
            # The likelihood of the others has no bound, and would win.
            table.loc[collapsed, ["bic", "aic", "icl"]] = np.nan
        numbers = [c for c in COLUMNS if c not in ("engine", "covariance_type", "status", "note")]
        table[numbers] = table[numbers].apply(pd.to_numeric)
        for key, weight in stacking_weights(self.loo).items():
            is_row = (table["covariance_type"] == key[0]) & (table["n_components"] == key[1])
            table.loc[is_row & (table["engine"] == "bayes"), "loo_weight"] = weight
        return table


class _Jobs:
    """(engine, covariance_type, n_components), EM first, since it may decide what is sampled."""

    def __init__(
        self,
        sizes: list[int],
        families: list[str],
        engines: tuple[str, ...],
        posterior_for: str,
        result: _Collected,
    ):
        self.sizes, self.families, self.engines = sizes, families, engines
        self.posterior_for, self.result = posterior_for, result
        per_size = len(families) if posterior_for == "all" else min(2, len(families))
        counts = {"em": len(families), "bayes": per_size}
        self.total = len(sizes) * sum(counts[engine] for engine in engines)

    def __iter__(self) -> Iterator[tuple[str, str, int]]:
        for engine in sorted(self.engines, key=ENGINES.index):
            for k in self.sizes:
                for family in self._families(engine, k):
                    yield engine, family, k

    def _families(self, engine: str, k: int) -> list[str]:
        if engine == "em" or self.posterior_for == "all":
            return self.families
        wanted = {self.result.leading_family(k), "full"}
        return [family for family in self.families if family in wanted]


def _em_row(fit: GaussianMixture, settings: _Settings) -> dict[str, Any]:
    X = settings.X
    return {
        "log_likelihood": fit.lower_bound_ * settings.data.n_rows,
        "bic": fit.bic(X),
        "aic": fit.aic(X),
        "icl": fit.icl(X),
    }


def _bayes_row(fit: BayesianGaussianMixture, loo: Any, waic: Any) -> dict[str, Any]:
    diagnostics = fit.diagnostics_.table.set_index("quantity")
    pareto_k = np.asarray(loo.pareto_k)
    return {
        "log_likelihood": diagnostics.loc["log likelihood", "mean"],
        "elpd_loo": loo.elpd,
        "se_loo": loo.se,
        "p_loo": loo.p,
        "max_pareto_k": float(pareto_k.max()),
        "n_high_pareto_k": int((pareto_k > loo.good_k).sum()),
        "elpd_waic": waic.elpd,
        "se_waic": waic.se,
        "p_waic": waic.p,
        "n_high_variance": waic.n_high_variance,
    }


def _is_ours(warning: warnings.WarningMessage) -> bool:
    return warning.category.__module__ in ("bayesgmm.exceptions", "sklearn.exceptions")


def _unique(items: list[Any]) -> list[Any]:
    return list(dict.fromkeys(items))


def _checked_sizes(n_components: Iterable[int]) -> list[int]:
    sizes = _unique(list(n_components) if isinstance(n_components, Iterable) else [n_components])
    for k in sizes:
        if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
            raise DataError(f"n_components must be whole numbers of at least 1, got {k!r}.")
    if not sizes:
        raise DataError("n_components must hold at least one number, such as range(1, 7).")
    return sorted(int(k) for k in sizes)


def _checked_families(covariance_types: Sequence[str]) -> list[str]:
    names = [covariance_types] if isinstance(covariance_types, str) else list(covariance_types)
    if not names:
        raise DataError(f"covariance_types must hold at least one of {', '.join(FAMILIES)}.")
    return _unique([get_family(name).name for name in names])


def _checked_engines(engines: Sequence[str], posterior_for: str) -> tuple[str, ...]:
    engines = (engines,) if isinstance(engines, str) else tuple(_unique(list(engines)))
    if not engines or any(engine not in ENGINES for engine in engines):
        raise DataError(f"engines must be some of {ENGINES}, got {engines}.")
    if posterior_for not in ("all", "leading"):
        raise DataError(f"posterior_for must be 'all' or 'leading', got {posterior_for!r}.")
    if posterior_for == "leading" and "em" not in engines:
        raise DataError("posterior_for='leading' needs 'em' among the engines to say which lead.")
    return engines


def _checked_criterion(criterion: str | None, engines: tuple[str, ...]) -> str:
    if criterion is None:
        return "bic" if "em" in engines else "loo"
    if criterion not in CRITERIA:
        why = did_you_mean(criterion, CRITERIA)
        if criterion == "evidence":
            why = (
                "; the evidence is an attribute of the posterior that "
                "BayesianGaussianMixture(sampler='smc') draws: log_evidence"
            )
        raise DataError(f"criterion must be one of {', '.join(CRITERIA)}, got {criterion!r}{why}.")
    if CRITERIA[criterion][1] not in engines:
        raise DataError(f"criterion={criterion!r} needs {CRITERIA[criterion][1]!r} among engines=.")
    return criterion
