"""The EM estimator, a drop-in for scikit-learn's."""

import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils._param_validation import Interval

from bayesgmm.core import criteria
from bayesgmm.core.covariance import FAMILIES, get_family
from bayesgmm.core.mixture import Mixture
from bayesgmm.core.random_state import as_generator
from bayesgmm.data.arguments import OneOf
from bayesgmm.data.validate import (
    Data,
    as_data,
    as_sample_weight,
    check_enough_rows,
    check_not_degenerate,
)
from bayesgmm.em.atlas import Atlas
from bayesgmm.em.clusterings import CLUSTERINGS
from bayesgmm.em.given import checked_fixed, given_parts, memberships_of
from bayesgmm.em.loop import Run, Watch
from bayesgmm.em.problem import Problem
from bayesgmm.em.runs import SearchResult, Settings
from bayesgmm.em.search import best_of, diagnosis, search
from bayesgmm.em.standard_errors import StandardErrors, standard_errors
from bayesgmm.exceptions import ConvergenceWarning, DataError, DegeneracyWarning
from bayesgmm.prediction import MixturePredictor
from bayesgmm.priors import Priors, resolve

# Passes over the data for one run, where the user sets no limit.
MAX_PASSES = 2000
# Kinds of start that are not offered by themselves.
_PARTS_OF_MIXED = ("carved", "whitened k-means++", "small hierarchical")


