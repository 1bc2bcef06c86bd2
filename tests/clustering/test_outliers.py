"""Outliers: the rates that are promised are the rates that are had."""

import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, chi2
from sklearn import mixture
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from bayesgmm import BayesianGaussianMixture, GaussianMixture, GaussianMixtureOutlierDetector
from bayesgmm.exceptions import DataError


@pytest.fixture(scope="module")
def normal_rows():
    return np.random.default_rng(9).normal(size=(500, 2)) * [1.0, 30.0] + [5.0, 0.0]


@pytest.fixture(scope="module")
def detector(normal_rows):
    return GaussianMixtureOutlierDetector(GaussianMixture(1), random_state=0).fit(normal_rows)


@pytest.mark.parametrize("given", [2, "full", GaussianMixture, mixture.GaussianMixture(2)])
def test_what_is_no_estimator_is_told_what_to_give(normal_rows, given):
    ours = "a GaussianMixture or BayesianGaussianMixture of bayesgmm"
    said = f"must be {ours}, such as bayesgmm.GaussianMixture(2), or None. Got {given!r} instead"
    with pytest.raises(ValueError, match=re.escape(said)):
        GaussianMixtureOutlierDetector(given).fit(normal_rows)


@pytest.mark.parametrize("rate", [0.002, 0.01, 0.2])
def test_false_alarms_come_at_the_rate_asked_for(rows, rate):
    """On fresh rows of the fitted mixture, within the binomial error of both simulations."""
    detector = GaussianMixtureOutlierDetector(
        GaussianMixture(2, random_state=0), false_alarm_rate=rate, random_state=2
    ).fit(rows)
    fresh, _ = detector.estimator_.mixture_.sample(20_000, np.random.default_rng(1))
    alarms = int((detector.predict(fresh) == -1).sum())
    error = np.sqrt(20_000 * rate * (1 - rate) * (1 + 20_000 / 50_000))
    assert abs(alarms - 20_000 * rate) < 4 * error


def test_a_posterior_keeps_its_rate_under_its_own_predictive(rows):
    estimator = BayesianGaussianMixture(2, draws=20, chains=2, random_state=0, progressbar=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detector = GaussianMixtureOutlierDetector(
            estimator, false_alarm_rate=0.05, random_state=1
        ).fit(rows)
    fresh, _ = detector.estimator_.mixture_.sample(4000, np.random.default_rng(5))
    alarms = int((detector.predict(fresh) == -1).sum())
    assert binom.ppf(1e-5, 4000, 0.048) < alarms < binom.ppf(1 - 1e-5, 4000, 0.052)
    np.testing.assert_array_equal(
        detector.score_samples(fresh), detector.estimator_.score_samples(fresh)
    )


def test_one_gaussian_by_hand(detector, normal_rows):
    """The highest-density region of one Gaussian is the ellipse of chi-squared with D degrees."""
    mixture = detector.estimator_.mixture_
    centred = normal_rows - mixture.means[0]
    distance = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(mixture.covariances[0]), centred)
    peak = -np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(mixture.covariances[0])[1]
    assert detector.offset_ == pytest.approx(peak - 0.5 * chi2.isf(0.01, 2), abs=0.15)
    expected = chi2.sf(distance, 2)
    np.testing.assert_allclose(detector.tail_probability(normal_rows), expected, atol=0.01)
    clear = np.abs(detector.decision_function(normal_rows)) > 0.15
    np.testing.assert_array_equal(
        detector.predict(normal_rows)[clear], np.where(expected < 0.01, -1, 1)[clear]
    )


def test_tail_probabilities_of_the_model_s_own_rows_are_uniform(detector):
    rows, _ = detector.estimator_.mixture_.sample(4000, np.random.default_rng(2))
    tail = np.sort(detector.tail_probability(rows))
    # Kolmogorov's distance, at a probability of 1e-4 for a false alarm of this test.
    assert np.abs(tail - (np.arange(4000) + 0.5) / 4000).max() < 2.23 / np.sqrt(4000)
    assert 0.0 < tail[0] < 1e-2
    assert tail[-1] <= 1.0


def test_tail_probability_agrees_with_predict(detector, normal_rows):
    tail = detector.tail_probability(normal_rows)
    flagged = detector.predict(normal_rows) == -1
    assert 0 < flagged.sum() < 20
    assert tail[flagged].max() <= 0.0101
    assert tail[~flagged].min() >= 0.0099


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_contamination_is_the_share_of_the_training_rows(normal_rows, share):
    detector = GaussianMixtureOutlierDetector(
        GaussianMixture(1), contamination=share, random_state=0
    )
    assert (detector.fit_predict(normal_rows) == -1).mean() == share


