"""Sampling priors that users write: starts, the mode, what reaches the posterior."""

import cloudpickle
import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from oracle import FAMILIES, log_likelihood, random_data
from posterior_problems import assert_holds_the_model

from bayesgmm import BayesianGaussianMixture, GaussianMixture, Mixture, Priors
from bayesgmm.bayes import model_nuts, nutpie_adapter
from bayesgmm.bayes.covariances import Covariances
from bayesgmm.bayes.labels import Relabelling
from bayesgmm.bayes.model import assemble
from bayesgmm.bayes.model_nuts import Density, sample_model
from bayesgmm.bayes.model_starts import em_solution, values_at
from bayesgmm.bayes.user_priors import interpreted
from bayesgmm.exceptions import DataError, PosteriorWarning
from bayesgmm.priors import (
    LKJ,
    Dirichlet,
    GammaConcentration,
    GammaScale,
    InverseWishart,
    resolve,
)

D, K = 2, 2
TRUTH = Mixture.from_covariances(
    np.array([0.4, 0.6]),
    np.array([[0.0, 50.0], [4.0, 20.0]]),
    np.array([[[1.0, 3.0], [3.0, 25.0]], [[0.5, -1.0], [-1.0, 16.0]]]),
)
X = random_data(TRUTH, 200)


def hyper_weights(n_components, n_features):
    concentration = pm.Gamma("concentration", 4.0, 4.0)
    return pm.Dirichlet("weights", concentration * np.ones(n_components), dims="component")


def lkj_covariances(n_components, n_features):
    factors, sds = [], []
    for k in range(n_components):
        sd = pm.LogNormal.dist([0.0, 2.0], 1.0, shape=n_features)
        chol, _, sd = pm.LKJCholeskyCov(f"chol_{k}", eta=2.0, n=n_features, sd_dist=sd)
        factors.append(chol)
        sds.append(sd)
    pm.Deterministic("sd", pt.stack(sds), dims=("component", "feature"))
    return Covariances(chol=pt.stack(factors))


# --- starts ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["fixed", "hierarchical", "lkj"])
@pytest.mark.parametrize("family", FAMILIES)
def test_chains_start_at_the_em_solution(family, scale):
    covariances = {"fixed": InverseWishart(), "hierarchical": GammaScale(), "lkj": LKJ()}[scale]
    priors = Priors(weights=hyper_weights, covariances=covariances)
    mixture, hyper = em_solution(X, K, family, priors, np.random.default_rng(0))
    em = GaussianMixture(K, covariance_type=family, random_state=0).fit(X)
    order = np.argsort(mixture.means[:, 0])
    known = em.mixture_.permute(np.argsort(em.means_[:, 0]))
    np.testing.assert_allclose(mixture.means[order], known.means, atol=0.5)

    density = Density(assemble(X, K, family, priors))
    values, lengths = values_at(density.assembled, mixture, hyper)
    found, others = density.expand(density.flatten(density.initial_point(values)))
    np.testing.assert_allclose(found.weights, mixture.weights, rtol=1e-10)
    np.testing.assert_allclose(found.means, mixture.means, rtol=1e-12)
    np.testing.assert_allclose(found.covariances, mixture.covariances, rtol=1e-10)
    if scale == "hierarchical":
        np.testing.assert_allclose(others["scale"], hyper, rtol=1e-10)
    sds = np.sqrt(mixture.covariances.diagonal(axis1=1, axis2=2))
    np.testing.assert_array_equal(lengths["means"], sds)


def test_starts_are_spread_by_seed_and_finite():
    def narrow(n_components, n_features):
        # no density outside: starts that stray there are drawn back
        near = solution[0].means
        return pm.Uniform("means", near - 0.4 * sds, near + 0.4 * sds, default_transform=None)

    solution = em_solution(X, K, "full", Priors(), np.random.default_rng(0))
    sds = np.sqrt(solution[0].covariances.diagonal(axis1=1, axis2=2))
    density = Density(assemble(X, K, "full", Priors(means=narrow)))
    starts = model_nuts._Starts(density, solution)
    points = np.array([starts.draw(np.random.default_rng(seed)) for seed in range(12)])
    assert all(np.isfinite(sum(density.terms(point).values())) for point in points)
    assert len(np.unique(points, axis=0)) == 12
    assert not np.any(np.all(points == starts.point, axis=1))
    np.testing.assert_array_equal(points[3], starts.draw(np.random.default_rng(3)))
    # spread in units of the components: tenths of a sd, not tenths of a unit
    means = np.array([density.expand(point)[0].means for point in points])
    spread = (means.std(axis=0) / sds).ravel()
    assert np.all((spread > 0.05) & (spread < 0.4))


