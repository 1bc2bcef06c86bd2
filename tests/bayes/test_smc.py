"""Sequential Monte Carlo: evidences that are known, draws from the prior, and what it refuses."""

import numpy as np
import pytest
from posterior_problems import KINDS, draw, posterior_of
from scipy.special import gammaln, multigammaln

from bayesgmm import BayesianGaussianMixture, load, save
from bayesgmm.bayes import smc
from bayesgmm.bayes.prior_draws import draw_prior
from bayesgmm.bayes.tempering import evaluate, move
from bayesgmm.core import threads
from bayesgmm.exceptions import DataError
from bayesgmm.priors import (
    ConjugateMeans,
    GammaConcentration,
    InverseWishart,
    Priors,
    resolve,
)


def conjugate(strength=3.0, unit=1.0):
    return Priors(
        means=ConjugateMeans(loc=[9.0 * unit, -2.0 * unit], strength=strength),
        covariances=InverseWishart(dof=7.0, scale=[2.0 * unit**2, 0.5 * unit**2]),
    )


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(5)
    return rng.normal(size=(25, 2)) @ [[1.5, 0.7], [0.0, 0.4]] + [10.0, -3.0]


def log_evidence(X, family, strength=3.0):
    """Of one component under the conjugate priors, in closed form."""
    prior = resolve(conjugate(strength), X, 1, family)
    (n, d), nu = X.shape, prior.dof
    offsets, gap = X - X.mean(0), X.mean(0) - prior.loc
    scatter = offsets.T @ offsets + strength * n / (strength + n) * np.outer(gap, gap)
    common = d / 2 * np.log(strength / (strength + n)) - n * d / 2 * np.log(np.pi)
    if family in ("full", "tied"):
        before, after = (np.linalg.slogdet(s)[1] for s in (prior.scatter, prior.scatter + scatter))
        gammas = multigammaln((nu + n) / 2, d) - multigammaln(nu / 2, d)
        return common + gammas + (nu * before - (nu + n) * after) / 2
    if family == "diag":
        before, after, m = prior.scatter, prior.scatter + np.diag(scatter), n
    else:
        before, after, m = prior.scatter, prior.scatter + np.trace(scatter), n * d
    gammas = gammaln((nu + m) / 2) - gammaln(nu / 2)
    return common + np.sum(gammas + (nu * np.log(before) - (nu + m) * np.log(after)) / 2)


def test_evidence_of_one_component_is_the_closed_form(family, X):
    unit = 100.0  # it is a density, per unit of the data
    found = draw(unit * X, 1, family, conjugate(unit=unit), sampler="smc", chains=1)
    expected = log_evidence(X, family) - X.size * np.log(unit)
    assert found.log_evidence == pytest.approx([expected], abs=0.25)  # its error is 0.05


