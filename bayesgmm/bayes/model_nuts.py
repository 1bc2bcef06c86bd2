"""NUTS on a PyMC model: the way for priors that users write themselves.

nutpie compiles the model's density with Numba, which takes half a minute the first time and seconds
from PyTensor's cache afterwards. (Its JAX backend compiles faster, but JAX is not a dependency.)
Everything that is evaluated once a draw or less is evaluated node by node instead, which needs no
compilation: starts, the mixture at each draw, the mode.
"""

# PyTensor's annotations leave out its variables' operators and its lazily exported names.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalIterable=false, reportOptionalMemberAccess=false
# pyright: reportPrivateImportUsage=false, reportReturnType=false, reportAssignmentType=false

import warnings
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np
import pytensor.tensor as pt
import xarray as xr
from pymc.initial_point import make_initial_point_fn
from pytensor.gradient import grad
from scipy.optimize import minimize

from bayesgmm.bayes import nutpie_adapter
from bayesgmm.bayes.checkpoint import Checkpoint
from bayesgmm.bayes.engines import EngineResult
from bayesgmm.bayes.model import AssembledModel, assemble
from bayesgmm.bayes.model_starts import em_solution, values_at
from bayesgmm.bayes.user_priors import interpreted
from bayesgmm.bayes.variables import variable_dims
from bayesgmm.core.mixture import Mixture
from bayesgmm.em.degeneracy import find_spikes
from bayesgmm.em.problem import Problem
from bayesgmm.exceptions import DataError, PosteriorWarning
from bayesgmm.priors import Priors

# There is no curvature to precondition by, so tuning takes longer than on the compiled density.
TUNE = 1000
_MAX_HALVINGS = 20


def sample_model(
    X: np.ndarray,
    n_components: int,
    covariance_type: str,
    priors: Priors,
    *,
    draws: int,
    tune: int | None,
    chains: int,
    rng: np.random.Generator,
    progressbar: bool,
    checkpoint: Checkpoint | None = None,
) -> EngineResult:
    """Draw from the posterior under priors of which some are users' functions.

    Parameters
    ----------
    X : (N, D) array
    n_components : int
    covariance_type : str
    priors : Priors
    draws, chains : int
    tune : int or None
        None takes 1000.
    rng : numpy.random.Generator
    progressbar : bool
    checkpoint : Checkpoint, optional
        Where the draws so far are kept, and gone on from.

    Returns
    -------
    EngineResult
        Its ``map`` maximises the joint density of weights, means, covariances and hyperparameters
        where their priors are ours, and of the user's own variables in the other slots (a density
        has a mode only with respect to some parameters, and those are the ones the user chose). It
        is found by an ascent from the best draw; that draw stands in for it, with a warning, where
        the ascent ends in a spike.

    Raises
    ------
    DataError
        If a function does not return what its slot needs, registers a discrete variable, or gives
        the starting point no density.
    """
    assembled = assemble(X, n_components, covariance_type, priors)
    with interpreted():
        density = Density(assembled)
        around = _Starts(density, em_solution(X, n_components, covariance_type, priors, rng))
        starts = np.array([around.draw(rng) for _ in range(chains)])
        sample = partial(
            nutpie_adapter.sample_model,
            assembled.model,
            tune=TUNE if tune is None else tune,
            progressbar=progressbar,
        )
        seed = int(rng.integers(2**31))
        if checkpoint is None:
            raw = sample(starts, draws=draws, seed=seed).even()
        else:
            raw = checkpoint.run("chains", sample, starts, draws, seed, lambda point: point).even()
        mixture, others = density.expand(raw.draws)
        best = np.unravel_index(np.nanargmax(raw.sample_stats["lp"]), raw.draws.shape[:2])
        mode = _mode(density, raw.draws, best, mixture[best], X)
    hyper = np.zeros((*mixture.batch_shape, 0))
    extra = _dataset(assembled, others, ("chain", "draw"))
    data = {v.name: v.get_value() for v in assembled.model.data_vars if v.name != "data"}
    constants = _dataset(assembled, data) if data else None
    return EngineResult(
        mixture,
        hyper,
        raw.sample_stats,
        "nuts",
        mode,
        priors,
        extra=extra,
        constants=constants,
        complete=raw.complete,
    )