def test_only_one_of_contamination_and_false_alarm_rate_is_given(normal_rows):
    both = GaussianMixtureOutlierDetector(contamination=0.3, false_alarm_rate=0.001)
    with pytest.raises(DataError, match=r"=0.3 and false_alarm_rate=0.001 .* give only one"):
        both.fit(normal_rows)
    one = clone(both).set_params(estimator=GaussianMixture(1), contamination=None)
    assert 0 < (one.fit_predict(normal_rows) == -1).mean() < 0.01


def test_the_rate_is_one_per_cent_by_default(detector, normal_rows):
    given = GaussianMixtureOutlierDetector(
        GaussianMixture(1), false_alarm_rate=0.01, random_state=0
    )
    assert given.fit(normal_rows).offset_ == detector.offset_


def test_far_rows_are_outliers_and_central_ones_are_not(detector):
    assert detector.predict([[5.0, 0.0], [5.0, 300.0], [15.0, 0.0]]).tolist() == [1, -1, -1]
    scores = detector.decision_function([[5.0, 0.0], [5.0, 300.0]])
    assert scores[0] > 0 > scores[1]
    np.testing.assert_allclose(
        scores + detector.offset_, detector.score_samples([[5.0, 0.0], [5.0, 300.0]])
    )


def test_without_an_estimator_bic_chooses_the_components(rows):
    detector = GaussianMixtureOutlierDetector(random_state=0).fit(rows[:120])
    assert detector.estimator_.n_components == 2
    line = np.random.default_rng(3).normal(size=(400, 1))
    one = GaussianMixtureOutlierDetector(random_state=0).fit(line)
    assert one.estimator_.n_components == 1


def test_without_an_estimator_collapsed_fits_do_not_stand():
    """Few rows: with more components the likelihood has no bound, and every new row is odd."""
    rng = np.random.default_rng(0)
    detector = GaussianMixtureOutlierDetector(random_state=0).fit(rng.normal(size=(8, 2)))
    assert detector.estimator_.n_components == 1
    assert (detector.predict(rng.normal(size=(100, 2))) == 1).mean() > 0.5


def test_same_seed_same_threshold(normal_rows):
    fits = [
        GaussianMixtureOutlierDetector(GaussianMixture(1), random_state=seed).fit(normal_rows)
        for seed in (1, 1, 2)
    ]
    assert fits[0].offset_ == fits[1].offset_ != fits[2].offset_


def test_the_estimator_is_cloned(normal_rows):
    estimator = GaussianMixture(1)
    detector = GaussianMixtureOutlierDetector(estimator).fit(normal_rows)
    assert not hasattr(estimator, "mixture_")
    assert detector.estimator is estimator
    copied = clone(detector)
    assert not hasattr(copied, "offset_")
    assert copied.get_params()["estimator__n_components"] == 1
    assert copied.set_params(estimator__n_components=2).estimator.n_components == 2


def test_names_of_columns_are_kept_and_checked(normal_rows):
    frame = pd.DataFrame(normal_rows, columns=["a", "b"])
    detector = GaussianMixtureOutlierDetector(GaussianMixture(1)).fit(frame)
    assert detector.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="same order"):
        detector.predict(frame[["b", "a"]])
    unnamed = detector.fit(normal_rows)
    assert not hasattr(unnamed, "feature_names_in_")


def test_pickled_and_back(detector, normal_rows):
    back = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(back.predict(normal_rows), detector.predict(normal_rows))
    np.testing.assert_array_equal(
        back.tail_probability(normal_rows), detector.tail_probability(normal_rows)
    )


def test_before_fit():
    for method in ("predict", "score_samples", "decision_function", "tail_probability"):
        with pytest.raises(NotFittedError):
            getattr(GaussianMixtureOutlierDetector(), method)([[0.0]])


@pytest.mark.parametrize(
    "arguments",
    [
        {"false_alarm_rate": 0.0},
        {"false_alarm_rate": 1.0},
        {"contamination": 0.0},
        {"contamination": 0.6},
        {"contamination": "auto"},
        {"estimator": "em"},
    ],
)
def test_impossible_arguments_are_refused(normal_rows, arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        GaussianMixtureOutlierDetector(**arguments).fit(normal_rows)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("n_components", "takes no n_components=: give estimator=GaussianMixture(2) or"),
        ("covariance_type", "give estimator=GaussianMixture(2, covariance_type=...) or"),
        ("draws", "give estimator=BayesianGaussianMixture(2, draws=...) or"),
        ("contaminaton", "no argument 'contaminaton' (did you mean 'contamination'?)."),
    ],
)
def test_arguments_of_the_estimator_are_told_where_they_belong(argument, said):
    with pytest.raises(TypeError, match=re.escape(said)):
        GaussianMixtureOutlierDetector(**{argument: 2})


# By the default, a false-alarm rate, the three blobs of the checks need not hold an outlier.
@parametrize_with_checks(
    [GaussianMixtureOutlierDetector(GaussianMixture(1), contamination=0.1, random_state=0)]
)
def test_scikit_learns_checks_of_an_estimator(estimator, check):
    check(estimator)
