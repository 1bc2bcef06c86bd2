"""build_model: its density is likelihood times prior, its draws have the prior's moments."""

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest
from oracle import FAMILIES, log_likelihood
from scipy.special import digamma
from scipy.stats import invgamma, invwishart

from bayesgmm import Priors, build_model
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.covariances import Covariances
from bayesgmm.bayes.model import assemble
from bayesgmm.bayes.model_nuts import Density
from bayesgmm.bayes.user_priors import interpreted
from bayesgmm.em.problem import Problem
from bayesgmm.exceptions import DataError
from bayesgmm.priors import (
    LKJ,
    ConjugateMeans,
    Dirichlet,
    GammaConcentration,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    NormalMeans,
    resolve,
)

N, D, K = 50, 2, 3
_RNG = np.random.default_rng(3)
X = np.array([[10.0, -3.0], [14.0, 1.0]])[_RNG.integers(2, size=N)]
X = X + _RNG.normal(size=(N, D)) @ np.array([[2.0, 0.3], [0.0, 0.1]])

KINDS = {
    "default": Priors(weights=Dirichlet([0.5, 1.0, 2.5])),
    "conjugate": Priors.conjugate(strength=0.7),
    "hierarchical": Priors.richardson_green(),
    "log-normal": Priors(covariances=LogNormalScale(sigma=0.8)),
    "lkj": Priors(means=ConjugateMeans(strength=0.7), covariances=LKJ(1.7, sigma=0.6)),
    "learned": Priors(weights=GammaConcentration(3.0)),
    "both": Priors(means=ConjugateMeans(strength=0.3), covariances=GammaScale()),
}


def with_jacobian(function, theta):
    """Value and derivatives by differences that are exact to the fourth order."""
    step = 1e-3
    rows = []
    for i in range(len(theta)):
        e = np.zeros(len(theta))
        e[i] = step
        near = function(theta + e) - function(theta - e)
        far = function(theta + 2 * e) - function(theta - 2 * e)
        rows.append((8 * near - far) / (12 * step))
    return function(theta), np.array(rows).T


def flat_parameters(mixture, *hyper):
    """Free parameters on which log_density is a density: no number twice."""
    native = mixture.native_covariances
    if mixture.family.structure == "triangular":
        native = native[..., *np.tril_indices(mixture.n_features)]
    return np.concatenate(
        [mixture.weights[:-1], mixture.means.ravel(), native.ravel(), flat_hyper(*hyper)]
    )


def flat_hyper(*hyper):
    return np.concatenate([np.empty(0), *(np.ravel(h) for h in hyper if h is not None)])


_FEW = [("full", "hierarchical"), ("tied", "conjugate"), ("diag", "both"), ("spherical", "default")]
_FEW += [
    ("diag", "learned"),
    ("full", "log-normal"),
    ("spherical", "log-normal"),
    ("tied", "lkj"),
    ("diag", "lkj"),
]


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        pytest.param(family, kind, marks=[] if (family, kind) in _FEW else pytest.mark.slow)
        for family in FAMILIES
        for kind in KINDS
    ],
)
@interpreted()
@pytest.mark.slow
def test_density_is_likelihood_times_prior(family, kind):
    assert_density_is_likelihood_times_prior(X, K, family, KINDS[kind])


@interpreted()
@pytest.mark.slow
def test_density_of_correlations_of_four_features():
    rows = _RNG.normal(size=(N, 4)) * [1.0, 0.1, 30.0, 2.0]
    assert_density_is_likelihood_times_prior(rows, 1, "full", KINDS["lkj"])


