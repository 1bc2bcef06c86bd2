"""The compiled pass: against SciPy, in extended precision, and its costs."""

import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import oracle
import pytest

from bayesgmm.core import statistics as statistics_module
from bayesgmm.core import threads
from bayesgmm.core.kernels import diagonal, few_features, gradient, triangular
from bayesgmm.core.kernels.compiling import made_once
from bayesgmm.core.kernels.exact import log_likelihood_of, sums_of
from bayesgmm.core.mixture import Mixture
from bayesgmm.core.statistics import (
    Pass,
    accumulate,
    kernels_of,
    mean_and_covariance,
    moments,
)

NO_WEIGHTS = np.empty(0)


def kernel_arguments(mixture):
    factors = np.ascontiguousarray(mixture.kernel_factors)
    return np.log(mixture.weights), np.ascontiguousarray(mixture.means), factors.copy()


def statistics(sums, X, weight, log_weights, means, factors):
    """What a kernel returns and fills in, as a tuple."""
    counts, first = np.empty(len(means)), np.empty(means.shape)
    second = np.empty(factors.size)
    value = sums(X, weight, log_weights, means, factors.reshape(-1), np.inf, counts, first, second)
    return value, counts, first, second.reshape(factors.shape)


def exact_sums(family, d):
    """Every exact kernel for a family and a number of features."""
    structure = "triangular" if family == "full" else "diagonal"
    return {sums_of(structure, None), sums_of(structure, d)}


@pytest.mark.parametrize("family", ["full", "diag"])
@pytest.mark.parametrize(("n", "d", "k"), oracle.SHAPES)
def test_every_shape_agrees_with_scipy(family, n, d, k):
    rng = np.random.default_rng([n, d, k])
    mixture = oracle.random_mixture(family, k, d, rng)
    X = 2.0 * rng.normal(size=(n, d))
    kernel = triangular if family == "full" else diagonal
    for weight in (NO_WEIGHTS, rng.uniform(0.0, 3.0, size=n)):
        expected = oracle.statistics(X, mixture, weight if weight.size else None)
        for sums in exact_sums(family, d):
            found = statistics(sums, X, weight, *kernel_arguments(mixture))
            np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
            for ours, theirs in zip(found[1:], expected[1:], strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10 * n)
    joint = oracle.log_joint(X, mixture.weights, mixture.means, mixture.covariances)
    arguments = kernel_arguments(mixture)
    np.testing.assert_allclose(mixture.log_joint(X), joint, rtol=1e-11)
    np.testing.assert_allclose(
        kernel.log_density(X, *arguments), np.logaddexp.reduce(joint, axis=1), rtol=1e-11
    )
    log_likelihood = log_likelihood_of("triangular" if family == "full" else "diagonal", d)
    found = log_likelihood(X, *arguments[:2], arguments[2].reshape(-1))
    np.testing.assert_allclose(found, np.logaddexp.reduce(joint, axis=1).sum(), rtol=1e-12)


def test_families_agree_with_scipy(family, rng):
    mixture = oracle.random_mixture(family, 3, 4, rng)
    X = oracle.random_data(mixture, 300)
    weight = rng.uniform(0.0, 3.0, size=300)
    found = accumulate(X, mixture, weight)
    expected = oracle.statistics(X, mixture, weight)
    np.testing.assert_allclose(found.log_likelihood, expected[0], rtol=1e-12)
    np.testing.assert_allclose(found.counts, expected[1], rtol=1e-11)
    np.testing.assert_allclose(found.first, expected[2], rtol=1e-10, atol=1e-10)
    second = expected[3].sum(axis=1) if family == "spherical" else expected[3]
    np.testing.assert_allclose(found.second, second, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("n", "d", "k"), [shape for shape in oracle.SHAPES if shape[1] > 3])
