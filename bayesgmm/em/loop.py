"""The EM loop: plain steps to scikit-learn's rule, or accelerated steps to a distance."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bayesgmm.core.covariance.family import CovarianceFamily
from bayesgmm.core.mixture import Mixture
from bayesgmm.em.degeneracy import is_lost
from bayesgmm.em.problem import Problem

# Stop once the optimum is estimated to lie closer than this, in nats a row: far below what any
# comparison of models could notice.
DISTANCE = 1e-9
# The slowest of this many rates of convergence counts: the first step after an extrapolation is
# mostly in the fast directions and hides the slow ones.
N_RATES = 3
# Passes between looks at whether a run has collapsed.
LOOK_EVERY = 100


@dataclass(frozen=True)
class Run:
    """Where one run of EM ended.

    Attributes
    ----------
    mixture : Mixture
    objective : float
        Log-likelihood (plus log prior) at ``mixture``, in nats.
    log_likelihood : float
        Log-likelihood at ``mixture``, in nats.
    history : tuple of float
        The best objective so far after each pass over the data.
    converged : bool
    """

    mixture: Mixture
    objective: float
    log_likelihood: float
    history: tuple[float, ...]
    converged: bool

    @property
    def n_passes(self) -> int:
        """Passes over the data."""
        return len(self.history)


Watch = Callable[[int, float], None]


def run_plain(
    problem: Problem,
    start: Mixture,
    max_passes: int,
    tol: float,
    watch: Watch | None = None,
    previous: float | None = None,
) -> Run:
    """EM until a step gains less than ``tol`` nats a row: scikit-learn's rule, passes and result.

    Parameters
    ----------
    problem : Problem
    start : Mixture
    max_passes : int
        Passes over the data; one more scores the result.
    tol : float
    watch : callable, optional
        Told the number of each pass and the objective a row.
    previous : float, optional
        The objective at the last pass of a run that this one goes on with.
    """
    mixture, history, converged = start, [], False
    last = -np.inf if previous is None else previous
    for i in range(max_passes):
        statistics = problem.expectation(mixture)
        history.append(problem.objective(statistics, mixture))
        mixture = problem.maximisation(statistics, mixture)
        if watch is not None:
            watch(i + 1, history[-1] / problem.n)
        if abs(history[-1] - last) < tol * problem.n:
            converged = True
            break
        last = history[-1]
    statistics = problem.expectation(mixture)
    objective = problem.objective(statistics, mixture)
    return Run(mixture, objective, statistics.log_likelihood, tuple(history), converged)


def run_accelerated(
    problem: Problem, start: Mixture, max_passes: int, watch: Watch | None = None
) -> Run:
    """EM with SQUAREM extrapolation, to an estimated distance from the optimum.

    Two EM steps and their difference give a step along the slow directions (Varadhan and Roland,
    2008, doi:10.1111/j.1467-9469.2007.00585.x, scheme S3); it is kept only if the objective does
    not fall. The gain still to come is estimated from the rate at which the steps shrink (Aitken),
    so that slow convergence is not mistaken for arrival. A run that has collapsed for good is left
    early: it would shrink towards the ridge for thousands of passes.

    Parameters
    ----------
    problem : Problem
    start : Mixture
    max_passes : int
        Passes over the data; one more scores the result where they do not suffice.
    watch : callable, optional
        Told the number of each pass and the objective a row.
    """
    coordinates = _Coordinates(problem, start)
    history: list[float] = []

    def step(mixture: Mixture) -> tuple[float, float, Mixture]:
        statistics = problem.expectation(mixture)
        value = problem.objective(statistics, mixture)
        return value, statistics.log_likelihood, problem.maximisation(statistics, mixture)

    def record(value: float) -> None:
        history.append(value)
        if watch is not None:
            watch(len(history), value / problem.n)

    if max_passes == 0:
        return run_plain(problem, start, 0, 0.0)
    at = start
    value, log_likelihood, after = step(at)
    record(value)
    longest, converged, look = 4.0, False, LOOK_EVERY
    rates: list[float] = []
    while len(history) < max_passes:
        value_after, log_likelihood_after, after_2 = step(after)
        record(value_after)
        x0, x1, x2 = (coordinates.pack(m) for m in (at, after, after_2))
        first, second = x1 - x0, x2 - x1
        gain = value_after - value
        rates.append(float(np.linalg.norm(second)) / max(float(np.linalg.norm(first)), 1e-300))
        # A ridge can make a step fall; then, too, it is the steps to come that count.
        change = abs(gain)
        converged = (
            change <= _rounding(value, problem)
            or _remaining(change, rates[-N_RATES:]) < DISTANCE * problem.n
        )
        is_hopeless = False
        if len(history) >= look:
            look += LOOK_EVERY
            is_hopeless = is_lost(after_2, problem)
        if converged or is_hopeless or len(history) == max_passes:
            at, value, log_likelihood, after = after, value_after, log_likelihood_after, after_2
            break
        curvature = second - first
        length = np.linalg.norm(first) / max(float(np.linalg.norm(curvature)), 1e-300)
        length = min(length, longest)
        tried = None
        if gain > 0.0 and length > 1.0 + 1e-4:
            tried = _attempt(
                step, coordinates.unpack(x0 + 2 * length * first + length**2 * curvature)
            )
            if tried is not None:
                record(max(tried[1], value_after))
        if tried is not None and tried[1] >= value_after - 1e-12 * abs(value_after):
            at, value, log_likelihood, after = tried
            if length == longest:
                longest *= 4.0
        else:
            if length == longest:
                longest = max(longest / 4.0, 4.0)
            at, value, log_likelihood, after = after, value_after, log_likelihood_after, after_2
            if len(history) < max_passes:
                at = after
                value, log_likelihood, after = step(at)
                record(value)
    if not converged:
        # The step that the last pass paid for is taken, and scored.
        at, before = after, value
        statistics = problem.expectation(at)
        value, log_likelihood = problem.objective(statistics, at), statistics.log_likelihood
        converged = abs(value - before) <= _rounding(before, problem)
    return Run(at, value, log_likelihood, tuple(history), converged)


def _rounding(value: float, problem: Problem) -> float:
    """Objectives that differ by less are the same number."""
    return 1e-14 * abs(value) + 1e-13 * problem.n


def _remaining(gain: float, rates: list[float]) -> float:
    """Estimated gain still to come after an EM step that gained ``gain``, in nats.

    ``rates`` are by what factor recent steps shrank from one to the next.
    """
    rate = min(max(rates) ** 2, 1.0 - 1e-9)
    return gain * rate / (1.0 - rate)


def _attempt(step, mixture: Mixture):
    """One pass and step at an extrapolated mixture, or None where it leads nowhere."""
    try:
        value, log_likelihood, after = step(mixture)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(value):
        return None
    return mixture, value, log_likelihood, after


class _Coordinates:
    """Mixtures as unconstrained vectors, in units that do not depend on those of the data.

    What the problem holds fixed comes back exactly as it is in ``start``.
    """

    def __init__(self, problem: Problem, start: Mixture):
        parts = {"weights": "weights", "means": "means", "covariances": "whitening"}
        self.fixed = {parts[name]: getattr(start, parts[name]) for name in problem.fixed}
        self.family: CovarianceFamily = problem.family
        self.centre = problem.centre_and_covariance[0]
        self.scale = problem.scale

    def pack(self, mixture: Mixture) -> np.ndarray:
        log_weights = np.log(np.maximum(mixture.weights, 1e-300))
        means = (mixture.means - self.centre) / self.scale
        if self.family.structure == "diagonal":
            scale = self.scale[0] if self.family.isotropic else self.scale
            factors = np.log(mixture.whitening * scale)
        else:
            factors = mixture.whitening * self.scale
            i = np.arange(len(self.scale))
            factors[..., i, i] = np.log(factors[..., i, i])
        return np.concatenate([log_weights, means.ravel(), factors.ravel()])

    def unpack(self, vector: np.ndarray) -> Mixture:
        d = len(self.scale)
        family = self.family
        n_factors = 0 if not family.shared else int(np.prod(family.native_shape(1, d)))
        per_component = 1 + d + (0 if family.shared else int(np.prod(family.native_shape(1, d))))
        k = (len(vector) - n_factors) // per_component
        weights = np.exp(vector[:k] - vector[:k].max())
        means = vector[k : k + k * d].reshape(k, d) * self.scale + self.centre
        factors = vector[k + k * d :].reshape(family.native_shape(k, d)).copy()
        if family.structure == "diagonal":
            scale = self.scale[0] if family.isotropic else self.scale
            whitening = np.exp(np.clip(factors, -300, 300)) / scale
        else:
            i = np.arange(d)
            factors[..., i, i] = np.exp(np.clip(factors[..., i, i], -300, 300))
            whitening = factors / self.scale
        free = Mixture(weights / weights.sum(), means, whitening, family.name)
        return replace(free, **self.fixed) if self.fixed else free
