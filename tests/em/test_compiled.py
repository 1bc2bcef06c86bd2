"""The compiled steps: what they say of priors, and how mixtures are written as vectors."""

import numpy as np
import oracle
import pytest

from bayesgmm.em.compiled import coordinates, passes
from bayesgmm.em.compiled.task import flat, mixture_of
from bayesgmm.em.problem import Problem
from bayesgmm.priors import ConjugateMeans, Dirichlet, GammaScale, InverseWishart, Priors, resolve

PRIORS = {
    "default": Priors(),
    "conjugate": Priors.conjugate(strength=0.5),
    "hierarchical": Priors.richardson_green(),
    "hierarchical conjugate": Priors(means=ConjugateMeans(strength=2.0), covariances=GammaScale()),
    "strong": Priors(weights=Dirichlet(4.0), covariances=InverseWishart(dof=30.0)),
}


@pytest.fixture
def rows(rng):
    return rng.normal(size=(60, 3)) * [1e-3, 1.0, 1e3] + [0.0, 50.0, -1.0]


@pytest.mark.parametrize("kind", PRIORS)
@pytest.mark.parametrize("k", [1, 3])
def test_prior_density_is_the_one_that_python_has(family, kind, k, rows, rng):
    problem = Problem(rows, family, priors=resolve(PRIORS[kind], rows, k, family))
    for _ in range(3):
        mixture = oracle.random_mixture(family, k, 3, rng)
        found = passes.log_prior(problem.family, problem.task(k), flat(mixture))
        expected = problem.priors.log_density(
            mixture.weights, mixture.means, mixture.native_covariances, problem.hyper(mixture)
        )
        assert found == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("fixed", [(), ("weights",), ("means",), ("covariances",)])
def test_vectors_stand_for_mixtures(family, fixed, rows, rng):
    k, d = 3, 3
    problem = Problem(rows, family, fixed=frozenset(fixed))
    task = problem.task(k)
    mixture, other = (flat(oracle.random_mixture(family, k, d, rng)) for _ in range(2))
    vector = np.empty_like(mixture)
    coordinates.pack(task.numbers, task.table, k, mixture, vector)
    back = other.copy()
    coordinates.unpack(task.numbers, task.table, k, vector, back)
    places = {"weights": slice(0, k), "means": slice(k, k + k * d)}
    places["covariances"] = slice(k + k * d, None)
    for part, place in places.items():
        expected = other if part in fixed else mixture
        np.testing.assert_allclose(back[place], expected[place], rtol=1e-12, atol=1e-12)


def test_steps_do_not_depend_on_units(family, rng):
    """The M-step works in whitened coordinates: units cancel to rounding."""
    mixture = oracle.random_mixture(family, 2, 2, rng)
    X = oracle.random_data(mixture, 200)
    scale = 1e9
    found = []
    for factor in (1.0, scale):
        problem = Problem(X * factor, family)
        at = flat(mixture)
        at[2:6] *= factor
        at[6:] /= factor
        here = mixture_of(at, mixture)
        found.append(problem.maximisation(problem.expectation(here), here))
    np.testing.assert_allclose(found[1].means, scale * found[0].means, rtol=1e-12)
    np.testing.assert_allclose(found[1].whitening * scale, found[0].whitening, rtol=1e-11)


def test_a_covariance_that_turns_singular_is_an_error(family):
    """Two components on two rows each, without a ridge."""
    X = np.array([[0.0, 0.0], [0.0, 0.0], [5.0, 5.0], [5.0, 5.0]])
    mixture = oracle.random_mixture(family, 2, 2, np.random.default_rng(0))
    at = flat(mixture)
    at[2:6] = [0.0, 0.0, 5.0, 5.0]
    here = mixture_of(at, mixture)
    problem = Problem(X, family, reg_covar=0.0, sample_weight=np.array([1.0, 1.0, 1e-300, 1e-300]))
    with pytest.raises(np.linalg.LinAlgError):
        for _ in range(50):
            here = problem.maximisation(problem.expectation(here), here)
