"""EM beside the posterior: labels aligned, every number from where it says."""

import copy

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from bayesgmm import BayesianGaussianMixture, GaussianMixture, compare_estimates
from bayesgmm.exceptions import DataError, PosteriorWarning

KEY = ["parameter", "component", "feature"]


def quick_posterior(X, n_components, covariance_type="full"):
    return BayesianGaussianMixture(
        n_components,
        covariance_type=covariance_type,
        draws=20,
        chains=2,
        random_state=0,
        progressbar=False,
    ).fit(X)


def permuted(em, order):
    other = copy.copy(em)
    other._keep_mixture(em.mixture_.permute(order))
    return other


def test_one_row_for_every_parameter(pairs):
    table = compare_estimates(*pairs).table
    keys = [tuple(key) for key in table[KEY].to_numpy()]
    expected = [("weight", 0, ""), ("weight", 1, "")]
    expected += [("mean", k, name) for k in (0, 1) for name in ("length", "width")]
    for k in (0, 1):
        expected += [("sd", k, "length"), ("sd", k, "width")]
        expected += [("correlation", k, "length, width")]
    assert keys == expected


def test_numbers_are_those_of_the_fits(pairs):
    em, bayes = pairs
    found = compare_estimates(em, bayes)
    table = found.table.set_index(KEY)
    order = found.order
    for k in (0, 1):
        parts = {
            ("weight", k, ""): lambda m, k: m.weights[..., k],
            ("mean", k, "width"): lambda m, k: m.means[..., k, 1],
            ("sd", k, "width"): lambda m, k: np.sqrt(m.covariances[..., k, 1, 1]),
            ("correlation", k, "length, width"): lambda m, k: (
                m.covariances[..., k, 0, 1]
                / np.sqrt(m.covariances[..., k, 0, 0] * m.covariances[..., k, 1, 1])
            ),
        }
        for key, value in parts.items():
            row, draws = table.loc[key], value(bayes.mixture_, k).ravel()
            assert row["em"] == pytest.approx(float(value(em.mixture_, order[k])), rel=1e-12)
            assert row["map"] == pytest.approx(float(value(bayes.map_, k)), rel=1e-12)
            assert row["mean"] == pytest.approx(draws.mean(), rel=1e-12)
            assert row["sd"] == pytest.approx(draws.std(ddof=1), rel=1e-12)
            assert row["lower"] == pytest.approx(np.quantile(draws, 0.05), rel=1e-12)
            assert row["upper"] == pytest.approx(np.quantile(draws, 0.95), rel=1e-12)
            assert row["shift"] == pytest.approx((row["em"] - row["mean"]) / row["sd"], rel=1e-12)
    assert found.prob == 0.9


def test_a_comparison_is_printed_as_a_table(pairs):
    found = compare_estimates(*pairs)
    lines = str(found).splitlines()
    assert lines[0].split() == list(found.table.columns)
    row = found.table.iloc[2]
    assert lines[3].split()[:5] == ["mean", "0", "length", f"{row['em']:.4g}", f"{row['map']:.4g}"]
    assert lines[-1].startswith("map, mean, sd, lower and upper are of the posterior")
    assert "hold 90%" in lines[-1]
    assert found._repr_html_().count("<tr") == len(found.table) + 1
    assert repr(found) == f"EstimatesComparison({len(found.table)} parameters)"


def test_labels_are_aligned_whatever_the_order_of_the_em_fit(pairs):
    em, bayes = pairs
    ahead, behind = (compare_estimates(permuted(em, o), bayes) for o in ([0, 1], [1, 0]))
    np.testing.assert_array_equal(ahead.order, behind.order[::-1])
    assert ahead.table.equals(behind.table)
    means = ahead.table.query("parameter == 'mean'")
    # The groups are five apart; mixed up, their means would be.
    assert (means["em"] - means["mean"]).abs().max() < 0.5


