"""R-hat and effective sample size against ArviZ."""

import numpy as np
import pytest
from arviz_stats import base

from bayesgmm.bayes.convergence import rhat_and_ess


def autoregressive(r, shape, rng):
    steps = rng.normal(size=shape)
    out = np.zeros(shape)
    for t in range(1, shape[1]):
        out[:, t] = r * out[:, t - 1] + steps[:, t]
    return out


def quantities(shape, rng):
    """Good, slow, antithetic, heavy-tailed, binary, rounded, and chains apart."""
    columns = [autoregressive(r, shape, rng) for r in (0.0, 0.5, 0.9, 0.99, -0.5, -0.9)]
    columns.append(np.exp(3 * columns[0]))
    columns.append((columns[1] > 0).astype(float))
    columns.append(np.round(columns[2]))
    columns.append(columns[1] + np.arange(shape[0])[:, None])
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("shape", [(4, 1000), (1, 500), (4, 101), (3, 7), (2, 4), (2, 5), (1, 4)])
def test_values_are_arviz_s(shape, rng):
    values = quantities(shape, rng)
    rhat, ess = rhat_and_ess(values)
    for i in range(values.shape[-1]):
        one = np.ascontiguousarray(values[..., i])
        theirs = base.array_stats.ess(one, chain_axis=0, draw_axis=1, method="bulk")
        assert ess[i] == pytest.approx(float(theirs), rel=1e-10)
        if shape[0] > 1:
            with np.errstate(divide="ignore", invalid="ignore"):
                theirs = base.array_stats.rhat(one, chain_axis=0, draw_axis=1)
            assert rhat[i] == pytest.approx(float(theirs), rel=1e-12, nan_ok=True)
    assert np.isnan(rhat).all() == (shape[0] == 1)


def test_shapes_follow(rng):
    values = rng.normal(size=(2, 20, 3, 2))
    rhat, ess = rhat_and_ess(values)
    assert rhat.shape == ess.shape == (3, 2)
    alone = rhat_and_ess(values[..., 1, 0])
    assert float(alone[0]) == rhat[1, 0]
    assert float(alone[1]) == ess[1, 0]


def test_draws_that_do_not_move_or_are_no_numbers(rng):
    values = rng.normal(size=(2, 50, 4))
    values[..., 1] = 3.0
    values[0, 3, 2] = np.nan
    values[..., 3] = [[1.0], [2.0]]
    rhat, ess = rhat_and_ess(values)
    assert np.isfinite(rhat[0])
    assert np.isnan(rhat[1])
    assert ess[1] == 100
    assert np.isnan([rhat[2], ess[2]]).all()
    assert np.isinf(rhat[3])
    assert ess[3] < 10
