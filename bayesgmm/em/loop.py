"""The EM loop: plain steps to scikit-learn's rule, or accelerated steps to a distance."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.core.statistics import Pass
from bayesgmm.em.degeneracy import is_lost
from bayesgmm.em.problem import Problem

if TYPE_CHECKING:
    from bayesgmm.em.compiled.squarem import State
    from bayesgmm.em.compiled.task import Task

# Passes between looks at whether a run has collapsed, and at the keyboard.
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

    Raises
    ------
    numpy.linalg.LinAlgError
        If a covariance becomes singular.
    """
    return _run(problem, start, max_passes, watch, tol, -np.inf if previous is None else previous)


def run_accelerated(
    problem: Problem, start: Mixture, max_passes: int, watch: Watch | None = None
) -> Run:
    """EM with SQUAREM extrapolation, to an estimated distance from the optimum.

    The rules are those of :mod:`bayesgmm.em.compiled.squarem`. A run that has collapsed for good is
    left early: it would shrink towards the ridge for thousands of passes.

    Parameters
    ----------
    problem : Problem
    start : Mixture
    max_passes : int
        Passes over the data; one more scores the result where they do not suffice.
    watch : callable, optional
        Told the number of each pass and the objective a row.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a covariance becomes singular.
    """
    return _run(problem, start, max_passes, watch)


def _run(
    problem: Problem,
    start: Mixture,
    max_passes: int,
    watch: Watch | None,
    tol: float | None = None,
    previous: float = -np.inf,
) -> Run:
    from bayesgmm.em.compiled import passes, squarem
    from bayesgmm.em.compiled.task import flat, mixture_of

    task = problem.task(start.n_components)
    one_pass = Pass(problem.X, problem.family, start.n_components, problem.sample_weight)
    state = squarem.begin(flat(start), max_passes, tol, previous)
    memory = state.memory
    status, look, n_told = squarem.GO_ON, LOOK_EVERY, 0
    while status == squarem.GO_ON:
        # Large problems come back after each pass, small ones after many: for progress, and for
        # the keyboard.
        state = squarem.with_room(state, LOOK_EVERY)
        if one_pass.is_small:
            status = passes.make_passes(one_pass, task, state, LOOK_EVERY)
        else:
            status = _pass_over_many(one_pass, task, state)
        n_passes = int(memory[squarem.N_PASSES])
        if watch is not None:
            for i in range(n_told, n_passes):
                watch(i + 1, state.history[i] / problem.n)
        n_told = n_passes
        if status == squarem.GO_ON and tol is None and n_passes >= look:
            look += LOOK_EVERY
            # A point that was only extrapolated says nothing of where the run is.
            at = 2 if memory[squarem.PHASE] == squarem.TRIED else int(memory[squarem.AT])
            if is_lost(mixture_of(state.mixtures[at], start), problem):
                memory[squarem.AT], memory[squarem.PHASE] = at, squarem.LAST
    if status == squarem.SINGULAR:
        raise np.linalg.LinAlgError("a covariance is not positive definite")
    return Run(
        mixture_of(state.mixtures[int(memory[squarem.AT])].copy(), start),
        float(memory[squarem.VALUE]),
        float(memory[squarem.LOG_LIKELIHOOD]),
        tuple(state.history[:n_told].tolist()),
        bool(memory[squarem.HAS_CONVERGED]),
    )


def _pass_over_many(one_pass: Pass, task: "Task", state: "State") -> int:
    """Make the pass that a run asks for; returns what it led to."""
    from bayesgmm.em.compiled import passes, squarem

    k, d = one_pass.n_components, one_pass.rows.shape[1]
    mixture = state.mixtures[int(state.memory[squarem.AT])]
    with np.errstate(divide="ignore"):
        log_weights = np.log(mixture[:k])
    means, factors = mixture[k : k + k * d].reshape(k, d), mixture[k + k * d :]
    found = one_pass(log_weights, means, factors)
    sums = found.counts, found.first, found.second.reshape(-1)
    return passes.take_sums(one_pass.family, task, state, found.log_likelihood, *sums)
