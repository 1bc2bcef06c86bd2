"""Starts, moves, spikes and the choice among ends."""

from dataclasses import replace
from itertools import islice

import numpy as np
import oracle
import pytest

from bayesgmm import GaussianMixture, Priors, load_dataset
from bayesgmm.core.mixture import Mixture
from bayesgmm.em import moves as moves_module
from bayesgmm.em import race as race_module
from bayesgmm.em import runs as runs_module
from bayesgmm.em import search as search_module
from bayesgmm.em.clusterings import CLUSTERINGS, Rows, one_hot
from bayesgmm.em.degeneracy import Spike, describe_spike, find_spikes, flatness
from bayesgmm.em.moves import Moves
from bayesgmm.em.problem import Problem
from bayesgmm.em.runs import Runs, Settings
from bayesgmm.em.search import best_of, search
from bayesgmm.em.starts import from_responsibilities, proposals
from bayesgmm.exceptions import DegeneracyWarning


def clusters(n=300, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    return centres[rng.integers(3, size=n)] + rng.normal(size=(n, 2))


@pytest.mark.parametrize("method", sorted(CLUSTERINGS))
@pytest.mark.parametrize("k", [1, 2, 7])
def test_every_start_is_a_mixture_inside_the_data(family, method, k):
    X = clusters()
    problem = Problem(X, family)
    start = next(proposals(problem, k, method, np.random.default_rng(0)))
    assert start.n_components == k
    assert start.weights.sum() == pytest.approx(1.0)
    assert np.all(start.weights > 0)
    assert np.all((start.means >= X.min(0)) & (start.means <= X.max(0)))
    assert np.all(np.linalg.eigvalsh(start.covariances) > 0)
    assert not find_spikes(start, problem)


@pytest.mark.parametrize("method", sorted(CLUSTERINGS))
def test_as_many_components_as_rows(family, method):
    X = clusters(6)
    start = next(proposals(Problem(X, family), 6, method, np.random.default_rng(0)))
    assert start.means.shape == (6, 2)
    assert np.all(np.isfinite(start.whitening))


@pytest.mark.parametrize("method", sorted(CLUSTERINGS))
def test_starts_do_not_depend_on_units(family, method):
    X = clusters()
    unit = np.array([1e-6, 1e6]) if family != "spherical" else np.array([1e6, 1e6])
    here, there = (
        next(proposals(Problem(data, family), 3, method, np.random.default_rng(4)))
        for data in (X, X * unit)
    )
    np.testing.assert_allclose(there.means, here.means * unit, rtol=1e-8, atol=1e-8 * unit.max())
    np.testing.assert_allclose(there.weights, here.weights, rtol=1e-8)


def test_identical_rows_warn_of_nothing():
    """Fewer distinct rows than clusters: k-means would warn, the fit has no reason to."""
    X = np.repeat(clusters(3), 10, axis=0)
    fit = GaussianMixture(4, reg_covar=0.1, random_state=0).fit(X)
    assert fit.weights_.sum() == pytest.approx(1.0)


def test_moves_keep_the_shares_of_the_others(family):
    X = clusters()
    problem = Problem(X, family)
    mixture = next(proposals(problem, 3, "kmeans", np.random.default_rng(0)))
    moves = Moves(problem, np.random.default_rng(1))
    for i in range(40):
        moved = moves.shift(mixture) if i % 2 else moves.relocate(mixture)
        assert moved.weights.sum() == pytest.approx(1.0)
        assert moved.weights.min() > 1e-4
        assert np.all(np.isfinite(moved.whitening))


def test_moves_lead_out_of_a_poor_optimum():
    """Two components in one cluster and one across two others, where EM alone is stuck."""
    X = clusters(600)
    problem = Problem(X, "tied")
    labels = np.where(X[:, 1] > 3, (X[:, 0] > 0).astype(int), 2)
    settings = Settings(3, 1, "mixed", None, 2000)
    stuck = best_of(problem, settings, [from_responsibilities(Rows(problem), one_hot(labels, 3))])
    moves = Moves(problem, np.random.default_rng(0))
    led = best_of(problem, settings, [moves.relocate(stuck.run.mixture) for _ in range(10)])
    assert led.run.objective > stuck.run.objective + 100


def test_rows_that_are_shifted_are_neighbours_and_get_one_component(monkeypatch):
    """Of clusters far apart: memberships change, of some in one place, to another cluster's."""
    X = np.concatenate([clusters(30), clusters(30) + 1000.0])
    problem = Problem(X, "full")
    before = one_hot((X[:, 0] > 500.0).astype(int), 2)
    mixture = from_responsibilities(Rows(problem), before)
    monkeypatch.setattr(moves_module, "from_responsibilities", lambda rows, r: r)
    moves, n_changed = Moves(problem, np.random.default_rng(0)), []
    for _ in range(40):
        after = moves.shift(mixture)
        changed = np.flatnonzero(np.abs(after - before).max(axis=1) > 0.5)
        n_changed.append(len(changed))
        if len(changed):
            assert len(np.unique(after[changed], axis=0)) == 1
            points = Rows(problem).scaled
            distances = np.linalg.norm(points - points[changed][:, None], axis=2)
            nearest = np.argsort(distances, axis=1)[:, : len(changed)]
            assert any(set(some) == set(changed) for some in nearest)
    assert max(n_changed) <= 0.3 * len(X)
    assert len(set(n_changed)) > 10


@pytest.mark.slow
def test_few_rows_in_many_dimensions_do_not_end_at_the_first_optimum():
    """Wine, full covariances under the default priors: relocations alone are 60 nats worse."""
    X = load_dataset("wine").select_dtypes("number")
    fits = [GaussianMixture(3, priors=Priors(), random_state=s).fit(X) for s in range(6)]
    assert np.median([len(X) * fit.lower_bound_ for fit in fits]) > -2905


def test_tight_cluster_inside_a_wide_one_is_found():
    """70 nats that k-means and random starts nearly always miss."""
    X = load_dataset("overlap").to_numpy()
    for seed in range(4):
        fit = GaussianMixture(2, covariance_type="VII", random_state=seed).fit(X)
        assert fit.score(X) * len(X) == pytest.approx(-2804.47102, abs=1e-3)


def test_account_of_the_starts(faithful):
    fit = GaussianMixture(3, n_init=20, random_state=1).fit(faithful)
    account = fit.starts_
    ends = np.array([optimum.objective for optimum in account.sound])
    assert account.n_starts + account.n_returned == 20
    assert account.n_starts == sum(o.n_starts for o in account.sound) + account.n_spikes
    assert np.all(np.diff(ends) < -1e-5 * len(faithful))
    assert ends[0] == pytest.approx(fit.lower_bound_ * len(faithful))


def test_few_starts_suffice_where_they_agree(family):
    fit = GaussianMixture(3, covariance_type=family, random_state=0).fit(clusters())
    assert fit.starts_.n_starts < 30
    assert fit.starts_.n_at_best >= 8


@pytest.mark.parametrize(
    ("n_init", "share", "better", "n"),
    [
        ("auto", 0.4, set(), 60),
        ("auto", 0.4, {20, 45}, 105),
        ("auto", 0.4, set(range(1, 300, 50)), 300),
        ("auto", 0.5, {3}, 30),
        ("auto", 1.0, set(), 8),
        (9, 1.0, {3}, 6),
        (1, 0.4, set(), 0),
    ],
)
def test_moves_end_where_they_find_nothing_better(n_init, share, better, n, faithful, monkeypatch):
    made = []

    def add_move(runs, start):
        made.append(start)
        return len(made) in better

    monkeypatch.setattr(Runs, "add_move", add_move)
    monkeypatch.setattr(Runs, "share_at_best", share)
    problem = Problem(faithful.to_numpy(float), "full")
    search(problem, Settings(3, n_init, "mixed", None, 2000), np.random.default_rng(0))
    assert len(made) == n


@pytest.mark.parametrize(
    ("n_init", "share", "climbs"), [("auto", 0.4, 1), ("auto", 0.5, 0), (9, 0.4, 0)]
)
def test_the_best_fit_is_improved_where_starts_are_at_odds(
    n_init, share, climbs, faithful, monkeypatch
):
    """By a move that leads from the best optimum of two components to that of three."""
    X = faithful.to_numpy(float)
    better, climbed = GaussianMixture(3, random_state=0).fit(X), []

    def climb(problem, run, rng, small):
        assert problem is small
        climbed.append(run)
        return replace(run, mixture=better.mixture_)

    monkeypatch.setattr(search_module, "climb", climb)
    monkeypatch.setattr(Runs, "add_move", lambda *_: False)
    monkeypatch.setattr(Runs, "share_at_best", share)
    settings = Settings(2, n_init, "mixed", None, 2000)
    found = search(Problem(X, "full"), settings, np.random.default_rng(0))
    assert len(climbed) == climbs
    if climbs:
        assert found.run.objective == pytest.approx(better.lower_bound_ * len(X))
        best = max(run.objective for run in found.others)
        assert climbed[0].objective == pytest.approx(best)


@pytest.mark.parametrize(("family", "k", "seed"), [("spherical", 9, 0), ("tied", 11, 2)])
def test_where_starts_are_at_odds_or_race_the_whole_hierarchy_is_one_of_them(family, k, seed):
    """More rows than the first hierarchy sees, in fourteen clusters on a ring."""
    rng = np.random.default_rng(seed)
    angle = 2.0 * np.pi * rng.integers(14, size=900) / 14
    outwards = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    along = np.stack([-outwards[:, 1], outwards[:, 0]], axis=1)
    noise = rng.normal(size=(2, 900, 1))
    X = 10.0 * outwards + noise[0] * outwards + 0.4 * noise[1] * along
    whole, mixed = (
        GaussianMixture(k, covariance_type=family, init_params=kind, random_state=0).fit(X)
        for kind in ("hierarchical", "mixed")
    )
    assert mixed.lower_bound_ >= whole.lower_bound_ - 1e-9


def test_share_at_best_counts_sound_runs_among_all(faithful, monkeypatch):
    problem = Problem(faithful.to_numpy(float), "full")
    runs = Runs(problem, Settings(2, "auto", "mixed", None, 2000), None)
    assert runs.share_at_best == 0.0
    for start in islice(proposals(problem, 2, "mixed", np.random.default_rng(0)), 4):
        runs.add(start)
    first = runs.finished[0]
    assert runs.share_at_best == 1.0
    worse = replace(first, run=replace(first.run, objective=first.run.objective - 1.0))
    runs.finished[1] = worse
    runs.failures.append(np.linalg.LinAlgError())
    assert runs.share_at_best == 3 / 5
    higher = replace(first.run, objective=first.run.objective + 9.0)
    runs.finished[2] = replace(first, run=higher, spikes=[None])
    assert runs.share_at_best == 2 / 5
    runs.finished[:] = [runs.finished[2]]
    assert runs.share_at_best == 0.0


def test_one_component_takes_one_start(family):
    assert GaussianMixture(1, covariance_type=family).fit(clusters()).starts_.n_starts == 1


def test_explicit_kind_and_number_of_starts_are_kept():
    for method in ("kmeans", "k-means++", "random", "random_from_data"):
        fit = GaussianMixture(2, n_init=5, init_params=method, random_state=0).fit(clusters())
        assert fit.starts_.n_starts == 5


def test_other_optima_are_kept_apart(faithful):
    problem = Problem(faithful.to_numpy(float), "full")
    found = search(problem, Settings(3, 20, "mixed", None, 2000), np.random.default_rng(0))
    values = [found.run.objective] + [run.objective for run in found.others]
    assert len(values) > 1
    assert np.all(np.diff(values) < -1e-5 * problem.n)


def test_race_on_many_rows_ends_as_well_as_full_runs(monkeypatch):
    X = clusters(3_000)
    full = GaussianMixture(3, random_state=0).fit(X)
    monkeypatch.setattr(race_module, "RACE_ROWS", 1_000)
    raced = GaussianMixture(3, random_state=0).fit(X)
    assert raced.starts_.n_starts == race_module.HEATS[-1][1]
    assert raced.starts_.n_outrun == race_module.N_RACERS - raced.starts_.n_starts
    assert raced.lower_bound_ == pytest.approx(full.lower_bound_, abs=1e-8)


def spike_data():
    """A cloud, and three rows almost on one point."""
    rng = np.random.default_rng(2)
    return np.r_[rng.normal(size=(60, 2)), 1e-7 * rng.normal(size=(3, 2)) + 3.0]


def test_spikes_are_passed_over_and_counted():
    X = spike_data()
    fit = GaussianMixture(2, random_state=0).fit(X)
    assert fit.starts_.n_spikes > 0
    assert not find_spikes(fit.mixture_, Problem(X, "full"))


def test_a_fit_that_is_a_spike_says_so_and_where():
    X = spike_data()
    with pytest.warns(DegeneracyWarning, match=r"Every start collapsed.*collapsed onto 3 rows "):
        fit = GaussianMixture(
            2,
            n_init=1,
            weights_init=[0.95, 0.05],
            means_init=[[0, 0], [3, 3]],
            precisions_init=[np.eye(2), np.eye(2) * 1e8],
        ).fit(X)
    spikes = find_spikes(fit.mixture_, Problem(X, "full"))
    assert [spike.component for spike in spikes] == [1]
    assert spikes[0].n_rows == pytest.approx(3.0, abs=0.1)
    assert spikes[0].flatness < 1e-8
    assert "(60, 61, 62)" in describe_spike(spikes[0], fit.mixture_, X)


def test_map_under_a_proper_prior_is_no_spike():
    from bayesgmm import Priors

    fit = GaussianMixture(2, priors=Priors(), random_state=0).fit(spike_data())
    assert fit.starts_.n_spikes == 0
    assert np.all(np.isfinite(fit.covariances_))


@pytest.mark.parametrize("unit", [[1.0, 1.0], [1e-12, 1e12], [1e9, 1e9]])
def test_flatness_is_measured_against_the_data(family, unit, rng):
    """Smallest eigenvalue of cov(X)^-1 Sigma_k, in any units."""
    X = clusters() @ [[1.0, 0.9], [0.0, 0.4]]
    mixture = oracle.random_mixture(family, 3, 2, rng)
    scale = np.array(unit) if family != "spherical" else np.full(2, unit[0])
    expected = [
        np.linalg.eigvals(np.linalg.solve(np.cov(X.T, bias=True), c)).real.min()
        for c in mixture.covariances * 1e-7
    ]
    power = scale**2 if family == "diag" else scale[0] ** 2
    native = mixture.native_covariances * 1e-7
    native = native * (np.outer(scale, scale) if native.shape[-2:] == (2, 2) else power)
    moved = type(mixture).from_covariances(mixture.weights, mixture.means * scale, native, family)
    found = flatness(moved, Problem(X * scale, family))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_flat_component_of_many_rows_is_no_spike_until_it_is_lost(rng):
    X = rng.normal(size=(400, 2))
    far = np.vstack([X, X + np.array([1000.0, 0.0])])
    problem = Problem(far, "full")

    def spikes(weight, variance):
        covariances = np.array([np.eye(2), np.diag([variance, 1.0])])
        weights = np.array([1.0 - weight, weight])
        means = np.array([[0.0, 0.0], [1000.0, 0.0]])
        mixture = Mixture.from_covariances(weights, means, covariances)
        return [spike.component for spike in find_spikes(mixture, problem)]

    assert spikes(0.5, 10.0) == []
    assert 1 not in spikes(0.5, 1e-2)
    assert 1 in spikes(0.5, 1e-4)
    assert 1 in spikes(29 / 800, 10.0)


def test_a_component_of_one_row_is_no_spike_where_all_rows_hold_its_covariance():
    X = np.vstack([clusters(), [[40.0, 40.0]]])
    fit = GaussianMixture(4, covariance_type="tied", random_state=0).fit(X)
    assert fit.starts_.n_spikes == 0
    assert fit.weights_.min() == pytest.approx(1 / len(X), rel=1e-6)
    three = GaussianMixture(3, covariance_type="tied", random_state=0).fit(X)
    assert fit.bic(X) < three.bic(X) - 50.0


@pytest.mark.parametrize("family", ["full", "diag"])
def test_a_component_held_by_a_small_ridge_is_a_spike(family, rng):
    """Half of the rows have the same count; a ridge of 1e-6 is the width of no cluster."""
    X = np.c_[rng.normal(size=400), np.where(np.arange(400) < 200, 0, rng.poisson(9.0, size=400))]
    given = GaussianMixture(2, covariance_type=family, reg_covar=1e-6, random_state=0)
    with pytest.warns(DegeneracyWarning, match="Every start collapsed"):
        given.fit(X)


def test_a_ridge_that_is_as_wide_as_clusters_holds_them_apart_from_spikes(rng):
    X = np.c_[rng.normal(size=400), np.where(np.arange(400) < 200, 0, rng.poisson(9.0, size=400))]
    fit = GaussianMixture(2, reg_covar=0.1, random_state=0).fit(X)
    assert fit.starts_.n_spikes == 0
    assert 0.1 <= fit.covariances_[:, 1, 1].min() < 0.11


def test_a_single_component_never_collapses():
    """It is as wide as the data, however few they are."""
    fit = GaussianMixture(1, covariance_type="diag").fit([[0.0, 1.0], [2.0, 5.0]])
    assert fit.starts_.n_spikes == 0
    np.testing.assert_allclose(fit.covariances_, [[1.0, 4.0]], rtol=1e-9)


def test_weights_that_are_shares_do_not_make_spikes():
    X = clusters()
    shares = GaussianMixture(3, random_state=0).fit(X, sample_weight=np.full(len(X), 1 / len(X)))
    counts = GaussianMixture(3, random_state=0).fit(X)
    assert not shares.starts_.all_collapsed
    assert shares.lower_bound_ == pytest.approx(counts.lower_bound_, abs=1e-8)


def test_wide_data_have_too_few_rows_for_a_shape_but_not_for_a_spread():
    """Forty rows in fifty columns: no component can hold fifty-one rows."""
    rng = np.random.default_rng(4)
    X = np.r_[rng.normal(size=(20, 50)), rng.normal(size=(20, 50)) + 2.0]
    fit = GaussianMixture(2, covariance_type="diag", random_state=0).fit(X)
    assert fit.starts_.n_spikes < fit.starts_.n_starts
    assert sorted(np.bincount(fit.predict(X))) == [20, 20]


def test_few_rows_are_named_as_the_reason_where_no_variance_is_small():
    X = clusters()
    three = Spike(0, 0.5, 2.0)
    text = describe_spike(three, GaussianMixture(3, random_state=0).fit(X).mixture_, X)
    assert "a component needs 3 at least for a shape of its own" in text
    assert "no bound" not in text


def test_a_run_that_has_collapsed_is_left_early(monkeypatch):
    """Six rows, three components: runs would creep towards the ridge until max_iter."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6, 2))
    passes = []
    original = runs_module.run_accelerated

    def counted(*args):
        run = original(*args)
        passes.append(run.n_passes)
        return run

    monkeypatch.setattr(runs_module, "run_accelerated", counted)
    with pytest.warns(DegeneracyWarning) as caught:
        fit = GaussianMixture(3, random_state=0).fit(X)
    assert len(caught) == 1
    assert fit.starts_.all_collapsed
    assert max(passes) < 300


@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2.0, 12)])
@pytest.mark.parametrize("family", ["diag", "spherical", "full"])
def test_flatness_of_wide_data_is_that_of_their_singular_covariance(family, weights, rng):
    """Fewer rows than columns, of different units: by the definition, in any case."""
    X = rng.normal(size=(12, 30)) * np.logspace(-3, 3, 30) + 5.0
    problem = Problem(X, family, sample_weight=weights, reg_covar=1e-4)
    means = X[:2]
    covariances = {
        "diag": rng.uniform(0.5, 2.0, size=(2, 30)) * X.var(axis=0),
        "spherical": np.array([0.5, 2.0]),
        "full": np.stack([np.diag(s * X.var(axis=0)) for s in (0.3, 2.0)]),
    }[family]
    mixture = Mixture.from_covariances([0.5, 0.5], means, covariances, family)
    share = np.full(12, 1 / 12) if weights is None else weights / weights.sum()
    offsets = X - share @ X
    whole = offsets.T @ (share[:, None] * offsets)
    expected = [
        1.0 / np.linalg.eigvals(np.linalg.solve(own, whole)).real.max()
        for own in mixture.covariances
    ]
    np.testing.assert_allclose(flatness(mixture, problem), expected, rtol=1e-6)


def test_wide_rows_are_whitened(rng):
    rows = Rows(Problem(rng.normal(size=(12, 30)) * np.logspace(-3, 3, 30), "diag"))
    assert rows.whitened.shape == (12, 11)
    np.testing.assert_allclose(np.cov(rows.whitened.T, bias=True), np.eye(11), atol=1e-8)
