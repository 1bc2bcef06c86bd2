"""How many components: bootstrap likelihood-ratio tests, one after another.

Twice the gain in log-likelihood from one more component has no chi-squared distribution when that
component is not there: it lies on the boundary of what the larger model can be. Its distribution
is therefore simulated, from the fit of the smaller one.
"""

import hashlib
import warnings
from dataclasses import dataclass, field
from numbers import Integral
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import Parallel, delayed

from bayesgmm import __version__
from bayesgmm.core import threads
from bayesgmm.core.covariance import get_family
from bayesgmm.core.mixture import Mixture
from bayesgmm.core.random_state import as_seed
from bayesgmm.data.validate import as_data, check_enough_rows, check_not_degenerate
from bayesgmm.data.wording import plural
from bayesgmm.em.estimator import GaussianMixture
from bayesgmm.exceptions import ConvergenceWarning, DataError, DegeneracyWarning
from bayesgmm.progress import Progress
from bayesgmm.selection.journal import Journal

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class LikelihoodRatioTests:
    """Tests of K components against K + 1, for K = 1, 2, ... until one is not significant.

    Attributes
    ----------
    n_components : int
        The first number that is not rejected; or, if all are, the largest that was looked at.
    statistics : (T,) array
        Twice the gain in log-likelihood from one more component, in nats times two, of each test.
    p_values : (T,) array
        ``(1 + b) / (1 + B)``, where b of B bootstrap samples have a statistic at least as large.
    null_statistics : list of (B,) arrays
        The statistics of the bootstrap samples of each test.
    level : float
        At which a p-value rejects.
    random_state : int
        The seed of all samples and fits.
    """

    n_components: int
    statistics: np.ndarray
    p_values: np.ndarray
    null_statistics: list[np.ndarray] = field(repr=False)
    level: float
    random_state: int

    @property
    def table(self) -> "pd.DataFrame":
        """One row a test.

        Columns: ``n_components`` and ``alternative`` (one more), ``statistic``, ``p_value``,
        ``n_boot``, and the mean and 95% quantile of the bootstrap samples' statistics,
        ``null_mean`` and ``null_q95``.
        """
        import pandas as pd

        sizes = np.arange(1, len(self.statistics) + 1)
        return pd.DataFrame(
            {
                "n_components": sizes,
                "alternative": sizes + 1,
                "statistic": self.statistics,
                "p_value": self.p_values,
                "n_boot": [len(values) for values in self.null_statistics],
                "null_mean": [values.mean() for values in self.null_statistics],
                "null_q95": [np.quantile(values, 0.95) for values in self.null_statistics],
            }
        )

    @property
    def summary(self) -> str:
        """What the tests say, in one sentence."""
        is_rejected = self.p_values <= self.level
        tests = []
        for k, (p, rejected) in enumerate(zip(self.p_values, is_rejected, strict=True), 1):
            verb = "is" if k == 1 else "are"
            verdict = "rejected" if rejected else "not rejected"
            tests.append(f"{k} {verb} {verdict} against {k + 1} (p = {p:.3g})")
        n_boot = min(len(values) for values in self.null_statistics)
        found = plural(self.n_components, "component")
        if is_rejected[-1]:
            found = f"at least {found}"
            tests.append("larger numbers were not looked at")
        return (
            f"{found}, by tests at level {self.level:g} with {plural(n_boot, 'bootstrap sample')} "
            f"each: {', '.join(tests)}"
        )

    def __repr__(self) -> str:
        return f"LikelihoodRatioTests({self.summary})"


