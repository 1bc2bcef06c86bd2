"""What the compiled functions know of a problem: four arrays, of the same types for all."""

from typing import NamedTuple

import numpy as np

from bayesgmm.core.mixture import Mixture
from bayesgmm.em.problem import Problem

# Places in ``numbers``.
N, IS_DIAGONAL, KEEPS_WEIGHTS, KEEPS_MEANS, KEEPS_COVARIANCES = range(5)
HAS_PRIOR, IS_CONJUGATE, STRENGTH, DOF, DIVISOR, CONSTANT = range(5, 11)
N_HYPER, HYPER_POWER, HYPER_COUNT, HYPER_PRECISION = range(11, 15)
# Rows of ``table``.
CENTRE, SCALE, RIDGE, LOC, SPREAD, HYPER_RATE, HYPER_CENTRE = range(7)

_KEEPS = {"weights": KEEPS_WEIGHTS, "means": KEEPS_MEANS, "covariances": KEEPS_COVARIANCES}


class Task(NamedTuple):
    """A problem for K components in D dimensions.

    Attributes
    ----------
    numbers : (15,) array
        Number of rows; the family's structure; what no step changes; and of the prior
        (:class:`bayesgmm.priors.ResolvedPriors`) whether there is one, its scalars, the length of
        its hyperparameter, and what its log density has that no parameter changes.
    table : (7, D) array
        The middle of the data, the lengths that features are measured in, what is added to the
        variances, and of the prior: mean and standard deviation of the means, and rate and centre
        of the hyperparameter.
    concentration : (K,) array
        Of the prior on the weights; ones without.
    scatter : (D * D,), (D,) or (1,) array
        Of the prior on the covariances; empty without.
    """

    numbers: np.ndarray
    table: np.ndarray
    concentration: np.ndarray
    scatter: np.ndarray


def flat(mixture: Mixture) -> np.ndarray:
    """A mixture as one array: weights, means, whitening factors."""
    parts = mixture.weights, mixture.means.reshape(-1), mixture.whitening.reshape(-1)
    return np.concatenate(parts)


def mixture_of(array: np.ndarray, like: Mixture) -> Mixture:
    """The mixture that such an array stands for, of the shape and the names of another one."""
    k, d = like.n_components, like.n_features
    weights, means, whitening = np.split(array, [k, k + k * d])
    return Mixture(
        weights,
        means.reshape(k, d),
        whitening.reshape(like.whitening.shape),
        like.covariance_type,
        like.feature_names,
    )


def task_of(problem: Problem, n_components: int) -> Task:
    """The task that a problem poses."""
    prior, d = problem.priors, problem.n_features
    numbers, table = np.zeros(15), np.zeros((7, d))
    numbers[N], numbers[IS_DIAGONAL] = problem.n, problem.family.structure == "diagonal"
    for part in problem.fixed:
        numbers[_KEEPS[part]] = True
    table[CENTRE], table[SCALE] = problem.centre_and_covariance[0], problem.scale
    table[RIDGE] = problem.ridge
    if prior is None:
        return Task(numbers, table, np.ones(n_components), np.empty(0))
    numbers[HAS_PRIOR], numbers[IS_CONJUGATE] = True, prior.scale is None
    numbers[STRENGTH], numbers[DOF], numbers[DIVISOR] = prior.strength, prior.dof, prior.divisor
    table[LOC], table[SPREAD] = prior.loc, 1.0 if prior.scale is None else prior.scale
    if (hyperprior := prior.hyperprior) is not None:
        numbers[N_HYPER], numbers[HYPER_POWER] = np.size(hyperprior.rate), hyperprior.power
        numbers[HYPER_COUNT] = problem.hyper_count(n_components)
        numbers[HYPER_PRECISION] = hyperprior.precision
        table[HYPER_RATE], table[HYPER_CENTRE] = hyperprior.rate, hyperprior.centre
    scatter = np.array(prior.scatter, dtype=float).reshape(-1)
    task = Task(numbers, table, np.array(prior.concentration), scatter)
    numbers[CONSTANT] = _constant(problem, task)
    return task


def _constant(problem: Problem, task: Task) -> float:
    """The log prior density of some mixture, less what the compiled function says of it."""
    from bayesgmm.em.compiled import passes
    from bayesgmm.em.compiled.hyper import hyper_at

    prior, k = problem.priors, len(task.concentration)
    assert prior is not None
    family = problem.family
    native = np.broadcast_to(prior.scatter, family.native_shape(k, problem.n_features))
    some = Mixture(
        np.full(k, 1.0 / k), np.tile(prior.loc, (k, 1)), family.whiten(native), family.name
    )
    hyper = hyper_at(task, some, prior)
    value = prior.log_density(some.weights, some.means, native, hyper)
    return value - passes.log_prior(family, task, flat(some))
