"""Bootstrap likelihood-ratio tests: against mclust's, their level, and runs that are stopped."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest

from bayesgmm import GaussianMixture, bootstrap_lrt, load_dataset
from bayesgmm.exceptions import DataError
from bayesgmm.selection import likelihood_ratio

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference_data" / "mclust_bootstrap.json").read_text()
)["likelihood_ratio"]
FAMILIES = {"VVV": "full", "EEE": "tied", "E": "tied", "V": "diag"}
# What mclust found at the best optima known, by (data, model): tests from the first on.
AT_THE_OPTIMUM = {
    ("faithful", "VVV"): 1,
    ("faithful", "EEE"): 2,
    ("enzyme", "V"): 1,
}


@pytest.fixture(scope="module")
def clusters():
    """Forty numbers in two clusters that are well apart."""
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(size=22), rng.normal(size=18) + 6.0][:, None]


QUICK = {"covariance_type": "tied", "n_init": 2, "random_state": 1}


def same(a, b):
    assert a.n_components == b.n_components
    np.testing.assert_array_equal(a.statistics, b.statistics)
    np.testing.assert_array_equal(a.p_values, b.p_values)
    for first, second in zip(a.null_statistics, b.null_statistics, strict=True):
        np.testing.assert_array_equal(first, second)


# What they say ----------------------------------------------------------------------------------


def test_the_first_number_that_is_not_rejected_is_chosen(clusters):
    tests = bootstrap_lrt(clusters, 3, n_boot=9, level=0.1, **QUICK)
    assert tests.n_components == 2
    table = tests.table
    assert table["n_components"].tolist() == [1, 2]
    assert table["alternative"].tolist() == [2, 3]
    assert table["n_boot"].tolist() == [9, 9]
    assert table["p_value"].iloc[0] == pytest.approx(1 / 10)
    assert table["p_value"].iloc[1] > 0.1
    fits = [
        GaussianMixture(k, covariance_type="tied", random_state=0).fit(clusters) for k in (1, 2)
    ]
    one, two = (fit.score(clusters) * 40 for fit in fits)
    assert table["statistic"].iloc[0] == pytest.approx(2 * (two - one), rel=1e-5)
    assert tests.summary == (
        "2 components, by tests at level 0.1 with 9 bootstrap samples each: 1 is rejected against "
        f"2 (p = 0.1), 2 are not rejected against 3 (p = {tests.p_values[1]:.3g})"
    )
    assert tests.summary in repr(tests)


def test_where_all_are_rejected_larger_numbers_are_not_excluded(clusters):
    tests = bootstrap_lrt(clusters, 2, n_boot=9, level=0.1, **QUICK)
    assert tests.n_components == 2
    assert tests.summary.startswith("at least 2 components, by tests at level 0.1")
    assert tests.summary.endswith("against 2 (p = 0.1), larger numbers were not looked at")


def test_one_cluster_is_one_component():
    x = np.random.default_rng(2).normal(size=(60, 1))
    tests = bootstrap_lrt(x, 3, n_boot=9, level=0.1, **QUICK)
    assert tests.n_components == 1
    assert len(tests.statistics) == 1
    assert tests.summary.startswith("1 component, by tests")


def test_statistics_do_not_depend_on_units(clusters):
    here, there = (bootstrap_lrt(x, 2, n_boot=3, **QUICK) for x in (clusters, 1e6 * clusters))
    np.testing.assert_allclose(here.statistics, there.statistics, atol=1e-4)
    np.testing.assert_allclose(here.null_statistics[0], there.null_statistics[0], atol=1e-4)


def test_a_larger_mixture_that_collapses_gains_nothing(monkeypatch, clusters):
    """Sound fits only: a spike's likelihood has no bound, and would win every time."""
    best = likelihood_ratio._Fitter.best

    def no_larger(self, X, n_components, seed):
        return None if n_components == 2 else best(self, X, n_components, seed)

    monkeypatch.setattr(likelihood_ratio._Fitter, "best", no_larger)
    tests = bootstrap_lrt(clusters, 3, n_boot=3, **QUICK)
    assert tests.statistics.tolist() == [0.0]
    assert tests.p_values.tolist() == [1.0]
    assert tests.null_statistics[0].tolist() == [0.0] * 3


