"""Running a user's prior inside a model, and saying clearly what is wrong with it."""

# PyTensor's annotations leave out its variables' operators and its lazily exported names.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalIterable=false, reportOptionalMemberAccess=false
# pyright: reportPrivateImportUsage=false, reportReturnType=false, reportAssignmentType=false

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pymc.distributions.distribution import SymbolicRandomVariable
from pytensor.tensor.random.op import RandomVariable

from bayesgmm.bayes.covariances import Covariances
from bayesgmm.core.covariance import CovarianceFamily
from bayesgmm.exceptions import DataError

# Names of the model's own variables; of these, a user's function may take that of its slot.
RESERVED = frozenset([
    *("weights", "means", "covariances", "X", "data"),
    *("scale", "variances", "factor_squares", "factor_below"),
])  # fmt: skip


# Points around the initial one at which values are checked.
_TRIALS = 20


def interpreted() -> AbstractContextManager:
    """Evaluate graphs node by node, for the few evaluations that are not worth compiling for."""
    return pytensor.config.change_flags(mode="FAST_COMPILE", cxx="")


class UserPrior:
    """A user's function in one slot of the priors.

    Parameters
    ----------
    slot : {"weights", "means", "covariances"}
    function : callable
        ``f(n_components, n_features)``.

    Attributes
    ----------
    name : str
        How messages speak of it.
    registered : tuple of str
        Names of the variables that it added to the model, once it has run.
    """

    registered: tuple[str, ...] = ()

    def __init__(self, slot: str, function: Callable[[int, int], Any]) -> None:
        name = getattr(function, "__name__", None) or type(function).__name__
        self.slot = slot
        self.function = function
        self.name = f"Priors({slot}={name})"

    def array(self, n_components: int, n_features: int) -> Any:
        """Weights (K,) or means (K, D), as the function returns them inside the model's context.

        Raises
        ------
        DataError
            If the function fails or returns something else.
        """
        value = self._call(n_components, n_features)
        letters = {"weights": "(K,)", "means": "(K, D)"}[self.slot]
        shape = (n_components, n_features)[: 1 if self.slot == "weights" else 2]
        return self._checked(value, shape, letters, f"must return {self.slot}")

    def covariances(
        self, n_components: int, n_features: int, family: CovarianceFamily
    ) -> Covariances:
        """Covariances in a form that fits the family.

        Raises
        ------
        DataError
            If the function fails or returns something else.
        """
        value = self._call(n_components, n_features)
        if not isinstance(value, Covariances):
            raise DataError(
                f"{self.name} must return Covariances(chol=...), cov=, tau= or sd=, "
                f"got {_short(value)}; wrap what it returns."
            )
        form = value.form
        diagonal = family.structure == "diagonal"
        if diagonal != (form == "sd"):
            wanted = "sd" if diagonal else "chol, cov or tau"
            raise DataError(
                f"{self.name}: covariance_type '{family.name}' takes Covariances({wanted}=...), "
                f"got {form}."
            )
        shape = family.native_shape(n_components, n_features)
        letters = {"full": "(K, D, D)", "tied": "(D, D)", "diag": "(K, D)", "spherical": "(K,)"}
        what = f"must return Covariances with {form} for covariance_type '{family.name}'"
        checked = self._checked(getattr(value, form), shape, letters[family.name], what)
        if None in checked.type.shape:  # dims hide the sizes
            checked = pt.specify_shape(checked, shape)
        return Covariances(**{form: checked})

    def _call(self, n_components: int, n_features: int) -> Any:
        model = pm.modelcontext(None)
        before = set(model.named_vars)
        try:
            value = self.function(n_components, n_features)
        except Exception as error:
            raise DataError(
                f"{self.name} failed when called with n_components={n_components} and "
                f"n_features={n_features}: {type(error).__name__}: {error}"
            ) from error
        self.registered = tuple(name for name in model.named_vars if name not in before)
        own = {self.slot} - {"covariances"}  # always ours: full matrices
        taken = sorted(set(self.registered) & (RESERVED - own))
        if taken:
            raise DataError(
                f"{self.name} registers a variable named {taken[0]!r}, a name that the model "
                "itself uses; rename it."
            )
        return value

    def _checked(self, value: Any, shape: tuple[int, ...], letters: str, what: str) -> Any:
        try:
            tensor = pt.as_tensor_variable(value)
        except Exception:
            raise DataError(
                f"{self.name} {what} of shape {letters}, got {_short(value)}."
            ) from None
        found = _shape(tensor)
        if found != shape:
            raise DataError(f"{self.name} {what} of shape {letters} = {shape}, got shape {found}.")
        strange = _random_outside(pm.modelcontext(None), tensor)
        if strange is not None:
            kind = strange.owner.op.name or type(strange.owner.op).__name__
            raise DataError(
                f"{self.name} returns what depends on a random variable ({kind}) that is no part "
                "of the model: give it a name there, as in pm.Normal('location', 0.0, 1.0), rather "
                "than take it from pm.Normal.dist(...)."
            )
        if tensor.dtype not in ("float32", "float64"):
            tensor = tensor.astype("float64")
        return tensor


