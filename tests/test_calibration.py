"""Posterior draws are calibrated, and the study that says so tells right from wrong."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def study():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        import calibration_study.bands
        import calibration_study.simulate

        yield calibration_study


def test_bands_hold_uniform_ranks_as_often_as_they_say(study):
    uniform = study.bands.UniformRanks(50, 20)
    low, high = uniform.band(0.1)
    rng = np.random.default_rng(0)
    counts = np.array([uniform.counts(rng.integers(20, size=50)) for _ in range(4000)])
    outside = np.any((counts < low) | (counts > high), axis=1).mean()
    assert 0.06 < outside < 0.115  # a staircase: at most 0.1


def test_p_values_of_uniform_ranks_are_no_smaller_than_uniform(study):
    uniform = study.bands.UniformRanks(50, 20)
    rng = np.random.default_rng(1)
    p = np.array([uniform.p_value(rng.integers(20, size=50)) for _ in range(2000)])
    for level in (0.01, 0.1, 0.5):
        assert 0.6 * level < np.mean(p <= level) < level + 3 * np.sqrt(level / 2000)


@pytest.mark.parametrize("shape", [(0.6, 0.6), (2.0, 2.0), (1.4, 1.0)])
def test_ranks_of_wrong_draws_have_small_p_values(study, shape):
    """Draws too narrow, too wide, and off to one side."""
    uniform = study.bands.UniformRanks(200, 65)
    ranks = (65 * np.random.default_rng(2).beta(*shape, size=200)).astype(int)
    assert uniform.p_value(ranks) < 0.01


def test_prior_draws_have_the_moments_of_the_prior(study, family):
    """Means of the inverse-Wishart and the Dirichlet, in closed form."""
    simulate = study.simulate
    prior = simulate.numbers_of(simulate.priors_for(2, 3.0), 2, 2, family)
    rng = np.random.default_rng(3)
    drawn = [simulate.from_prior(prior, rng) for _ in range(2000)]
    variances = np.array([each.covariances[0, 0, 0] for each in drawn])
    # Scale 4 and 7 degrees of freedom: 4 / (7 - 2 - 1) for every family, by its marginals.
    assert variances.mean() == pytest.approx(1.0, abs=4.5 * variances.std() / np.sqrt(2000))
    weights = np.array([each.weights[0] for each in drawn])
    assert np.mean(weights**2) == pytest.approx(0.3, abs=0.02)
    means = np.array([each.means for each in drawn])
    assert means.std() == pytest.approx(3.0, rel=0.04)


def run(*arguments):
    command = [sys.executable, BENCHMARKS / "calibration.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "family", "d"), [("hmc", "full", 2), ("nuts", "diag", 1)])
def test_draws_are_calibrated(sampler, family, d, tmp_path):
    cell = ("--samplers", sampler, "--families", family, "--features", str(d))
    results = tmp_path / "ranks.csv"
    done = run("ranks", "--replicates", "100", *cell, "--results", str(results))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"| {sampler} | {family} | {d} | 100 | 100 |" in done.stdout


@pytest.mark.slow
def test_a_run_goes_on_where_it_was_cut_off(tmp_path):
    results = tmp_path / "coverage.csv"
    few = ("--families", "diag", "--results", str(results))
    assert run("coverage", "--replicates", "1", *few).returncode == 0
    first = results.read_text()
    done = run("coverage", "--replicates", "2", *few)
    assert "2 data sets a column" in done.stdout
    assert results.read_text().startswith(first)
    shown = run("coverage", *few)
    assert shown.stdout == done.stdout
