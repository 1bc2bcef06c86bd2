"""Sweeps of every shape give a true and readable report."""

import copy
import dataclasses
import json
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from html_reader import read, requests

from bayesgmm.bayes.samplers import Importance
from bayesgmm.cli.report import _save
from bayesgmm.cli.screen import Screen
from bayesgmm.cli.select import _summary
from bayesgmm.core.mixture import Mixture
from bayesgmm.report.clusters import Fitted
from bayesgmm.report.content import build_report
from bayesgmm.report.context import Context
from bayesgmm.report.evidence import Evidence, flat_columns
from bayesgmm.report.html import to_html
from bayesgmm.report.markdown import to_markdown


def rendered(result):
    report = build_report(result)
    page = to_html(report)
    read(page)
    assert requests(page) == []
    assert len(page.encode()) < 2_000_000
    assert to_markdown(report).startswith("# ")
    return report, {section.key: section for section in report.sections}


def text_of(section):
    return json.dumps(dataclasses.asdict(section), ensure_ascii=False)


def number(text):
    return float(text.replace("\N{MINUS SIGN}", "-"))


def test_em_alone_claims_no_uncertainty(em_sweep, blobs):
    report, sections = rendered(em_sweep(blobs))
    assert report.answer.headline == "Two clusters, and all 100 rows placed with confidence"
    assert {"estimates", "priors"}.isdisjoint(sections)
    everything = text_of(report)
    assert "posterior sampled" not in everything
    assert "90\u00a0% interval" not in everything
    assert "EM gives one best value" in everything
    assert report.title == "Data"


def test_one_number_tried(em_sweep, blobs):
    report, sections = rendered(em_sweep(blobs, [2]))
    assert report.answer.headline.startswith("Two clusters, as asked")
    assert "fixed in advance" in text_of(sections["methods"])
    assert "agree" not in text_of(sections["how-many"])


def test_one_cluster(em_sweep):
    X = np.random.default_rng(1).normal(size=(80, 2))
    report, sections = rendered(em_sweep(X))
    assert report.answer.headline.startswith("No groups found")
    assert sections["rows"].short == "Rows"
    assert "Certainty" not in text_of(sections["rows"])
    assert "readout" not in re.sub(
        r"<style>.*?</style>|<script>.*?</script>", "", to_html(report), flags=re.S
    )


@pytest.mark.slow
def test_one_measurement_has_two_families(em_sweep, blobs):
    result = em_sweep(blobs[:, :1], covariance_types=("full", "tied", "diag", "spherical"))
    report, sections = rendered(result)
    table = next(
        b for b in sections["how-many"].blocks if getattr(b, "columns", ("",))[0] == "family"
    )
    assert [row[0] for row in table.rows] == ["full", "tied"]
    assert "one and the same model" in text_of(sections["how-many"])
    assert "peaks" in sections["picture"].heading
    assert "the other family" in report.answer.lede[1] or "(tied)" in report.answer.lede[0]


@pytest.mark.slow
@pytest.mark.parametrize("n_features", [4, 13])
def test_many_measurements(em_sweep, n_features):
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(0, 1, (100, n_features)), rng.normal(4, 1, (100, n_features))])
    report, sections = rendered(em_sweep(X, covariance_types=("full", "diag")))
    assert report.answer.headline.startswith("Two clusters")
    assert "the two are drawn that tell the clusters" in text_of(sections["picture"])
    assert len(sections["clusters"].blocks[0].cards[0].table.rows) == n_features


def test_rows_have_the_numbers_of_the_table_they_come_from(em_sweep):
    rng = np.random.default_rng(5)
    table = np.vstack([rng.normal(0, 1, (50, 2)), rng.normal(4, 1, (50, 2))])
    table[90] = [2.0, 15.0]
    incomplete = (0, 40, 41, 99)
    report = build_report(em_sweep(np.delete(table, incomplete, axis=0)), incomplete=incomplete)
    sections = {section.key: section for section in report.sections}
    kept = [row for row in range(100) if row not in incomplete]
    listed = sections["rows"].blocks[-1].blocks[0]
    assert list(listed.numbers) == [row + 1 for row in kept]
    assert '"numbers":[2,3,' in to_html(report)
    tables = [b for b in sections["rows"].blocks if getattr(b, "columns", ("",))[0] == "row"]
    assert [t.label for t in tables] == ["Least certain rows", "Odd rows"]
    for row in tables[0].rows + tables[1].rows:
        np.testing.assert_allclose([*map(number, row[1:3])], table[int(row[0]) - 1], atol=0.01)
    assert "Row 91 fits no cluster" in text_of(sections["rows"])
    assert "Row 91 is a surprise" in text_of(sections["rows"])
    for card in sections["clusters"].blocks[0].cards:
        for row, x, y in re.findall(r"row (\d+) \((\S+), (\S+)\)", card.notes[-1]):
            np.testing.assert_allclose([number(x), number(y)], table[int(row) - 1], atol=0.01)
    assert "Rows are counted from 1 as in the data, those left out included." in text_of(report)


