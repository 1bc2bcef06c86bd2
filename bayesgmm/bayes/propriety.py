"""Whether a user's priors leave the posterior proper: what can be told from the model.

Priors are seen through numbers alone: how the density of a variable, and the standard deviations
that are made of it, behave as it goes to zero or to infinity.
"""

# PyTensor's annotations leave out its variables' operators and its lazily exported names.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOptionalMemberAccess=false, reportPrivateImportUsage=false

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pymc.distributions.continuous import FlatRV, HalfFlatRV
from pymc.distributions.multivariate import _LKJCholeskyCovRV
from pymc.initial_point import make_initial_point_fn
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import ancestors

from bayesgmm.exceptions import DataError, PosteriorWarning
from bayesgmm.priors.propriety import Ties

# Multiples of the initial value at which variables are looked at, near zero and far from it.
_ENDS = ((1e-4, 1e-6, 1e-8), (1e4, 1e6, 1e8))
# Entries of a variable that are looked at.
_MAX_ENTRIES = 64
_TOLERANCE = 0.02


def check_proper(
    model: pm.Model, weights: Any, means: Any, covariances: Any, named: dict[str, str]
) -> None:
    """Refuse flat priors that the data do not make proper.

    A component may hold no rows, and then nothing but the prior bounds its parameters; a weight may
    go to zero without making any row impossible. A flat prior that all components share is let
    pass: some component holds rows.

    Parameters
    ----------
    model : pymc.Model
    weights, means, covariances : TensorVariable
        (K,), (K, D) and (K, D, D).
    named : dict
        For each slot that holds a user's function, how to speak of it.

    Raises
    ------
    DataError
        If a variable is flat and moves a weight, or the parameters of some components only.
    """
    flat = [rv for rv in model.free_RVs if isinstance(rv.owner.op, FlatRV | HalfFlatRV)]
    if not flat or weights.type.shape == (1,):
        return
    at = _Point(model, [weights, means, covariances])
    before = at(at.values)
    for rv in flat:
        values = at.values[rv.name].copy()
        values.flat[0] += 0.5
        after = at(at.values | {rv.name: values})
        moved = [np.asarray(a != b) for a, b in zip(after, before, strict=True)]
        slot = next((s for s, m in zip(_SLOTS, moved, strict=True) if m.any()), None)
        components = np.any([m.reshape(len(m), -1).any(axis=1) for m in moved[1:]], axis=0)
        if slot in named and (slot == "weights" or not components.all()):
            raise DataError(
                f"{named[slot]}: the prior of {rv.name!r} is flat, which leaves the posterior "
                "improper, because a component may hold no rows; use a proper prior, such as "
                "pm.Normal with a large sigma."
            )


_SLOTS = ("weights", "means", "covariances")


def warn_of_collapse(
    model: pm.Model,
    covariances: Any,
    name: str,
    X: np.ndarray,
    feature_names: tuple[str, ...] | None,
) -> None:
    """Warn if a component may shrink without end onto rows with equal values.

    The likelihood of m rows with one value in a column, integrated over the mean, grows like
    ``s^-(m - 1)`` as the standard deviation s there goes to zero, so that a prior density like
    ``s^p`` is not enough where ``m >= p + 2``. Half-normal, half-Cauchy, exponential and uniform
    priors on s have p = 0.

    Parameters
    ----------
    model : pymc.Model
    covariances : TensorVariable
        (K, D, D), a user's.
    name : str
        How to speak of the user's function.
    X : (N, D) array
    feature_names : tuple of str or None
    """
    worst = None
    for rv, power, components, columns in _collapses(model, covariances):
        ties = Ties.of(X, columns)
        if not components.all():
            excess = ties.counts[0] - 1.0
        elif len(ties.counts) <= len(components):
            excess = len(X) - len(ties.counts)
        else:
            continue
        improper = len(columns) * excess >= power + 1.0 - _TOLERANCE
        if improper and (worst is None or ties.counts[0] > worst[2].counts[0]):
            worst = rv.name, power, ties
    if worst is None:
        return
    variable, power, ties = worst
    how = "does not vanish" if abs(power) < _TOLERANCE else f"is like sd^{power:.2g}"
    warnings.warn(
        f"{name}: the posterior is improper. The prior density of a standard deviation {how} at "
        f"zero (through {variable!r}), and {ties.describe(feature_names)}: a component can shrink "
        "onto them without end, and draws may do so at any time. Use a prior that vanishes faster, "
        "such as pm.LogNormal on standard deviations or pm.InverseGamma on variances.",
        PosteriorWarning,
        stacklevel=2,
    )