def test_feature_form_gives_the_moments_of_the_exact_form(family, n, d, k, monkeypatch):
    """Every shape, whole and broken blocks, with and without weights."""
    rng = np.random.default_rng([n, d, k])
    mixture = oracle.random_mixture(family, k, d, rng)
    X = 2.0 * rng.normal(size=(n, d))
    for weight in (None, rng.uniform(0.0, 3.0, size=n)):
        monkeypatch.setattr(statistics_module, "FAR", np.inf)
        fast = accumulate(X, mixture, weight)
        monkeypatch.setattr(statistics_module, "FAR", -1.0)
        exact = accumulate(X, mixture, weight)
        assert fast.log_likelihood == pytest.approx(exact.log_likelihood, rel=1e-12)
        np.testing.assert_allclose(fast.counts, exact.counts, rtol=1e-10)
        np.testing.assert_allclose(fast.first, exact.first, rtol=1e-10, atol=1e-10 * n)
        np.testing.assert_allclose(fast.second, exact.second, rtol=1e-10, atol=1e-10 * n)


@pytest.mark.parametrize("family", ["tied", "diag", "spherical"])
def test_feature_form_is_left_where_rounding_would_show(family, monkeypatch):
    """Log-likelihoods and M-steps of components that narrow, against extended precision."""
    rng = np.random.default_rng(5)
    n, k, d = 3_000, 3, 4  # with fewer features no family has a feature form
    centres = np.array([[0.0, 0.0, 1.0, 0.0], [1.0, 2.0, 0.0, 1.0], [3.0, -1.0, 0.0, 2.0]])
    labels, noise = rng.integers(k, size=n), rng.normal(size=(n, d))
    weights = np.array([0.2, 0.3, 0.5])
    errors = {}
    for far in (statistics_module.FAR, np.inf):
        monkeypatch.setattr(statistics_module, "FAR", far)
        for sd in (0.3, 1e-2, 1e-4, 1e-6):
            X = centres[labels] + sd * noise
            factors = np.full((k, d), 1.0 / sd)
            native = {"tied": sd**2 * np.eye(d), "diag": np.full((k, d), sd**2)}
            mixture = Mixture.from_covariances(
                weights, centres + 0.1 * sd, native.get(family, np.full(k, sd**2)), family
            )
            exact = oracle.long_double_statistics(X, weights, mixture.means, factors)
            found = accumulate(X, mixture)
            scatter = exact[3] - exact[2] ** 2 / exact[1][:, None]
            ours = moments(found, mixture).scatter / sd**2
            ours = np.trace(ours) if family == "tied" else ours.sum()
            errors[far, sd] = max(
                float(abs(found.log_likelihood - exact[0]) / abs(exact[0])),
                float(abs(ours - scatter.sum()) / scatter.sum()),
            )
    limit = next(far for far, _ in errors)
    for sd in (0.3, 1e-2, 1e-4):
        assert errors[limit, sd] < 1e-12, (sd, errors)
    assert errors[limit, 1e-6] < 1e-9
    assert errors[np.inf, 1e-6] > 1e-6, "the test must see what it guards against"


def test_any_number_of_threads_gives_the_same_sums(family, rng, monkeypatch):
    mixture = oracle.random_mixture(family, 3, 4, rng)
    X = oracle.random_data(mixture, 150_001)
    weight = rng.uniform(0.5, 2.0, size=len(X))
    assert len(X) > 2 * Pass(X, mixture.family, 3, weight).rows_of_a_part
    found = []
    for n_threads in (1, 2, 5):
        with threads.limit(n_threads):
            found.append(accumulate(X, mixture, weight))
    monkeypatch.setattr(statistics_module, "PART_ROWS", len(X))
    whole = accumulate(X, mixture, weight)
    for other in found[1:]:
        assert other.log_likelihood == found[0].log_likelihood
        np.testing.assert_array_equal(other.counts, found[0].counts)
        np.testing.assert_array_equal(other.first, found[0].first)
        np.testing.assert_array_equal(other.second, found[0].second)
    assert found[0].log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)
    scatter = [moments(sums, mixture).scatter for sums in (found[0], whole)]
    if family == "spherical":
        scatter = [array.sum(axis=1) for array in scatter]
    np.testing.assert_allclose(*scatter, rtol=1e-10, atol=1e-7)


