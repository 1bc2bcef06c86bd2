"""Ctrl-C: the draws so far are a posterior, or nothing has happened."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from bayesgmm import BayesianGaussianMixture, select_components
from bayesgmm.bayes import assembly, engines, nutpie_adapter, nuts
from bayesgmm.bayes.interrupts import put_off_once
from bayesgmm.bayes.labels import relabel
from bayesgmm.bayes.modes import find_modes
from bayesgmm.bayes.raw_draws import RawDraws, most_draws

SCRIPT = """
import json, warnings
import arviz as az
import nutpie
import numpy as np
from bayesgmm import BayesianGaussianMixture
from bayesgmm.bayes import cycling
from bayesgmm.core.mixture import Mixture

original = nutpie.sample
def announced(model, **options):
    if options["draws"] > 1000:
        print("sampling", flush=True)
    return original(model, **options)

run_in_threads = cycling.run_in_threads
def announced_run(*arguments):
    print("sampling", flush=True)
    return run_in_threads(*arguments)

rng = np.random.default_rng(0)
X = np.r_[rng.normal(size=(30, 1)), rng.normal(size=(20, 1)) + 9.0]
model = BayesianGaussianMixture(
    2, covariance_type="diag", draws=20, tune=20, random_state=0, progressbar=False
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    model.fit(X)
before = dict(vars(model))
model.set_params(**{options})
nutpie.sample = announced
cycling.run_in_threads = announced_run
found = {{}}
try:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X)
    tree = model.posterior_
    found["messages"] = [str(w.message) for w in caught]
    found["complete"] = int(tree["posterior"].attrs["complete"])
    found["verdict"] = model.diagnostics_.verdict
    found["shapes"] = {{
        group: [tree[group].sizes["chain"], tree[group].sizes["draw"]]
        for group in ("posterior", "sample_stats", "log_likelihood")
    }}
    found["finite"] = bool(np.all(np.isfinite(tree["posterior"]["means"])))
    found["means"] = model.mixture_.means.mean((0, 1))[:, 0].tolist()
    found["ess"] = len(az.summary(tree, var_names=["means"]))
    found["waic"] = model.waic().elpd
except KeyboardInterrupt:
    found["interrupted"] = True
    new = vars(model)
    found["as_it_was"] = all(new[name] is value for name, value in before.items()
                             if name.endswith("_"))
print(json.dumps(found))
"""


def interrupted(seconds, **options):
    """Run a fit in a new process and interrupt it so long after sampling has begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(options=options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "sampling\n", process.stderr.read()
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, error
    return json.loads(out.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "seconds"), [("hmc", 1.0), ("nuts", 3.0), ("gibbs", 0.4)])
def test_an_interrupt_keeps_the_draws_so_far(sampler, seconds):
    found = interrupted(seconds, sampler=sampler, draws=1_000_000, tune=50)
    assert found["complete"] == 0
    chains, draws = found["shapes"]["posterior"]
    assert 1 <= chains <= 4
    assert 4 <= draws < 1_000_000
    assert found["shapes"]["sample_stats"] == [chains, draws]
    assert found["shapes"]["log_likelihood"] == [chains, draws]
    first = found["messages"][0]
    assert first.startswith(
        f"Sampling was interrupted: there are {chains * draws} draws, {draws} in each of {chains} "
    )
    assert "of the 4000000 that were asked for." in first
    assert found["verdict"].startswith(f"Stopped early, after {draws} draws a chain; ")
    assert found["finite"]
    assert sorted(found["means"]) == pytest.approx([0.0, 9.0], abs=0.6)
    assert found["ess"] == 2
    assert np.isfinite(found["waic"])


