"""The Bayesian estimator."""

import os
import warnings
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from bayesgmm.bayes import elpd
from bayesgmm.bayes.arguments import ATTRIBUTES, OF_FIT, refuse
from bayesgmm.bayes.assembly import assemble
from bayesgmm.bayes.interrupts import put_off_once
from bayesgmm.bayes.samplers import SAMPLERS
from bayesgmm.core.covariance import FAMILIES, get_family
from bayesgmm.core.criteria import WAIC
from bayesgmm.core.random_state import as_generator
from bayesgmm.data.arguments import OneOf, refuse_keywords
from bayesgmm.data.validate import (
    as_data,
    check_distinct_rows,
    check_enough_rows,
    check_not_degenerate,
)
from bayesgmm.exceptions import DataError, PosteriorWarning
from bayesgmm.prediction import MixturePredictor
from bayesgmm.priors import Priors, improprieties, resolve
from bayesgmm.progress import working

if TYPE_CHECKING:
    import pymc as pm
    from arviz_stats.utils import ELPDData

    from bayesgmm.bayes.engines import EngineResult

# Densities of rows under components and draws that take a few seconds.
_SECONDS = 5e8
_NOT_NOW = (
    "The draws are made, and are being relabelled and checked; after that the fit ends. Another "
    "interrupt loses them."
)