def test_doubtful_rows_of_the_first_screen_have_those_numbers(em_sweep, blobs):
    X = np.vstack([blobs, [[3.1, 3.1]]])
    result = em_sweep(X, [2], covariance_types=("tied",))
    before = build_report(result).answer.facts[2]
    after = build_report(result, incomplete=(2, 50)).answer.facts[2]
    assert before.detail.endswith(": row 101")
    assert after.detail.endswith(": row 103")


def test_checks_name_rows_by_those_numbers(sweep):
    key = ("full", 2)
    pareto_k = np.array(sweep.loo[key].pareto_k)
    pareto_k[4] = 0.95
    loo = copy.copy(sweep.loo[key])
    loo.pareto_k = pareto_k
    fit = copy.copy(sweep.fits["bayes", *key])
    diagnostics = fit.diagnostics_
    table = diagnostics.table.copy()
    row = table.index[table["quantity"].str.startswith("co-clustering of rows")][0]
    table.loc[row, ["quantity", "rhat"]] = ["co-clustering of rows 4 and 10", 1.5]
    fit.diagnostics_ = dataclasses.replace(diagnostics, table=table)
    notes = sweep.table.assign(note="R-hat is 1.5 for the co-clustering of rows 4 and 10.")
    changed = dataclasses.replace(
        sweep, table=notes, fits={**sweep.fits, ("bayes", *key): fit}, loo={**sweep.loo, key: loo}
    )
    report = build_report(changed, incomplete=(0, 7))
    sections = {section.key: section for section in report.sections}
    assert "co-clustering of rows 6 and 13." in text_of(sections["how-many"])
    checks = sections["checks"].blocks[0].checks
    assert any("LOO leans on row 6 " in check.means for check in checks)
    assert any("co-clustering of rows 6 and 13." in check.means for check in checks)
    assert "co-clustering of rows 6 and 13." in report.answer.lede[0]


def test_a_column_that_only_its_logarithm_makes_symmetric_is_told(em_sweep):
    rng = np.random.default_rng(0)
    income, age = np.exp(rng.normal(10, 1, 300)), rng.normal(45, 5, 300)
    # Neither of these is mended by a logarithm: one reaches zero, one is two far groups.
    counts = np.floor(rng.exponential(3.0, 300) ** 2)
    far = np.where(np.arange(300) < 30, 1e6, 1.0) + rng.normal(45, 5, 300) / 1e3
    frame = pd.DataFrame({"income": income, "age": age, "counts": counts, "far": far})
    assert Context(Evidence(em_sweep(frame, [1])), "").skewed == ("income",)
    report, _ = rendered(em_sweep(frame[["income", "age"]], [2]))
    assert any(text.startswith("Column income is positive") for text in report.answer.lede)


def test_a_failed_fit_is_told(em_sweep, blobs):
    result = em_sweep(blobs)
    table = result.table.copy()
    row = (table["n_components"] == 3).to_numpy()
    table.loc[row, ["status", "note"]] = ["failed", "the covariance is <singular>."]
    table.loc[row, ["bic", "icl", "aic", "log_likelihood"]] = np.nan
    fits = {key: fit for key, fit in result.fits.items() if key[2] != 3}
    _, sections = rendered(dataclasses.replace(result, table=table, fits=fits))
    assert "full with K = 3 by EM (the covariance is <singular>)" in text_of(sections["how-many"])