def test_three_components_are_matched_as_a_whole():
    """A cyclic order, which an inverse would mix up where two components cannot tell."""
    rng = np.random.default_rng(2)
    X = np.concatenate([rng.normal(m, 0.5, 25) for m in (0.0, 5.0, 11.0)])[:, None]
    bayes = quick_posterior_quietly(X, 3)
    em = GaussianMixture(3, random_state=0).fit(X)
    by_mean = np.argsort(em.means_[:, 0])
    for order in ([0, 1, 2], [1, 2, 0], [2, 0, 1]):
        shuffled = permuted(em, by_mean[order])
        found = compare_estimates(shuffled, bayes)
        means = found.table.query("parameter == 'mean'")
        assert (means["em"] - means["map"]).abs().max() < 1.0
        np.testing.assert_allclose(means["em"], shuffled.means_[found.order, 0])


@pytest.mark.parametrize(
    ("covariance_type", "parameters"),
    [
        ("tied", {("sd", "all"), ("correlation", "all")}),
        ("diag", {("sd", 0), ("sd", 1)}),
        ("spherical", {("sd", 0), ("sd", 1)}),
    ],
)
def test_spreads_of_the_families(frame, covariance_type, parameters):
    """What the components share is told once, and zeros by construction are not told."""
    em = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(frame)
    bayes = quick_posterior_quietly(frame, 2, covariance_type)
    table = compare_estimates(em, bayes).table
    spreads = table[table["parameter"].isin(["sd", "correlation"])]
    assert {tuple(key) for key in spreads[["parameter", "component"]].to_numpy()} == parameters
    assert not spreads.duplicated(["parameter", "component", "feature"]).any()
    assert (spreads["lower"] < spreads["upper"]).all()


def test_one_component_and_one_feature(frame):
    em = GaussianMixture(1).fit(frame[["width"]])
    bayes = quick_posterior_quietly(frame[["width"]], 1)
    table = compare_estimates(em, bayes).table
    assert table[KEY].to_numpy().tolist() == [["mean", 0, "width"], ["sd", 0, "width"]]
    assert table["em"].tolist() == pytest.approx(
        [frame["width"].mean(), frame["width"].std(ddof=0)], rel=1e-6
    )


def test_columns_without_names_are_numbered(frame):
    X = frame.to_numpy()
    table = compare_estimates(GaussianMixture(1).fit(X), quick_posterior_quietly(X, 1)).table
    assert table["feature"].tolist() == ["x0", "x1", "x0", "x1", "x0, x1"]


@pytest.mark.parametrize(
    ("em", "message"),
    [
        (GaussianMixture(1), r"same n_components, got 1 \(EM\) and 2 \(posterior\)"),
        (GaussianMixture(2, covariance_type="diag"), "same covariance_type, got 'diag'"),
    ],
)
def test_fits_of_different_models_are_refused(pairs, frame, em, message):
    with pytest.raises(DataError, match=message):
        compare_estimates(em.fit(frame), pairs[1])


def test_fits_of_different_columns_are_refused(pairs, frame):
    with pytest.raises(DataError, match=r"same n_features, got 1 \(EM\) and 2"):
        compare_estimates(GaussianMixture(2).fit(frame[["width"]]), pairs[1])


def test_the_same_columns_in_another_order_are_refused(pairs, frame):
    em = GaussianMixture(2, random_state=0).fit(frame[["width", "length"]])
    with pytest.raises(DataError, match=r"feature_names, got \('width', 'length'\) \(EM\)"):
        compare_estimates(em, pairs[1])


def test_fits_that_are_not_fitted_are_refused(pairs):
    for unfitted in ((GaussianMixture(2), pairs[1]), (pairs[0], BayesianGaussianMixture(2))):
        with pytest.raises(NotFittedError):
            compare_estimates(*unfitted)


def test_two_posteriors_are_not_an_em_fit_and_a_posterior(pairs):
    em, bayes = pairs
    for wrong in ((bayes, em), (em, em), (bayes, bayes)):
        with pytest.raises(DataError, match="an EM fit first and a posterior second"):
            compare_estimates(*wrong)


def quick_posterior_quietly(X, *arguments):
    """Twenty draws are too few for the diagnostics, and enough for these tests."""
    with pytest.warns(PosteriorWarning):
        return quick_posterior(X, *arguments)
