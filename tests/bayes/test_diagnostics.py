"""Diagnostics on chains whose illness is known."""

import re

import numpy as np
import pytest

from bayesgmm.bayes import verdicts
from bayesgmm.bayes.diagnostics import diagnose
from bayesgmm.bayes.labels import Relabelling
from bayesgmm.core.mixture import Mixture

CHAINS, DRAWS = 4, 500


def chains(rng, chains=CHAINS, k=2):
    """Independent draws of a mixture in one dimension, and of its log-likelihood."""
    shape = (chains, DRAWS)
    weights = rng.dirichlet([30.0] * k, size=shape)
    means = np.arange(float(k))[:, None] * 5 + 0.1 * rng.normal(size=(*shape, k, 1))
    whitening = np.exp(0.1 * rng.normal(size=(*shape, k, 1)))
    return Mixture(weights, means, whitening, "diag"), -100 + rng.normal(size=shape)


def diagnosed(mixture, log_likelihood, n_divergences=0, raw=None, **options):
    k, shape = mixture.n_components, mixture.batch_shape
    diverging = None if n_divergences is None else np.zeros(shape, dtype=bool)
    if n_divergences:
        diverging.ravel()[:n_divergences] = True
    settings = {"agreement": 1.0, "overlap": np.eye(k), "weigh_modes": no_modes} | options
    of_labels = {
        name: settings.pop(name)
        for name in ("switched", "n_namings", "functionals", "n_occupied")
        if name in settings
    }
    orders = np.broadcast_to(np.arange(k), (*shape, k))
    relabelled = Relabelling(mixture, orders, **{"switched": 0.0} | of_labels)
    return diagnose(
        mixture if raw is None else raw, relabelled, log_likelihood, diverging, ("x",), **settings
    )


def no_modes(modes):
    raise AssertionError("there is one mode")


def test_good_chains_have_nothing_to_report(rng):
    found = diagnosed(*chains(rng))
    assert found.ok
    assert found.messages == ()
    assert found.max_rhat < 1.01
    assert found.min_ess > 1000
    assert set(found.table["kind"]) == {"invariant", "component"}
    assert found.verdict == "4 chains agree; both components are separated."
    assert found.chains["mode"].tolist() == [0, 0, 0, 0]
    assert found.chains["weight"].tolist() == [0.25] * 4
    assert "mean 1, x" in set(found.table["quantity"])
    row = found.table.set_index("quantity").loc["mean 1, x"]
    assert row["mean"] == pytest.approx(5.0, abs=0.02)
    assert row["sd"] == pytest.approx(0.1, rel=0.1)


def test_chain_in_another_mode(rng):
    mixture, log_likelihood = chains(rng)
    log_likelihood[2] -= 15
    found = diagnosed(mixture, log_likelihood, weigh_modes=lambda modes: np.array([0.9, 0.1]))
    assert not found.ok
    assert found.messages[0].startswith(
        "The chains sit in 2 modes and do not move between them: chains 0, 1 and 3 (log likelihood "
        "-100.0, weight 0.90) and chain 2 (log likelihood -115."
    )
    assert "All averages here weigh the chains alike" in found.messages[0]
    assert found.chains["mode"].tolist() == [0, 0, 1, 0]
    np.testing.assert_allclose(found.chains["weight"], [0.3, 0.3, 0.1, 0.3])
    np.testing.assert_allclose(found.chains["log_likelihood"], log_likelihood.mean(axis=1))
    assert found.verdict == (
        "4 chains sit in different modes: chains 0, 1 and 3 (log likelihood -100.0, weight 0.90) "
        f"and chain 2 (log likelihood {log_likelihood[2].mean():.1f}, weight 0.10); both "
        "components are separated."
    )


def test_chains_that_disagree_without_being_apart(rng):
    mixture, log_likelihood = chains(rng)
    log_likelihood[2] -= 2
    found = diagnosed(mixture, log_likelihood)
    assert "The chains disagree: R-hat is" in found.messages[0]
    assert "for the log likelihood" in found.messages[0]
    assert found.verdict.startswith("4 chains disagree (R-hat 1.")
    assert "for the log likelihood); both components are separated." in found.verdict