def test_a_start_outside_the_support_falls_back_to_the_priors():
    def elsewhere(n_components, n_features):
        return pm.Uniform("means", 100.0, 110.0, shape=(2, 2), default_transform=None)

    priors = Priors(means=elsewhere)
    density = Density(assemble(X, K, "full", priors))
    starts = model_nuts._Starts(density, em_solution(X, K, "full", priors, np.random.default_rng()))
    np.testing.assert_allclose(density.expand(starts.point)[0].means, 105.0)


# --- the mode --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "priors"),
    [
        ("tied", Priors.richardson_green()),
        ("spherical", Priors(weights=Dirichlet([0.4, 3.0]))),
        ("diag", Priors(weights=GammaConcentration(0.5, rate=0.1))),
        *(
            pytest.param(family, priors, marks=pytest.mark.slow)
            for family, priors in [
                ("full", Priors(covariances=InverseWishart(dof=9.0))),
                ("tied", Priors.conjugate(strength=0.5)),
                ("full", Priors.richardson_green()),
                ("diag", Priors.richardson_green()),
            ]
        ),
    ],
)
@interpreted()
def test_mode_is_that_of_em_where_priors_are_ours(family, priors):
    density = Density(assemble(X, K, family, priors))
    mixture, hyper = em_solution(X, K, family, priors, np.random.default_rng(0))
    values, _ = values_at(density.assembled, mixture, hyper)
    rng = np.random.default_rng(1)
    centre = density.flatten(density.initial_point(values))
    draws = centre + 0.05 * rng.normal(size=(2, 5, len(centre)))
    found = model_nuts._mode(density, draws, (1, 2), mixture, X)
    np.testing.assert_allclose(found.weights, mixture.weights, atol=1e-5)
    sds = np.sqrt(mixture.covariances.diagonal(axis1=1, axis2=2))
    assert np.all(np.abs(found.means - mixture.means) < 3e-4 * sds)
    np.testing.assert_allclose(found.covariances, mixture.covariances, rtol=1e-3, atol=1e-3)
    # and the objective is log-likelihood plus log prior on the parameters themselves
    resolved = resolve(priors, X, K, family)
    assert_objective(density, resolved, draws[[0, 1], [0, 3]])


def assert_objective(density, resolved, thetas):
    differences, objective = [], density.objective()
    for theta in thetas:
        at, others = density.expand(theta)
        known = log_likelihood(X, at) + resolved.bounded().log_density(
            at.weights, at.means, at.native_covariances, others.get("scale")
        )
        differences.append(objective(theta)[0] - known)
    assert np.ptp(differences) < 1e-9 * abs(known)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["full", "spherical"])
@interpreted()
def test_mode_under_lkj_is_of_the_parameters_themselves(family):
    priors = Priors(covariances=LKJ(1.5))
    density = Density(assemble(X, K, family, priors))
    centre = density.flatten(density.initial_point({}))
    thetas = centre + 0.1 * np.random.default_rng(1).normal(size=(3, len(centre)))
    assert_objective(density, resolve(priors, X, K, family), thetas)