class GaussianMixture(MixturePredictor, DensityMixin, BaseEstimator):
    """Gaussian mixture by EM: maximum likelihood, or the posterior mode when priors are given.

    Takes the place of :class:`sklearn.mixture.GaussianMixture`: the same arguments, methods and
    fitted attributes. Its defaults differ where better ones are known: many starts, acceleration, a
    stopping rule on the distance to the optimum, and a regularisation that does not depend on the
    units of the data. An explicit number for ``tol``, ``reg_covar`` or ``n_init`` means exactly
    what it means in scikit-learn.

    Parameters
    ----------
    n_components : int, default 1
        Number of components, K.
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        Covariance family; mclust's codes VVV, EEE, VVI and VII are accepted.
    tol : float, optional
        A number stops plain EM once a step gains less than this many nats a row. None, the default,
        runs accelerated EM until the optimum is estimated to be within 1e-9 nats a row.
    reg_covar : float, optional
        A number, in squared units of the data, is added to every variance after each step. None,
        the default, adds 1e-10 of each column's variance.
    max_iter : int, default 2000
        Most passes over the data in one run of EM. Zero returns the start.
    n_init : int or "auto", default "auto"
        Number of starts. "auto" takes up to fifteen of mixed kinds, and then moves parts of the
        best fit about: thirty times, eight where the first starts all agree, and where most do not
        until sixty in a row find nothing better (300 at most); there moves that merge and split
        components come last. Where hardly any ends at a sound optimum, more begin from fits under a
        weak prior. On more than 10,000 rows, or for ten components and more, sixteen race on a
        subsample, moves that merge and split components improve the leaders, and the best finishes
        on all rows.
    init_params : str, default "mixed"
        Kind of start: "mixed", "kmeans", "k-means++", "hierarchical" (Ward's, on whitened columns),
        "random" or "random_from_data".
    weights_init, means_init, precisions_init : array_like, optional
        Parts of the start that are given: (K,), (K, D), and inverse covariances in the family's own
        shape.
    labels_init : (N,) or (N, K) array_like, optional
        The whole start: the component of each row, from 0 to K - 1, or its memberships. What is
        given in full is run once, whatever ``n_init``.
    fixed : tuple of str, default ()
        Of "weights", "means" and "covariances" those that stay as they are at the start, which must
        then give them. The criteria do not count them as parameters.
    random_state : int, numpy.random.Generator, numpy.random.RandomState, optional
        Seed of the starts. The global NumPy state is read only if this is None, never changed
        otherwise.
    warm_start : bool, default False
        Begin from the previous fit of this object.
    verbose : int, default 0
        Print the objective to standard error every ``verbose_interval`` passes.
    verbose_interval : int, default 10
    priors : Priors, optional
        With priors the fit is the mode of the joint posterior density of weights, means and
        covariances (MAP-EM). None, the default, is maximum likelihood.

    Attributes
    ----------
    mixture_ : Mixture
        The fit as a value: densities, memberships, samples.
    weights_ : (K,) array
    means_ : (K, D) array
    covariances_, precisions_, precisions_cholesky_ : arrays
        In scikit-learn's shapes for the family.
    converged_ : bool
    n_iter_ : int
        Passes over the data of the best run.
    lower_bound_ : float
        Log-likelihood a row (plus log prior, a row) at the fit.
    lower_bounds_ : list of float
        The same after each pass of the best run.
    starts_ : Atlas
        The local optima that the starts found: how many ended at each, how far they are apart,
        which are spurious and why. ``starts_.table()`` is a table.
    n_rows_ : float
        Rows that were fitted: the sum of their weights.
    n_features_in_ : int
    feature_names_in_ : (D,) array of str
        Set when the data name their columns.

    See Also
    --------
    BayesianGaussianMixture : the full posterior.

    References
    ----------
    Dempster, Laird and Rubin (1977), doi:10.1111/j.2517-6161.1977.tb01600.x.

    Examples
    --------
    >>> from bayesgmm import GaussianMixture, load_dataset
    >>> faithful = load_dataset("faithful")
    >>> fit = GaussianMixture(2, random_state=0).fit(faithful)
    >>> round(fit.bic(faithful), 1)
    2322.2
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0.0, None, closed="left"), None],
        "reg_covar": [Interval(Real, 0.0, None, closed="left"), None],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left"), OneOf(["auto"])],
        "covariance_type": [OneOf([*FAMILIES, *(f.mclust_code for f in FAMILIES.values())])],
        "init_params": [OneOf(["mixed", *(c for c in CLUSTERINGS if c not in _PARTS_OF_MIXED)])],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "labels_init": ["array-like", None],
        "fixed": [tuple, list],
        "random_state": ["random_state", np.random.Generator],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
        "priors": [Priors, None],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float | None = None,
        reg_covar: float | None = None,
        max_iter: int = MAX_PASSES,
        n_init: int | str = "auto",
        init_params: str = "mixed",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        labels_init: Any = None,
        fixed: Sequence[str] = (),
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        priors: Priors | None = None,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.labels_init = labels_init
        self.fixed = fixed
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.priors = priors

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the mixture.

        Parameters
        ----------
        X : (N, D) array_like or frame
        y : ignored
        sample_weight : (N,) array_like, optional
            Frequencies: weight 0 is an absent row, weight 2 a repeated one.

        Raises
        ------
        DataError
            If the data cannot be used or an argument does not fit them.

        Warns
        -----
        ConvergenceWarning
            If the best run did not arrive within ``max_iter`` passes.
        DegeneracyWarning
            If every start collapsed onto a few rows.
        """
        self._validate_params()
        data = as_data(X, min_rows=2)
        weight = as_sample_weight(sample_weight, len(data.values))
        used = None if weight is None else np.flatnonzero(weight)
        problem = self._problem(data, weight)
        memberships = self.labels_init
        if memberships is not None:
            memberships = memberships_of(memberships, len(data.values), self.n_components)
            memberships = memberships if used is None else memberships[used]
        try:
            result = self._search(problem, memberships)
        except np.linalg.LinAlgError:
            raise DataError(
                "Fitting the mixture model failed because some components have ill-defined "
                "empirical covariance (for instance caused by singleton or collapsed samples). "
                "Try to decrease the number of components, increase reg_covar, or scale the input "
                "data; priors= rules such components out."
                + diagnosis(problem, self._settings(), data.feature_names, used)
            ) from None
        atlas = result.atlas(problem, data.feature_names, used)
        self._report_trouble(result.run, atlas)
        self._keep(result.run, atlas, problem, data.feature_names)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> np.ndarray:
        """Fit, and return the component of each row, (N,)."""
        return self.fit(X, y, sample_weight).predict(X)

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion, -2 log L + p log n: lower is better."""
        log_likelihood, n, _ = self._likelihood(X, sample_weight)
        return criteria.bic(log_likelihood, self._n_parameters(), n)

    def aic(self, X: Any) -> float:
        """Akaike's information criterion, -2 log L + 2 p: lower is better."""
        log_likelihood, _, _ = self._likelihood(X, None)
        return criteria.aic(log_likelihood, self._n_parameters())

    def icl(self, X: Any, sample_weight: Any = None) -> float:
        """Integrated completed likelihood: BIC with a charge for overlap; lower is better."""
        log_likelihood, n, weight = self._likelihood(X, sample_weight)
        bic = criteria.bic(log_likelihood, self._n_parameters(), n)
        return criteria.icl(bic, self.mixture_.log_responsibilities(self._new_rows(X)), weight)

    def standard_errors(
        self,
        X: Any,
        sample_weight: Any = None,
        *,
        method: str = "information",
        n_boot: int = 999,
        n_jobs: int | None = None,
        progressbar: bool = False,
    ) -> StandardErrors:
        """Standard errors of the weights, means and covariances: zero for ``fixed`` ones.

        Parameters
        ----------
        X : (N, D) array_like or frame
            The rows that were fitted; an estimator keeps no data.
        sample_weight : (N,) array_like, optional
            Their weights.
        method : {"information", "weighted", "nonparametric", "parametric"}
            "information", the default, takes the curvature of the log-likelihood at the fit (with
            priors, of the log posterior), inverted: quick, and right for many rows a component
            (Louis, 1982, doi:10.1111/j.2517-6161.1982.tb01203.x). The others refit to data drawn
            anew: "weighted" gives the rows exponential weights (Newton and Raftery, 1994,
            doi:10.1111/j.2517-6161.1994.tb01956.x), "nonparametric" draws rows with replacement
            (Efron, 1979, doi:10.1214/aos/1176344552), "parametric" draws them from the fit, and so
            supposes that the model is true.
        n_boot : int, default 999
            Refits.
        n_jobs : int, optional
            Threads for the refits, as in scikit-learn: None is one, -1 all. The result does not
            depend on it. Seeds come from ``random_state``.
        progressbar : bool, default False
            Show the progress of the refits on standard error.

        Raises
        ------
        DataError
            If the rows are not as many as were fitted, or an argument cannot be used.

        Warns
        -----
        StandardErrorWarning
            If the information is not positive definite (the standard errors are then NaN, and
            ``reason`` says why), if the fit is not at the maximum for these rows, or if refits
            collapsed.
        """
        rows = self._new_rows(X)
        weight = as_sample_weight(sample_weight, len(rows))
        n = float(len(rows) if weight is None else weight.sum())
        if abs(n - self.n_rows_) > 1e-6 * self.n_rows_:
            raise DataError(
                f"X must be the rows that were fitted, which weigh {self.n_rows_:g}, got rows that "
                f"weigh {n:g}; give the same X, and sample_weight if fit had it."
            )
        problem = self._problem(Data(rows), weight)
        rng = as_generator(self.random_state)
        return standard_errors(problem, self.mixture_, method, n_boot, rng, n_jobs, progressbar)

    def _likelihood(self, X: Any, sample_weight: Any) -> tuple[float, float, np.ndarray | None]:
        density = self.score_samples(X)
        weight = as_sample_weight(sample_weight, len(density))
        if weight is None:
            return float(density.sum()), float(len(density)), None
        return float(density @ weight), float(weight.sum()), weight

    def _n_parameters(self) -> int:
        """Number of free parameters (scikit-learn's name for it)."""
        counts = self.mixture_.parameter_counts
        return sum(count for part, count in counts.items() if part not in self.fixed)

    def _problem(self, data: Data, weight: np.ndarray | None) -> Problem:
        values = data.values
        if weight is not None and not weight.all():
            values, weight = np.ascontiguousarray(values[weight > 0]), weight[weight > 0]
        check_enough_rows(len(values), self.n_components)
        family = get_family(self.covariance_type)
        fixed = checked_fixed(self.fixed, self._givers())
        if self.priors is None and not self.reg_covar and "covariances" not in fixed:
            check_not_degenerate(values, family.name, data.feature_names, weight)
        priors = self.priors
        resolved = (
            None
            if priors is None
            else resolve(priors, values, self.n_components, family.name, weight)
        )
        if resolved is not None and resolved.is_lkj:
            raise DataError(
                "LKJ(...) leaves EM without an M-step in closed form; use covariances="
                "InverseWishart() or LogNormalScale(), or sample the posterior "
                "(BayesianGaussianMixture)."
            )
        if resolved is not None and resolved.learns_concentration:
            raise DataError(
                "GammaConcentration(...) leaves the joint density without a bound where a "
                "component is empty, and so without a mode; give a Dirichlet(concentration=...) of "
                "1 or above, or sample the posterior (BayesianGaussianMixture)."
            )
        if resolved is not None and np.any(resolved.concentration < 1.0):
            raise DataError(
                "Dirichlet(concentration=...) must be 1 or above for a posterior mode, got "
                f"{resolved.concentration.min():g}: below 1 the density has no bound where a "
                "component is empty; sample the posterior instead (BayesianGaussianMixture)."
            )
        return Problem(values, family.name, weight, resolved, self.reg_covar, fixed)

    def _givers(self) -> dict[str, bool]:
        """For each part, whether a start of it is given."""
        whole = self.labels_init is not None or (self.warm_start and hasattr(self, "mixture_"))
        return {
            "weights": whole or self.weights_init is not None,
            "means": whole or self.means_init is not None,
            "covariances": whole or self.precisions_init is not None,
        }

    def _search(self, problem: Problem, memberships: np.ndarray | None) -> SearchResult:
        rng, settings = as_generator(self.random_state), self._settings()
        watch = self._watch() if self.verbose else None
        given = given_parts(
            self.weights_init,
            self.means_init,
            self.precisions_init,
            memberships,
            self.n_components,
            problem,
        )
        if self.warm_start and hasattr(self, "mixture_"):
            self._check_same_model(problem)
            last = self.lower_bounds_[-1] * problem.n if self.lower_bounds_ else None
            return best_of(problem, settings, [self.mixture_], watch, last)
        return search(problem, settings, rng, watch, given)

    def _settings(self) -> Settings:
        return Settings(self.n_components, self.n_init, self.init_params, self.tol, self.max_iter)

    def _check_same_model(self, problem: Problem) -> None:
        last = self.mixture_
        before = last.n_components, last.covariance_type, last.n_features
        now = self.n_components, problem.family.name, problem.n_features
        if before != now:
            raise DataError(
                "warm_start=True goes on from the last fit, which must be of the same model, but "
                f"that had (n_components, covariance_type, features) {before}, not {now}; set "
                "warm_start=False to begin anew."
            )

    def _watch(self) -> Watch:
        def tell(n_passes: int, objective: float) -> None:
            if n_passes % self.verbose_interval == 0:
                sys.stderr.write(f"pass {n_passes}: {objective:.8g} nats a row\n")

        return tell

    def _report_trouble(self, run: Run, atlas: Atlas) -> None:
        if atlas.all_collapsed:
            why = atlas.optima[0].why_spurious
            warnings.warn(f"Every start collapsed: {why}", DegeneracyWarning, stacklevel=3)
        elif not run.converged and self.max_iter > 0:
            n = run.n_passes
            in_passes = f"{n} passes over the data were" if n != 1 else "one pass over the data was"
            warnings.warn(
                "Best performing initialization did not converge. Try different init parameters, "
                "or increase max_iter, tol, or check for degenerate data: "
                f"{in_passes} not enough.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _keep(
        self, run: Run, atlas: Atlas, problem: Problem, names: tuple[str, ...] | None
    ) -> None:
        mixture = replace(run.mixture, feature_names=names)
        self._keep_mixture(mixture)
        self.converged_ = run.converged
        self.n_iter_ = run.n_passes
        self.lower_bounds_ = [value / problem.n for value in run.history]
        self.lower_bound_ = run.objective / problem.n
        self.starts_ = atlas
        self.n_rows_ = problem.n
        self._keep_features(mixture.n_features, names)

    def _keep_mixture(self, mixture: Mixture) -> None:
        self.mixture_ = mixture
        self.weights_ = mixture.weights
        self.means_ = mixture.means
        self.covariances_ = mixture.native_covariances
        if mixture.family.structure == "diagonal":
            self.precisions_cholesky_ = mixture.whitening
            self.precisions_ = mixture.whitening**2
        else:
            self.precisions_cholesky_ = np.swapaxes(mixture.whitening, -1, -2)
            self.precisions_ = self.precisions_cholesky_ @ mixture.whitening

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        return tags
