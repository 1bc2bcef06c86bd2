"""Draws in a file: kept whole, and gone on from."""

import os
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pymc as pm
import pytest
from posterior_problems import posterior_of

from bayesgmm import BayesianGaussianMixture, Covariances, Priors
from bayesgmm.bayes import hmc, nutpie_adapter, nuts, raw_draws
from bayesgmm.bayes.checkpoint import Checkpoint, fingerprint
from bayesgmm.bayes.modes import find_modes
from bayesgmm.bayes.raw_draws import RawDraws
from bayesgmm.bayes.samplers import SAMPLERS
from bayesgmm.exceptions import DataError, PosteriorWarning
from bayesgmm.priors import Dirichlet, NormalMeans

KEY = {"data": "a", "priors": "a"}
STARTS = np.arange(6.0).reshape(3, 2)


def counting(upto, calls=None):
    """In nutpie's place: draws that count on from the start, to so many for each chain."""

    def sample(*, starts, draws, seed, keep):
        if calls is not None:
            calls.append((starts.copy(), draws, seed))
        reached = np.minimum(upto[: len(starts)], draws)
        steps = np.arange(1, draws + 1)
        theta = starts[:, None] + steps[:, None]
        theta[steps > reached[:, None]] = np.nan
        stats = {"lp": theta[..., 0], "diverging": steps % 2 + 0 * reached[:, None] == 0}
        return RawDraws(theta, stats, complete=bool(np.all(reached == draws)))

    return sample


def test_a_run_goes_on_where_the_file_ends(tmp_path):
    path = tmp_path / "run.zarr.zip"
    first = Checkpoint(path, KEY).run(
        "chains", counting([4, 10, 0]), STARTS, 10, 1, lambda draw: draw
    )
    assert not first.complete
    assert first.counts.tolist() == [4, 10, 0]
    calls = []
    second = Checkpoint(path, KEY).run(
        "chains", counting([10, 10], calls), STARTS, 10, 1, lambda draw: draw
    )
    (starts, draws, seed) = calls[0]
    np.testing.assert_array_equal(starts, [STARTS[0] + 4, STARTS[2]])  # the finished one rests
    assert draws == 10
    assert seed != 1
    assert second.complete
    for chain in range(3):
        np.testing.assert_array_equal(
            second.draws[chain], STARTS[chain] + np.arange(1, 11)[:, None]
        )
    assert second.sample_stats["diverging"].dtype == bool
    assert second.sample_stats["diverging"][0].tolist() == [False, True] * 2 + [False, True] * 3
    again = Checkpoint(path, KEY).run("chains", None, STARTS, 10, 1, None)
    np.testing.assert_array_equal(again.draws, second.draws)
    more = Checkpoint(path, KEY).run(
        "chains", counting([2, 2, 2]), STARTS, 12, 1, lambda draw: draw
    )
    np.testing.assert_array_equal(more.draws[:, -1], STARTS + 12)
    assert os.listdir(tmp_path) == ["run.zarr.zip"]


def test_runs_have_names(tmp_path):
    path = tmp_path / "run.zarr.zip"
    for name, n in (("chains", 3), ("longer", 7)):
        Checkpoint(path, KEY).run(name, counting([n] * 3), STARTS, n, 1, lambda draw: draw)
    file = Checkpoint(path, KEY)
    assert file.run("chains", None, STARTS, 3, 1, None).draws.shape == (3, 3, 2)
    assert file.run("longer", None, STARTS, 7, 1, None).draws.shape == (3, 7, 2)


def test_draws_are_kept_while_they_come(tmp_path):
    path = tmp_path / "run.zarr.zip"

    def killed(*, starts, draws, seed, keep):
        keep(counting([5, 3, 0])(starts=starts, draws=draws, seed=seed, keep=None))
        keep(counting([8, 6, 1])(starts=starts, draws=draws, seed=seed, keep=None))
        raise SystemExit

    with pytest.raises(SystemExit):
        Checkpoint(path, KEY).run("chains", killed, STARTS, 10, 1, lambda draw: draw)
    calls = []
    Checkpoint(path, KEY).run("chains", counting([9] * 3, calls), STARTS, 10, 1, lambda draw: draw)
    np.testing.assert_array_equal(calls[0][0], [STARTS[0] + 8, STARTS[1] + 6, STARTS[2] + 1])


def test_files_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "run.zarr.zip"
    Checkpoint(path, KEY).run("chains", counting([3] * 3), STARTS, 3, 1, lambda draw: draw)
    with pytest.raises(DataError, match=r"^The checkpoint .* is of a fit with other data; "):
        Checkpoint(path, KEY | {"data": "another"})
    with pytest.raises(DataError, match="a fit with other data and priors; give another name"):
        Checkpoint(path, {"data": "b", "priors": "b"})
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match="is no checkpoint that can be read"):
        Checkpoint(path, KEY)
    with pytest.raises(DataError, match=r"^A checkpoint needs .*nowhere' does not exist; make it"):
        Checkpoint(tmp_path / "nowhere" / "run.zarr.zip", KEY)
    with pytest.raises(DataError, match=r"^A checkpoint ends in .zarr or .zarr.zip.*run.zarr.zip'"):
        Checkpoint(tmp_path / "run.nc", KEY)


