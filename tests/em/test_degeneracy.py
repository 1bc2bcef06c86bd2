"""What is said of components that collapse: which rows, which columns, and what to try."""

import warnings

import numpy as np
import pandas as pd
import pytest

from bayesgmm import GaussianMixture, Priors, load_dataset
from bayesgmm.exceptions import ConvergenceWarning, DataError, DegeneracyWarning


@pytest.fixture
def people(rng):
    n = 300
    member = rng.random(n) < 0.4
    return pd.DataFrame(
        {
            "age": rng.normal(40, 8, n),
            "income": rng.normal(3, 1, n) + 2 * member,
            "member": member.astype(int),
        }
    )


@pytest.mark.parametrize("family", ["full", "diag"])
def test_a_column_that_does_not_vary_within_a_cluster_is_named(people, family):
    """A 0/1 column: each cluster takes one value, and its variance goes to zero."""
    model = GaussianMixture(2, covariance_type=family, random_state=0)
    with pytest.warns(
        DegeneracyWarning,
        match=r"Every start collapsed: .* column 'member' is always [01] there, and the "
        r"likelihood has no bound; drop column 'member', give priors=, or a larger reg_covar\.",
    ):
        model.fit(people)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dropped = GaussianMixture(2, covariance_type=family, random_state=0)
        assert dropped.fit(people.drop(columns="member")).converged_
        regular = GaussianMixture(2, covariance_type=family, priors=Priors(), random_state=0)
        assert regular.fit(people).converged_


def test_a_sensor_that_is_stuck_in_one_regime_is_named(rng):
    X = rng.normal(size=(400, 3))
    X[:200] += [8.0, 0.0, 0.0]
    X[:200, 1] = -7.5
    frame = pd.DataFrame(X, columns=["load", "flow", "heat"])
    with pytest.warns(DegeneracyWarning, match=r"200 rows .*column 'flow' is always -7\.5 there"):
        GaussianMixture(2, random_state=0).fit(frame)


def test_columns_that_are_collinear_within_a_cluster_are_named(rng):
    X = rng.normal(size=(400, 3))
    X[:200] += [0.0, 0.0, 9.0]
    X[:200, 1] = 2.0 * X[:200, 0] - 1.0
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    message = r"column 'b' equals column 'a' up to scale and shift there.*drop column 'b'"
    with pytest.warns(DegeneracyWarning, match=message):
        GaussianMixture(2, random_state=0).fit(frame)


def test_copies_of_a_row_are_called_so(rng):
    X = np.r_[rng.normal(size=(50, 2)), np.full((6, 2), 4.0)]
    fit = GaussianMixture(2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegeneracyWarning)
        fit.fit(X)
    said = [o.why_spurious for o in fit.starts_.optima if o.why_spurious]
    assert any(
        "6 rows (50, 51, 52, 53, 54, ...): they are copies of one another" in s for s in said
    )
    assert all("drop" not in s for s in said if "copies" in s)


@pytest.mark.parametrize("family", ["full", "diag", "spherical"])
def test_a_failed_fit_says_which_rows_made_it_fail(rng, family):
    """Without any ridge a covariance turns singular, and no mixture is left to look at."""
    X = np.r_[rng.normal(size=(60, 2)), np.full((5, 2), 9.0)]
    model = GaussianMixture(2, covariance_type=family, reg_covar=0.0, n_init=2, random_state=0)
    message = r"ill-defined.*With a little of it, component \d has collapsed onto 5 rows \(60, 61,"
    with pytest.raises(DataError, match=message):
        model.fit(X)


def test_a_failed_fit_names_the_column(people):
    model = GaussianMixture(2, covariance_type="diag", reg_covar=0.0, n_init=2, random_state=0)
    with pytest.raises(DataError, match=r"ill-defined.*column 'member' is always"):
        model.fit(people)


def test_one_hot_columns_are_called_so(people, rng):
    colour = rng.integers(3, size=len(people))
    for j, name in enumerate(["red", "green", "blue"]):
        people[name] = (colour == j).astype(float)
    with pytest.raises(
        DataError,
        match=r"column 'red', column 'green' and column 'blue' are one-hot \(one is 1, the others "
        r"0\); drop column 'blue'",
    ):
        GaussianMixture(2).fit(people)


def test_a_search_prefers_a_sound_optimum_where_nearly_every_start_collapses():
    """One start in twenty finds it; where all have missed, a weak prior leads to it."""
    rng = np.random.default_rng(2)
    X = np.r_[rng.normal(size=(60, 2)), 1e-7 * rng.normal(size=(3, 2)) + 3.0]
    for seed in range(3):
        fit = GaussianMixture(2, random_state=seed).fit(X)
        assert fit.starts_.n_spikes > 20
        assert not fit.starts_.all_collapsed
        assert fit.weights_.min() > 0.1


def test_a_start_of_a_fixed_kind_is_rescued_too():
    """One hierarchy is all the starts that there are, and it ends on a spike."""
    X = load_dataset("iris").select_dtypes("number").to_numpy()
    fit = GaussianMixture(7, init_params="hierarchical", random_state=0).fit(X)
    assert not fit.starts_.all_collapsed


def test_shares_as_weights_are_no_stronger_a_prior():
    X = load_dataset("galaxies").to_numpy()
    shares = GaussianMixture(8, random_state=0).fit(X, sample_weight=np.full(82, 1 / 82))
    assert not shares.starts_.all_collapsed


@pytest.mark.parametrize("max_iter", [0, 1, 5])
def test_no_split_and_no_weak_prior_goes_on_where_passes_are_few(max_iter, monkeypatch):
    from bayesgmm.em import search as search_module

    monkeypatch.setattr(search_module, "climb", None)
    monkeypatch.setattr(search_module, "FEW", 2.0)
    lengths, original = [], search_module.run_accelerated
    monkeypatch.setattr(
        search_module,
        "run_accelerated",
        lambda problem, start, n: (lengths.append(n), original(problem, start, n))[1],
    )
    X = load_dataset("penguins").select_dtypes("number").dropna().to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        GaussianMixture(6, max_iter=max_iter, random_state=0).fit(X)
    assert set(lengths) == {max_iter}


@pytest.mark.parametrize(("k", "of_mclust"), [(7, -195.248279), (8, -192.879752), (9, -190.965522)])
def test_sound_optima_of_many_components_on_few_rows(k, of_mclust):
    """Without the weak prior many of these searches end nats below, or find nothing sound."""
    X = load_dataset("galaxies").to_numpy()
    for seed in range(3):
        fit = GaussianMixture(k, random_state=seed).fit(X)
        assert not fit.starts_.all_collapsed
        assert fit.score(X) * len(X) > of_mclust - 1e-3