def assert_density_is_likelihood_times_prior(X, K, family, priors):
    assembled = assemble(X, K, family, priors)
    density = Density(assembled)
    value_and_slope = assembled.model.logp_dlogp_function(ravel_inputs=True)
    value_and_slope.set_extra_values({})
    problem = Problem(X, family, priors=resolve(priors, X, K, family))
    posterior = LogPosterior(problem, K)

    def parts(theta):
        mixture, others = density.expand(theta)
        return mixture, others.get("scale"), others.get("concentration")

    def pack(mixture, *hyper):
        return posterior.pack(mixture, flat_hyper(*hyper))

    rng = np.random.default_rng(5)
    centre = density.flatten(density.initial_point({}))
    by_parts, by_coordinates, size = [], [], []
    for _ in range(2):
        theta = centre + 0.7 * rng.normal(size=centre.shape)
        mixture, hyper, concentration = parts(theta)
        total, slope = value_and_slope(theta)
        _, jacobian = with_jacobian(lambda t: flat_parameters(*parts(t)), theta)
        prior = problem.priors.log_density(
            mixture.weights, mixture.means, mixture.native_covariances, hyper, concentration
        )
        known = log_likelihood(X, mixture) + prior + np.linalg.slogdet(jacobian)[1]
        by_parts.append(total - known)

        coordinates, jacobian = with_jacobian(lambda t: pack(*parts(t)), theta)
        compiled, compiled_slope = posterior.value_and_gradient(coordinates)
        by_coordinates.append(total - compiled - np.linalg.slogdet(jacobian)[1])
        # but for LKJ the volume of one coordinate system in the other is constant: it has no slope
        scale = np.abs(slope).max()
        if not problem.priors.is_lkj:
            np.testing.assert_allclose(jacobian.T @ compiled_slope, slope, atol=1e-9 * scale)
        size.append(abs(total))
    # simplex and log transforms of PyMC and the densities of scipy: every constant is accounted for
    np.testing.assert_allclose(by_parts, 0.0, atol=1e-8 * max(size))
    np.testing.assert_allclose(np.ptp(by_coordinates), 0.0, atol=1e-8 * max(size))


