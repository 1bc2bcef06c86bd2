"""The value: densities, memberships, draws and components."""

import numpy as np
import oracle
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp

from bayesgmm.core.mixture import Mixture
from bayesgmm.exceptions import DataError

K, D = 3, 2


@pytest.fixture
def mixture(family, rng):
    return oracle.random_mixture(family, K, D, rng)


@pytest.fixture
def posterior(family, rng):
    """Draws with axes (2 chains, 5 draws)."""
    draws = [oracle.random_mixture(family, K, D, rng) for _ in range(10)]

    def stack(name):
        arrays = np.stack([getattr(draw, name) for draw in draws])
        return arrays.reshape(2, 5, *arrays.shape[1:])

    return Mixture(stack("weights"), stack("means"), stack("whitening"), family), draws


@pytest.mark.parametrize("k", [1, 3])
def test_density_integrates_to_one(family, k, rng):
    mixture = oracle.random_mixture(family, k, 1, rng)
    total = quad(lambda x: np.exp(mixture.log_density(np.array([[x]]))[0]), -40, 40, limit=400)[0]
    assert total == pytest.approx(1.0, abs=1e-8)


def test_sample_has_the_moments_and_shares_of_the_mixture(mixture):
    X, labels = mixture.sample(200_000, np.random.default_rng(1))
    assert X.shape == (200_000, D)
    shares = np.bincount(labels, minlength=K) / 200_000
    np.testing.assert_allclose(shares, mixture.weights, atol=4 * 0.5 / np.sqrt(200_000))
    for k in range(K):
        rows = X[labels == k]
        sd = np.sqrt(np.diag(mixture.covariances[k]))
        np.testing.assert_allclose(
            (rows.mean(0) - mixture.means[k]) / sd, 0.0, atol=5 / np.sqrt(len(rows))
        )
        np.testing.assert_allclose(
            np.cov(rows.T) / np.outer(sd, sd),
            mixture.covariances[k] / np.outer(sd, sd),
            atol=8 / np.sqrt(len(rows)),
        )


