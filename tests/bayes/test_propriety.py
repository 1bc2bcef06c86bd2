"""Users' priors under which a posterior is improper, and some that only look so."""

import warnings

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from bayesgmm import BayesianGaussianMixture, Priors, build_model
from bayesgmm.bayes.covariances import Covariances
from bayesgmm.exceptions import DataError, PosteriorWarning
from bayesgmm.priors import GammaScale

K, D = 2, 2


def tied(m, n=40):
    """Rows of which ``m`` have the value 7 in the second column, and no others tie."""
    X = np.random.default_rng(1).normal(size=(n, D))
    X[:m, 1] = 7.0
    return X


def sds(distribution, **arguments):
    def scales(n_components, n_features):
        shape = (n_components, n_features)
        return Covariances(sd=distribution("sd", **arguments, shape=shape))

    scales.__name__ = distribution.__name__
    return scales


def exponential_variances(n_components, n_features):
    return Covariances(sd=pt.sqrt(pm.Exponential("v", 1.0, shape=(n_components, n_features))))


def cauchy_precisions(n_components, n_features):
    return Covariances(sd=1 / pt.sqrt(pm.HalfCauchy("tau", 1.0, shape=(n_components, n_features))))


def gamma_precisions(n_components, n_features):
    return Covariances(sd=1 / pt.sqrt(pm.Gamma("tau", 2, 1, shape=(n_components, n_features))))


def scaled(n_components, n_features):
    scale = pm.HalfNormal("scale_of_all", 3.0)
    return Covariances(sd=scale * pm.LogNormal("sd", 0, 1, shape=(n_components, n_features)))


def lkj(n_components, n_features):
    factors = []
    for k in range(n_components):
        sd = pm.HalfNormal.dist(3.0, shape=n_features)
        factors.append(pm.LKJCholeskyCov(f"chol_{k}", eta=2.0, n=n_features, sd_dist=sd)[0])
    return Covariances(chol=pt.stack(factors))


def spherical(n_components, n_features):
    return Covariances(sd=pm.HalfNormal("sd", 2.0, shape=n_components))


def shared(n_components, n_features):
    return Covariances(sd=pm.HalfNormal("sd", 2.0, shape=n_features) * np.ones((n_components, 1)))


def warned(covariances, X, family="diag"):
    """What is said before sampling."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        build_model(X, K, family, Priors(covariances=covariances))
    return [str(w.message) for w in caught if w.category is PosteriorWarning]


@pytest.mark.parametrize(
    ("covariances", "family", "least"),
    [
        # A density like sd^p at zero stands fewer than p + 2 ties.
        (sds(pm.HalfNormal, sigma=3.0), "diag", 2),
        pytest.param(sds(pm.HalfCauchy, beta=3.0), "diag", 2, marks=pytest.mark.slow),
        pytest.param(sds(pm.HalfStudentT, nu=3, sigma=3.0), "diag", 2, marks=pytest.mark.slow),
        pytest.param(sds(pm.Exponential, lam=1.0), "diag", 2, marks=pytest.mark.slow),
        pytest.param(sds(pm.Uniform, lower=0.0, upper=9.0), "diag", 2, marks=pytest.mark.slow),
        (sds(pm.Gamma, alpha=3.0, beta=1.0), "diag", 4),
        (exponential_variances, "diag", 3),
        (cauchy_precisions, "diag", 3),
        (lkj, "full", 2),
    ],
)
def test_as_many_ties_as_the_prior_cannot_stand(covariances, family, least):
    assert warned(covariances, tied(least - 1), family) == []
    (text,) = warned(covariances, tied(least), family)
    assert f"{least} rows have the same value in column 1 (7)" in text
    assert text.startswith("Priors(covariances=")
    assert "the posterior is improper" in text


@pytest.mark.parametrize(
    "covariances",
    [
        sds(pm.LogNormal, mu=0.0, sigma=1.0),
        sds(pm.InverseGamma, alpha=2.0, beta=1.0),
        gamma_precisions,
        scaled,
        shared,
    ],
)
def test_priors_that_vanish_fast_enough(covariances):
    assert warned(covariances, tied(30)) == []


def test_one_sd_for_all_columns_needs_equal_rows():
    assert warned(spherical, tied(30), "spherical") == []
    X = tied(1)
    X[3] = X[8]
    assert "2 rows are the same" in warned(spherical, X, "spherical")[0]


def test_our_hierarchical_scale_warns_in_a_model_and_in_a_fit():
    assert "20 rows have the same value in column 1 (7)" in warned(GammaScale(), tied(20))[0]
    model = BayesianGaussianMixture(
        K, priors=Priors.richardson_green(), draws=4, chains=1, progressbar=False, random_state=0
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(tied(20))
    first, second = (str(w.message) for w in caught)
    assert first.startswith("GammaScale leaves the posterior improper")
    assert second.startswith("The draws are worth only")


# --- flat priors -----------------------------------------------------------------------------


def flat_means(n_components, n_features):
    return pm.Flat("mu", shape=(n_components, n_features))


def flat_log_sds(n_components, n_features):
    return Covariances(sd=pm.math.exp(pm.Flat("log_sd", shape=(n_components, n_features))))


def flat_logits(n_components, n_features):
    return pm.math.softmax(pm.Flat("logit", shape=n_components))


@pytest.mark.parametrize(
    ("slot", "function", "variable"),
    [
        ("means", flat_means, "mu"),
        ("covariances", flat_log_sds, "log_sd"),
        ("covariances", sds(pm.HalfFlat), "sd"),
        ("weights", flat_logits, "logit"),
    ],
)
def test_flat_priors_of_components_are_refused(slot, function, variable):
    with pytest.raises(DataError, match=f"the prior of '{variable}' is flat") as caught:
        build_model(tied(1), K, "diag", Priors(**{slot: function}))
    assert str(caught.value).startswith(f"Priors({slot}=")


def test_flat_priors_that_the_data_make_proper_pass():
    def pooled(n_components, n_features):
        centre = pm.Flat("centre", shape=n_features)
        return pm.Normal("mu", centre, 1.0, shape=(n_components, n_features))

    build_model(tied(1), K, "diag", Priors(means=pooled))
    build_model(tied(1), 1, "diag", Priors(means=flat_means))


# --- supports --------------------------------------------------------------------------------


def normal_sds(n_components, n_features):
    return Covariances(sd=pm.Normal("sd", 1.0, 0.3, shape=(n_components, n_features)))


def bounded_by_potential(n_components, n_features):
    sd = pm.Normal("sd", 1.0, 0.3, shape=(n_components, n_features))
    pm.Potential("positive", pt.switch(pt.all(sd > 0), 0.0, -np.inf))
    return Covariances(sd=sd)


def free_weights(n_components, n_features):
    return pm.Beta("share", 2.0, 2.0, shape=n_components)


def test_supports_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="elsewhere, where its prior has a density they are not"):
        build_model(tied(1), K, "diag", Priors(covariances=normal_sds))
    with pytest.raises(DataError, match=r"sum to one, got a sum of .* elsewhere, where its prior"):
        build_model(tied(1), K, "diag", Priors(weights=free_weights))


def test_what_a_potential_excludes_is_no_part_of_the_support():
    build_model(tied(1), K, "diag", Priors(covariances=bounded_by_potential))