class BayesianGaussianMixture(MixturePredictor, DensityMixin, BaseEstimator):
    """Gaussian mixture by full Bayesian inference: draws from the posterior.

    Parameters
    ----------
    n_components : int, default 1
        Number of components, K.
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        Covariance family; mclust's codes VVV, EEE, VVI and VII are accepted.
    priors : Priors, optional
        Weakly informative and scaled to the data by default; see :class:`Priors`. A function in one
        of its slots puts any PyMC prior there; the model is then compiled by PyMC, which takes half
        a minute the first time, where priors of ours need no compilation.
    sampler : {"auto", "hmc", "nuts", "gibbs", "laplace", "vi", "smc"}, default "auto"
        How to draw; the guide compares them. "auto" is "hmc" for all priors of ours but `LKJ`, and
        "nuts" for the others.

        - "hmc": jumps to draws of normal approximations, one a mode, where they are close to the
          posterior, elsewhere Hamiltonian moves that follow its normal part exactly, and Gibbs
          sweeps. A draw costs one to seven passes over the data, and is mostly worth an independent
          one where there are a few hundred rows to a component.
        - "nuts": the No-U-Turn sampler of nutpie, started at the posterior's modes and
          preconditioned by its curvature there. A draw costs several passes over the data. Good
          everywhere, for any priors.
        - "gibbs": blocked Gibbs sampling, memberships given parameters and parameters given
          memberships. A draw costs one pass, but resembles the one before it where components
          overlap. For priors of ours but `LKJ`, where components are apart, or as a check.
        - "laplace": independent draws from normals at the modes, weighted and resampled. A draw
          costs one pass, and nothing is thrown away. For priors of ours, where there are many rows
          to each component; where the weights say that it does not do (k-hat 0.7 or more), NUTS
          takes over with a warning.
        - "vi": variational inference, independent draws from the normals nearest to the posterior,
          weighted and resampled as those of "laplace". A fit costs up to 200 times 256 passes (or
          eight a coordinate), a draw one. For priors of ours, where "laplace" just fails, and as a
          quick look. It is taken whatever the weights say, so read them: with a k-hat of 0.7 or
          more, of which a warning tells, the error has no bound.
        - "smc": sequential Monte Carlo, particles moved from the prior to the posterior. A particle
          costs hundreds of passes, the dearest way. For priors of ours, as a check that starts at
          no mode, and for the evidence, the density of the data under the prior:
          ``posterior_["posterior"].attrs["log_evidence"]``, in nats, with its standard error
          ``"log_evidence_error"`` from two chains on.

        ``posterior_["posterior"].attrs["sampler"]`` names the one that made the draws.
    draws : int, default 1000
        Draws a chain.
    tune : int, optional
        Draws a chain before the others: for "hmc" to see how near normal the posterior is (100 by
        default, 200 where it is not), to tune NUTS (200; 1000 for a PyMC model), for "gibbs" to
        forget its start (400). Not used by "vi" and "smc".
    chains : int, default 4
        R-hat needs two at least. Of "smc": populations of particles, each on its own.
    random_state : int, numpy.random.Generator, numpy.random.RandomState, optional
        Seed. The global NumPy state is never touched.
    progressbar : bool, default True
        Show the progress of the chains.
    checkpoint : str or path, optional
        File in which the draws so far are kept every 20 seconds: a Zarr archive, whose name ends in
        ``.zarr`` or ``.zarr.zip``. Where it exists, a fit of the same data, model, priors, sampler
        and number of chains goes on from there: each chain from its last draw kept, with the
        sampler tuned anew. Its draws are then others than without the interruption, of the same
        posterior. A finished one goes on to more `draws`. Another `random_state` changes only the
        draws that are still missing. Functions in `priors` are known by their names only. For
        chains alone: "hmc", "nuts" and "gibbs".

    Attributes
    ----------
    posterior_ : xarray.DataTree
        Groups ``posterior``, ``sample_stats``, ``observed_data`` and, up to 256 MB,
        ``log_likelihood``. The posterior, relabelled, holds all variables of ``model_``: weights,
        means, covariances as full matrices, and those that PyMC samples of the covariances (see
        :func:`build_model`).
    mixture_ : Mixture
        The relabelled draws, with leading axes (chain, draw).
    map_ : Mixture
        The mode of the joint posterior density of weights, means and covariances. Where a Dirichlet
        concentration below one leaves it without one: the mode under a concentration of one. Where
        the concentration is learned: that under its prior mean, or under one if that is below.
    diagnostics_ : Diagnostics
        R-hat, effective sample sizes, divergences, label switching, in numbers and in words.
    interrupted_ : bool
        Whether Ctrl-C came during the fit, which a loop over fits may want to know. The draws may
        be all that were asked for: see Notes of :meth:`fit`.
    priors_ : ResolvedPriors or Priors
        The priors as numbers; as given, where a slot holds a function.
    model_ : pymc.Model
        The equivalent PyMC model, built when first asked for.
    n_features_in_ : int
    feature_names_in_ : (D,) array of str
        Set when the data name their columns.

    See Also
    --------
    GaussianMixture : EM, with the same priors or none.

    Notes
    -----
    The posterior is the same for every order of the components. Draws are sampled without
    constraints and relabelled to the MAP afterwards; an ordering constraint would distort them.

    Examples
    --------
    >>> from bayesgmm import BayesianGaussianMixture, load_dataset
    >>> faithful = load_dataset("faithful")
    >>> fit = BayesianGaussianMixture(2, random_state=0, progressbar=False).fit(faithful)
    >>> fit.diagnostics_.ok
    True
    """

    _instead: ClassVar[dict[str, str]] = ATTRIBUTES
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [OneOf([*FAMILIES, *(f.mclust_code for f in FAMILIES.values())])],
        "priors": [Priors, None],
        "sampler": [OneOf(["auto", *SAMPLERS])],
        "draws": [Interval(Integral, 4, None, closed="left")],
        "tune": [Interval(Integral, 1, None, closed="left"), None],
        "chains": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state", np.random.Generator],
        "progressbar": ["boolean"],
        "checkpoint": [str, os.PathLike, None],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        priors: Priors | None = None,
        sampler: str = "auto",
        draws: int = 1000,
        tune: int | None = None,
        chains: int = 4,
        random_state: Any = None,
        progressbar: bool = True,
        checkpoint: str | os.PathLike[str] | None = None,
        **other: Any,
    ):
        refuse(other, self._get_param_names())
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.priors = priors
        self.sampler = sampler
        self.draws = draws
        self.tune = tune
        self.chains = chains
        self.random_state = random_state
        self.progressbar = progressbar
        self.checkpoint = checkpoint

    def fit(self, X: Any, y: Any = None, **other: Any) -> Self:
        """Draw from the posterior.

        Parameters
        ----------
        X : (N, D) array_like or frame
        y : ignored

        Raises
        ------
        DataError
            If the data cannot be used, an argument does not fit them, or the checkpoint is one of
            another fit or the sampler keeps none.

        Warns
        -----
        PosteriorWarning
            Before sampling, if the priors leave the posterior improper for data with these ties, or
            NUTS takes the place of ``sampler="laplace"``; after it, if the diagnostics say that the
            draws are not to be trusted as they are, or there are fewer than were asked for.

        Notes
        -----
        An interrupt (Ctrl-C) while chains are sampled ends sampling and keeps the draws so far:
        the fit is whole but for its length, as many draws of each chain that has begun, marked by
        ``posterior_["posterior"].attrs["complete"] = 0``. An interrupt after that, while they are
        relabelled and checked, is put off, once; ``interrupted_`` tells of both. Before there are
        four draws, or with ``sampler="laplace"``, "vi" or "smc", which have no draws before the
        end, it raises KeyboardInterrupt, and the estimator is as it was.
        """
        refuse_keywords("BayesianGaussianMixture.fit", other, OF_FIT)
        self._validate_params()
        data = as_data(X, min_rows=2)
        check_enough_rows(len(data.values), self.n_components)
        family = get_family(self.covariance_type)
        check_distinct_rows(data.values, self.n_components)
        if self.priors is None:
            check_not_degenerate(data.values, family.name, data.feature_names)
        priors = Priors() if self.priors is None else self.priors
        improper: tuple[str, ...] = ()
        if priors.is_ours:
            resolved = resolve(priors, data.values, self.n_components, family.name)
            improper = improprieties(resolved, data.values, self.n_components, data.feature_names)
            for message in improper:
                warnings.warn(message, PosteriorWarning, stacklevel=2)
        # After the checks, whose errors need not wait for a compiler to be loaded.
        from bayesgmm.bayes.engines import draw_posterior
        from bayesgmm.core.kernels.compiling import announced

        names = data.feature_names or tuple(f"x{i}" for i in range(data.n_features))
        with announced(f"the loops of sampler={self.sampler!r}", quiet=not self.progressbar):
            result = draw_posterior(
                data.values,
                self.n_components,
                family.name,
                priors,
                sampler=self.sampler,
                draws=self.draws,
                tune=self.tune,
                chains=self.chains,
                rng=as_generator(self.random_state),
                progressbar=self.progressbar,
                checkpoint=self.checkpoint,
            )
            doing = "Relabelling and checking the draws"
            with working(doing, show=self.progressbar), put_off_once(_NOT_NOW) as is_put_off:
                self._keep(result, data.values, names, improper)
        self.interrupted_ = is_put_off() or not result.complete
        self._keep_features(data.n_features, data.feature_names)
        if found := self.diagnostics_.messages[len(improper) :]:
            warnings.warn(" ".join(found), PosteriorWarning, stacklevel=2)
        return self

    def predict_proba(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, X: Any, interval: float | None = None
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Probability that each row belongs to each component, averaged over the draws.

        Parameters
        ----------
        X : (N, D) array_like or frame
        interval : float, optional
            Also return the equal-tailed interval that holds this share of the draws.

        Returns
        -------
        (N, K) array, or three of them: mean, lower and upper bound
        """
        if interval is not None and not (isinstance(interval, Real) and 0.0 < interval < 1.0):
            raise DataError(f"interval must be between 0 and 1, such as 0.9, got {interval!r}.")
        rows = self._new_rows(X)
        with self._averaging("Memberships", rows):
            if interval is None:
                return self.mixture_.mean_responsibilities(rows)
            return self.mixture_.responsibility_interval(rows, interval)

    def score_samples(self, X: Any) -> np.ndarray:
        """Log density of each row in nats under the posterior predictive, (N,)."""
        rows = self._new_rows(X)
        with self._averaging("Densities", rows):
            return self.mixture_.predictive_log_density(rows)

    def loo(self) -> "ELPDData":
        """Leave-one-out expected log predictive density, by Pareto-smoothed importance sampling.

        Higher is better, in nats. Rows with a Pareto k above ``good_k`` are approximated badly.
        See Vehtari, Gelman and Gabry (2017), doi:10.1007/s11222-016-9696-4.
        """
        check_is_fitted(self)
        posterior = self.posterior_["posterior"].to_dataset()
        return elpd.loo(self._log_likelihood(), self._n_rows, posterior, self.progressbar)

    def waic(self) -> WAIC:
        """Widely applicable information criterion, as expected log predictive density.

        Higher is better, in nats. Prefer :meth:`loo`, which has the smaller error.
        """
        check_is_fitted(self)
        n_draws = len(self.mixture_.flatten())
        return elpd.waic(self._log_likelihood(), self._n_rows, n_draws, self.progressbar)

    @cached_property
    def model_(self) -> "pm.Model":
        """The equivalent PyMC model of these data, for any sampler of PyMC."""
        from bayesgmm.bayes.model import build_model

        check_is_fitted(self)
        return build_model(
            self.posterior_["observed_data"].to_dataset()["X"].to_pandas(),
            self.n_components,
            self.covariance_type,
            self.priors,
        )

    def __getstate__(self) -> dict[str, Any]:
        # PyMC's models cannot all be pickled; this one is built again when it is asked for.
        state: Any = super().__getstate__()
        return {name: value for name, value in state.items() if name != "model_"}

    def _averaging(self, what: str, rows: np.ndarray) -> AbstractContextManager[None]:
        """Say what goes on where it takes seconds."""
        n_values = len(rows) * self.mixture_.weights.size
        return working(f"{what} under each draw", self.progressbar and n_values > _SECONDS)

    @property
    def _n_rows(self) -> int:
        return self.posterior_["observed_data"].sizes["observation"]

    def _log_likelihood(self) -> elpd.LogLikelihood:
        if "log_likelihood" in self.posterior_.children:
            kept = self.posterior_["log_likelihood"].to_dataset()["X"].values
            return lambda rows: kept[..., rows]
        X = self.posterior_["observed_data"].to_dataset()["X"].values
        return elpd.pointwise(self.mixture_, X)

    def _keep(
        self,
        drawn: "EngineResult",
        X: np.ndarray,
        names: tuple[str, ...],
        improper: tuple[str, ...],
    ) -> None:
        mixture, tree, diagnostics = assemble(drawn, X, names, n_wanted=self.chains * self.draws)
        diagnostics = replace(diagnostics, messages=(*improper, *diagnostics.messages))
        # All at once, so that an interruption leaves nothing half-done.
        self.__dict__.pop("model_", None)
        self.posterior_, self.mixture_, self.diagnostics_ = tree, mixture, diagnostics
        self.map_ = replace(drawn.map, feature_names=names)
        self.priors_ = drawn.priors