def test_samples_without_a_fit_are_left_out(monkeypatch, clusters):
    best, calls = likelihood_ratio._Fitter.best, iter(range(100))

    def seldom(self, X, n_components, seed):
        fails = X is not clusters and n_components == 1 and next(calls) % 2
        return None if fails else best(self, X, n_components, seed)

    monkeypatch.setattr(likelihood_ratio._Fitter, "best", seldom)
    tests = bootstrap_lrt(clusters, 2, n_boot=6, **QUICK)
    assert tests.table["n_boot"].tolist() == [3]
    assert tests.p_values.tolist() == [0.25]


@pytest.mark.parametrize(
    ("data", "model"),
    [
        pytest.param(*key, marks=[] if key == ("enzyme", "V") else pytest.mark.slow)
        for key in AT_THE_OPTIMUM
    ],
)
@pytest.mark.parametrize("n_boot", [1, pytest.param(99, marks=pytest.mark.slow)])
def test_statistics_and_decisions_are_mclusts(data, model, n_boot):
    """Where mclust's larger mixture is at the best optimum known, to its tolerance."""
    n = AT_THE_OPTIMUM[data, model]
    [reference] = [r for r in REFERENCE if (r["data"], r["model"]) == (data, model)]
    tests = bootstrap_lrt(
        load_dataset(data),
        n + 1,
        FAMILIES[model],
        n_boot=n_boot,
        level=0.9 if n_boot == 1 else 0.05,
        random_state=0,
        n_jobs=1 if n_boot == 1 else -1,
    )
    np.testing.assert_allclose(tests.statistics, reference["statistic"][:n], atol=0.05)
    if n_boot > 1:
        np.testing.assert_allclose(tests.p_values, reference["p_value"][:n], atol=0.03)


def p_value_with_ties_drawn(tests, rng):
    """The p-value with its place among equal statistics drawn: a fit may gain nothing at all."""
    observed, null = tests.statistics[0], tests.null_statistics[0]
    n_above = np.sum(null > observed + 1e-6)
    n_equal = np.sum(np.abs(null - observed) <= 1e-6)
    return (n_above + rng.uniform() * (n_equal + 1)) / (len(null) + 1)


@pytest.mark.slow
def test_p_values_are_uniform_where_nothing_is_to_be_found():
    """One normal cluster, one against two: 150 data sets of 40 rows."""
    rng = np.random.default_rng(0)
    found = [
        bootstrap_lrt(
            np.random.default_rng([7, seed]).normal(size=(40, 1)),
            2,
            "tied",
            n_boot=39,
            n_init=2,
            random_state=seed,
        )
        for seed in range(150)
    ]
    assert kstest([p_value_with_ties_drawn(t, rng) for t in found], "uniform").pvalue > 0.01
    # Ties count against rejection.
    assert np.mean([t.p_values[0] <= 0.1 for t in found]) < 0.17


# How they are run -------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(clusters):
    one, two = (bootstrap_lrt(clusters, 3, n_boot=6, n_jobs=n, **QUICK) for n in (None, 2))
    same(one, two)


def test_another_seed_draws_other_samples(clusters):
    a, b = (bootstrap_lrt(clusters, 2, n_boot=3, **{**QUICK, "random_state": s}) for s in (1, 2))
    assert not np.array_equal(a.null_statistics[0], b.null_statistics[0])
    assert len(np.unique(a.null_statistics[0])) == 3


def counting(monkeypatch):
    calls = []
    ratio = likelihood_ratio._Samples.ratio
    monkeypatch.setattr(
        likelihood_ratio._Samples,
        "ratio",
        lambda self, sample, *rest: calls.append(sample) or ratio(self, sample, *rest),
    )
    return calls


def test_a_run_goes_on_where_it_stopped(clusters, tmp_path, monkeypatch):
    path = tmp_path / "lrt.jsonl"
    options = {"n_boot": 3, "level": 0.5, **QUICK}
    whole = bootstrap_lrt(clusters, 3, **options)
    same(bootstrap_lrt(clusters, 3, path=path, **options), whole)
    lines = path.read_text().splitlines(keepends=True)
    assert len(lines) == 1 + 2 * 3
    calls = counting(monkeypatch)
    same(bootstrap_lrt(clusters, 3, path=path, **options), whole)
    assert calls == []
    # The header, all of the first test, one sample of the second, and part of another.
    path.write_text("".join(lines[:5]) + lines[5][:20])
    same(bootstrap_lrt(clusters, 3, path=path, **options), whole)
    assert len(calls) == 2