class Density:
    """The density of a model at flat unconstrained points, evaluated node by node.

    Must be made and used inside :func:`~bayesgmm.bayes.user_priors.interpreted`.
    """

    def __init__(self, assembled: AssembledModel) -> None:
        self.assembled = assembled
        self.model = model = assembled.model
        discrete = [rv.name for rv in model.free_RVs if rv.dtype not in ("float32", "float64")]
        if discrete:
            raise DataError(
                f"the priors register a discrete variable, {discrete[0]!r}, which NUTS cannot "
                "sample; marginalise it, or sample build_model(...) with pm.sample."
            )
        self.inputs = [model.rvs_to_values[rv] for rv in model.free_RVs]
        first = self.initial_point({})
        self.shapes = [first[value.name].shape for value in self.inputs]

    def initial_point(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The unconstrained initial point, where ``values`` says otherwise at those."""
        overrides = {self.model[name]: value for name, value in values.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a variable may have no typical value: drawn then
            return make_initial_point_fn(model=self.model, overrides=overrides)(0)

    def flatten(self, point: dict[str, np.ndarray]) -> np.ndarray:
        """One vector from values by name."""
        return np.concatenate([np.ravel(point[value.name]) for value in self.inputs]).astype(float)

    def split(self, theta: np.ndarray) -> list[np.ndarray]:
        """The variables' values from one vector, in the model's order."""
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        parts = np.split(theta, np.cumsum(sizes)[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def terms(self, theta: np.ndarray) -> dict[str, float]:
        """The log-density of each variable (Jacobians included), by name."""
        names = [variable.name for variable in [*self.model.basic_RVs, *self.model.potentials]]
        with np.errstate(all="ignore"):
            values = self._terms(*self.split(theta))
        return {name: float(np.sum(v)) for name, v in zip(names, values, strict=True)}

    def objective(self) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        """The log-density that the mode maximises, and its gradient, at unconstrained points."""
        a = self.assembled
        change = -pt.as_tensor(a.covariances.log_volume)
        terms = [*self.model.basic_RVs, *self.model.potentials]
        if "weights" not in a.user_slots:
            # Below one a concentration has no mode, and one takes its place.
            missing = a.priors.bounded().concentration
            if a.priors.learns_concentration:
                fixed = {"weights", "concentration"}
                terms = [term for term in terms if term.name not in fixed]
                missing = missing - 1.0
            else:
                missing = missing - a.priors.concentration
            if missing.any():
                change = change + (missing * pt.log(a.weights)).sum()
        value = self.model.logp(terms, jacobian=False)
        value = value + self.model.replace_rvs_by_values([change])[0]
        slopes = grad(value, self.inputs, disconnected_inputs="ignore")
        evaluate = self._compiled([value, *slopes])

        def at(theta: np.ndarray) -> tuple[float, np.ndarray]:
            with np.errstate(all="ignore"):
                value, *slopes = evaluate(*self.split(theta))
            return float(value), np.concatenate([np.ravel(slope) for slope in slopes])

        return at

    def expand(self, thetas: np.ndarray) -> tuple[Mixture, dict[str, np.ndarray]]:
        """The mixture at each of many points (..., P), and the model's other variables by name."""
        batch = thetas.shape[:-1]
        flat = thetas.reshape(-1, thetas.shape[-1])
        rows = [self._parts(*self.split(theta)) for theta in flat]
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        weights, means, whitening, *others = (c.reshape((*batch, *c.shape[1:])) for c in columns)
        mixture = Mixture(weights, means, whitening, self.assembled.family.name)
        return mixture, dict(zip(self._names, others, strict=True))

    @cached_property
    def _terms(self) -> Callable:
        return self._compiled(self.model.logp(sum=False))

    @cached_property
    def _names(self) -> list[str]:
        of_mixture = {"weights", "means", "covariances"}
        return [v.name for v in self.model.unobserved_RVs if v.name not in of_mixture]

    @cached_property
    def _parts(self) -> Callable:
        a = self.assembled
        others = [self.model[name] for name in self._names]
        outputs = [a.weights, a.means, a.covariances.whitening, *others]
        return self._compiled(self.model.replace_rvs_by_values(outputs))

    def _compiled(self, outputs: list) -> Callable:
        return self.model.compile_fn(
            outputs, inputs=self.inputs, point_fn=False, on_unused_input="ignore"
        )


class _Starts:
    """Starting points: around the EM solution, wherever the density is finite."""

    def __init__(
        self, density: Density, solution: tuple[Mixture, np.ndarray | None] | None
    ) -> None:
        values, lengths = {}, {}
        if solution is not None:
            values, lengths = values_at(density.assembled, *solution)
        self.density = density
        self.point = density.flatten(density.initial_point(values))
        if not self._is_finite(self.point):
            self.point = density.flatten(density.initial_point({}))
            self._check()
        self.lengths = np.concatenate([
            np.ravel(np.broadcast_to(lengths.get(value.name, 1.0), shape))
            for value, shape in zip(density.inputs, density.shapes, strict=True)
        ])  # fmt: skip

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """One of them, flat and unconstrained."""
        offset = rng.uniform(-1.0, 1.0, len(self.point)) * self.lengths
        for _ in range(_MAX_HALVINGS):
            if self._is_finite(self.point + offset):
                return self.point + offset
            offset = offset / 2.0
        return self.point.copy()

    def _is_finite(self, theta: np.ndarray) -> bool:
        return bool(np.isfinite(sum(self.density.terms(theta).values())))

    def _check(self) -> None:
        for name, value in self.density.terms(self.point).items():
            if not np.isfinite(value):
                raise DataError(
                    f"the log-density of {name!r} is {value} at the initial point; its prior or "
                    "its support does not fit there: give it an initval, or another prior."
                )


def _mode(
    density: Density, draws: np.ndarray, best: Any, fallback: Mixture, X: np.ndarray
) -> Mixture:
    start = draws[best]
    spread = draws.reshape(-1, len(start)).std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    at = density.objective()

    def loss(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = at(start + spread * z)
        if not (np.isfinite(value) and np.all(np.isfinite(slope))):
            return np.inf, np.zeros_like(z)
        return -value, -slope * spread

    found = minimize(loss, np.zeros_like(start), jac=True, method="L-BFGS-B",
                     options={"maxiter": 1000, "ftol": 1e-14, "gtol": 1e-6})  # fmt: skip
    mixture, _ = density.expand(start + spread * found.x)
    problem = Problem(X, fallback.covariance_type)
    if not np.all(np.isfinite(mixture.whitening)) or find_spikes(mixture, problem):
        warnings.warn(
            "The posterior density has no mode that could be found: the ascent from the best draw "
            "ends where a component has no width or no weight. map_ is that draw.",
            PosteriorWarning,
            stacklevel=2,
        )
        return fallback
    return mixture


def _dataset(
    assembled: AssembledModel, values: dict[str, np.ndarray], leading: tuple[str, ...] = ()
) -> xr.Dataset:
    """Variables of the model with their dims, and the coordinates of dims that are not ours."""
    model = assembled.model
    ours = {dim for dims in variable_dims(assembled.family).values() for dim in dims}
    variables, coords = {}, {}
    for name, array in values.items():
        own = [f"{name}_dim_{i}" for i in range(array.ndim - len(leading))]
        dims = [d or o for d, o in zip(model.named_vars_to_dims.get(name, own), own, strict=True)]
        variables[name] = ([*leading, *dims], array)
        for dim in dims:
            if dim not in ours and model.coords.get(dim) is not None:
                coords[dim] = list(model.coords[dim])
    return xr.Dataset(variables, coords=coords)