def test_stuck_chain(rng):
    mixture, log_likelihood = chains(rng)
    log_likelihood[1] = -101.0
    assert "The chains disagree" in diagnosed(mixture, log_likelihood).messages[0]


def test_all_chains_stuck(rng):
    mixture, log_likelihood = chains(rng)
    log_likelihood[:] = -100.0
    found = diagnosed(mixture, log_likelihood)
    assert "do not move: the log likelihood" in found.messages[0]
    assert found.verdict.startswith("The draws do not move;")


def test_draws_that_are_no_numbers(rng):
    mixture, log_likelihood = chains(rng)
    log_likelihood[0, 0] = np.nan
    with np.errstate(invalid="ignore"):
        assert not diagnosed(mixture, log_likelihood).ok


def test_slow_chains_are_worth_few_draws(rng):
    mixture, _ = chains(rng)
    steps = rng.normal(size=(CHAINS, DRAWS))
    slow = np.zeros_like(steps)
    for t in range(1, DRAWS):
        slow[:, t] = 0.97 * slow[:, t - 1] + steps[:, t]
    found = diagnosed(mixture, slow - slow.mean(axis=1, keepdims=True))
    assert any("worth only" in text and "(400 are wanted)" in text for text in found.messages)


def test_components_that_trade_places_do_not_discredit_the_density(rng):
    mixture, log_likelihood = chains(rng)
    orders = np.broadcast_to([0, 1], (CHAINS, DRAWS, 2)).copy()
    orders[2:] = [1, 0]
    away = {"switched": 0.4, "weigh_modes": lambda modes: np.array([0.5, 0.5])}
    overlap = np.array([[0.6, 0.4], [0.4, 0.6]])
    found = diagnosed(mixture.permute(orders), log_likelihood, overlap=overlap, **away)
    assert any("Components are not stable" in text for text in found.messages)
    assert any("switched in 40% of the draws" in text for text in found.messages)
    assert not any("chains disagree" in text for text in found.messages)
    quantity, rhat, _ = found.worst("component")
    assert rhat > 1.5
    assert quantity.startswith("mean")