def test_weight_zero_is_an_absent_row_and_weight_three_three_rows(family, rng):
    mixture = oracle.random_mixture(family, 3, 3, rng)
    X = oracle.random_data(mixture, 400)
    weight = rng.integers(0, 4, size=400)
    weighted = accumulate(X, mixture, weight.astype(float))
    repeated = accumulate(np.repeat(X, weight, axis=0), mixture)
    for name in ("log_likelihood", "counts", "first", "second"):
        np.testing.assert_allclose(
            getattr(weighted, name), getattr(repeated, name), rtol=1e-11, atol=1e-10
        )


def test_statistics_of_parts_add_up(family, rng):
    mixture = oracle.random_mixture(family, 2, 3, rng)
    X = oracle.random_data(mixture, 777)
    whole = accumulate(X, mixture)
    parts = accumulate(X[:300].copy(), mixture) + accumulate(X[300:].copy(), mixture)
    for name in ("log_likelihood", "counts", "first"):
        np.testing.assert_allclose(
            getattr(parts, name), getattr(whole, name), rtol=1e-12, atol=1e-11
        )
    np.testing.assert_allclose(parts.second, whole.second, rtol=1e-12, atol=1e-11)


def test_float32_rows_give_the_answer_of_their_exact_values(family, rng):
    mixture = oracle.random_mixture(family, 3, 5, rng)
    X = oracle.random_data(mixture, 500).astype(np.float32)
    single, double = accumulate(X, mixture), accumulate(X.astype(float), mixture)
    assert single.log_likelihood == double.log_likelihood
    np.testing.assert_array_equal(single.second, double.second)


def test_memory_map_is_read_without_a_copy(tmp_path, rng):
    mixture = oracle.random_mixture("full", 3, 4, rng)
    X = oracle.random_data(mixture, 400_000)
    np.save(tmp_path / "rows.npy", X)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    expected = accumulate(X, mixture)
    tracemalloc.start()
    found = accumulate(mapped, mixture)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.log_likelihood == expected.log_likelihood
    assert peak < X.nbytes / 50


def test_no_array_of_rows_by_components_is_formed(family, rng):
    n, k = 200_000, 20
    mixture = oracle.random_mixture(family, k, 2, rng)
    X = rng.normal(size=(n, 2))
    accumulate(X[:10], mixture)
    tracemalloc.start()
    accumulate(X, mixture)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * n * k / 20


def test_one_signature_serves_every_kind_of_array(family, rng):
    for k, d in ((1, 1), (1, 3), (3, 1), (3, 3), (3, 7)):
        mixture = oracle.random_mixture(family, k, d, rng)
        X = rng.normal(size=(50, d))
        weight = np.ones(50)
        accumulate(X, mixture)
        (kernel, *_) = kernels_of(mixture.family, d)
        before = len(kernel.signatures)
        for array in (X, weight, mixture.means, mixture.whitening):
            array.flags.writeable = False
        accumulate(X, mixture)
        accumulate(X, mixture, weight)
        assert len(kernel.signatures) == before


@pytest.mark.parametrize("distance", [1e3, 1e8, 1e100])
def test_far_outliers_have_exact_log_densities_and_belong_to_one_component(family, distance):
    mixture = Mixture.from_covariances(
        np.array([0.3, 0.7]), np.array([[0.0], [1.0]]), np.array([[[1.0]], [[4.0]]]), "full"
    )
    if family != "full":
        native = {"tied": np.eye(1), "diag": np.array([[1.0], [4.0]]), "spherical": [1.0, 4.0]}
        mixture = Mixture.from_covariances(
            mixture.weights, mixture.means, np.asarray(native[family], float), family
        )
    X = np.array([[distance]])
    joint = mixture.log_joint(X)[0]
    variance = mixture.covariances[:, 0, 0]
    expected = (
        np.log(mixture.weights)
        - 0.5 * np.log(2 * np.pi * variance)
        - 0.5 * (distance - mixture.means[:, 0]) ** 2 / variance
    )
    np.testing.assert_allclose(joint, expected, rtol=1e-14)
    r = mixture.responsibilities(X)[0]
    assert r.sum() == pytest.approx(1.0, abs=1e-15)
    assert np.isfinite(accumulate(X, mixture).log_likelihood)
    if distance > 1e3 and family != "tied":
        np.testing.assert_array_equal(r, [0.0, 1.0])