def _random_outside(model: pm.Model, tensor: Any) -> Any | None:
    """Return a random variable that the tensor depends on and that the model does not hold."""
    left, seen = [tensor], set()
    while left:
        variable = left.pop()
        if variable in seen or variable.owner is None:
            continue
        seen.add(variable)
        if _is_random(variable) and variable not in model.basic_RVs:
            return variable
        left += _parameters(variable)
    return None


def _parameters(variable: Any) -> list[Any]:
    """Inputs, those of what a truncated, censored or mixed distribution is made from included."""
    inputs = variable.owner.inputs
    if not isinstance(variable.owner.op, SymbolicRandomVariable):
        return inputs
    return [p for part in inputs for p in (_parameters(part) if _is_random(part) else [part])]


def _is_random(variable: Any) -> bool:
    op = None if variable.owner is None else variable.owner.op
    return isinstance(op, RandomVariable | SymbolicRandomVariable)


def _short(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def _shape(tensor: Any) -> tuple[int, ...]:
    if None not in tensor.type.shape:
        return tensor.type.shape
    with interpreted():
        return tuple(int(length) for length in pm.draw(tensor.shape, random_seed=0))


def check_values(
    model: pm.Model, weights: Any, whitening: Any, family: CovarianceFamily, named: dict[str, str]
) -> None:
    """Check what users' functions return, at the model's initial point and at others around it.

    Parameters
    ----------
    model : pymc.Model
    weights : TensorVariable, (K,)
    whitening : TensorVariable
        Native whitening factors.
    family : CovarianceFamily
    named : dict
        For each slot that holds a user's function, how to speak of it.

    Raises
    ------
    DataError
        If, wherever the priors have a density, the weights are not a point of the simplex or the
        covariances not positive definite.
    """
    with interpreted():
        start = model.initial_point(random_seed=0)
        prior = model.logp([*model.free_RVs, *model.potentials])
        outputs = [*model.replace_rvs_by_values([weights, whitening]), prior]
        evaluate = model.compile_fn(outputs, inputs=model.value_vars, on_unused_input="ignore")
        _check_at(evaluate, start, family, named, "at the initial point")
        rng = np.random.default_rng(0)
        for _ in range(_TRIALS):
            # As far as samplers commonly start, in coordinates in which every value is allowed.
            point = {
                name: value + rng.uniform(-2.0, 2.0, np.shape(value))
                if np.asarray(value).dtype.kind == "f"
                else value
                for name, value in start.items()
            }
            _check_at(evaluate, point, family, named, "elsewhere, where its prior has a density")


def _check_at(
    evaluate: Callable, point: dict, family: CovarianceFamily, named: dict[str, str], where: str
) -> None:
    try:
        with np.errstate(all="ignore"):
            weights, factors, prior = evaluate(point)
    except np.linalg.LinAlgError:
        weights, factors, prior = None, np.array(np.nan), 0.0
    if where != "at the initial point" and not np.isfinite(prior):
        return
    if family.structure == "triangular" and factors.ndim > 1:
        factors = factors.diagonal(axis1=-2, axis2=-1)
    if "covariances" in named and not np.all((factors > 0) & np.isfinite(factors)):
        raise DataError(
            f"{named['covariances']} must return positive definite covariances; {where} they are "
            "not: scales need priors on positive numbers, such as pm.LogNormal."
        )
    if weights is None or "weights" not in named:
        return
    advice = "pm.Dirichlet or a softmax make such weights."
    if not np.all(weights >= 0):
        raise DataError(
            f"{named['weights']} must return weights that are not negative, got {weights} {where}; "
            f"{advice}"
        )
    if not np.isclose(weights.sum(), 1.0, rtol=0.0, atol=1e-6):
        raise DataError(
            f"{named['weights']} must return weights that sum to one, got a sum of "
            f"{weights.sum():.4g} {where}; {advice}"
        )
