"""Which draws call for longer chains."""

import numpy as np
import pytest
from posterior_problems import posterior_of

from bayesgmm.bayes import mixing
from bayesgmm.core.mixture import Mixture

CHAINS, DRAWS = 4, 500


@pytest.fixture
def draws(rng):
    """Independent draws of two components, as they can be changed, and their log density."""
    return {
        "weights": rng.dirichlet([20.0, 10.0], size=(CHAINS, DRAWS)),
        "means": rng.normal(size=(CHAINS, DRAWS, 2, 1)) + np.array([[0.0], [9.0]]),
        "lp": rng.normal(size=(CHAINS, DRAWS)),
    }


def should_run_longer(draws, n_passes=1.0):
    posterior = posterior_of("diag", "default", k=2, d=1)
    mixture = Mixture(draws["weights"], draws["means"], np.ones((CHAINS, DRAWS, 2, 1)), "diag")
    return mixing.should_run_longer(posterior, mixture, {"lp": draws["lp"]}, n_passes)


def test_chains_that_agree_are_done(draws):
    assert not should_run_longer(draws)


def test_labels_do_not_matter(draws):
    for name in ("weights", "means"):
        draws[name][0] = draws[name][0][:, ::-1]
    assert not should_run_longer(draws)


@pytest.mark.parametrize("name", ["lp", "weights", "means"])
def test_one_chain_that_differs_is_enough(draws, name):
    if name == "weights":
        draws[name][2] = draws[name][2] * 0.5 + 0.25
    else:
        draws[name][2] += 1.0
    assert should_run_longer(draws)


def test_so_are_few_independent_draws(draws):
    draws["lp"] = np.repeat(draws["lp"][:, ::10], 10, axis=1)
    assert should_run_longer(draws)


def test_so_few_draws_that_no_chain_is_worth_more_are_done(draws):
    few = {name: values[:, :80] for name, values in draws.items()}
    posterior = posterior_of("diag", "default", k=2, d=1)
    mixture = Mixture(few["weights"], few["means"], np.ones((CHAINS, 80, 2, 1)), "diag")
    assert not mixing.should_run_longer(posterior, mixture, {"lp": few["lp"]}, 1.0)


def test_nothing_runs_for_minutes(draws):
    draws["lp"][0] += 1.0
    assert not should_run_longer(draws, n_passes=1e10)
