"""Diagnostics on chains whose illness is known."""

import numpy as np
import pytest

from bayesgmm.bayes.diagnostics import diagnose
from bayesgmm.core.mixture import Mixture

CHAINS, DRAWS = 4, 500


def chains(rng, chains=CHAINS, k=2):
    """Independent draws of a mixture in one dimension, and of its log-likelihood."""
    shape = (chains, DRAWS)
    weights = rng.dirichlet([30.0] * k, size=shape)
    means = np.arange(float(k))[:, None] * 5 + 0.1 * rng.normal(size=(*shape, k, 1))
    whitening = np.exp(0.1 * rng.normal(size=(*shape, k, 1)))
    return Mixture(weights, means, whitening, "diag"), -100 + rng.normal(size=shape)


def verdict(mixture, log_likelihood, n_divergences=0, switched=0.0):
    diverging = np.zeros(log_likelihood.shape, dtype=bool)
    diverging.ravel()[:n_divergences] = True
    return diagnose(mixture, log_likelihood, diverging, switched, ("x",))


def test_good_chains_have_nothing_to_report(rng):
    found = verdict(*chains(rng))
    assert found.ok
    assert found.messages == ()
    assert found.max_rhat < 1.01
    assert found.min_ess > 1000
    assert set(found.table["kind"]) == {"invariant", "component"}
    assert "mean 1, x" in set(found.table["quantity"])
    row = found.table.set_index("quantity").loc["mean 1, x"]
    assert row["mean"] == pytest.approx(5.0, abs=0.02)
    assert row["sd"] == pytest.approx(0.1, rel=0.1)


def test_chain_in_another_mode(rng):
    mixture, log_likelihood = chains(rng)
    log_likelihood[2] -= 15
    found = verdict(mixture, log_likelihood)
    assert not found.ok
    assert "The chains disagree: R-hat is" in found.messages[0]
    assert "for the log likelihood" in found.messages[0]


def test_stuck_chain(rng):
    mixture, log_likelihood = chains(rng)
    log_likelihood[1] = -103.0
    assert any("chains disagree" in text for text in verdict(mixture, log_likelihood).messages)


def test_all_chains_stuck(rng):
    mixture, log_likelihood = chains(rng)
    log_likelihood[:] = -100.0
    assert "do not move: the log likelihood" in verdict(mixture, log_likelihood).messages[0]


def test_draws_that_are_no_numbers(rng):
    mixture, log_likelihood = chains(rng)
    log_likelihood[0, 0] = np.nan
    with np.errstate(invalid="ignore"):
        assert not verdict(mixture, log_likelihood).ok


def test_slow_chains_are_worth_few_draws(rng):
    mixture, _ = chains(rng)
    steps = rng.normal(size=(CHAINS, DRAWS))
    slow = np.zeros_like(steps)
    for t in range(1, DRAWS):
        slow[:, t] = 0.97 * slow[:, t - 1] + steps[:, t]
    found = verdict(mixture, slow - slow.mean(axis=1, keepdims=True))
    assert any("worth only" in text and "(400 are wanted)" in text for text in found.messages)


def test_components_that_trade_places_do_not_discredit_the_density(rng):
    mixture, log_likelihood = chains(rng)
    orders = np.broadcast_to([0, 1], (CHAINS, DRAWS, 2)).copy()
    orders[2:] = [1, 0]
    found = verdict(mixture.permute(orders), log_likelihood, switched=0.4)
    assert any("Components are not stable" in text for text in found.messages)
    assert any("switched in 40% of the draws" in text for text in found.messages)
    assert not any("chains disagree" in text for text in found.messages)
    quantity, rhat, _ = found.worst("component")
    assert rhat > 1.5
    assert quantity.startswith("mean")


@pytest.mark.parametrize(("n", "words"), [(1, "So few matter little"), (40, "may be missing")])
def test_divergences_are_counted_and_judged(n, words, rng):
    found = verdict(*chains(rng), n_divergences=n)
    assert found.n_divergences == n
    assert f"{n} of 2000 draws diverged" in found.messages[0]
    assert words in found.messages[0]


def test_one_chain_has_no_rhat_and_is_no_error(rng):
    found = verdict(*chains(rng, chains=1))
    assert np.isnan(found.max_rhat)
    assert found.min_ess > 300


def test_of_one_chain_no_rhat_is_quoted(rng):
    mixture, log_likelihood = chains(rng, chains=1)
    orders = np.broadcast_to([0, 1], (1, DRAWS, 2)).copy()
    orders[:, DRAWS // 2 :] = [1, 0]
    found = verdict(mixture.permute(orders), log_likelihood)
    assert any("draw to draw (least effective" in text for text in found.messages)
    assert not any("nan" in text for text in found.messages)


def test_one_component_has_no_weights_to_judge(rng):
    found = verdict(*chains(rng, k=1))
    assert found.ok
    assert list(found.table["quantity"]) == ["log likelihood", "mean 0, x", "sd 0, x"]