@pytest.mark.slow
def test_an_interrupted_fit_goes_on_from_its_checkpoint(tmp_path):
    path = str(tmp_path / "run.zarr.zip")
    found = interrupted(1.0, draws=1_000_000, tune=50, checkpoint=path)
    _, draws = found["shapes"]["posterior"]
    assert found["complete"] == 0
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(30, 1)), rng.normal(size=(20, 1)) + 9.0]
    model = BayesianGaussianMixture(
        2, covariance_type="diag", draws=draws + 300, random_state=1, progressbar=False,
        checkpoint=path,
    ).fit(X)  # fmt: skip
    assert model.diagnostics_.complete
    assert model.diagnostics_.max_rhat < 1.02
    assert model.mixture_.batch_shape == (4, draws + 300)
    assert sorted(model.mixture_.means.mean((0, 1))[:, 0]) == pytest.approx([0.0, 9.0], abs=0.6)


@pytest.mark.slow
def test_an_interrupt_while_the_sampler_is_tuned_leaves_nothing_half_done():
    found = interrupted(1.0, draws=2000, tune=5_000_000)
    assert found == {"interrupted": True, "as_it_was": True}


@pytest.mark.parametrize("n", [1, 2])
def test_an_interrupt_while_draws_are_relabelled_is_put_off_once(n, monkeypatch, capsys):
    def interrupted_relabelling(*arguments):
        for _ in range(n):
            signal.raise_signal(signal.SIGINT)
        return relabel(*arguments)

    monkeypatch.setattr(assembly, "relabel", interrupted_relabelling)
    X = np.r_[np.zeros(10), np.ones(10)][:, None] + np.linspace(0.0, 0.1, 20)[:, None]
    fit = BayesianGaussianMixture(1, draws=500, random_state=0, progressbar=False)
    if n == 1:
        assert fit.fit(X).diagnostics_.complete
        assert fit.interrupted_
    else:
        with pytest.raises(KeyboardInterrupt):
            fit.fit(X)
        assert not hasattr(fit, "posterior_")
    assert capsys.readouterr().err.startswith("The draws are made")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("where", ["relabel", "visits"])
def test_an_interrupt_that_is_put_off_ends_a_sweep(where, monkeypatch):
    """Also while modes are looked at, and where there is no console to say so."""
    module = {"relabel": assembly, "visits": engines}[where]
    original = getattr(module, where)

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)
        return original(*arguments)

    monkeypatch.setattr(module, where, interrupted)
    monkeypatch.setattr(sys, "stderr", None)
    X = np.random.default_rng(0).normal(size=(30, 1))
    with pytest.raises(KeyboardInterrupt):
        select_components(X, [1, 2], engines=("bayes",), draws=50, progressbar=False)


def test_interrupts_that_others_handle_are_left_to_them():
    seen = []
    signal.signal(signal.SIGINT, lambda *_: seen.append("theirs"))
    try:
        with put_off_once("not now"):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert seen == ["theirs"]


# --- which draws are kept --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "chains", "n"),
    [
        ([100, 100, 100, 100], [0, 1, 2, 3], 100),
        ([135, 138, 0, 0], [0, 1], 135),
        ([1000, 1000, 5, 7], [0, 1], 1000),
        ([0, 90, 60, 80], [1, 2, 3], 60),
        ([100, 50], [0, 1], 50),  # as many, of more chains
        ([7], [0], 7),
    ],
)
def test_as_many_draws_as_possible_with_as_many_of_each_chain(counts, chains, n):
    kept, found = most_draws(np.array(counts))
    assert kept.tolist() == chains
    assert found == n


def ragged(counts):
    rng = np.random.default_rng(0)
    shape = (len(counts), max(counts))
    reached = np.arange(shape[1]) < np.array(counts)[:, None]
    draws = np.where(reached[..., None], rng.normal(size=(*shape, 2)), np.nan)
    return RawDraws(draws, {"lp": np.where(reached, rng.normal(size=shape), 0)}, complete=False)


def test_chains_of_unequal_length_are_cut_to_one():
    raw = ragged([8, 10, 0])
    assert raw.counts.tolist() == [8, 10, 0]
    found = raw.even()
    assert not found.complete
    np.testing.assert_array_equal(found.draws, raw.draws[:2, :8])
    np.testing.assert_array_equal(found.sample_stats["lp"], raw.sample_stats["lp"][:2, :8])


