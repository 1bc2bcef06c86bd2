"""The account of local optima."""

import numpy as np
import oracle
import pytest

from bayesgmm import GaussianMixture, Priors, load_dataset
from bayesgmm.em.atlas import Atlas, End, Memberships, Optimum, group_ends
from bayesgmm.em.degeneracy import Spike
from bayesgmm.em.loop import Run
from bayesgmm.em.problem import Problem
from bayesgmm.em.search import MAX_ROUNDS, MOVES, N_STARTS


@pytest.fixture(scope="module")
def iris_fit():
    X = load_dataset("iris").select_dtypes("number")
    return GaussianMixture(3, random_state=0).fit(X), X


def test_every_start_is_in_one_place(iris_fit):
    fit, X = iris_fit
    atlas = fit.starts_
    most = N_STARTS + MAX_ROUNDS * MOVES * N_STARTS
    assert N_STARTS <= atlas.n_starts + atlas.n_returned <= most
    assert sum(optimum.n_starts for optimum in atlas.optima) + atlas.n_failed == atlas.n_starts
    assert atlas.n_spikes == atlas.n_starts - sum(o.n_starts for o in atlas.sound)
    kept, *others = atlas.sound
    assert kept.moved == 0.0
    np.testing.assert_array_equal(kept.mixture.means, fit.means_)
    for optimum in atlas.sound:
        value = oracle.log_likelihood(X.to_numpy(), optimum.mixture)
        assert optimum.objective == pytest.approx(value, abs=1e-5 * abs(value))
        assert optimum.mixture.feature_names == tuple(X.columns)
    assert others
    assert all(optimum.moved > 0.01 for optimum in others)
    assert all(optimum.settled for optimum in atlas.optima)


def test_moved_is_the_share_of_memberships_that_differ(iris_fit):
    fit, X = iris_fit
    here = fit.predict_proba(X)
    for optimum in fit.starts_.optima[1:]:
        there = optimum.mixture.responsibilities(X.to_numpy())
        # The components are in the order that matches best: no other is nearer.
        assert optimum.moved == pytest.approx(np.abs(here - there).sum() / 2 / len(X))
        swapped = there[:, [1, 0, 2]]
        assert np.abs(here - swapped).sum() / 2 / len(X) >= optimum.moved - 1e-12


def test_spurious_optima_say_on_which_rows_and_why(iris_fit):
    fit = GaussianMixture(3, n_init=60, init_params="random_from_data", random_state=0)
    spurious = [o for o in fit.fit(iris_fit[1]).starts_.optima if o.why_spurious]
    assert spurious
    assert all("has collapsed onto" in o.why_spurious for o in spurious)
    # A cluster of rows with the same width of 0.2: the column is named.
    assert any("column 'petal_width' is always 0.2 there" in o.why_spurious for o in spurious)


def test_table(iris_fit):
    atlas = iris_fit[0].starts_
    table = atlas.table()
    assert list(table.columns) == [
        "n_starts",
        "log_likelihood",
        "behind",
        "moved",
        "settled",
        "why_spurious",
    ]
    assert table["n_starts"].sum() == atlas.n_starts
    sound = table[table["why_spurious"] == ""]
    assert sound.index[0] == 0
    assert (sound["behind"].diff().dropna() > 0).all()
    np.testing.assert_allclose(
        table["log_likelihood"] + table["behind"], table["log_likelihood"].iloc[0]
    )


def test_under_priors_the_posterior_is_compared(faithful):
    fit = GaussianMixture(3, priors=Priors(), random_state=0).fit(faithful)
    table = fit.starts_.table()
    assert table["log_posterior"].iloc[0] == pytest.approx(fit.lower_bound_ * len(faithful))
    assert fit.starts_.n_spikes == 0


def mixture(shift=0.0, order=(0, 1)):
    means = np.array([[0.0], [6.0 + shift]])[list(order)]
    weights = np.array([0.5, 0.5])
    from bayesgmm import Mixture

    return Mixture.from_covariances(weights, means, np.ones((2, 1, 1)))


@pytest.fixture(scope="module")
def line():
    rng = np.random.default_rng(0)
    return Problem(np.r_[rng.normal(size=(100, 1)), rng.normal(size=(100, 1)) + 6.0], "full")


def test_labels_do_not_make_another_optimum(line):
    order, moved = Memberships(line).match(mixture(), mixture(order=(1, 0)))
    assert order.tolist() == [1, 0]
    assert moved < 1e-12


def end(value, shift=0.0, spikes=()):
    run = Run(mixture(shift), value, value, (value,), True)
    return End(run, list(spikes))


def test_what_is_one_optimum(line):
    spike = Spike(0, 1e-9, 3.0)
    ends = [
        end(-100.0),
        end(-100.0 - 1e-5 * line.n, 0.01),  # the same to what EM resolves
        end(-100.0, shift=40.0),  # as likely, but elsewhere
        end(-103.0),  # near in place, but lower
        end(-100.0, spikes=[spike]),  # never one with a sound one
    ]
    groups = group_ends(ends, line)
    assert [len(group) for group in groups] == [2, 1, 1, 1]
    assert [group[0] for group in groups] == [ends[0], *ends[2:]]