def bootstrap_lrt(
    X: Any,
    max_components: int = 6,
    covariance_type: str = "full",
    *,
    n_boot: int = 199,
    level: float = 0.05,
    n_init: int | str = 10,
    random_state: Any = None,
    n_jobs: int | None = None,
    path: str | PathLike[str] | None = None,
    progressbar: bool = False,
) -> LikelihoodRatioTests:
    """Test K components against K + 1 by the parametric bootstrap, from one component upwards.

    For each K both mixtures are fitted to the data, and to ``n_boot`` samples drawn from the fit
    with K components; the p-value is the share of samples whose likelihood ratio is as large as
    that of the data (McLachlan, 1987, doi:10.2307/2347790). It stops at the first test that is not
    significant.

    Parameters
    ----------
    X : (N, D) array_like or frame
    max_components : int, default 6
        The last test is of ``max_components - 1`` against ``max_components``.
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
    n_boot : int, default 199
        Samples a test, and so how fine a p-value is: its own standard error near 0.05 is 0.015.
    level : float, default 0.05
        A p-value up to this rejects K components.
    n_init : int or "auto", default 10
        Starts of each fit. Data and samples are fitted alike, which keeps the p-values right for
        any number; with more, fewer fits end at a poor optimum, and the tests miss less.
    random_state : int, Generator, RandomState or None
    n_jobs : int, optional
        Processes, as in scikit-learn: None is one, -1 all cores. The result does not depend on it.
    path : str or path, optional
        A file that keeps the statistic of each sample as it comes, one JSON object a line. A run
        that was stopped goes on from it, to the same result; more samples, a higher
        ``max_components`` or another ``level`` may be asked for later.
    progressbar : bool, default False
        Show progress on standard error.

    Returns
    -------
    LikelihoodRatioTests

    Raises
    ------
    DataError
        If the data or an argument cannot be used, or the file is that of another run.

    Notes
    -----
    Fits on spikes do not count: where more components find no sound fit, they gain nothing, and
    the statistic is zero.

    Examples
    --------
    >>> from bayesgmm import bootstrap_lrt, load_dataset
    >>> tests = bootstrap_lrt(load_dataset("faithful"), 2, n_boot=19, random_state=0)
    >>> tests.table.round(2)[["statistic", "p_value"]].to_numpy().tolist()
    [[319.07, 0.05]]
    """
    _check_whole("max_components", max_components, 2)
    _check_whole("n_boot", n_boot, 1)
    if not 0.0 < level < 1.0:
        raise DataError(f"level must be between 0 and 1, such as 0.05, got {level!r}.")
    family = get_family(covariance_type).name
    data = as_data(X, min_rows=2)
    check_enough_rows(data.n_rows, max_components)
    check_not_degenerate(data.values, family, data.feature_names)
    settings = {
        "run": "bootstrap_lrt",
        "bayesgmm_version": __version__,
        "data": _checksum(data.values),
        "covariance_type": family,
        "n_init": n_init,
        "random_state": as_seed(random_state),
    }
    journal = Journal(path, settings, adopt=() if random_state is not None else ("random_state",))
    seed = journal.settings["random_state"]
    fitter = _Fitter(family, n_init)
    statistics, p_values, null_statistics = [], [], []
    smaller = fitter.best(data.values, 1, [seed, 1])
    for k in range(1, max_components):
        assert smaller is not None  # or the last test had a statistic of zero
        larger = fitter.best(data.values, k + 1, [seed, k + 1])
        samples = _Samples(fitter, smaller.mixture, data.n_rows, [seed, k])
        null = samples.ratios(n_boot, n_jobs, journal, progressbar)
        statistics.append(_ratio(smaller, larger))
        null_statistics.append(null)
        p_values.append((1.0 + np.sum(null >= statistics[-1])) / (1.0 + len(null)))
        if p_values[-1] > level:
            break
        smaller = larger
    return LikelihoodRatioTests(
        n_components=len(p_values) + int(p_values[-1] <= level),
        statistics=np.array(statistics),
        p_values=np.array(p_values),
        null_statistics=null_statistics,
        level=level,
        random_state=seed,
    )


@dataclass(frozen=True)
class _Best:
    mixture: Mixture
    log_likelihood: float


def _ratio(smaller: _Best, larger: _Best | None) -> float:
    """The statistic; a larger mixture can do whatever a smaller one does."""
    if larger is None:
        return 0.0
    return max(0.0, 2.0 * (larger.log_likelihood - smaller.log_likelihood))


@dataclass(frozen=True)
class _Fitter:
    """Fits data and samples alike."""

    covariance_type: str
    n_init: int | str

    def best(self, X: np.ndarray, n_components: int, seed: list[int]) -> _Best | None:
        """The best sound fit, or None if every start collapsed."""
        fit = GaussianMixture(
            n_components,
            covariance_type=self.covariance_type,
            n_init=self.n_init,
            random_state=np.random.default_rng(seed),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DegeneracyWarning)
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                fit.fit(X)
            except DataError:
                return None
        if fit.starts_.all_collapsed:
            return None
        return _Best(fit.mixture_, fit.lower_bound_ * fit.n_rows_)


@dataclass(frozen=True)
class _Samples:
    """Samples of as many rows as the data, drawn from the fit with fewer components."""

    fitter: _Fitter
    null: Mixture
    n_rows: int
    seed: list[int]

    def ratio(self, sample: int, n_threads: int) -> tuple[int, float | None]:
        """The number of a sample and its statistic; None if there is no fit to compare with."""
        k, seed = self.null.n_components, [*self.seed, sample]
        X, _ = self.null.sample(self.n_rows, np.random.default_rng([*seed, 0]))
        with threads.limit(n_threads):
            smaller = self.fitter.best(X, k, [*seed, 1])
            if smaller is None:
                return sample, None
            return sample, _ratio(smaller, self.fitter.best(X, k + 1, [*seed, 2]))

    def ratios(self, n: int, n_jobs: int | None, journal: Journal, progressbar: bool) -> np.ndarray:
        """The statistics of ``n`` samples, those from the journal and the others."""
        k = self.null.n_components
        found = {e["sample"]: e["statistic"] for e in journal.entries if e["n_components"] == k}
        left = [sample for sample in range(n) if sample not in found]
        what, n_threads = f"{k} against {k + 1} components", threads.share(n_jobs)
        with Progress(progressbar, len(left)) as advance:
            advance(what)
            # Processes, not threads: short fits are mostly Python, which holds the lock.
            arriving: Any = Parallel(n_jobs, return_as="generator_unordered")(
                delayed(self.ratio)(sample, n_threads) for sample in left
            )
            for sample, statistic in arriving:
                found[sample] = statistic
                journal.write({"n_components": k, "sample": sample, "statistic": statistic})
                advance(what)
        known = [found[sample] for sample in range(n) if found[sample] is not None]
        if not known:
            raise DataError(
                f"no sample of the mixture of {plural(k, 'component')} has a fit with as many that "
                "did not collapse onto a few rows; use a smaller family, or a larger n_init."
            )
        return np.array(known)


def _checksum(values: np.ndarray) -> str:
    rows = np.ascontiguousarray(values, dtype=float)
    return hashlib.sha256(str(rows.shape).encode() + rows.tobytes()).hexdigest()


def _check_whole(name: str, value: Any, least: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise DataError(f"{name} must be a whole number of at least {least}, got {value!r}.")
