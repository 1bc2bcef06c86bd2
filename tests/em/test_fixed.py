"""Parts that no step changes."""

import numpy as np
import oracle
import pytest
from scipy.optimize import minimize

from bayesgmm import GaussianMixture, Priors, load, save
from bayesgmm.exceptions import DataError

PARTS = {"weights": "weights_", "means": "means_", "covariances": "covariances_"}


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(5)
    return np.r_[rng.normal(size=(90, 2)), rng.normal(size=(60, 2)) * 0.7 + [2.5, 1.0]]


def given(family):
    precisions = {
        "full": np.stack([np.eye(2), 2 * np.eye(2)]),
        "tied": 1.5 * np.eye(2),
        "diag": np.array([[1.0, 1.1], [2.0, 1.9]]),
        "spherical": np.array([1.0, 2.0]),
    }
    return {
        "weights_init": [0.5, 0.5],
        "means_init": [[0.3, 0.2], [2.2, 1.4]],
        "precisions_init": precisions[family],
    }


@pytest.mark.parametrize("fixed", [("weights",), ("means",), ("covariances",), tuple(PARTS)[:2]])
@pytest.mark.parametrize("tol", [None, 1e-7])
@pytest.mark.parametrize("priors", [None, Priors(), Priors.conjugate()])
def test_fixed_parts_stay_and_the_others_are_best(family, fixed, tol, priors, X):
    """Against an optimiser on the densities themselves, over the free parts alone."""
    options = {"covariance_type": family, "priors": priors, "tol": tol, **given(family)}
    start = GaussianMixture(2, max_iter=0, **options).fit(X)
    fit = GaussianMixture(2, fixed=fixed, **options).fit(X)
    for part in fixed:
        np.testing.assert_array_equal(getattr(fit, PARTS[part]), getattr(start, PARTS[part]))
    for part in set(PARTS) - set(fixed):
        assert not np.allclose(getattr(fit, PARTS[part]), getattr(start, PARTS[part]), rtol=1e-3)
    assert np.all(np.diff(fit.lower_bounds_) > -1e-12)

    free = oracle.Parameters(family, 2, 2)
    origin = free.pack(start.mixture_)
    n = {"weights": 1, "means": 4}
    spans = {"weights": slice(0, 1), "means": slice(1, 5), "covariances": slice(5, None)}
    moving = np.ones(len(origin), dtype=bool)
    for part in fixed:
        moving[spans[part]] = False
    assert n["weights"] + n["means"] + len(origin[5:]) == start._n_parameters()
    assert fit._n_parameters() == moving.sum()
    problem = fit._problem(_data(X), None)

    def loss(values):
        vector = origin.copy()
        vector[moving] = values
        mixture = free.unpack(vector)
        value = oracle.log_likelihood(X, mixture)
        if problem.priors is not None:
            value += problem.priors.log_density(
                mixture.weights, mixture.means, mixture.native_covariances
            )
        return -value

    optimum = minimize(loss, origin[moving], method="BFGS", options={"gtol": 1e-4})
    slack = 1e-5 if tol is None else 1e-2
    assert fit.lower_bound_ * len(X) == pytest.approx(-optimum.fun, abs=slack)


def _data(X):
    from bayesgmm.data.validate import as_data

    return as_data(X)


def test_criteria_count_free_parameters_only(X):
    fit = GaussianMixture(2, fixed=("means",), means_init=[[0, 0], [2.5, 1]]).fit(X)
    total = fit.score(X) * len(X)
    assert fit._n_parameters() == 1 + 6
    assert fit.bic(X) == pytest.approx(-2 * total + 7 * np.log(len(X)))
    assert fit.aic(X) == pytest.approx(-2 * total + 14)
    unbound = GaussianMixture(2, means_init=[[0, 0], [2.5, 1]]).fit(X)
    assert fit.score(X) < unbound.score(X)


def test_everything_fixed_is_only_scored(family, X):
    fit = GaussianMixture(2, covariance_type=family, fixed=list(PARTS), **given(family)).fit(X)
    assert fit.converged_
    assert fit._n_parameters() == 0
    assert fit.lower_bound_ == pytest.approx(fit.score(X), rel=1e-12)


def test_what_is_free_has_many_starts(X):
    """Given means alone, the rest is searched for; the first start asks who is nearest to them."""
    fit = GaussianMixture(2, fixed=("means",), means_init=[[2.5, 1], [0, 0]], random_state=0).fit(X)
    assert fit.starts_.n_starts >= 8
    assert fit.weights_[1] > fit.weights_[0]


def test_given_covariances_cannot_collapse():
    """Two rows on one point, and a width given: no spike, and constant columns do no harm."""
    X = np.c_[[0.0, 0.1, 0.2, 9.0, 9.0], np.zeros(5)]
    fit = GaussianMixture(
        2, fixed=("covariances",), precisions_init=[np.eye(2)] * 2, random_state=0
    ).fit(X)
    assert fit.starts_.n_spikes == 0
    assert sorted(np.bincount(fit.predict(X))) == [2, 3]


def test_a_warm_start_gives_what_is_fixed(X):
    model = GaussianMixture(2, random_state=0).fit(X[:120])
    means = model.means_.copy()
    model.set_params(fixed=("means",), warm_start=True).fit(X)
    np.testing.assert_array_equal(model.means_, means)


def test_labels_give_what_is_fixed(X):
    labels = np.repeat([0, 1], [90, 60])
    fit = GaussianMixture(2, fixed=("weights",), labels_init=labels).fit(X)
    np.testing.assert_allclose(fit.weights_, [0.6, 0.4], rtol=1e-12)


def test_files_keep_it(tmp_path, X):
    fit = GaussianMixture(2, fixed=("means",), means_init=[[0, 0], [2.5, 1]]).fit(X)
    save(fit, tmp_path / "fit.json")
    again = load(tmp_path / "fit.json")
    assert list(again.fixed) == ["means"]
    assert again.bic(X) == fit.bic(X)
    np.testing.assert_array_equal(again.fit(X).means_, fit.means_)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fixed": ("means",)}, r"fixed='means' keeps the means .* give means_init or labels_init"),
        (
            {"fixed": ("covariances",), "means_init": [[0, 0], [1, 1]]},
            "give precisions_init or labels_init",
        ),
        ({"fixed": ("mean",)}, r"some of 'weights', 'means' and 'covariances', got 'mean'"),
        ({"fixed": "means"}, "fixed"),
    ],
)
def test_what_cannot_be_fixed(options, message, X):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2, **options).fit(X)


def test_a_warm_start_needs_a_fit_to_go_on_from(X):
    with pytest.raises(DataError, match="go on from a fit with warm_start=True"):
        GaussianMixture(2, fixed=("means",), warm_start=True).fit(X)