@pytest.mark.parametrize("cause", ["collapsed", "failed"])
def test_of_one_number_with_a_criterion_nothing_is_claimed(em_sweep, blobs, cause):
    result = em_sweep(blobs)
    table, fits = result.table.copy(), dict(result.fits)
    others = (table["n_components"] > 1).to_numpy()
    table.loc[others, ["bic", "icl", "aic"]] = np.nan
    for key in [key for key in fits if key[2] > 1]:
        fit = copy.copy(fits.pop(key))
        if cause == "collapsed":
            fit.starts_ = SimpleNamespace(n_starts=9, n_at_best=9, n_spikes=9, all_collapsed=True)
            fits[key] = fit
    if cause == "failed":
        table.loc[others, ["status", "note"]] = ["failed", "no."]
    result = dataclasses.replace(result, table=table, fits=fits)
    report, sections = rendered(result)
    told = f"the fits of two and three clusters {cause}"
    assert report.answer.headline == f"EM could not compare: {told}"
    assert report.answer.lede[0] == f"BIC is known for one cluster only: {told}."
    assert report.answer.level == "fail"
    everything = text_of(report)
    assert "agree" not in " ".join(report.answer.lede)
    assert "No groups found" not in everything
    assert "no other number was tried" not in everything
    assert "BIC (Schwarz, 1978) could be computed for K = 1 only" in everything.replace(
        "\u00a0", " "
    )
    (check,) = [c for c in sections["checks"].blocks[0].checks if c.level != "pass"]
    assert check.found == "1 of 3"
    assert told in check.means
    lines = _summary(result)
    assert f"BIC is known for one cluster only: {told}." in lines
    assert not any("agree" in line for line in lines)


@pytest.mark.slow
def test_five_thousand_rows_that_overlap(em_sweep):
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(0, 1, (2500, 2)), rng.normal(2.2, 1, (2500, 2))])
    report, sections = rendered(em_sweep(X, range(1, 4), n_init=2))
    assert "of the 5000 rows are drawn" in text_of(sections["picture"])
    assert "overlap" in report.answer.headline


def test_a_spike_is_no_answer(em_sweep):
    """Six rows, two of them equal: three components can only collapse."""
    X = np.array([[0.0, 0.1], [0.0, 0.1], [1.0, 1.3], [2.0, 1.9], [3.1, 2.4], [3.9, 4.2]])
    result = em_sweep(X, (3,))
    assert result.best.starts_.all_collapsed
    report, sections = rendered(result)
    assert report.answer.headline.startswith("No answer yet: a cluster has shrunk")
    assert "fail" in {check.level for check in sections["checks"].blocks[0].checks}


def test_columns_that_make_the_covariance_of_all_rows_singular(em_sweep, blobs):
    """The diagonal and spherical families can be fitted to them, and so reported."""
    X = np.c_[blobs, 2.0 * blobs[:, 0]]
    report, _ = rendered(em_sweep(X, covariance_types=("diag", "spherical")))
    assert not report.answer.headline.startswith("No answer")
    report, _ = rendered(em_sweep(np.c_[blobs, np.ones(100)], covariance_types=("spherical",)))
    assert not report.answer.headline.startswith("No answer")


def test_checks_of_the_clusters_do_not_contradict_each_other(sweep):
    key = ("bayes", "full", 2)

    def checks(**changes):
        fit = copy.copy(sweep.fits[key])
        fit.diagnostics_ = dataclasses.replace(fit.diagnostics_, **changes)
        _, sections = rendered(dataclasses.replace(sweep, fits={**sweep.fits, key: fit}))
        found = {check.name: check for check in sections["checks"].blocks[0].checks}
        return found["No label switching"], found["Clusters are separated"]

    switched, separated = checks(switched=0.4)
    assert (switched.level, separated.level) == ("pass", "pass")
    assert "by itself" in separated.means
    switched, separated = checks(switched=0.4, agreement=0.5)
    assert switched.level == "note"
    assert "as rough" in switched.means
    assert "by itself" not in separated.means


def test_chains_that_disagree_withhold_the_answer(sweep):
    key = ("bayes", "full", 2)
    fit = copy.copy(sweep.fits[key])
    diagnostics = fit.diagnostics_
    table = diagnostics.table.copy()
    table.loc[table["quantity"] == "log likelihood", "rhat"] = 1.234
    fit.diagnostics_ = dataclasses.replace(diagnostics, table=table)
    report, sections = rendered(dataclasses.replace(sweep, fits={**sweep.fits, key: fit}))
    assert report.answer.headline == "No answer yet: the chains disagree"
    assert report.answer.lede[0].startswith("R-hat is 1.234 for the log likelihood.")
    assert "Withheld" in text_of(sections["methods"])