def test_fingerprints_tell_apart_what_changes_the_posterior(rng):
    X = rng.normal(size=(5, 2))

    def one(n_components, n_features):
        return np.ones(n_components)

    settings = {
        "data": [X, X + 1e-9, X.T],
        "n_components": [2, 3],
        "covariance_type": ["full", "diag"],
        "priors": [
            Priors(),
            Priors(weights=Dirichlet(2.0)),
            Priors(means=NormalMeans(scale=[1.0, 2.0])),
            Priors(weights=one),
            Priors.default(X),
        ],
        "chains": [4, 2],
    }
    for part, values in settings.items():
        found = [fingerprint(**{part: value})[part] for value in values]
        assert len(set(found)) == len(found)
        assert found == [fingerprint(**{part: value})[part] for value in values]


# --- where chains have not mixed -------------------------------------------------------------


def test_a_second_longer_run_goes_on_too(tmp_path, monkeypatch):
    posterior = posterior_of("diag", "default", k=2, d=1)
    n = posterior.sizes.n_coordinates
    mode, _ = posterior.centre(np.zeros(n), n_steps=20)
    mixture, _ = posterior.unpack(mode)
    calls = []

    def sample_to(reached):
        def sample(density, expand, block, starts, *, draws, tune, keep, **options):
            calls.append((starts, draws, tune))
            shape = (len(starts), draws)
            theta = mode + 1e-3 * np.arange(draws)[:, None] + np.zeros((*shape, n))
            theta[0] += 0.5  # the chains do not agree
            theta[:, reached:] = np.nan
            stats = {
                "lp": np.arange(draws) + np.zeros(shape),
                "n_steps": np.ones(shape, dtype=int),
                "diverging": np.zeros(shape, dtype=bool),
            }
            return RawDraws(theta, stats, complete=draws <= reached)

        monkeypatch.setattr(nutpie_adapter, "sample", sample)
        return nuts.sample_nuts(
            posterior,
            find_modes(posterior, [(mixture, None)]),
            draws=20,
            tune=None,
            chains=3,
            rng=np.random.default_rng(0),
            progressbar=False,
            checkpoint=Checkpoint(tmp_path / "run.zarr.zip", KEY),
        )

    assert not sample_to(70).complete
    found = sample_to(200)
    # The first run is not made again.
    assert [call[1:] for call in calls] == [
        (20, nuts.TUNE),
        (200, nuts.LONG_TUNE),
        (130, nuts.LONG_TUNE),
    ]
    (around,) = find_modes(posterior, [(mixture, None)])
    last = mode + 1e-3 * 69 + np.array([0.5, 0.0, 0.0])[:, None]
    np.testing.assert_allclose(around.place + calls[2][0] @ around.basis.T, last, rtol=1e-9)
    assert found.complete
    assert np.all(found.sample_stats["n_steps"] == 10)
    assert found.sample_stats["lp"][0].tolist() == [*range(9, 70, 10), *range(9, 130, 10)]


# --- with the sampler ------------------------------------------------------------------------


def rows():
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(size=(30, 1)), rng.normal(size=(20, 1)) + 9.0]


MEANS = [rows()[:30].mean(), rows()[30:].mean()]


def fit(path, **options):
    settings = {"draws": 200, "chains": 2, "random_state": 0, "progressbar": False} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PosteriorWarning)
        model = BayesianGaussianMixture(2, covariance_type="diag", checkpoint=path, **settings)
        return model.fit(rows())


@pytest.mark.parametrize("sampler", [s for s in SAMPLERS if SAMPLERS[s].takes_checkpoint])
def test_a_finished_fit_goes_on_to_more_draws(sampler, tmp_path):
    path = tmp_path / "fit.zarr.zip"
    # with so many draws the chains have mixed, and no longer ones are run
    short, same, long = (fit(path, draws=draws, sampler=sampler) for draws in (400, 400, 900))
    np.testing.assert_array_equal(same.mixture_.means, short.mixture_.means)
    assert long.mixture_.batch_shape == (2, 900)
    np.testing.assert_allclose(long.mixture_.means[:, :400], short.mixture_.means)
    assert long.diagnostics_.complete
    assert sorted(long.mixture_.means.mean((0, 1))[:, 0]) == pytest.approx(MEANS, abs=0.3)
    plain = fit(None, draws=400, sampler=sampler)
    np.testing.assert_allclose(plain.mixture_.means, short.mixture_.means)
    with pytest.raises(DataError, match="a fit with other priors and chains"):
        fit(path, priors=Priors.conjugate(), chains=3, sampler=sampler)
    reseeded = fit(path, draws=400, random_state=7, sampler=sampler)
    np.testing.assert_array_equal(reseeded.mixture_.means, short.mixture_.means)