def test_a_mode_that_is_a_spike_is_replaced_with_a_warning():
    def loose(n_components, n_features):
        # positive at zero: the density has no bound where a component shrinks onto a row
        return Covariances(sd=pm.HalfNormal("sd", 30.0, shape=(n_components, n_features)))

    x = np.vstack([X[:30], X[:30]])
    with pytest.warns(PosteriorWarning, match="posterior is improper.*2 rows have the same value"):
        density = Density(assemble(x, K, "diag", Priors(covariances=loose)))
    mixture, _ = em_solution(x, K, "diag", Priors(), np.random.default_rng(0))
    values = {"means": np.array([x[0], x[5]]), "sd": np.array([[1e-3, 1e-3], [5.0, 20.0]])}
    theta = density.flatten(density.initial_point(values))
    with pytest.warns(PosteriorWarning, match="no mode that could be found"):
        found = model_nuts._mode(density, theta[None, None], (0, 0), mixture, x)
    assert found is mixture


# --- what comes back -------------------------------------------------------------------------


@pytest.fixture
def unsampled(monkeypatch):
    """In nutpie's place: draws around the starting points."""

    def sample(model, starts, *, draws, tune, seed, progressbar):
        chains, n = starts.shape
        points = starts[:, None] + 0.1 * np.random.default_rng(seed).normal(size=(chains, draws, n))
        stats = {"lp": np.zeros((chains, draws)), "diverging": np.zeros((chains, draws), bool)}
        return nutpie_adapter.RawDraws(points, stats)

    monkeypatch.setattr(nutpie_adapter, "sample_model", sample)


def rich_means(n_components, n_features):
    model = pm.modelcontext(None)
    model.add_coord("level", ["low", "high"])
    pm.Normal("levels", 0.0, 1.0, dims="level")
    pm.Normal("free", 0.0, 1.0, shape=3)
    pm.Normal("slopes", 0.0, 1.0, dims="feature")
    pm.Deterministic("centres", pt.arange(n_components) * 1.0, dims="component")
    centre = pm.Normal("centre", 10.0, 5.0)
    return pm.Normal("means", centre, 30.0, dims=("component", "feature"))


@pytest.mark.filterwarnings("ignore::bayesgmm.exceptions.PosteriorWarning")
def test_users_variables_reach_the_posterior(unsampled):
    frame = pd.DataFrame(X, columns=["a", "b"])
    priors = Priors(means=rich_means, covariances=GammaScale())
    fit = BayesianGaussianMixture(
        K, priors=priors, draws=6, chains=2, random_state=3, progressbar=False
    ).fit(frame)
    posterior = fit.posterior_["posterior"].to_dataset()
    assert_holds_the_model(fit)
    assert {"levels", "free", "centre", "centres", "scale", "factor_squares"} < set(posterior)
    assert list(posterior["feature"].values) == ["a", "b"]
    assert list(posterior["feature_pair"].values) == ["b, a"]
    assert posterior["levels"].dims == ("chain", "draw", "level")
    assert list(posterior["level"].values) == ["low", "high"]
    assert posterior["free"].shape == (2, 6, 3)
    assert fit.priors_ is priors
    np.testing.assert_allclose(fit.posterior_["posterior"]["means"], fit.mixture_.means)


def means_near_data(n_components, n_features):
    guess = pm.Data("guess", np.array([[0.0, 50.0], [4.0, 20.0]]))
    return pm.Normal("mu", guess, 5.0, shape=(n_components, n_features))


@pytest.mark.filterwarnings("ignore::bayesgmm.exceptions.PosteriorWarning")
def test_rows_are_predicted_from_the_draws(unsampled):
    priors = Priors(means=means_near_data)
    fit = BayesianGaussianMixture(
        K, priors=priors, draws=40, chains=2, random_state=3, progressbar=False
    ).fit(X)
    assert_holds_the_model(fit)
    np.testing.assert_array_equal(
        fit.posterior_["constant_data"]["guess"], [[0.0, 50.0], [4.0, 20.0]]
    )
    tree = pm.sample_posterior_predictive(
        fit.posterior_, model=fit.model_, random_seed=1, progressbar=False
    )
    rows = tree["posterior_predictive"]["X"].values.reshape(-1, D)
    known = fit.sample(20_000)[0]
    sd = known.std(axis=0)
    np.testing.assert_allclose(rows.mean(axis=0) / sd, known.mean(axis=0) / sd, atol=0.05)
    np.testing.assert_allclose(np.cov(rows.T), np.cov(known.T), rtol=0.1)