def test_a_model_that_leads_by_loo_is_named_though_another_is_shown(sweep):
    """At three, a twin of another family is best by BIC; the full one predicts best."""
    table, loo, fits = sweep.table.copy(), dict(sweep.loo), dict(sweep.fits)
    three = table["n_components"] == 3
    twin = table[three].assign(covariance_type="tied")
    twin["bic"] -= 1.0
    table.loc[three, "elpd_loo"] += 30.0
    leader = copy.copy(loo["full", 3])
    leader.elpd_i = np.array(leader.elpd_i) + 30.0 / len(sweep.X)
    loo |= {("full", 3): leader, ("tied", 3): loo["full", 3]}
    for engine in ("em", "bayes"):
        fits[engine, "tied", 3] = fits[engine, "full", 3]
    fit = copy.copy(fits["bayes", "full", 3])
    numbers = fit.diagnostics_.table.copy()
    numbers.loc[numbers["quantity"] == "log likelihood", "rhat"] = 1.234
    fit.diagnostics_ = dataclasses.replace(fit.diagnostics_, table=numbers)
    fits["bayes", "full", 3] = fit
    table = pd.concat([table, twin], ignore_index=True)
    report, sections = rendered(dataclasses.replace(sweep, table=table, loo=loo, fits=fits))
    assert any("with three of free shape (full), by" in text for text in report.answer.lede)
    assert "with three of free shape (full), by" in text_of(sections["how-many"])
    assert "K = 3 (full, R-hat 1.234)" in text_of(sections["checks"]).replace("\u00a0", " ")


def test_independent_draws_are_told_by_where_they_are_drawn_from(sweep):
    key = ("bayes", "full", 2)
    fit = copy.copy(sweep.fits[key])
    fit.posterior_ = {
        "posterior": SimpleNamespace(attrs={"sampler": "laplace"}),
        "observed_data": fit.posterior_["observed_data"],
    }
    importance = Importance(pareto_k=0.3, ess=1500.0)
    fit.diagnostics_ = dataclasses.replace(fit.diagnostics_, importance=importance)
    _, sections = rendered(dataclasses.replace(sweep, fits={**sweep.fits, key: fit}))
    text = text_of(sections["methods"])
    assert (
        "by importance sampling from a mixture of normals, one at each mode, with smoothed weights "
        "(Vehtari et al., 2024), in 2000 independent draws"
    ) in text
    assert "approximation" not in text
    assert "Pareto smoothed importance sampling." in text


def test_jumps_are_told_by_where_they_go(sweep):
    _, sections = rendered(sweep)
    text = text_of(sections["methods"])
    assert "by jumps to draws of a mixture of normals, one at each mode (Tierney, 1994)" in text


def test_chains_in_different_modes_withhold_the_answer(sweep):
    key = ("bayes", "full", 2)
    fit = copy.copy(sweep.fits[key])
    chains = fit.diagnostics_.chains.assign(mode=[0, 0, 0, 1], weight=[0.3, 0.3, 0.3, 0.1])
    fit.diagnostics_ = dataclasses.replace(fit.diagnostics_, chains=chains)
    report, sections = rendered(dataclasses.replace(sweep, fits={**sweep.fits, key: fit}))
    assert report.answer.headline == "No answer yet: the chains disagree"
    assert "3 chains in one (weight 0.90) and 1 chain in one (weight 0.10)" in report.answer.lede[0]
    assert "The chains sit in two modes" in text_of(sections["checks"])


def test_overlapping_clusters_have_the_numbers_of_the_report(sweep):
    """The report counts from 1 and in the order of the EM fit."""
    from bayesgmm.report.clusters import read_model
    from bayesgmm.report.evidence import Evidence

    model = next(m for m in Evidence(sweep).models if m.n_components == 3)
    fit = copy.copy(model.bayes)
    fit.diagnostics_ = dataclasses.replace(fit.diagnostics_, overlapping=((0, 1),))
    fitted = read_model(dataclasses.replace(model, bayes=fit), sweep.X)
    (group,) = fitted.overlapping
    assert sorted(group) == list(group)
    np.testing.assert_allclose(
        sorted(fitted.draws.means[:, list(group), 0].mean(axis=0)),
        sorted(fit.mixture_.means[..., [0, 1], 0].mean(axis=(0, 1))),
    )


def test_rows_expected_wrong_lie_in_their_own_interval():
    """Each draw is sure of every row, but the draws do not agree."""
    X = np.linspace(-1.0, 1.0, 20)[:, None]
    edges = np.linspace(-0.6, 0.6, 200)
    means = edges[:, None, None] + np.array([[-5.0], [5.0]])
    draws = Mixture(np.full((200, 2), 0.5), means, np.ones((200, 2, 1, 1)) * 3.0, "full")
    fitted = Fitted(None, draws[100], draws, 4, X)
    low, high = fitted.expected_wrong_interval
    assert low < fitted.expected_wrong < high


