"""NUTS on the compiled density: seeds, starts, and what nutpie promises."""

import numpy as np
import pytest
from posterior_problems import draw, posterior_of

from bayesgmm.bayes import callbacks, nutpie_adapter
from bayesgmm.bayes.modes import Mode
from bayesgmm.priors import Priors


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(5)
    return rng.normal(size=(25, 2)) @ [[1.5, 0.7], [0.0, 0.4]] + [10.0, -3.0]


def test_starts_have_a_density_and_are_not_the_mode_itself():
    """nutpie tries a new start where the slope is zero or nothing is finite, and none is left."""
    posterior = posterior_of("diag", "default", k=2, d=1)
    mode, basis = posterior.centre(np.zeros(posterior.sizes.n_coordinates), n_steps=20)
    place = Mode(mode, basis, posterior)
    rng = np.random.default_rng(0)
    assert np.any(place.near(0.1, rng) != mode)
    for _ in range(20):
        value, slope = posterior.value_and_gradient(place.near(1e4, rng))
        assert np.isfinite(value)
        assert np.all(np.isfinite(slope))


def test_seed_fixes_the_draws_bit_for_bit_for_any_number_of_cores(X, monkeypatch):
    import nutpie

    first, second = (draw(X, 1, "full", Priors(), seed=3, draws=50) for _ in range(2))
    np.testing.assert_array_equal(first.draws.means, second.draws.means)
    other = draw(X, 1, "full", Priors(), seed=4, draws=50)
    assert not np.array_equal(first.draws.means, other.draws.means)
    original = nutpie.sample
    monkeypatch.setattr(
        nutpie, "sample", lambda model, **options: original(model, **{**options, "cores": 1})
    )
    alone = draw(X, 1, "full", Priors(), seed=3, draws=50)
    np.testing.assert_array_equal(first.draws.means, alone.draws.means)
    for name, values in first.sample_stats.items():
        np.testing.assert_array_equal(values, alone.sample_stats[name])


def test_what_the_adapter_promises():
    """It rests on internals of nutpie: more chains than cores, starts, statistics by name."""
    posterior = posterior_of("diag", "default", k=1, d=1)
    n = posterior.sizes.n_coordinates
    mode, basis = posterior.centre(np.zeros(n), n_steps=20)
    sizes = np.asarray(posterior.sizes, dtype=np.int64)
    arrays = (mode, basis, posterior.rows, sizes, posterior.numbers)
    head = [*posterior.rows.shape, n, len(posterior.numbers)]
    block = np.array([*head, *(a.ctypes.data for a in arrays)], dtype=np.int64)

    def sample(starts):
        return nutpie_adapter.sample(
            callbacks.density,
            callbacks.expand,
            block,
            starts,
            draws=20,
            tune=20,
            target_accept=0.8,
            seed=9,
            progressbar=False,
        )

    starts = np.random.default_rng(0).normal(size=(6, n))
    found = sample(starts)
    assert found.draws.shape == (6, 20, n)
    names = {"diverging", "lp", "n_steps", "step_size", "tree_depth", "energy"}
    assert names <= set(found.sample_stats)
    assert {values.shape for values in found.sample_stats.values()} == {(6, 20)}
    lp = [posterior.value_and_gradient(theta)[0] for theta in found.draws[2]]
    np.testing.assert_allclose(found.sample_stats["lp"][2], lp, rtol=1e-12)
    moved = starts.copy()
    moved[4] += 1.0
    differs = (sample(moved).draws != found.draws).any(axis=(1, 2))
    assert differs.tolist() == [False, False, False, False, True, False]


def test_map_is_the_mode_that_map_em_finds(family, X):
    from bayesgmm import GaussianMixture

    found = draw(X, 2, family, Priors(), draws=4)
    em = GaussianMixture(2, covariance_type=family, priors=Priors(), random_state=0).fit(X)
    prior = found.priors
    value = found.map.log_density(X).sum() + prior.log_density(
        found.map.weights, found.map.means, found.map.native_covariances
    )
    assert value == pytest.approx(em.lower_bound_ * len(X), abs=1e-5)