def test_weights_of_rows_weigh_what_moves():
    X = np.r_[np.zeros((5, 1)), np.full((5, 1), 6.0)]
    weight = np.r_[np.full(5, 3.0), np.ones(5)]
    apart = Problem(X, "full", weight)
    # All rows at 0 belong to component 0 in one, and to a component at 6 in the other.
    _, moved = Memberships(apart).match(mixture(), mixture(shift=-12.0))
    assert 0.2 < moved < 0.8
    _, unweighted = Memberships(Problem(X, "full")).match(mixture(), mixture(shift=-12.0))
    assert moved != pytest.approx(unweighted, abs=0.05)


def sentence(**counts):
    kept = Optimum(mixture(), -10.0, 3, 0.0, True, "")
    other = Optimum(mixture(), -14.0, 2, 0.25, True, "")
    spike = Optimum(mixture(), 5.0, 1, 0.5, True, "component 0 has collapsed onto 3 rows")
    return repr(Atlas((kept, other, spike), **counts))


def test_the_account_in_words():
    assert sentence() == (
        "Atlas(6 starts: 3 ended at the optimum that is kept; 2 at another 4 nats below, where "
        "25 % of the rows belong elsewhere; 1 collapsed onto a few rows.)"
    )
    assert "1 failed because a covariance became singular" in sentence(n_failed=1)
    assert "14 more were given up early in a race" in sentence(n_outrun=14)
    one = Atlas((Optimum(mixture(), -10.0, 1, 0.0, True, ""),))
    assert repr(one) == "Atlas(1 start: 1 ended at the optimum that is kept.)"


def test_row_numbers_are_those_of_the_user():
    """Rows of weight zero are not fitted, but they are counted."""
    rng = np.random.default_rng(2)
    X = np.r_[np.zeros((20, 2)), rng.normal(size=(60, 2)), 1e-7 * rng.normal(size=(3, 2)) + 3.0]
    weight = np.r_[np.zeros(20), np.ones(63)]
    from bayesgmm.exceptions import DegeneracyWarning

    start = {"means_init": [[0, 0], [3, 3]], "precisions_init": [np.eye(2), np.eye(2) * 1e8]}
    with pytest.warns(DegeneracyWarning, match=r"onto 3 rows \(80, 81, 82\)"):
        GaussianMixture(2, n_init=1, weights_init=[0.95, 0.05], **start).fit(X, None, weight)


@pytest.fixture
def noise(monkeypatch):
    """One cloud that five components share in many ways, on the path of large data."""
    from bayesgmm.em import race as race_module

    monkeypatch.setattr(race_module, "RACE_ROWS", 1_000)
    return np.random.default_rng(0).normal(size=(1_500, 2)), race_module.N_RACERS


def test_a_rival_that_loses_a_race_is_scored_but_not_finished(line, monkeypatch):
    from bayesgmm.em import search as search_module
    from bayesgmm.em.race import Finalists

    found = Finalists([(mixture(), 2), (mixture(shift=40.0), 1)], [], 13)
    monkeypatch.setattr(search_module, "race", lambda *_: found)
    monkeypatch.setattr(search_module, "is_large", lambda *_: True)
    atlas = GaussianMixture(2, random_state=0).fit(line.X).starts_
    kept, rival = atlas.optima
    assert (kept.n_starts, kept.settled) == (2, True)
    assert (rival.n_starts, rival.settled) == (1, False)
    value = oracle.log_likelihood(line.X, mixture(shift=40.0))
    assert rival.objective == pytest.approx(value)
    assert atlas.n_outrun == 13


def test_a_rival_that_is_ahead_already_is_finished(line, monkeypatch):
    from bayesgmm.em import search as search_module
    from bayesgmm.em.race import Finalists

    far = GaussianMixture(1).fit(line.X).mixture_
    poor = type(far)(
        np.array([0.5, 0.5]), np.repeat(far.means, 2, 0), np.repeat(far.whitening, 2, 0)
    )
    found = Finalists([(poor, 1), (mixture(), 1)], [], 0)
    monkeypatch.setattr(search_module, "race", lambda *_: found)
    monkeypatch.setattr(search_module, "is_large", lambda *_: True)
    fit = GaussianMixture(2, random_state=0).fit(line.X)
    assert fit.starts_.optima[0].settled
    assert fit.lower_bound_ > oracle.log_likelihood(line.X, mixture()) / len(line.X)


def test_losers_of_a_race_are_called_back_where_its_leaders_collapse(noise):
    """Its two leaders end on twenty rows."""
    X, n_racers = noise
    atlas = GaussianMixture(5, max_iter=10_000, random_state=0).fit(X).starts_
    assert atlas.n_spikes > 0
    assert not atlas.all_collapsed
    assert atlas.n_outrun + atlas.n_starts == n_racers