def test_an_em_fit_that_is_not_what_the_posterior_shows_is_told(sweep, tmp_path, capsys):
    key = ("em", "full", 2)
    fit = copy.copy(sweep.fits[key])
    _save(sweep, tmp_path / "fit.json", Screen(quiet=True))
    assert capsys.readouterr().err == ""
    before = fit.mixture_
    means = before.means.copy()
    means[:, 1] = [70.0, 90.0] if means[0, 1] < means[1, 1] else [90.0, 70.0]
    fit.mixture_ = Mixture(before.weights, means, before.covariances, "full")
    table = sweep.table.copy()
    row = (table["engine"] == "em") & (table["n_components"] == 2)
    table.loc[row, "log_likelihood"] = -1400.0
    changed = dataclasses.replace(sweep, table=table, fits={**sweep.fits, key: fit})
    report, sections = rendered(changed)
    (share,) = re.findall(
        r"The EM fit puts (\d+)\u00a0% of the rows in another", text_of(sections["clusters"])
    )
    assert int(share) > 5
    checks = {check.name: check for check in sections["checks"].blocks[0].checks}
    assert checks["EM and posterior agree"].level == "fail"
    assert report.answer.lede[0] == checks["EM and posterior agree"].means
    assert "the priors decide" not in text_of(sections["priors"]).lower()
    assert "does not measure the pull of the priors" in text_of(sections["priors"])
    _save(changed, tmp_path / "fit.json", Screen(quiet=True))
    assert f"the EM fit puts {share}\u00a0% of the rows" in capsys.readouterr().err


def test_clusters_are_called_by_where_the_report_puts_them(sweep):
    key = ("em", "full", 2)
    fit = copy.copy(sweep.fits[key])
    before = fit.mixture_
    means = before.means.copy()
    means[:, 1] = 70.0
    fit.mixture_ = Mixture.from_covariances(before.weights, means, before.covariances, "full")
    _, sections = rendered(dataclasses.replace(sweep, fits={**sweep.fits, key: fit}))
    for card in sections["clusters"].blocks[0].cards:
        where = "higher" if float(card.table.rows[1][1]) > 65.0 else "lower"
        assert f"{where} waiting" in card.who


def test_rows_that_em_alone_is_sure_of_are_counted():
    """Each draw is sure of every row, but the draws do not agree, and EM is one of them."""
    X = np.linspace(-1.0, 1.0, 20)[:, None]
    edges = np.linspace(-0.6, 0.6, 200)
    means = edges[:, None, None] + np.array([[-5.0], [5.0]])
    draws = Mixture(np.full((200, 2), 0.5), means, np.full((200, 2, 1, 1), 3.0), "full")
    model = SimpleNamespace(em=object(), bayes=None)
    by_em, by_posterior = Fitted(model, draws[100], draws, 4, X).sure_by_one
    assert by_em > 8
    assert by_posterior == 0
    assert Fitted(model, draws[100], None, 4, X).sure_by_one == (0, 0)


def test_too_few_rows_decide_nothing(em_sweep):
    X = np.array([[0.1, 0.3], [-0.6, 0.4], [1.3, 0.9], [0.9, -0.7], [-0.5, -1.3]])
    report, sections = rendered(em_sweep(X, (1, 2), covariance_types=("tied",)))
    assert report.answer.headline.startswith("Nothing is decided: ten values for a model of eight")
    assert report.answer.level == "fail"
    (check,) = [c for c in sections["checks"].blocks[0].checks if c.level == "fail"]
    assert check.found == "10 values, 8 parameters"
    assert "With 10 values for 8 parameters this decides" in (text_of(sections["methods"]))


def test_a_column_of_three_values_collapses_fits(em_sweep):
    rng = np.random.default_rng(0)
    level = np.arange(150) % 3
    places = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])[level]
    frame = pd.DataFrame(rng.normal(size=(150, 2)) + places, columns=["x", "y"])
    frame["level"] = level
    report, _ = rendered(em_sweep(frame, (1, 2), covariance_types=("full", "spherical")))
    (told,) = [text for text in report.answer.lede if "collapsed" in text]
    assert told.startswith(
        "The EM fits of full with two clusters collapsed onto rows in which level does not vary "
        "and are left out of BIC."
    )
    assert "The best of the other" not in told


