"""The compiled steps: what they say of priors, and how mixtures are written as vectors."""

import numpy as np
import oracle
import pytest

from bayesgmm.core.mixture import Mixture
from bayesgmm.core.statistics import Pass
from bayesgmm.em.compiled import coordinates, passes, squarem
from bayesgmm.em.compiled.task import flat, mixture_of
from bayesgmm.em.loop import run_accelerated, run_plain
from bayesgmm.em.problem import Problem
from bayesgmm.em.starts import proposals
from bayesgmm.priors import (
    ConjugateMeans,
    Dirichlet,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    Priors,
    resolve,
)

PRIORS = {
    "default": Priors(),
    "conjugate": Priors.conjugate(strength=0.5),
    "hierarchical": Priors.richardson_green(),
    "hierarchical conjugate": Priors(means=ConjugateMeans(strength=2.0), covariances=GammaScale()),
    "log-normal scale": Priors(covariances=LogNormalScale(sigma=0.7)),
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
    """Both components lie on rows that are all the same, without a ridge."""
    X = np.tile([1.0, 2.0], (6, 1))
    mixture = oracle.random_mixture(family, 2, 2, np.random.default_rng(0))
    problem = Problem(X, family, reg_covar=0.0)
    sums = problem.expectation(mixture)
    with pytest.raises(np.linalg.LinAlgError):
        problem.maximisation(sums, mixture)


def test_limits_without_end_take_no_memory(rows):
    problem = Problem(rows, "diag")
    start = next(proposals(problem, 2, "kmeans", np.random.default_rng(0)))
    runs = [run_accelerated(problem, start, limit) for limit in (2_000, 10**12)]
    assert runs[0].history == runs[1].history
    plain = run_plain(problem, start, 700, 0.0)
    assert len(plain.history) == 700  # more than a run begins with room for
    assert np.isfinite(plain.history).all()


def test_points_that_are_no_numbers_are_left(family, rows, rng):
    mixture = oracle.random_mixture(family, 2, 3, rng)
    at = flat(mixture)
    at[2] = np.inf
    with np.errstate(all="ignore"), pytest.raises(np.linalg.LinAlgError):
        run_accelerated(Problem(rows, family), mixture_of(at, mixture), 50)


def test_passes_end_where_the_history_is_full(rows):
    problem = Problem(rows, "spherical")
    start = next(proposals(problem, 2, "random", np.random.default_rng(0)))
    state = squarem.with_room(squarem.begin(flat(start), 1_000, 0.0), 5)
    one_pass = Pass(rows, problem.family, 2, None)
    status = passes.make_passes(one_pass, problem.task(2), state, 50)
    assert status == squarem.GO_ON
    assert state.memory[squarem.N_PASSES] == len(state.history) < 50


@pytest.mark.parametrize("size", [1e-20, 1e-12, 1e200])
def test_size_of_the_weights_makes_no_difference(family, size, rng):
    mixture = oracle.random_mixture(family, 2, 2, rng)
    X = oracle.random_data(mixture, 100)
    found = []
    for weight in (1.0, size):
        problem = Problem(X, family, sample_weight=np.full(100, weight))
        found.append(problem.maximisation(problem.expectation(mixture), mixture))
    for part in ("weights", "means", "whitening"):
        np.testing.assert_allclose(getattr(found[1], part), getattr(found[0], part), rtol=1e-11)


def test_a_run_that_changes_kernels_keeps_to_its_history():
    """A component that shrinks onto three rows: its feature form gives up after many passes."""
    rng = np.random.default_rng(9)
    tight = np.full((3, 2), 0.3) + 1e-9 * rng.normal(size=(3, 2))
    X = np.r_[rng.normal(size=(200, 2)), tight]
    means = 0.1 * rng.normal(size=(2, 2)) + [[0, 0], [0.3, 0.3]]
    start = Mixture.from_covariances(
        np.full(2, 0.5), means, np.array([[1.0, 1.0], [0.303, 0.303]]), "diag"
    )
    run = run_plain(Problem(X, "diag", reg_covar=1e-14), start, 2_000, 0.0)
    assert len(run.history) == 2_000
    assert np.isfinite(run.history).all()