@pytest.mark.parametrize(
    ("log_evidence", "expected"),
    [
        ([0.0, 0.0], [8, 8]),
        (np.log([1.0, 3.0]), [4, 12]),
        ([-1000.0, -2000.0], [16, 0]),
    ],
)
def test_populations_give_draws_in_proportion_to_their_evidence(log_evidence, expected):
    kept = smc._kept(np.array(log_evidence), 20, 8)
    assert kept.shape == (2, 8)
    assert np.all(np.diff(kept.ravel()) > 0)  # relatives stay neighbours, and none comes twice
    np.testing.assert_array_equal(np.bincount(kept.ravel() // 20, minlength=2), expected)


def test_far_clusters_count_once_for_each_labelling():
    """Two allocations have all of the evidence, and the weights are Dirichlet given them."""
    rng = np.random.default_rng(0)
    parts = rng.normal([3.0, -2.0], size=(8, 2)), rng.normal([15.0, -2.0], size=(16, 2))
    found = draw(np.concatenate(parts), 2, "diag", conjugate(0.05), sampler="smc", chains=2)
    allocated = gammaln(9) + gammaln(17) - gammaln(26)
    expected = np.log(2.0) + allocated + sum(log_evidence(part, "diag", 0.05) for part in parts)
    assert np.all(np.abs(found.log_evidence - expected) < 0.4)  # its error is 0.07
    small = found.draws.weights.min(axis=-1)
    assert small.mean() == pytest.approx(9 / 26, abs=0.015)
    assert small.std() == pytest.approx(np.sqrt(9 * 17 / (26**2 * 27)), rel=0.1)
    # Which label is whose is as likely one way as the other.
    first_is_left = np.mean(found.draws.means[:, :, 0, 0] < found.draws.means[:, :, 1, 0])
    assert 0.35 < first_is_left < 0.65


@pytest.mark.parametrize("kind", KINDS)
def test_draws_of_the_prior_have_its_density(family, kind):
    """By parts: a gradient is zero on average, and so is one plus coordinate times gradient."""
    posterior = posterior_of(family, kind)
    n = 20_000
    sizes, numbers = np.asarray(posterior.sizes, dtype=np.int64), posterior.numbers
    thetas = np.empty((n, posterior.sizes.n_coordinates))
    draw_prior(sizes, numbers, np.array([7], dtype=np.uint64), thetas)
    values, slopes = np.empty((n, 2)), np.empty((n, 2, thetas.shape[1]))
    evaluate(thetas, posterior.rows[:0], sizes, numbers, values, slopes)
    scores = slopes[:, 0]
    for zeros in (scores, 1.0 + (thetas - thetas.mean(0)) * scores):
        error = zeros.std(axis=0) / np.sqrt(n)
        assert np.all(np.abs(zeros.mean(axis=0)) < 4.5 * error)


def test_moves_leave_a_density_as_it_is():
    """Draws of the prior, moved with steps so long that a third is refused, are of the prior."""
    posterior = posterior_of("diag", "default", k=1)
    sizes, numbers = np.asarray(posterior.sizes, dtype=np.int64), posterior.numbers
    n, p, stream = 20_000, posterior.sizes.n_coordinates, np.array([7], dtype=np.uint64)
    particles = np.empty((n, p)), np.empty((n, 2)), np.empty((n, 2, p))
    thetas, _, slopes = particles
    draw_prior(sizes, numbers, stream, thetas)
    problem = posterior.rows[:0], sizes, numbers
    evaluate(thetas, *problem, *particles[1:])
    shape = np.diag(thetas.std(axis=0))
    for _ in range(5):
        n_accepted = move(*particles, 1.0, *problem, shape, 1.2, 2, stream)
    assert 0.4 < n_accepted / n < 0.95
    for zeros in (slopes[:, 0], 1.0 + (thetas - thetas.mean(0)) * slopes[:, 0]):
        error = zeros.std(axis=0) / np.sqrt(n)
        assert np.all(np.abs(zeros.mean(axis=0)) < 4.5 * error)


def test_prior_and_likelihood_add_up(family):
    posterior = posterior_of(family, "hierarchical")
    thetas = 0.5 * np.random.default_rng(0).normal(size=(5, posterior.sizes.n_coordinates))
    values, slopes = np.empty((5, 2)), np.empty((5, 2, thetas.shape[1]))
    sizes = np.asarray(posterior.sizes, dtype=np.int64)
    evaluate(thetas, posterior.rows, sizes, posterior.numbers, values, slopes)
    unit = len(posterior.rows) * np.log(posterior.problem.scale).sum()
    for theta, value, slope in zip(thetas, values, slopes, strict=True):
        both, gradient = posterior.value_and_gradient(theta)
        assert value.sum() == pytest.approx(both)
        np.testing.assert_allclose(slope.sum(0), gradient, rtol=1e-8, atol=1e-8)
        log_density = posterior.unpack(theta)[0].log_density(posterior.problem.X).sum()
        assert value[1] == pytest.approx(log_density + unit)


def test_same_seed_same_result_with_any_number_of_threads(X):
    runs = []
    for n in (1, 3):
        with threads.limit(n):
            runs.append(draw(X, 1, "spherical", Priors(), draws=50, chains=2, sampler="smc"))
    np.testing.assert_array_equal(runs[0].draws.means, runs[1].draws.means)
    np.testing.assert_array_equal(runs[0].log_evidence, runs[1].log_evidence)
    assert runs[0].draws.batch_shape == (2, 50)
    assert len(np.unique(runs[0].log_evidence)) == 2
    other = draw(X, 1, "spherical", Priors(), seed=1, draws=50, chains=2, sampler="smc")
    assert not np.any(other.draws.means == runs[0].draws.means)


def test_the_tree_has_the_evidence_and_files_keep_it(X, tmp_path, capfd):
    fit = BayesianGaussianMixture(
        1, covariance_type="full", priors=conjugate(), sampler="smc",
        draws=500, chains=3, random_state=0, progressbar=False,
    ).fit(X)  # fmt: skip
    assert capfd.readouterr() == ("", "")
    attributes = fit.posterior_["posterior"].attrs
    assert attributes["sampler"] == "smc"
    error = attributes["log_evidence_error"]
    assert 0.0 < error < 0.2
    assert abs(attributes["log_evidence"] - log_evidence(X, "full")) < 5 * error + 0.05
    save(fit, tmp_path / "fit.nc")
    loaded = load(tmp_path / "fit.nc")
    assert loaded.posterior_["posterior"].attrs == attributes
    assert loaded.diagnostics_.evidence_error == fit.diagnostics_.evidence_error == error


def test_progress_is_on_standard_error(X, capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    fit = BayesianGaussianMixture(1, sampler="smc", draws=4, chains=1, random_state=0)
    with pytest.warns(UserWarning, match="worth only"):
        fit.fit(X)
    out, shown = capfd.readouterr()
    assert out == ""
    assert "Sequential Monte Carlo" in shown


def test_an_interrupt_leaves_no_draws(X, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(smc, "run_in_threads", interrupted)
    fit = BayesianGaussianMixture(1, sampler="smc", random_state=0, progressbar=False)
    with pytest.raises(KeyboardInterrupt):
        fit.fit(X)
    assert not hasattr(fit, "posterior_")


def test_priors_of_users_are_refused(X):
    priors = Priors(means=lambda n_components, n_features: None)
    with pytest.raises(DataError, match="sampler='smc' needs priors of bayesgmm's own"):
        draw(X, 2, "diag", priors, sampler="smc")


def test_relatives_are_neighbours():
    """What effective sample sizes rest on: resampling keeps the order."""
    population = smc._Population(posterior_of("diag", "default"), 1000, 0)
    population.thetas = np.arange(1000.0)[:, None]
    population.values = np.stack([np.arange(1000.0), np.random.default_rng(0).normal(size=1000)], 1)
    population.slopes = np.zeros((1000, 2, 1))
    population.values[:, 1] *= 5.0
    before = population.values[:, 1].mean()
    population._reweight()
    assert 0.0 < population.power < 1.0
    assert np.all(np.diff(population.thetas[:, 0]) >= 0.0)
    np.testing.assert_array_equal(population.thetas[:, 0], population.values[:, 0])
    # The sd of the log-likelihood is 5: halving the particles takes the mean up by 4.2, 0.83 sds.
    assert population.values[:, 1].mean() - before == pytest.approx(4.2, abs=0.6)
    n_kept = len(np.unique(population.thetas))
    assert 300 < n_kept < 800


@pytest.mark.parametrize("sampler", [pytest.param("smc", marks=pytest.mark.slow), "gibbs"])
def test_concentrations_next_to_zero_stay_finite(sampler):
    X = np.random.default_rng(1).normal(size=(30, 1))
    priors = Priors(weights=GammaConcentration(0.01, 0.01))
    found = draw(X, 3, "spherical", priors, seed=1, draws=50, chains=2, sampler=sampler)
    for values in (found.draws.weights, found.draws.means, found.hyper):
        assert np.all(np.isfinite(values))