def test_one_component():
    model = build_model(X, 1)
    assert sorted(rv.name for rv in model.free_RVs) == ["factor_below", "factor_squares", "means"]
    np.testing.assert_array_equal(pm.draw(model["weights"]), [1.0])
    assembled = assemble(X, 1, "full", None)
    density = Density(assembled)
    theta = density.flatten(density.initial_point({}))
    mixture, _ = density.expand(theta)
    assert density.terms(theta)["X"] == pytest.approx(log_likelihood(X, mixture), rel=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_feature(family):
    x = X[:, :1]
    density = Density(assemble(x, 2, family, Priors.conjugate()))
    theta = density.flatten(density.initial_point({})) + 0.3
    mixture, _ = density.expand(theta)
    terms = density.terms(theta)
    assert terms["X"] == pytest.approx(log_likelihood(x, mixture), rel=1e-12)
    assert "factor_below" not in terms
    assert "feature_pair" not in density.model.coords


def test_names_and_dims():
    frame = pd.DataFrame(X, columns=["length", "width"])
    model = build_model(frame, K, "VVV")
    assert model.named_vars_to_dims["weights"] == ("component",)
    assert model.named_vars_to_dims["means"] == ("component", "feature")
    assert model.named_vars_to_dims["covariances"] == ("component", "feature", "feature_other")
    assert model.named_vars_to_dims["X"] == ("observation", "feature")
    assert list(model.coords["feature"]) == ["length", "width"]
    assert [rv.name for rv in model.observed_RVs] == ["X"]
    np.testing.assert_array_equal(model["data"].get_value(), X)


# --- draws from the prior --------------------------------------------------------------------

MANY = 12  # components, each of which is one more draw from the prior
SCALE = np.array([[4.0, 1.0], [1.0, 0.5]])
DRAWN = Priors(
    weights=Dirichlet(np.arange(1.0, MANY + 1)),
    means=NormalMeans([5.0, -1.0], [2.0, 0.5]),
    covariances=InverseWishart(dof=16.0, scale=SCALE),
)


def draw(family, priors, names, n=120):
    model = build_model(X, MANY, family, priors)
    return pm.draw([model[name] for name in names], draws=n, random_seed=11)


def assert_mean(values, expected, n_sd=4.5):
    """The mean over the first axis is ``expected`` within Monte Carlo error."""
    error = values.std(axis=0) / np.sqrt(len(values))
    np.testing.assert_array_less(np.abs(values.mean(axis=0) - expected), n_sd * error)


@pytest.mark.parametrize("family", FAMILIES)
def test_prior_draws_have_the_priors_moments(family):
    n = 600 if family == "tied" else 120
    weights, means, covariances = draw(family, DRAWN, ("weights", "means", "covariances"), n)
    total = MANY * (MANY + 1) / 2
    assert_mean(weights, np.arange(1.0, MANY + 1) / total)
    assert_mean(weights[:, -1] ** 2, MANY * (MANY + 1) / (total * (total + 1)))
    means = means.reshape(-1, D)
    assert_mean(means, [5.0, -1.0])
    assert_mean((means - [5.0, -1.0]) ** 2, [4.0, 0.25])
    if family == "tied":
        np.testing.assert_array_equal(covariances[:, 0], covariances[:, 2])
        covariances = covariances[:, 0]
    else:
        assert not np.allclose(covariances[:, 0], covariances[:, 2])
        covariances = covariances.reshape(-1, D, D)
    if family in ("full", "tied"):
        known = invwishart(16.0, SCALE)
        assert_mean(covariances, known.mean())
        assert_mean((covariances - known.mean()) ** 2, known.var())
        return
    # each variance is that of the inverse-Wishart; spherical ones of the mean scale
    rates = np.diag(SCALE) if family == "diag" else np.full(2, np.trace(SCALE) / 2)
    known = invgamma(15.0 / 2, scale=rates / 2)
    variances = covariances.diagonal(axis1=1, axis2=2)
    assert_mean(variances, known.mean())
    assert_mean((variances - known.mean()) ** 2, known.var())
    assert np.all(covariances[:, 0, 1] == 0.0)
    assert np.all(variances[:, 0] == variances[:, 1]) == (family == "spherical")


@pytest.mark.parametrize("family", FAMILIES)
def test_conjugate_means_spread_with_the_covariance(family):
    priors = Priors(
        means=ConjugateMeans(loc=[5.0, -1.0], strength=0.25), covariances=DRAWN.covariances
    )
    means, covariances = draw(family, priors, ("means", "covariances"))
    offsets = (means - [5.0, -1.0]).reshape(-1, D)
    covariances = covariances.reshape(-1, D, D)
    # under N(0, Sigma / 0.25), 0.25 offset' Sigma^-1 offset is chi-squared with D degrees
    solved = np.linalg.solve(covariances, offsets[..., None])[..., 0]
    quadratic = 0.25 * (offsets * solved).sum(axis=-1)
    assert_mean(quadratic, 2.0)
    assert_mean(quadratic**2, 8.0)
    assert_mean(offsets, [0.0, 0.0])
    assert_mean(0.25 * offsets[:, 0] * offsets[:, 1] - covariances[:, 0, 1], 0.0)


@pytest.mark.parametrize(
    ("family", "rate"), [("full", [2.0, 0.5]), ("diag", [2.0, 0.5]), ("spherical", 0.8)]
)
def test_hierarchical_scale_is_drawn(family, rate):
    priors = Priors(covariances=GammaScale(shape=5.0, hyper_shape=3.0, hyper_rate=[2.0, 0.5]))
    scale, covariances = draw(family, priors, ("scale", "covariances"), 400)
    assert_mean(scale, 3.0 / np.asarray(rate))
    # a variance is inverse-gamma(5, scale) given the scale
    variance = covariances[:, 1].diagonal(axis1=1, axis2=2)
    assert_mean(variance / (scale if scale.ndim == 2 else scale[:, None]), 0.25)


@pytest.mark.parametrize(
    ("family", "median"), [("full", [2.0, 0.5]), ("diag", [2.0, 0.5]), ("spherical", 1.25)]
)
def test_log_normal_scale_is_drawn(family, median):
    priors = Priors(covariances=LogNormalScale(shape=5.0, median=[2.0, 0.5], sigma=0.4))
    scale, covariances = draw(family, priors, ("scale", "covariances"), 400)
    assert_mean(np.log(scale), np.log(median))
    assert_mean((np.log(scale) - np.log(median)) ** 2, 0.16)
    variance = covariances[:, 1].diagonal(axis1=1, axis2=2)
    assert_mean(variance / (scale if scale.ndim == 2 else scale[:, None]), 0.25)


@pytest.mark.parametrize("family", FAMILIES)
def test_lkj_is_drawn(family):
    """Of three features every correlation is 2 Beta(eta + 1/2, eta + 1/2) - 1."""
    eta, sigma, median = 1.5, 0.4, np.array([2.0, 0.5, 9.0])
    model = build_model(
        _RNG.normal(size=(N, 3)), MANY, family, Priors(covariances=LKJ(eta, median, sigma))
    )
    n = 600 if family == "tied" else 120
    covariances = pm.draw(model["covariances"], draws=n, random_seed=11)
    covariances = covariances[:, 0] if family == "tied" else covariances.reshape(-1, 3, 3)
    sds = np.sqrt(covariances.diagonal(axis1=1, axis2=2))
    centre = np.log(np.sqrt(np.mean(median**2)) if family == "spherical" else median)
    assert_mean(np.log(sds), centre)
    assert_mean((np.log(sds) - centre) ** 2, sigma**2)
    if family in ("full", "tied"):
        correlations = (covariances / sds[:, None] / sds[:, :, None])[:, *np.triu_indices(3, 1)]
        assert_mean(correlations, 0.0)
        assert_mean(correlations**2, 1.0 / (2.0 * eta + 2.0))
        assert_mean(
            np.log(1.0 - correlations**2), 2.0 * (digamma(2.0) - digamma(4.0) + np.log(2.0))
        )


def test_learned_concentration_is_drawn():
    priors = Priors(weights=GammaConcentration(3.0, rate=2.0))
    concentration, weights = draw("diag", priors, ("concentration", "weights"), 600)
    assert_mean(concentration, 1.5)
    assert_mean((concentration - 1.5) ** 2, 0.75)
    # given it, E[w^2] = (e + 1) / (K (K e + 1))
    expected = (concentration + 1.0) / (MANY * (MANY * concentration + 1.0))
    assert_mean((weights**2).mean(axis=-1) - expected, 0.0)


def test_rows_are_drawn_from_the_mixture():
    [rows] = draw("full", DRAWN, ("X",), 40)
    assert rows.shape == (40, N, D)
    # Var(x) = E[Sigma] + Var(mu), and rows of one draw share its mixture
    assert_mean(rows.mean(axis=1), [5.0, -1.0])
    expected = np.diag(SCALE) / 13 + [4.0, 0.25]
    assert_mean(((rows - [5.0, -1.0]) ** 2).mean(axis=1), expected)


# --- priors that users write -----------------------------------------------------------------


def hyper_weights(n_components, n_features):
    concentration = pm.Gamma("concentration", 2.0, 2.0)
    return pm.Dirichlet("weights", concentration * np.ones(n_components), dims="component")


def pooled_means(n_components, n_features):
    centre = pm.Normal("centre", 10.0, 5.0, shape=n_features)
    return pm.Normal("mu", centre, 3.0, shape=(n_components, n_features))


CHOL = np.array([[1.5, 0.0], [-0.4, 0.8]]) * np.array([1.0, 2.0, 0.5])[:, None, None]
COV = CHOL @ CHOL.transpose(0, 2, 1)


def test_users_hyperparameters_are_in_the_model():
    assembled = assemble(X, K, "full", Priors(weights=hyper_weights, means=pooled_means))
    model = assembled.model
    assert model["means"] in model.deterministics
    assert model["weights"] in model.free_RVs
    assert model.named_vars_to_dims["means"] == ("component", "feature")
    density = Density(assembled)
    theta = density.flatten(density.initial_point({})) + 0.1
    mixture, others = density.expand(theta)
    terms = density.terms(theta)
    assert set(terms) == {
        *("weights", "concentration", "mu", "centre", "factor_squares", "factor_below", "X")
    }
    assert terms["X"] == pytest.approx(log_likelihood(X, mixture), rel=1e-12)
    assert {"centre", "concentration", "mu", "factor_squares", "factor_below"} == set(others)
    np.testing.assert_array_equal(mixture.means, others["mu"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "given", "matrices"),
    [
        ("full", Covariances(chol=CHOL), COV),
        ("full", Covariances(cov=COV), COV),
        ("full", Covariances(tau=np.linalg.inv(COV)), COV),
        ("tied", Covariances(chol=CHOL[0]), COV[[0, 0, 0]]),
        ("tied", Covariances(tau=np.linalg.inv(COV[1])), COV[[1, 1, 1]]),
        ("diag", Covariances(sd=np.arange(1.0, 7.0).reshape(3, 2)),
         [np.diag([1.0, 4.0]), np.diag([9.0, 16.0]), np.diag([25.0, 36.0])]),
        ("spherical", Covariances(sd=[1.0, 2.0, 3.0]), [np.eye(2), 4 * np.eye(2), 9 * np.eye(2)]),
    ],
)  # fmt: skip
def test_forms_of_covariances(family, given, matrices):
    priors = Priors(means=ConjugateMeans(strength=0.5), covariances=lambda k, d: given)
    assembled = assemble(X, K, family, priors)
    with assembled.model:
        np.testing.assert_allclose(pm.draw(assembled.model["covariances"]), matrices, rtol=1e-12)
    density = Density(assembled)
    theta = density.flatten(density.initial_point({})) + 0.2
    mixture, _ = density.expand(theta)
    np.testing.assert_allclose(mixture.covariances, matrices, rtol=1e-10, atol=1e-12)
    terms = density.terms(theta)
    assert terms["X"] == pytest.approx(log_likelihood(X, mixture), rel=1e-10)
    # ours in the other slots use the user's: N(loc, Sigma / 0.5)
    offsets = mixture.means - X.mean(axis=0)
    solved = np.linalg.solve(np.asarray(matrices), offsets[..., None])[..., 0]
    log_det = np.linalg.slogdet(2 * np.pi * np.asarray(matrices) / 0.5)[1].sum()
    expected = -0.5 * (log_det + 0.5 * (offsets * solved).sum())
    assert terms["means"] == pytest.approx(expected, rel=1e-10)


def returning(value):
    def prior(n_components, n_features):
        return value() if callable(value) else value

    return prior


def failing(n_components, n_features):
    return np.zeros(3)[7]


def two_weights(n_components, n_features):
    pm.Dirichlet("weights", np.ones(n_components))
    return np.full(n_components, 1 / n_components)


@pytest.mark.parametrize(
    ("slot", "function", "family", "message"),
    [
        ("weights", returning(np.ones(2) / 2), "full",
         r"must return weights of shape \(K,\) = \(3,\), got shape \(2,\)"),
        ("means", returning(lambda: pm.Normal("m", shape=(2, 3))), "full",
         r"must return means of shape \(K, D\) = \(3, 2\), got shape \(2, 3\)"),
        ("means", returning("nothing"), "full", "must return means of .*, got str 'nothing'"),
        ("weights", returning(None), "full", r"must return weights of shape .*, got NoneType None"),
        ("weights", returning(np.full(3, 0.5)), "full", r"sum to one, got a sum of 1\.5"),
        ("weights", returning(np.array([1.5, -0.25, -0.25])), "full", "not negative"),
        ("weights", two_weights, "full", "registers a variable named 'weights' but returns"),
        ("weights", returning(lambda: pm.Dirichlet("X", np.ones(3))), "full",
         "already exists|the model itself uses"),
        ("weights", returning(lambda: pm.Dirichlet("scale", np.ones(3))), "full",
         "registers a variable named 'scale', a name that the model itself uses"),
        ("covariances", returning(COV), "full", r"must return Covariances\(chol=...\), cov=, tau="),
        ("covariances", returning(Covariances(sd=np.ones((3, 2)))), "full",
         r"'full' takes Covariances\(chol, cov or tau=...\), got sd"),
        ("covariances", returning(Covariances(cov=COV)), "diag",
         r"'diag' takes Covariances\(sd=...\), got cov"),
        ("covariances", returning(Covariances(cov=COV)), "tied",
         r"with cov .* 'tied' of shape \(D, D\) = \(2, 2\), got shape \(3, 2, 2\)"),
        ("covariances", returning(Covariances(cov=COV - 5 * np.eye(2))), "full",
         "positive definite"),
        ("covariances", returning(Covariances(sd=[1.0, np.inf, 2.0])), "spherical",
         "positive definite"),
        ("means", returning(lambda: 2.0 * pm.Normal.dist(shape=(3, 2))), "full",
         r"a random variable \(normal\) that is no part of the model: give it a name"),
        ("means", returning(lambda: pm.Normal("m", pm.Normal.dist(), 1.0, shape=(3, 2))), "full",
         r"a random variable \(normal\) that is no part of the model: give it a name there, as"),
        ("means", returning(lambda: pm.Truncated("m", pm.Normal.dist(pm.HalfNormal.dist()), 0.0,
                                                 shape=(3, 2))), "full",
         r"a random variable \(halfnormal\) that is no part of the model: give it a name"),
        ("means", failing, "full",
         r"Priors\(means=failing\) failed when called with n_components=3 and n_features=2: "
         "IndexError"),
    ],
)  # fmt: skip
def test_wrong_functions_are_named(slot, function, family, message):
    with pytest.raises(DataError, match=message) as caught:
        build_model(X, K, family, Priors(**{slot: function}))
    assert f"Priors({slot}=" in str(caught.value)


def test_covariances_takes_one_form():
    with pytest.raises(DataError, match="exactly one of chol, cov, tau, sd, got none"):
        Covariances()
    with pytest.raises(DataError, match="got cov and tau"):
        Covariances(cov=COV, tau=COV)


def test_functions_need_no_scale_from_the_data():
    # the second column has no spread, which no default prior could be scaled by
    flat = np.column_stack([X[:, 0], np.full(N, 2.0)])
    with pytest.raises(DataError):
        build_model(flat, K, "diag", Priors())
    priors = Priors(
        means=pooled_means,
        covariances=lambda k, d: Covariances(sd=pm.LogNormal("sd", 0.0, 1.0, shape=(k, d))),
    )
    assert len(build_model(flat, K, "diag", priors).free_RVs) == 4


@pytest.mark.parametrize("n_components", [0, -1])
def test_too_few_components(n_components):
    with pytest.raises(DataError, match="n_components must be at least 1"):
        build_model(X, n_components)


# --- PyMC's own samplers ---------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Only .* samples per chain:UserWarning")
@pytest.mark.parametrize("family", ["full", "diag"])
def test_pymc_samples_it(family):
    # NUTS as users run it; the rest of PyMC without compiling it again
    flags = {"mode": "FAST_COMPILE", "cxx": ""} if family == "diag" else {}
    with pytensor.config.change_flags(**flags), build_model(X, 2, family):
        step = pm.Metropolis() if family == "diag" else None
        tree = pm.sample(
            draws=60, tune=60, chains=2, cores=1, step=step, random_seed=1, progressbar=False,
            quiet=True, compute_convergence_checks=False,
        )  # fmt: skip
        pm.sample_posterior_predictive(
            tree, extend_inferencedata=True, random_seed=1, progressbar=False
        )
        tree = pm.compute_log_likelihood(tree, progressbar=False)
    predicted = tree["posterior_predictive"]["X"]
    assert predicted.dims == ("chain", "draw", "observation", "feature")
    assert predicted.shape == (2, 60, N, D)
    assert tree["log_likelihood"]["X"].shape == (2, 60, N)
    np.testing.assert_allclose(
        predicted.mean(("chain", "draw", "observation")), X.mean(axis=0), atol=X.std() / 2
    )


@pytest.mark.slow
def test_new_data_without_a_new_model():
    with build_model(X, 2, "diag"):
        prior = pm.sample_prior_predictive(20, random_seed=1)
        pm.set_data({"data": X[:7]})
        predicted = pm.sample_posterior_predictive(
            prior["prior"], predictions=True, random_seed=1, progressbar=False
        )
    assert predicted["predictions"]["X"].shape == (1, 20, 7, D)


def test_names_of_our_hyperparameters_are_free_where_ours_are_not_in_the_model():
    def means(n_components, n_features):
        spread = pm.Exponential("concentration", 1.0)
        sds = pm.Exponential("sds", 1.0)
        return pm.Normal("means", 0.0, spread + sds, shape=(n_components, n_features))

    X = np.random.default_rng(0).normal(size=(20, 2))
    model = build_model(X, 2, priors=Priors(means=means))
    assert {"concentration", "sds"} <= set(model.named_vars)
    with pytest.raises(DataError, match="named 'concentration', which is that of GammaConc"):
        build_model(X, 2, priors=Priors(means=means, weights=GammaConcentration()))
    with pytest.raises(DataError, match=r"sds.* already exists"):
        build_model(X, 2, priors=Priors(means=means, covariances=LKJ()))
