"""Chains in different modes: found, and weighed by how well each mode predicts."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from bayesgmm.bayes.chain_modes import modes_of_chains, weigh_modes

CHAINS, DRAWS = 4, 200


def test_chains_that_overlap_share_a_mode(rng):
    values = rng.normal(size=(CHAINS, DRAWS, 3))
    assert modes_of_chains(values).tolist() == [0, 0, 0, 0]
    values[1] += 2.0  # slow, but overlapping
    assert modes_of_chains(values).tolist() == [0, 0, 0, 0]


def test_one_quantity_far_off_is_a_mode_of_its_own(rng):
    values = rng.normal(size=(CHAINS, DRAWS, 3))
    values[0, :, 2] += 6.0
    assert modes_of_chains(values).tolist() == [0, 1, 1, 1]
    values[3, :, 0] -= 9.0
    assert modes_of_chains(values).tolist() == [0, 1, 1, 2]


def test_a_chain_that_visits_both_bridges_them(rng):
    values = rng.normal(size=(3, DRAWS, 1))
    values[0] += 8.0
    assert modes_of_chains(values).tolist() == [0, 1, 1]
    values[1, ::2] += 8.0
    assert modes_of_chains(values).tolist() == [0, 0, 0]


def test_few_draws_cannot_tell(rng):
    values = rng.normal(size=(CHAINS, 20, 3))
    values[0] += 100.0
    assert modes_of_chains(values).tolist() == [0, 0, 0, 0]


def predictions(means, X, rng):
    """Log densities of rows (chain, draw, n) under draws around a mean for each chain."""
    centres = np.asarray(means)[:, None, None] + 0.02 * rng.normal(size=(len(means), DRAWS, 1))
    return stats.norm(centres, 1.0).logpdf(X), xr.Dataset(
        {"mu": (("chain", "draw"), centres[..., 0])}
    )


@pytest.mark.filterwarnings("error")
def test_weights_are_those_of_the_best_mixture_of_predictions(rng, monkeypatch):
    """Rows from two normals, three to one, and a mode that knows each; two chains in the first."""
    X = np.concatenate([rng.normal(0, 1, 120), rng.normal(6, 1, 40)])
    rng.shuffle(X)
    monkeypatch.setattr("bayesgmm.bayes.chain_modes._MAX_ROWS", 80)
    seen = X[::2]
    values, posterior = predictions([0.0, 6.0, 0.0], X, rng)
    found = weigh_modes(np.array([0, 1, 0]), lambda rows: values[..., rows], len(X), posterior)
    np.testing.assert_allclose(found, [np.mean(seen < 3), np.mean(seen > 3)], atol=0.02)


@pytest.mark.filterwarnings("error")
def test_rows_that_loo_predicts_badly_are_no_warning(rng):
    X = np.append(rng.normal(size=30), 40.0)
    centres = np.array([[[0.0]], [[6.0]]]) + rng.normal(size=(2, 200, 1))
    values = stats.norm(centres, 1.0).logpdf(X)
    posterior = xr.Dataset({"mu": (("chain", "draw"), centres[..., 0])})
    found = weigh_modes(np.array([0, 1]), lambda rows: values[..., rows], len(X), posterior)
    assert found.sum() == pytest.approx(1.0)


def test_a_mode_that_predicts_worse_everywhere_weighs_nothing(rng):
    X = rng.normal(size=60)
    values, posterior = predictions([0.0, 5.0], X, rng)
    found = weigh_modes(np.array([0, 1]), lambda rows: values[..., rows], len(X), posterior)
    np.testing.assert_allclose(found, [1.0, 0.0], atol=1e-3)