def test_more_samples_are_added_to_those_there(clusters, tmp_path, monkeypatch):
    path = tmp_path / "lrt.jsonl"
    bootstrap_lrt(clusters, 2, n_boot=4, path=path, **QUICK)
    calls = counting(monkeypatch)
    more = bootstrap_lrt(clusters, 2, n_boot=6, path=path, **QUICK)
    assert calls == [4, 5]
    same(more, bootstrap_lrt(clusters, 2, n_boot=6, **QUICK))


def test_without_a_seed_the_files_is_taken(clusters, tmp_path):
    path = tmp_path / "lrt.jsonl"
    options = {**QUICK, "random_state": None, "path": path, "n_boot": 3}
    first = bootstrap_lrt(clusters, 2, **options)
    same(bootstrap_lrt(clusters, 2, **options), first)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"random_state": 2}, "random_state is 1, not 2"),
        ({"covariance_type": "diag"}, "covariance_type is 'tied', not 'diag'"),
        ({"n_init": 3}, "n_init is 2, not 3"),
        ({"X": np.arange(9.0)[:, None]}, "data is '.*', not '"),
    ],
)
def test_the_file_of_another_run_is_refused(change, what, clusters, tmp_path):
    path = tmp_path / "lrt.jsonl"
    options = {"X": clusters, "max_components": 2, "n_boot": 1, "path": path, **QUICK}
    bootstrap_lrt(**options)
    with pytest.raises(DataError, match=what):
        bootstrap_lrt(**{**options, **change})


def test_an_interrupt_keeps_whole_results_only(clusters, tmp_path, monkeypatch):
    path = tmp_path / "lrt.jsonl"
    ratio, calls = likelihood_ratio._Samples.ratio, iter(range(100))

    def stop_at_the_third(*args):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return ratio(*args)

    monkeypatch.setattr(likelihood_ratio._Samples, "ratio", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        bootstrap_lrt(clusters, 2, n_boot=6, path=path, **QUICK)
    assert [json.loads(line)["sample"] for line in path.read_text().splitlines()[1:]] == [0, 1]


SCRIPT = """
import numpy as np
from bayesgmm import bootstrap_lrt
rng = np.random.default_rng(0)
x = np.r_[rng.normal(size=22), rng.normal(size=18) + 6.0][:, None]
bootstrap_lrt(x, 3, n_boot=400, path={path!r}, covariance_type="tied", n_init=2, random_state=1)
"""


@pytest.mark.slow
def test_a_killed_process_loses_nothing_that_was_written(clusters, tmp_path):
    path = tmp_path / "lrt.jsonl"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT.format(path=str(path))])
    deadline = time.monotonic() + 120
    while not path.exists() or path.read_bytes().count(b"\n") < 4:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = path.read_bytes()
    n_kept = kept.count(b"\n") - 1
    assert 3 <= n_kept < 400
    n_boot = n_kept + 2
    resumed = bootstrap_lrt(clusters, 2, n_boot=n_boot, path=path, **QUICK)
    assert path.read_bytes().startswith(kept[: kept.rindex(b"\n")])
    same(resumed, bootstrap_lrt(clusters, 2, n_boot=n_boot, **QUICK))


def test_progress_is_told_on_standard_error_when_asked(clusters, capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    bootstrap_lrt(clusters, 2, n_boot=1, **QUICK)
    assert capfd.readouterr() == ("", "")
    bootstrap_lrt(clusters, 2, n_boot=1, progressbar=True, **QUICK)
    out, err = capfd.readouterr()
    assert out == ""
    assert err != ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_components": 1}, "max_components must be a whole number of at least 2, got 1"),
        ({"max_components": 41}, "n_components = 41, n_samples = 40"),
        ({"n_boot": 0}, "n_boot must be a whole number of at least 1, got 0"),
        ({"level": 5}, "level must be between 0 and 1, such as 0.05, got 5"),
        ({"covariance_type": "round"}, "covariance_type must be one of"),
        ({"n_init": 0}, "n_init"),
        ({"X": np.ones((9, 1))}, "constant"),
        ({"X": [[np.nan], [1.0]]}, "NaN"),
    ],
)
def test_impossible_arguments_are_refused(options, message, clusters):
    with pytest.raises(ValueError, match=message):
        bootstrap_lrt(**{"X": clusters, "max_components": 3, **options})