def test_component_of_weight_zero_takes_part_in_nothing(family, rng):
    mixture = oracle.random_mixture(family, 2, 2, rng)
    X = oracle.random_data(mixture, 100)
    silent = Mixture(np.array([1.0, 0.0]), mixture.means, mixture.whitening, family)
    found = accumulate(X, silent)
    assert found.counts[1] < 1e-290
    alone = oracle.log_joint(X, [1.0], mixture.means[:1], mixture.covariances[:1])
    assert found.log_likelihood == pytest.approx(alone.sum(), rel=1e-13)


@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize("sd", [1.0, 1e-4])
def test_accuracy_against_extended_precision(offset, sd, rng):
    """Data far from zero; components a ten-thousandth as wide as they are apart."""
    n, k, d = 5_000, 3, 2
    centres = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, -1.0]]) + offset
    X = centres[rng.integers(k, size=n)] + sd * rng.normal(size=(n, d))
    means = centres + 0.1 * sd * rng.normal(size=(k, d))
    factors = np.exp(0.1 * rng.normal(size=(k, d))) / sd
    weights = np.array([0.2, 0.3, 0.5])
    expected = oracle.long_double_statistics(X, weights, means, factors)
    full = np.zeros((k, d, d))
    full[:, range(d), range(d)] = factors
    arguments = X, NO_WEIGHTS, np.log(weights), means
    found = [statistics(sums, *arguments, factors) for sums in exact_sums("diag", d)]
    for sums in exact_sums("full", d):
        *others, second = statistics(sums, *arguments, full)
        found.append((*others, second.diagonal(axis1=1, axis2=2)))
    assert len(found) == 4
    for ours in found:
        assert abs(ours[0] - expected[0]) < 1e-12 * abs(expected[0])
        for a, b in zip(ours[1:], expected[1:], strict=True):
            scale = float(np.abs(b).max())
            np.testing.assert_allclose(a, b.astype(float), rtol=0, atol=1e-12 * scale + 1e-12 * n)


@pytest.mark.parametrize(("offset", "sd"), [(1e8, 1.0), (0.0, 1e-4)])
def test_covariances_of_the_m_step_against_extended_precision(offset, sd, rng):
    n, k, d = 4_000, 2, 2
    centres = np.array([[0.0, 0.0], [1.0, 1.0]]) + offset
    labels = rng.integers(k, size=n)
    X = centres[labels] + sd * rng.normal(size=(n, d))
    mixture = Mixture(
        np.array([0.5, 0.5]),
        centres + 0.3 * sd,
        np.broadcast_to(np.array([[1.0, 0.0], [0.4, 1.3]]) / sd, (k, d, d)).copy(),
    )
    found = moments(accumulate(X, mixture), mixture)
    Xl, means = X.astype(np.longdouble), mixture.means.astype(np.longdouble)
    y = np.einsum("kij,nkj->nki", mixture.whitening.astype(np.longdouble), Xl[:, None] - means)
    joint = -(y**2).sum(2) / 2
    r = np.exp(joint - joint.max(1, keepdims=True))
    r /= r.sum(1, keepdims=True)
    centre = np.einsum("nk,nd->kd", r, Xl) / r.sum(0)[:, None]
    z = Xl[:, None] - centre
    scatter = np.einsum("nk,nki,nkj->kij", r, z, z)
    error = np.abs(found.scatter - scatter) / np.abs(scatter).max()
    assert error.max() < 1e-10
    assert np.abs(found.means - centre).max() < 1e-12 * max(offset, 1.0)