def test_columns_that_do_not_vary_in_a_component():
    X = np.array([[0.0, 1], [1, 1], [2, 1], [3, 1], [10, 3], [11, 4], [12, 5], [13, 3]])
    means, k = np.array([[1.5, 1.0], [11.5, 4.0]]), np.eye(2)
    full = Mixture(np.full(2, 0.5), means, np.stack([k, k]), "full")
    assert flat_columns(full, X) == (1,)
    # One row more than there are columns is not a handful.
    assert flat_columns(full, X[[0, 1, 4, 5, 6]]) == ()
    tied = Mixture(np.full(2, 0.5), means, k, "tied")
    assert flat_columns(tied, X) == ()
    X[4:, 1] = 3.0
    assert flat_columns(tied, X) == (1,)
    round_ones = Mixture(np.full(2, 0.5), means, np.ones(2), "spherical")
    assert flat_columns(round_ones, X) == ()
    X[:4, 0] = 1.0
    assert flat_columns(round_ones, X) == (0, 1)


@pytest.mark.parametrize(
    ("k_hats", "flaw", "caution"),
    [
        ([], "", ""),
        ([0.72], "", "k-hat is over 0.70 for one row, up to 0.72"),
        ([1.01], "k-hat is over 0.70 for one row, up to 1.01", ""),
        ([0.72] * 20, "k-hat is over 0.70 for 20 rows, up to 0.72", ""),
    ],
)
def test_high_k_hats_weaken_leave_one_out(sweep, k_hats, flaw, caution):
    loo = dict(sweep.loo)
    lead = Evidence(sweep).loo_lead.model
    key = (lead.covariance_type, lead.n_components)
    loo[key] = copy.copy(loo[key])
    loo[key].pareto_k = np.array(loo[key].pareto_k)
    loo[key].pareto_k[: len(k_hats)] = k_hats
    changed = dataclasses.replace(sweep, loo=loo)
    prediction = Context(Evidence(changed), "").choice.prediction
    assert (prediction.flaw, prediction.caution) == (flaw, caution)
    text = text_of(rendered(changed)[1]["methods"])
    assert ("PSIS-LOO (Vehtari et al., 2017) favoured" in text) is not bool(flaw)
    assert caution in text
    by_loo = dataclasses.replace(changed, criterion="loo")
    first = rendered(by_loo)[0].answer.lede[0]
    assert first.endswith(f" Read it as rough: {flaw or caution}.") is bool(k_hats)


def test_a_cluster_without_rows_is_named(sweep, monkeypatch):
    monkeypatch.setattr(Fitted, "sizes", np.array([len(sweep.X), 0]))
    report, _ = rendered(sweep)
    assert report.answer.headline == (
        "Two clusters, barely preferred to three; cluster 2 holds no row"
    )


def test_a_posterior_that_has_shrunk_is_no_argument(sweep, monkeypatch):
    monkeypatch.setattr(Evidence, "flat", lambda self, mixture: ("eruptions",))
    report, sections = rendered(sweep)
    told = "Leave-one-out prediction does not count here: with three, eruptions does not vary in a"
    assert any(told in text for text in report.answer.lede)
    assert told in text_of(sections["how-many"])
    assert "PSIS-LOO" not in text_of(sections["methods"])


def test_posterior_alone(sweep):
    table = sweep.table[sweep.table["engine"] == "bayes"].reset_index(drop=True)
    fits = {key: fit for key, fit in sweep.fits.items() if key[0] == "bayes"}
    result = dataclasses.replace(sweep, table=table, fits=fits, criterion="loo")
    report, sections = rendered(result)
    assert report.answer.lede[0].startswith("Leave-one-out prediction prefers")
    assert "standard error" in report.answer.lede[0]
    assert "estimates" not in sections
    assert "Maximum-likelihood" not in text_of(sections["methods"])
    assert "BIC" not in sections["how-many"].heading


@pytest.mark.slow
def test_units_are_not_said_twice(em_sweep, blobs):
    frame = pd.DataFrame(blobs, columns=["length_mm", "mass"])
    report = build_report(em_sweep(frame), units={"length_mm": "mm", "mass": "1000 kg"})
    rows = [row[0] for row in report.sections[0].blocks[0].cards[0].table.rows]
    assert rows == ["length_mm", "mass (1000 kg)"]
    assert "\u00a0× 1000 kg" in text_of(report)
    assert "length_mm (mm)" not in to_html(report)
