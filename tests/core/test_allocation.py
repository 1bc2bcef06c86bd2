"""Random numbers of the compiled loops, and the pass with a drawn component for each row."""

import numpy as np
import oracle
import pytest
from scipy import stats
from scipy.special import logsumexp

from bayesgmm.core.kernels import allocation, random_stream, simd
from bayesgmm.core.kernels.compiling import njit

# The first numbers of SplitMix64 from the seed 1234567, as its authors' program prints them.
PUBLISHED = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]


def new_stream(seed=1234567):
    return np.array([seed], dtype=np.uint64)


def numbers(seed, n):
    """SplitMix64 in Python's integers, as numbers between zero and one."""
    out, limit = [], 2**64
    for i in range(1, n + 1):
        z = (seed + i * 0x9E3779B97F4A7C15) % limit
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % limit
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % limit
        out.append(z ^ (z >> 31))
    return np.array([((z >> 12) + 0.5) * 2.0**-52 for z in out])


@njit()
def one_by_one(stream, out):
    for i in range(len(out)):
        out[i] = random_stream.uniform(stream)


@njit()
def eight_at_a_time(state, out):
    for i in range(0, len(out), 8):
        simd.store(out, i, random_stream.uniforms(state, i + 1))


@njit()
def normals(stream, out):
    for i in range(len(out)):
        out[i] = random_stream.normal(stream)


@njit()
def log_gammas(shape, stream, out):
    for i in range(len(out)):
        out[i] = random_stream.log_gamma(shape, stream)


def test_stream_is_splitmix64():
    expected = [((z >> 12) + 0.5) * 2.0**-52 for z in PUBLISHED]
    out = np.empty(len(expected))
    one_by_one(new_stream(), out)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(numbers(1234567, 5), expected)


def test_eight_at_a_time_are_the_same_numbers():
    one, eight = np.empty(64), np.empty(64)
    one_by_one(new_stream(2**64 - 5), one)
    eight_at_a_time(np.uint64(2**64 - 5), eight)
    np.testing.assert_array_equal(one, eight)


def test_normal_numbers_are():
    out = np.empty(200_000)
    normals(new_stream(1), out)
    assert stats.kstest(out, "norm").pvalue > 1e-3


@pytest.mark.parametrize("shape", [0.02, 0.7, 1.0, 4.5, 1e4])
def test_gamma_numbers_are(shape):
    out = np.empty(200_000)
    log_gammas(shape, new_stream(2), out)
    assert np.all(np.isfinite(out))
    if shape < 0.1:  # most of them are zero as numbers: compare the power that is uniform near zero
        assert np.mean(out < -200.0) == pytest.approx(np.exp(-200.0 * shape), rel=0.05)
    else:
        assert stats.kstest(np.exp(out), stats.gamma(shape).cdf).pvalue > 1e-3


def arguments(mixture):
    factors = np.ascontiguousarray(mixture.kernel_factors).copy()
    with np.errstate(divide="ignore"):
        return np.log(mixture.weights), np.ascontiguousarray(mixture.means), factors


def allocated(X, log_weights, means, factors, stream):
    """The log-likelihood and the sums of the labels drawn."""
    kernel = allocation.triangular if factors.ndim == 3 else allocation.diagonal
    cube = factors.reshape(*means.shape, -1)
    sums = np.empty(len(means)), np.empty(means.shape), np.empty(cube.shape)
    value = kernel(X, log_weights, means, cube, stream, *sums)
    return value, *sums[:2], sums[2].reshape(factors.shape)


def expected_sums(X, mixture, seed):
    """Labels by inversion of the responsibilities, and the sums over the rows of each."""
    joint = oracle.log_joint(X, mixture.weights, mixture.means, mixture.covariances)
    density = logsumexp(joint, axis=1)
    cumulative = np.cumsum(np.exp(joint - density[:, None]), axis=1)
    labels = (numbers(seed, len(X))[:, None] >= cumulative[:, :-1]).sum(axis=1)
    drawn = np.eye(mixture.n_components)[labels]
    whitening = np.linalg.inv(np.linalg.cholesky(mixture.covariances))
    y = np.einsum("kij,nkj->nki", whitening, X[:, None, :] - mixture.means)
    second = np.einsum("nk,nki,nkj->kij", drawn, y, y)
    if mixture.family.structure == "diagonal":
        second = second.diagonal(axis1=1, axis2=2)
    return density.sum(), drawn.sum(axis=0), np.einsum("nk,nki->ki", drawn, y), second


@pytest.mark.parametrize("family", ["full", "diag"])
@pytest.mark.parametrize(("n", "d", "k"), oracle.SHAPES)
def test_labels_and_their_sums_agree_with_a_plain_version(family, n, d, k):
    rng = np.random.default_rng([n, d, k])
    mixture = oracle.random_mixture(family, k, d, rng)
    X = 2.0 * rng.normal(size=(n, d))
    stream = new_stream(n)
    found = allocated(X, *arguments(mixture), stream)
    expected = expected_sums(X, mixture, n)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    np.testing.assert_array_equal(found[1], expected[1])
    for ours, plain in zip(found[2:], expected[2:], strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-10, atol=1e-10 * n)
    after = np.empty(1)
    one_by_one(stream, after)
    assert after[0] == numbers(n, n + 1)[-1]


@pytest.mark.parametrize("family", ["full", "diag"])
def test_labels_come_as_often_as_responsibilities_say(family):
    rng = np.random.default_rng(3)
    mixture = oracle.random_mixture(family, 3, 2, rng, separation=0.7)
    X = np.repeat(rng.normal(size=(1, 2)), 20_000, axis=0)
    counts = allocated(X, *arguments(mixture), new_stream(8))[1]
    assert stats.chisquare(counts, len(X) * mixture.responsibilities(X[:1])[0]).pvalue > 1e-3


@pytest.mark.parametrize("family", ["full", "diag"])
def test_component_without_weight_gets_no_row(family):
    rng = np.random.default_rng(4)
    mixture = oracle.random_mixture(family, 3, 2, rng)
    for empty in range(3):
        weights = np.where(np.arange(3) == empty, 0.0, 0.5)
        with np.errstate(divide="ignore"):
            log_weights = np.log(weights)
        X = rng.normal(size=(500, 2))
        counts = allocated(X, log_weights, *arguments(mixture)[1:], new_stream(empty))[1]
        assert counts[empty] == 0
        assert counts.sum() == 500