def test_other_variables_follow_the_labels():
    orders = np.array([[[0, 1], [1, 0]]])
    values = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    given = xr.Dataset(
        {
            "by_component": (("chain", "draw", "component"), values),
            "other": (("chain", "draw", "level"), values),
        }
    )
    found = Relabelling(TRUTH, orders, 0.0).apply(given)
    np.testing.assert_array_equal(found["by_component"], [[[1.0, 2.0], [4.0, 3.0]]])
    assert found["by_component"].dims == ("chain", "draw", "component")
    np.testing.assert_array_equal(found["other"], values)


def run(priors, **kwargs):
    kwargs = {"draws": 4, "tune": 4, "chains": 1, "progressbar": False} | kwargs
    return sample_model(X, K, "full", priors, rng=np.random.default_rng(0), **kwargs)


def test_discrete_variables_are_refused():
    def discrete(n_components, n_features):
        shift = pm.Poisson("shift", 3.0)
        return pm.Normal("means", shift, 10.0, shape=(n_components, n_features))

    with pytest.raises(DataError, match="discrete variable, 'shift'"):
        run(Priors(means=discrete))


def test_a_start_without_density_names_the_variable():
    def impossible(n_components, n_features):
        pm.Potential("forbidden", pt.constant(-np.inf))
        return np.array([0.3, 0.7])

    with pytest.raises(DataError, match="log-density of 'forbidden' is -inf at the initial point"):
        run(Priors(weights=impossible))


# --- nutpie ----------------------------------------------------------------------------------


def summary(fit):
    posterior = fit.posterior_["posterior"].to_dataset()
    parts = [posterior[name] for name in ("weights", "means", "covariances")]
    mean = np.concatenate([p.mean(("chain", "draw")).values.ravel() for p in parts])
    return mean, np.concatenate([p.std(("chain", "draw")).values.ravel() for p in parts])


@pytest.mark.slow
def test_a_hyperprior_on_the_weights(capfd):
    fits = [
        BayesianGaussianMixture(K, priors=priors, random_state=1, progressbar=False).fit(X)
        for priors in (Priors(weights=hyper_weights), None)
    ]
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
    assert fits[0].map_.means[:, 0].argsort()[0] == fits[1].map_.means[:, 0].argsort()[0]
    (mean, _), (other, sd) = map(summary, fits)
    assert np.all(np.abs(mean - other) < 0.25 * sd)
    posterior = fits[0].posterior_["posterior"]
    # its prior is Gamma(4, 4), and two even weights favour larger values a little
    assert 0.9 < float(posterior["concentration"].mean()) < 1.3
    assert 0.35 < float(posterior["concentration"].std()) < 0.7
    assert fits[0].diagnostics_.ok
    np.testing.assert_allclose(fits[0].map_.means, fits[1].map_.means, rtol=1e-3)


@pytest.mark.slow
def test_lkj_correlations_with_log_normal_sds():
    fit = BayesianGaussianMixture(
        K, priors=Priors(covariances=lkj_covariances), random_state=1, progressbar=False
    ).fit(X)
    ours = BayesianGaussianMixture(K, random_state=1, progressbar=False).fit(X)
    (mean, _), (other, sd) = map(summary, (fit, ours))
    assert np.all(np.abs(mean - other) < 0.6 * sd)
    posterior = fit.posterior_["posterior"].to_dataset()
    variances = posterior["covariances"].values.diagonal(axis1=-2, axis2=-1)
    np.testing.assert_allclose(posterior["sd"].values ** 2, variances, rtol=1e-8)
    assert posterior["chol_0"].shape == (4, 1000, 3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bayesgmm.exceptions.PosteriorWarning")
def test_the_same_seed_and_a_pickle():
    settings = {"draws": 100, "tune": 200, "chains": 2, "random_state": 1, "progressbar": False}
    priors = Priors(weights=hyper_weights)
    first, second = (BayesianGaussianMixture(K, priors=priors, **settings).fit(X) for _ in range(2))
    xr.testing.assert_equal(first.posterior_, second.posterior_)
    again = cloudpickle.loads(cloudpickle.dumps(first))
    np.testing.assert_array_equal(again.predict(X), first.predict(X))