@pytest.mark.parametrize("illness", ["none", "divergences", "chains that disagree"])
def test_densities_hold_where_only_components_trade_places(illness, rng):
    mixture, log_likelihood = chains(rng)
    orders = np.broadcast_to([0, 1], (CHAINS, DRAWS, 2)).copy()
    orders[:, DRAWS // 2 :] = [1, 0]
    if illness == "chains that disagree":
        log_likelihood[2] -= 2
    n_divergences = 40 if illness == "divergences" else 0
    found = diagnosed(mixture.permute(orders), log_likelihood, n_divergences=n_divergences)
    [text] = [text for text in found.messages if text.startswith("Components are not stable")]
    hold = "densities hold, but " if illness == "none" else ""
    assert text.endswith(f"): {hold}read component-wise numbers as rough.")


def test_a_mode_that_fits_better_than_the_highest_is_told(rng):
    found = diagnosed(*chains(rng), better_fit=15.31)
    assert found.verdict == (
        "4 chains agree; both components are separated. The priors decide between modes: another "
        "one fits the data better than the highest, by 15.3 nats of log-likelihood."
    )
    assert found.ok


@pytest.mark.parametrize(
    ("illness", "limit", "told"),
    [
        ("unvisited", verdicts.FEW_UNVISITED, "No draw is at modes that hold about"),
        ("evidence_error", verdicts.MAX_EVIDENCE_ERROR, "The populations of particles disagree"),
    ],
)
def test_what_samplers_know_to_be_missing_is_told(illness, limit, told, rng):
    found = diagnosed(*chains(rng), **{illness: 1.1 * limit})
    assert not found.ok
    [message] = found.messages
    assert message.startswith(told)
    if illness == "evidence_error":
        assert found.verdict.startswith("4 populations of particles disagree on the evidence")
    assert f"{1.1 * limit:.0%}" in message or f"{1.1 * limit:.2f} nats" in message
    assert diagnosed(*chains(rng), **{illness: limit}).ok


def test_names_given_at_random_say_nothing_of_separated_components(rng):
    found = diagnosed(*chains(rng), switched=0.4)
    assert found.ok
    assert not found.messages


def test_an_rhat_above_the_limit_is_shown_above_it():
    assert [verdicts._above(rhat) for rhat in (1.2, 1.01004)] == ["1.200", "1.01004"]


def test_divergences_are_counted_and_judged(rng):
    found = diagnosed(*chains(rng), n_divergences=40)
    assert found.n_divergences == 40
    assert found.messages[0].startswith("40 of 2000 draws diverged")
    assert "may be missing" in found.messages[0]
    # So few matter little.
    found = diagnosed(*chains(rng), n_divergences=1)
    assert (found.n_divergences, found.ok) == (1, True)


def test_names_that_switch_and_are_agreed_on_afterwards_are_no_trouble(rng):
    overlap = np.array([[0.6, 0.4], [0.4, 0.6]])
    assert diagnosed(*chains(rng), overlap=overlap, switched=0.4).ok
    unsure = diagnosed(*chains(rng), overlap=overlap, switched=0.4, agreement=0.5)
    assert unsure.messages[0].startswith("Labels switched in 40% of the draws")


def test_one_chain_has_no_rhat_and_is_no_error(rng):
    found = diagnosed(*chains(rng, chains=1))
    assert np.isnan(found.max_rhat)
    assert found.min_ess > 300
    assert found.verdict == (
        "1 chain, with no other to compare it with; both components are separated."
    )


def test_of_one_chain_no_rhat_is_quoted(rng):
    mixture, log_likelihood = chains(rng, chains=1)
    orders = np.broadcast_to([0, 1], (1, DRAWS, 2)).copy()
    orders[:, DRAWS // 2 :] = [1, 0]
    found = diagnosed(mixture.permute(orders), log_likelihood)
    assert any("draw to draw (least effective" in text for text in found.messages)
    assert not any("nan" in text for text in found.messages)


def test_one_component_has_no_weights_to_judge(rng):
    found = diagnosed(*chains(rng, k=1))
    assert found.ok
    assert list(found.table["quantity"]) == ["log likelihood", "mean 0, x", "sd 0, x"]
    assert found.n_components == 1
    assert found.verdict == "4 chains agree."


@pytest.mark.parametrize(
    ("k", "pairs", "words"),
    [
        (3, [], "all 3 components are separated"),
        (
            3,
            [(1, 2)],
            "1 of 3 components is separated; components 1 and 2 overlap, read their parameters "
            "jointly",
        ),
        (2, [(0, 1)], "components 0 and 1 overlap, read their parameters jointly"),
        (
            4,
            [(0, 1), (1, 3)],
            "1 of 4 components is separated; components 0, 1 and 3 overlap, read their parameters "
            "jointly",
        ),
        (
            6,
            [(0, 2), (3, 5)],
            "2 of 6 components are separated; components overlap: 0 and 2; 3 and 5, read the "
            "parameters of each group jointly",
        ),
    ],
)
def test_which_components_are_separated(k, pairs, words, rng):
    overlap = np.full((k, k), 0.09)
    for i, j in pairs:
        overlap[i, j] = overlap[j, i] = 0.11
    found = diagnosed(*chains(rng, k=k), overlap=overlap)
    assert found.verdict == f"4 chains agree; {words}."
    assert found.ok


def test_raw_quantities_are_there_where_labels_differ_and_are_not_judged(rng):
    mixture, log_likelihood = chains(rng)
    orders = np.broadcast_to([0, 1], (CHAINS, DRAWS, 2)).copy()
    orders[2:] = [1, 0]
    found = diagnosed(mixture, log_likelihood, raw=mixture.permute(orders), n_namings=2)
    raw = found.table.query("kind == 'raw'").set_index("quantity")
    assert set(raw.index) == set(found.table.query("kind == 'component'")["quantity"])
    assert raw.loc["mean 1, x", "rhat"] > 1.5
    assert raw.loc["mean 1, x", "ess"] < 10
    assert found.max_rhat < 1.01
    assert found.min_ess > 1000
    assert found.ok
    assert "raw" not in set(diagnosed(mixture, log_likelihood).table["kind"])


def test_counts_are_listed_and_tell_chains_apart_but_have_no_say_in_r_hat(rng):
    mixture, log_likelihood = chains(rng)
    counts = np.full((CHAINS, DRAWS), 2)
    same = diagnosed(mixture, log_likelihood, n_occupied=counts)
    row = same.table.set_index("quantity").loc["number of occupied components"]
    assert (row["kind"], row["mean"], row["sd"]) == ("count", 2.0, 0.0)
    assert same.ok
    counts[1, 100:105] = 1  # rare
    assert diagnosed(mixture, log_likelihood, n_occupied=counts).ok
    counts[:] = 2
    counts[3] = 1
    found = diagnosed(
        mixture, log_likelihood, n_occupied=counts, weigh_modes=lambda modes: np.array([0.6, 0.4])
    )
    assert found.chains["mode"].tolist() == [0, 0, 0, 1]


def test_modes_that_draws_are_at_are_told(rng):
    found = diagnosed(*chains(rng), places=(0.65, 0.35))
    assert found.ok
    assert "; the posterior has 2 separate modes (65% and 35% of the draws)" in found.verdict


def test_components_that_are_mostly_empty_are_told(rng):
    counts = np.full((CHAINS, DRAWS), 2)
    counts[:, : DRAWS // 4] = 1
    assert "likeliest" not in diagnosed(*chains(rng), n_occupied=counts).verdict
    counts[:, : 3 * DRAWS // 4] = 1
    found = diagnosed(*chains(rng), n_occupied=counts).verdict
    assert "; on average only 1.2 of 2 components are the likeliest of any row" in found


def test_other_functionals_are_judged(rng):
    mixture, log_likelihood = chains(rng)
    together = rng.uniform(size=(CHAINS, DRAWS))
    together[0] /= 2
    found = diagnosed(
        mixture, log_likelihood, functionals={"co-clustering of rows 3 and 8": together}
    )
    assert "for the co-clustering of rows 3 and 8" in found.messages[0]


def test_methods_of_relabelling_that_differ_are_told(rng):
    assert diagnosed(*chains(rng), agreement=0.91).ok
    found = diagnosed(*chains(rng), agreement=0.62)
    assert "agree on only 62% of the draws" in found.messages[0]


def test_draws_that_are_missing_are_counted(rng):
    found = diagnosed(*chains(rng), complete=False, n_wanted=4000)
    assert found.messages[0] == (
        "Sampling was interrupted: there are 2000 draws, 500 in each of 4 chains, of the 4000 that "
        "were asked for."
    )
    assert found.verdict == (
        "Stopped early, after 500 draws a chain; 4 chains agree; both components are separated."
    )


def test_few_independent_draws_and_divergences_are_in_the_verdict(rng):
    mixture, log_likelihood = chains(rng)
    slow = np.cumsum(rng.normal(size=(CHAINS, DRAWS // 10)), axis=1).repeat(10, axis=1)
    slow -= slow.mean(axis=1, keepdims=True)
    found = diagnosed(mixture, log_likelihood + 100 + slow, n_divergences=7)
    assert re.fullmatch(
        r"4 chains (agree, but are worth only \d+ independent draws|disagree \(.*\)); 7 of 2000 "
        r"draws diverged; both components are separated\.",
        found.verdict,
    )


def test_a_summary_can_be_printed(rng):
    mixture, log_likelihood = chains(rng)
    lines = str(diagnosed(mixture, log_likelihood, n_divergences=1)).splitlines()
    assert lines[0] == "4 chains agree; both components are separated."
    assert re.fullmatch(r"free of labels +4 +1\.00\d +\d+", lines[3])
    assert re.fullmatch(r"components, relabelled +6 +1\.00\d +\d+", lines[4])
    assert "2000 draws in 4 chains, 1 diverged." in lines
    lines = str(diagnosed(mixture, log_likelihood, n_divergences=40)).splitlines()
    assert lines[-1].startswith("- 40 of 2000 draws diverged")
    alone = str(diagnosed(*chains(rng, chains=1, k=1)))
    assert "nan" not in alone
    assert "Labels" not in alone
    of_one = str(diagnosed(*chains(rng, chains=1)))
    assert "Labels, as sampled, switched in 0% of the draws; methods of" in of_one


def test_samplers_that_cannot_diverge_count_no_divergences(rng):
    found = diagnosed(*chains(rng), n_divergences=None)
    assert (found.n_divergences, found.can_diverge) == (0, False)
    assert "2000 draws in 4 chains." in str(found).splitlines()