def test_sample_is_fixed_by_the_generator(mixture):
    first, second = (mixture.sample(50, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_responsibilities_are_bayes_rule(mixture):
    X = oracle.random_data(mixture, 60)
    joint = oracle.log_joint(X, mixture.weights, mixture.means, mixture.covariances)
    expected = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    np.testing.assert_allclose(mixture.responsibilities(X), expected, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(np.exp(mixture.log_responsibilities(X)).sum(1), 1.0, rtol=1e-14)


def test_from_covariances_takes_native_and_full_shapes(mixture, family):
    again = Mixture.from_covariances(
        mixture.weights, mixture.means, mixture.covariances, family, ("a", "b")
    )
    np.testing.assert_allclose(again.whitening, mixture.whitening, rtol=1e-12)
    assert again.feature_names == ("a", "b")
    assert again.n_parameters == K - 1 + K * D + mixture.family.n_parameters(K, D)


def test_from_covariances_refuses_what_is_no_covariance():
    weights, means = np.array([0.5, 0.5]), np.zeros((2, 2))
    indefinite = np.array([[[1.0, 2.0], [2.0, 1.0]], np.eye(2)])
    with pytest.raises(DataError, match="positive definite"):
        Mixture.from_covariances(weights, means, indefinite)
    with pytest.raises(DataError, match=r"must be \(2, 2, 2\) or \(2, 2, 2\), got \(3, 3\)"):
        Mixture.from_covariances(weights, means, np.eye(3))
    with pytest.raises(DataError, match=r"got \(2,\) and \(2,\)"):
        Mixture.from_covariances(weights, means[:, 0], indefinite)


def test_draws_are_evaluated_one_by_one(posterior):
    mixture, draws = posterior
    X = oracle.random_data(draws[0], 30)
    for name in ("log_joint", "log_density", "log_responsibilities", "responsibilities"):
        found = getattr(mixture, name)(X)
        expected = np.stack([getattr(draw, name)(X) for draw in draws])
        np.testing.assert_array_equal(found, expected.reshape(found.shape))
    np.testing.assert_allclose(
        mixture.covariances.reshape(10, K, D, D), np.stack([d.covariances for d in draws])
    )
    assert mixture.batch_shape == (2, 5)
    assert len(mixture) == 2


def test_averages_over_draws(posterior):
    mixture, draws = posterior
    X = oracle.random_data(draws[0], 30)
    density = np.log(np.mean([np.exp(draw.log_density(X)) for draw in draws], axis=0))
    np.testing.assert_allclose(mixture.predictive_log_density(X), density, rtol=1e-12)
    members = np.stack([draw.responsibilities(X) for draw in draws])
    np.testing.assert_allclose(mixture.mean_responsibilities(X), members.mean(0), rtol=1e-12)
    mean, lower, upper = mixture.responsibility_interval(X, 0.8)
    np.testing.assert_allclose(mean, members.mean(0), rtol=1e-12)
    np.testing.assert_allclose(lower, np.quantile(members, 0.1, axis=0), atol=1e-15)
    np.testing.assert_allclose(upper, np.quantile(members, 0.9, axis=0), atol=1e-15)


def test_intervals_do_not_depend_on_the_blocks_of_rows(posterior, monkeypatch):
    mixture, draws = posterior
    X = oracle.random_data(draws[0], 30)
    whole = mixture.responsibility_interval(X, 0.9)
    monkeypatch.setattr("bayesgmm.core.mixture._BLOCK", 10 * K * 7)
    for a, b in zip(whole, mixture.responsibility_interval(X, 0.9), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_estimate_is_a_posterior_with_one_draw(mixture):
    X = oracle.random_data(mixture, 20)
    np.testing.assert_allclose(mixture.predictive_log_density(X), mixture.log_density(X))
    np.testing.assert_allclose(mixture.mean_responsibilities(X), mixture.responsibilities(X))
    assert len(mixture.flatten()) == 1
    assert bool(mixture)
    with pytest.raises(TypeError, match="no length"):
        len(mixture)
    with pytest.raises(TypeError, match="cannot be indexed"):
        mixture[0]


def test_posterior_sample_takes_each_row_from_a_draw_at_random(family):
    """Two draws far apart, three to one: a row in four is near the second."""
    far = [
        oracle.random_mixture(family, 1, 1, np.random.default_rng(0), separation=0.0),
        oracle.random_mixture(family, 1, 1, np.random.default_rng(0), separation=0.0),
    ]
    chosen = [far[0], far[0], far[0], far[1]]
    mixture = Mixture(
        np.ones((4, 1)),
        np.array([0.0, 0.0, 0.0, 1e4]).reshape(4, 1, 1),
        np.stack([m.whitening for m in chosen]),
        family,
    )
    X, labels = mixture.sample(40_000, np.random.default_rng(0))
    assert np.mean(X > 5e3) == pytest.approx(0.25, abs=0.01)
    assert not labels.any()


def test_permute_renames_components_and_changes_no_density(mixture):
    X = oracle.random_data(mixture, 20)
    order = np.array([2, 0, 1])
    permuted = mixture.permute(order)
    np.testing.assert_allclose(permuted.log_density(X), mixture.log_density(X), rtol=1e-13)
    np.testing.assert_array_equal(permuted.means, mixture.means[order])
    np.testing.assert_array_equal(permuted.weights, mixture.weights[order])
    np.testing.assert_array_equal(permuted.covariances, mixture.covariances[order])


def test_permute_takes_an_order_for_each_draw(posterior):
    mixture, draws = posterior
    orders = np.stack([np.random.default_rng(s).permutation(K) for s in range(10)])
    permuted = mixture.permute(orders.reshape(2, 5, K))
    for s, draw in enumerate(draws):
        one = permuted[s // 5, s % 5]
        np.testing.assert_array_equal(one.means, draw.means[orders[s]])
        np.testing.assert_allclose(one.covariances, draw.covariances[orders[s]])
        np.testing.assert_array_equal(one.weights, draw.weights[orders[s]])


def test_flatten_thin_and_index(posterior):
    mixture, draws = posterior
    flat = mixture.flatten()
    assert flat.batch_shape == (10,)
    np.testing.assert_array_equal(flat[7].means, draws[7].means)
    np.testing.assert_array_equal(mixture[1].means, flat.means[5:])
    assert [len(mixture.thin(n)) for n in (1, 3, 10, 99)] == [1, 3, 10, 10]
    np.testing.assert_array_equal(mixture.thin(3).means, flat.means[[0, 4, 9]])
    assert sum(1 for _ in flat) == 10


def test_rows_with_other_columns_never_reach_the_kernels(mixture, posterior):
    for value in (mixture, posterior[0]):
        for X in (np.zeros((3, D + 1)), np.zeros((3, D - 1)), np.zeros(D)):
            with pytest.raises(DataError, match=r"must be \(N, 2\), got shape"):
                value.log_density(X)


def test_text_says_what_it_is(posterior):
    mixture, draws = posterior
    assert repr(draws[0]) == f"Mixture(3 components, 2 features, {mixture.covariance_type})"
    assert repr(mixture).endswith("draws (2, 5))")