def test_chains_of_sweeps_go_on_without_a_draw_twice(tmp_path):
    path = tmp_path / "fit.zarr.zip"
    for draws in (20, 40, 60):
        found = fit(path, draws=draws, sampler="gibbs").mixture_.means
    assert np.all(np.any(np.diff(found, axis=1) != 0.0, axis=(2, 3)))


def test_cycles_in_a_file_are_gone_on_with(tmp_path, monkeypatch):
    """Though with this seed another kind would be chosen."""
    path = tmp_path / "fit.zarr.zip"
    found = fit(path, draws=100, sampler="hmc")
    assert "energy" not in found.posterior_["sample_stats"]
    monkeypatch.setattr(hmc, "_least_taken", lambda raw: 0.1)
    fresh = fit(tmp_path / "another.zarr.zip", draws=100, sampler="hmc")
    assert "acceptance_rate" not in fresh.posterior_["sample_stats"]
    found = fit(path, draws=200, sampler="hmc")
    assert found.mixture_.batch_shape == (2, 200)
    assert "acceptance_rate" in found.posterior_["sample_stats"]


def test_draws_of_another_sampler_are_refused(tmp_path):
    path = tmp_path / "fit.zarr.zip"
    fit(path, draws=20, sampler="nuts")
    with pytest.raises(DataError, match="a fit with other sampler"):
        fit(path, draws=20)


@pytest.mark.parametrize("sampler", [s for s in SAMPLERS if not SAMPLERS[s].takes_checkpoint])
def test_samplers_that_keep_no_checkpoint_refuse_it(tmp_path, sampler):
    with pytest.raises(DataError, match=f"sampler='{sampler}' keeps no checkpoint, got .*fit.zarr"):
        fit(tmp_path / "fit.zarr.zip", sampler=sampler)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("sampler", ["nuts", "hmc"])
def test_draws_are_kept_now_and_then(sampler, tmp_path, monkeypatch):
    monkeypatch.setattr(raw_draws, "KEEP_EVERY", 0.01)
    kept = []
    original = Checkpoint._write

    def write(file):
        original(file)
        kept.append(sum(map(len, next(iter(file._runs.values())))))

    monkeypatch.setattr(Checkpoint, "_write", write)
    fit(tmp_path / "fit.zarr.zip", draws=20_000, sampler=sampler)
    assert kept[-1] == 40_000
    assert len(kept) > 2
    assert kept == sorted(kept)


def log_normal_sds(n_components, n_features):
    sd = pm.LogNormal("sd", 0.0, 0.5, shape=(n_components, n_features))
    return Covariances(sd=sd)


@pytest.mark.slow
def test_a_pymc_model_goes_on_too(tmp_path):
    path, priors = tmp_path / "fit.zarr.zip", Priors(covariances=log_normal_sds)
    short = fit(path, priors=priors, tune=300)
    long = fit(path, priors=priors, tune=300, draws=600)
    np.testing.assert_allclose(
        long.posterior_["posterior"]["sd"][:, :200].values.sum(-2),
        short.posterior_["posterior"]["sd"].values.sum(-2),
    )
    assert long.diagnostics_.max_rhat < 1.03
    assert sorted(long.mixture_.means.mean((0, 1))[:, 0]) == pytest.approx(MEANS, abs=0.3)


SCRIPT = """
import warnings
import nutpie
from bayesgmm.bayes import nutpie_adapter, raw_draws
from test_checkpoint import fit

raw_draws.KEEP_EVERY = 0.3
original = nutpie_adapter.sample

def announced(*arguments, **options):
    print("sampling", flush=True)
    return original(*arguments, **options)

nutpie_adapter.sample = announced
fit({path!r}, draws=3_000_000, sampler="nuts")
"""


@pytest.mark.slow
def test_a_killed_process_is_gone_on_from(tmp_path):
    path = str(tmp_path / "fit.zarr.zip")
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(path=path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])},
    )
    try:
        assert process.stdout.readline() == "sampling\n"
        for _ in range(600):
            if os.path.exists(path):
                break
            time.sleep(0.1)
        time.sleep(1.0)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    saved = Checkpoint(path, {})
    counts = [len(chain) for chain in saved._runs["chains"]]
    assert min(counts) > 100
    draws = max(counts) + 300
    model = fit(path, draws=draws, random_state=5, sampler="nuts")
    assert model.mixture_.batch_shape == (2, draws)
    assert model.diagnostics_.complete
    assert model.diagnostics_.max_rhat < 1.02
    assert sorted(model.mixture_.means.mean((0, 1))[:, 0]) == pytest.approx(MEANS, abs=0.3)
    theta = saved._runs["chains"][0].draws
    again = Checkpoint(path, saved.key)._runs["chains"][0].draws
    np.testing.assert_array_equal(again[: len(theta)], theta)