def test_complete_draws_are_even():
    raw = RawDraws(np.zeros((2, 3, 1)), {})
    assert raw.even() is raw


def test_three_draws_are_no_result():
    with pytest.raises(KeyboardInterrupt):
        most_draws(np.array([3, 3, 3, 3]))


class Sampler:
    """In place of nutpie's: interrupted while it waits."""

    def __init__(self, counts, error=None):
        self.counts, self.error = counts, error

    def wait(self, timeout):
        assert timeout is None
        raise KeyboardInterrupt

    def abort(self):
        if self.error:
            raise self.error
        import xarray as xr

        raw = ragged(self.counts)
        return xr.DataTree.from_dict({
            "posterior": xr.Dataset({"theta": (("chain", "draw", "i"), raw.draws)}),
            "sample_stats": xr.Dataset({"logp": (("chain", "draw"), raw.sample_stats["lp"])}),
        })  # fmt: skip


def test_an_interrupted_sampler_hands_over_what_it_has():
    found = nutpie_adapter._wait_for(Sampler([8, 10, 0]), nutpie_adapter._theta, None)
    assert not found.complete
    assert found.counts.tolist() == [8, 10, 0]
    assert found.sample_stats["lp"].shape == (3, 10)


def test_an_interrupt_while_draws_are_handed_over_is_passed_on():
    sampler = Sampler([8], ValueError("Sampler has no results to take"))
    with pytest.raises(KeyboardInterrupt):
        nutpie_adapter._wait_for(sampler, nutpie_adapter._theta, None)


# --- the second, longer run --------------------------------------------------------------------


@pytest.fixture
def two_runs(monkeypatch):
    """Fit with two runs in nutpie's place: one that has not mixed, and what comes of the second."""
    from posterior_problems import posterior_of

    posterior = posterior_of("diag", "default", k=2, d=1)
    n = posterior.sizes.n_coordinates
    mode, _ = posterior.centre(np.zeros(n), n_steps=20)

    def fit(second):
        runs = []

        def sample(density, expand, block, starts, *, draws, **options):
            chains = len(starts)
            runs.append(draws)
            if len(runs) == 2 and isinstance(second, BaseException):
                raise second
            n_chains, length = (chains, draws) if len(runs) == 1 else second
            shape = (n_chains, length)
            theta = mode + 1e-3 * np.arange(length)[:, None] + np.zeros((*shape, n))
            theta[0] += 0.5  # the chains do not agree
            stats = {
                "lp": np.arange(length) + np.zeros(shape),
                "n_steps": np.ones(shape, dtype=int),
                "diverging": np.zeros(shape, dtype=bool),
            }
            return RawDraws(theta, stats, complete=len(runs) == 1 or shape == (chains, draws))

        monkeypatch.setattr(nutpie_adapter, "sample", sample)
        found = nuts.sample_nuts(
            posterior,
            find_modes(posterior, [(posterior.unpack(mode)[0], None)]),
            draws=20,
            tune=None,
            chains=3,
            rng=np.random.default_rng(0),
            progressbar=False,
        )
        assert runs == [20, 200]
        return found

    return fit


def test_a_second_run_that_was_completed_is_thinned(two_runs):
    found = two_runs((3, 200))
    assert found.complete
    assert found.sample_stats["lp"][0].tolist() == list(range(9, 200, 10))
    assert np.all(found.sample_stats["n_steps"] == 10)


def test_an_interrupted_second_run_is_thinned_by_less(two_runs):
    found = two_runs((3, 70))
    assert not found.complete
    assert found.mixture.batch_shape == (3, 20)
    assert found.sample_stats["lp"][0].tolist() == list(range(2, 60, 3))
    assert np.all(found.sample_stats["n_steps"] == 3)


@pytest.mark.parametrize("second", [(3, 19), (2, 150), KeyboardInterrupt()], ids=str)
def test_of_a_second_run_that_is_worth_less_the_first_is_kept(two_runs, second):
    found = two_runs(second)
    assert not found.complete
    assert found.mixture.batch_shape == (3, 20)
    assert found.sample_stats["lp"][0].tolist() == list(range(20))