@pytest.mark.parametrize("weighted", [False, True])
def test_mean_and_covariance_survive_offsets_and_units(weighted, rng):
    X = rng.normal(size=(3_000, 3)) * [1e-12, 1.0, 1e12] + [1e-4, 1e8, 0.0]
    X[0] = [1e-4 + 1e-7, 1e8 + 1e5, 1e16]  # the first row is far from all others
    weight = rng.uniform(0.5, 2.0, size=3_000) if weighted else None
    mean, covariance = mean_and_covariance(X, weight)
    w = np.ones(3_000, np.longdouble) if weight is None else weight.astype(np.longdouble)
    Xl = X.astype(np.longdouble)
    expected_mean = w @ Xl / w.sum()
    z = Xl - expected_mean
    expected = ((z * w[:, None]).T @ z / w.sum()).astype(float)
    sd = np.sqrt(np.diag(expected))
    np.testing.assert_allclose(mean, expected_mean.astype(float), rtol=1e-14)
    assert np.abs((covariance - expected) / np.outer(sd, sd)).max() < 1e-10


@pytest.mark.parametrize("family", ["full", "diag"])
@pytest.mark.parametrize("d", [1, 3, 6])
def test_gradients_from_statistics_are_those_of_the_log_likelihood(family, d, rng):
    k = 3
    mixture = oracle.random_mixture(family, k, d, rng)
    X = oracle.random_data(mixture, 200)
    (*_, sums) = exact_sums(family, d)
    log_weights, means, factors = kernel_arguments(mixture)
    flat = np.concatenate([log_weights, means.ravel(), factors.ravel()])
    free = np.ones(len(flat), dtype=bool)
    if family == "full":
        free[k + k * d :] = np.broadcast_to(np.tri(d, dtype=bool), (k, d, d)).ravel()

    def value(vector):
        whole = flat.copy()
        whole[free] = vector
        return statistics(
            sums,
            X,
            NO_WEIGHTS,
            whole[:k].copy(),
            whole[k : k + k * d].reshape(means.shape).copy(),
            whole[k + k * d :].reshape(factors.shape).copy(),
        )[0]

    _, counts, first, second = statistics(sums, X, NO_WEIGHTS, log_weights, means, factors)
    algebra = gradient.triangular if family == "full" else gradient.diagonal
    parts = algebra(log_weights, means, factors, counts, first, second)
    found = np.concatenate([part.ravel() for part in parts])[free]
    expected = oracle.gradient(value, flat[free])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)


def test_machine_code_of_each_number_of_features_has_a_name_of_its_own():
    """Numba files it, and links it, by name."""
    makers = few_features.sums_for, few_features.log_likelihood_for
    made = [maker(d, form) for maker in makers for d in range(1, 6) for form in (False, True)]
    assert len({function.py_func.__qualname__ for function in made}) == 20
    assert few_features.sums_for(2, True) is made[3]


def test_compiled_functions_are_made_once_by_many_threads():
    """Two of one name would be compiled twice, and filed under one name."""
    n_made = []

    @made_once
    def make(d):
        n_made.append(d)
        time.sleep(0.01)
        return object()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(make, [3] * 8))) == 1
    assert n_made == [3]


def test_rows_of_no_density_are_no_numbers_and_stop_no_others(family):
    """So far away, or so little a number, that no component has a density there."""
    rng = np.random.default_rng(0)
    mixture = oracle.random_mixture(family, 3, 2, rng)
    X = rng.normal(size=(70, 2))
    X[5], X[40] = [1e150, 0.0], np.nan
    for find in (mixture.responsibilities, mixture.log_density, mixture.log_joint):
        found, others = find(X), np.delete(np.arange(70), [5, 40])
        np.testing.assert_array_equal(found[others], find(X[others]))
    assert np.all(np.isnan(mixture.responsibilities(X)[[5, 40]]))