def _collapses(
    model: pm.Model, covariances: Any
) -> Iterator[tuple[Any, float, np.ndarray, tuple[int, ...]]]:
    """Ways for standard deviations to vanish.

    Yields the variable; the power p of its density ``s^p`` near zero; which components shrink (K,),
    and in which columns.
    """
    sds_of = _Point(model, [pt.sqrt(pt.diagonal(covariances, axis1=-2, axis2=-1))])
    nearest = set(ancestors([covariances], blockers=model.free_RVs))
    for rv in model.free_RVs:
        scale = _scale_of(rv) if rv in nearest else None
        if scale is None:
            continue
        log_density = _Point(model, [scale.log_density])
        for entry in range(min(scale.size, _MAX_ENTRIES)):
            for ends in _ENDS:
                points = [sds_of.values | scale.moved(sds_of.values, entry, u) for u in ends]
                steps = np.diff(np.log(ends))
                with np.errstate(all="ignore"):
                    log_sds = np.log([sds_of(point)[0] for point in points])
                    rate = (log_sds[2] - log_sds[1]) / steps[1]
                    slopes = np.diff([log_density(p)[0].flat[entry] for p in points]) / steps
                    vanish = np.isfinite(rate) & (rate * np.sign(steps[1]) < -0.05)
                # What is no power of the variable vanishes faster than any.
                is_power = abs(slopes[1] - slopes[0]) < _TOLERANCE
                if vanish.any() and is_power:
                    components = vanish.any(axis=1)
                    columns = np.flatnonzero(vanish[components][0])
                    power = (slopes[1] + 1.0) / rate[vanish][0] - 1.0
                    yield rv, float(power), components, tuple(columns.tolist())


@dataclass(frozen=True)
class _Scale:
    """A variable whose entries may be scales.

    Attributes
    ----------
    size : int
    log_density : TensorVariable
        Of each entry.
    moved : callable
        From the values of all variables, an entry and a factor to this variable's value with the
        entry multiplied.
    """

    size: int
    log_density: Any
    moved: Callable[[dict[str, np.ndarray], int, float], dict[str, np.ndarray]]


def _scale_of(rv: Any) -> _Scale | None:
    if isinstance(rv.owner.op, _LKJCholeskyCovRV):
        # Rows of the packed factor have the standard deviations as their lengths.
        sds = rv.owner.inputs[-1]
        size = int(sds.type.shape[0] or 0)
        if not size:
            return None
        rows = np.repeat(np.arange(size), np.arange(1, size + 1))
        lengths = pt.sqrt(pt.stack([(rv[rows == j] ** 2).sum() for j in range(size)]))

        def moved(values: dict, entry: int, factor: float) -> dict:
            return {rv.name: values[rv.name] * np.where(rows == entry, factor, 1.0)}

        return _Scale(size, pm.logp(sds, lengths), moved)
    if rv.owner.op.ndim_supp or rv.dtype not in ("float32", "float64"):
        return None
    size = int(np.prod([length or 0 for length in rv.type.shape]))

    def moved(values: dict, entry: int, factor: float) -> dict:
        value = values[rv.name].copy()
        value.flat[entry] *= factor
        return {rv.name: value}

    return _Scale(size, pm.logp(rv, rv), moved)


class _Point:
    """Outputs of a model as functions of its free variables' values, by name.

    Attributes
    ----------
    values : dict
        The initial values, in the variables' own space.
    """

    def __init__(self, model: pm.Model, outputs: list[Any]) -> None:
        rvs = model.free_RVs
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a variable may have no typical value: drawn then
            found = make_initial_point_fn(model=model, return_transformed=False)(0)
        self.values = {rv.name: np.asarray(found[rv.name], dtype=rv.dtype) for rv in rvs}
        inputs = {rv: rv.type(rv.name) for rv in rvs}
        replaced = clone_replace(outputs, inputs, rebuild_strict=False)
        self._function: Any = pytensor.function(
            list(inputs.values()), replaced, on_unused_input="ignore"
        )

    def __call__(self, values: dict[str, np.ndarray]) -> list[np.ndarray]:
        return self._function(*(values[name] for name in self.values))
