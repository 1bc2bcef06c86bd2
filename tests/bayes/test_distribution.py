"""MvNormalMixture as a PyMC distribution: log-density, draws, models, errors; backends (slow)."""

import re

import cloudpickle
import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from pymc.blocking import DictToArrayBijection, RaveledVars
from pymc.distributions.shape_utils import change_dist_size
from pymc.exceptions import ImputationWarning
from pymc.logprob.utils import ParameterValueError
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from bayesgmm.bayes.distribution import MvNormalMixture, component_index
from bayesgmm.bayes.ops import MixtureLogDensity, MixtureLogLikelihood

N, D, K = 60, 2, 3
W = np.array([0.2, 0.3, 0.5])
MU = np.array([[0.0, 0.0], [4.0, 1.0], [-3.0, 3.0]])
CHOL = np.array([[[1.0, 0], [0.3, 0.7]], [[0.5, 0], [-0.2, 1.2]], [[1.5, 0], [0.0, 0.6]]])
COV = CHOL @ CHOL.transpose(0, 2, 1)
SD = np.array([[1.0, 0.5], [0.4, 1.2], [0.8, 2.0]])
_RNG = np.random.default_rng(7)
X = MU[_RNG.integers(K, size=N)] + _RNG.normal(size=(N, D))


def by_scipy(X, w, mu, cov):
    joint = [
        np.log(a) + multivariate_normal(m, c).logpdf(X) for a, m, c in zip(w, mu, cov, strict=True)
    ]
    return logsumexp(joint, axis=0)


def logp(rv, value):
    return pm.logp(rv, value).eval()


# --- log-density -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "cov"),
    [
        ({"chol": CHOL}, COV),
        ({"cov": COV}, COV),
        ({"tau": np.linalg.inv(COV)}, COV),
        ({"whitening": np.linalg.inv(CHOL)}, COV),
        ({"chol": CHOL[0]}, COV[[0, 0, 0]]),
        ({"cov": COV[1]}, COV[[1, 1, 1]]),
        ({"tau": np.linalg.inv(COV[1])}, COV[[1, 1, 1]]),
        ({"whitening": np.linalg.inv(CHOL[2])}, COV[[2, 2, 2]]),
        ({"sigma": SD}, [np.diag(s**2) for s in SD]),
        ({"sigma": SD[:, :1]}, [s**2 * np.eye(2) for s in SD[:, 0]]),
        ({"sigma": SD[0]}, [np.diag(SD[0] ** 2)] * 3),
        ({"sigma": 1.5}, [2.25 * np.eye(2)] * 3),
    ],
)
def test_log_density_is_scipys(scale, cov):
    expected = by_scipy(X, W, MU, cov)
    found = logp(MvNormalMixture.dist(W, MU, **scale), X)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sigma", [np.array([0.5, 1.0, 2.0]), 0.7])
def test_numbers_instead_of_rows(sigma):
    x = X[:, 0]
    joint = np.log(W) + norm(MU[:, 0], sigma).logpdf(x[:, None])
    rv = MvNormalMixture.dist(W, MU[:, 0], sigma=sigma)
    assert rv.ndim == 0
    np.testing.assert_allclose(logp(rv, x), logsumexp(joint, axis=1), rtol=1e-12)
    assert logp(rv, x[3]) == pytest.approx(logsumexp(joint[3]), rel=1e-12)


def test_one_row_and_a_block_of_rows():
    rv = MvNormalMixture.dist(W, MU, chol=CHOL)
    expected = by_scipy(X, W, MU, COV)
    assert logp(rv, X[5]) == pytest.approx(expected[5], rel=1e-12)
    block = logp(rv, X.reshape(4, 15, D))
    np.testing.assert_allclose(block, expected.reshape(4, 15), rtol=1e-12)


def test_weights_multiply_the_rows():
    weights = np.random.default_rng(1).uniform(0, 3, N)
    found = logp(MvNormalMixture.dist(W, MU, chol=CHOL, weights=weights), X)
    np.testing.assert_allclose(found, weights * by_scipy(X, W, MU, COV), rtol=1e-12)


@pytest.mark.parametrize(
    "scale",
    [{"chol": CHOL}, {"whitening": np.linalg.inv(CHOL)}, {"sigma": SD}],
    ids=lambda s: next(iter(s)),
)
def test_batches_of_parameters(scale):
    shifts = np.array([0.0, 1.0, -2.0, 5.0])
    [(name, values)] = scale.items()
    expected = [logp(MvNormalMixture.dist(W, MU + s, **scale), X[i]) for i, s in enumerate(shifts)]
    means = MU + shifts[:, None, None]
    found = logp(MvNormalMixture.dist(W, means, **scale), X[:4])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    by_row = np.tile(W, (4, 1))
    stacked = np.tile(values, (4,) + (1,) * values.ndim)
    found = logp(MvNormalMixture.dist(by_row, means, **{name: stacked}), X[:4])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_scales_out_of_support_have_log_density_minus_infinity():
    sd = SD.copy()
    sd[1, 1] = -1
    assert np.all(logp(MvNormalMixture.dist(W, MU, sigma=sd), X) == -np.inf)
    batch = MvNormalMixture.dist(W, MU[None], sigma=sd[None])
    assert np.all(logp(batch, X[:1]) == -np.inf)


def test_weights_of_the_mixture_are_checked():
    with pytest.raises(ParameterValueError, match="sum"):
        logp(MvNormalMixture.dist([0.5, 0.3, 0.3], MU, chol=CHOL), X)
    with pytest.raises(ParameterValueError, match="w >= 0"):
        logp(MvNormalMixture.dist([0.5, 0.6, -0.1], MU, chol=CHOL), X)
    without = logp(MvNormalMixture.dist([0.5, 0.5, 0.0], MU, chol=CHOL), X)
    np.testing.assert_allclose(without, by_scipy(X, [0.5, 0.5], MU[:2], COV[:2]), rtol=1e-12)


# --- draws -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scale",
    [{"chol": CHOL}, {"tau": np.linalg.inv(COV)}, {"whitening": np.linalg.inv(CHOL)}],
    ids=lambda s: next(iter(s)),
)
def test_draws_have_the_mixtures_moments(scale):
    rv = MvNormalMixture.dist(W, MU, **scale, size=40_000)
    x, z = pm.draw([rv, component_index(rv)], random_seed=3)
    assert x.shape == (40_000, D)
    assert z.shape == (40_000,)
    # five standard errors: 5 * sqrt(largest variance / n) is under 0.1 for every entry below
    np.testing.assert_allclose(np.bincount(z) / len(z), W, atol=0.0125)
    for k in range(K):
        np.testing.assert_allclose(x[z == k].mean(axis=0), MU[k], atol=0.09)
        np.testing.assert_allclose(np.cov(x[z == k].T), COV[k], atol=0.18)


def test_draws_of_diagonal_components_and_of_numbers():
    rv = MvNormalMixture.dist(W, MU, sigma=SD, size=40_000)
    x, z = pm.draw([rv, component_index(rv)], random_seed=4)
    for k in range(K):
        np.testing.assert_allclose(x[z == k].std(axis=0), SD[k], rtol=0.05)
    rv = MvNormalMixture.dist(W, MU[:, 0], sigma=SD[:, 0], size=40_000)
    x, z = pm.draw([rv, component_index(rv)], random_seed=4)
    assert x.shape == z.shape == (40_000,)
    for k in range(K):
        assert x[z == k].std() == pytest.approx(SD[k, 0], rel=0.05)


def test_draws_follow_their_own_batch_of_parameters():
    means = MU + np.array([0.0, 100.0])[:, None, None]
    chol = np.tile(CHOL, (2, 1, 1, 1)) * np.array([1.0, 3.0])[:, None, None, None]
    rv = MvNormalMixture.dist(W, means, chol=chol, size=(20_000, 2))
    x, z = pm.draw([rv, component_index(rv)], random_seed=5)
    for b, factor in enumerate((1.0, 3.0)):
        part = x[z[:, b] == 1, b]
        np.testing.assert_allclose(part.mean(axis=0), means[b, 1], atol=0.2)
        np.testing.assert_allclose(part.std(axis=0), factor * np.sqrt(np.diag(COV[1])), rtol=0.06)


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ({}, (D,)),
        ({"size": 3}, (3, D)),
        ({"shape": (4, 5, D)}, (4, 5, D)),
        ({"mu": np.tile(MU, (6, 1, 1))}, (6, D)),
        ({"w": np.tile(W, (7, 1))}, (7, D)),
        ({"weights": np.ones(5)}, (5, D)),
        ({"mu": np.tile(MU, (6, 1, 1)), "size": (2, 6)}, (2, 6, D)),
    ],
)
def test_shapes_of_draws(arguments, shape):
    rv = MvNormalMixture.dist(**({"w": W, "mu": MU, "chol": CHOL} | arguments))
    assert pm.draw(rv, random_seed=1).shape == shape
    wider = change_dist_size(rv, (2,), expand=True)
    assert pm.draw(wider, random_seed=1).shape == (2, *shape)
    assert pm.draw(change_dist_size(rv, shape[:-1] or (1,)), random_seed=1).shape[-1] == D


def test_same_seed_same_draws():
    rv = MvNormalMixture.dist(W, MU, chol=CHOL, size=5)
    np.testing.assert_array_equal(pm.draw(rv, random_seed=8), pm.draw(rv, random_seed=8))
    first, second = pm.draw(rv, draws=2, random_seed=8)
    assert not np.array_equal(first, second)


def test_component_index_refuses_other_variables():
    with pytest.raises(ValueError, match="MvNormalMixture"):
        component_index(pm.Normal.dist())


# --- models ----------------------------------------------------------------------------------


def observe(w, mu, chol, data, ours=True, **arguments):
    if ours:
        MvNormalMixture("x", w, mu, chol=chol, observed=data, **arguments)
    else:
        parts = [pm.MvNormal.dist(mu[k], chol=chol[k]) for k in range(K)]
        pm.Mixture("x", w=w, comp_dists=parts, observed=data)


def full_model(ours=True, data=X, **arguments):
    with pm.Model() as model:
        rows = pm.Data("rows", data)
        w = pm.Dirichlet("w", np.full(K, 2.0))
        mu = pm.Normal("mu", MU, 2, shape=(K, D))
        sd = pm.LogNormal("sd", 0, 0.5, shape=(K, D))
        below = pm.Normal("below", 0, 1, shape=K)
        chol = pt.zeros((K, D, D))[:, range(D), range(D)].set(sd)[:, 1, 0].set(below)
        observe(w, mu, chol, rows, ours, **arguments)
    return model


def flat_point(model, seed=0):
    point = model.initial_point()
    flat = DictToArrayBijection.map({v.name: point[v.name] for v in model.value_vars}).data
    return flat + 0.2 * np.random.default_rng(seed).normal(size=flat.shape)


def gradient_function(model, **options):
    function = model.logp_dlogp_function(ravel_inputs=True, **options)
    function.set_extra_values({})
    return function


def kernels_of(function):
    function = getattr(function, "f", function)
    return [
        node.op
        for node in function.maker.fgraph.toposort()
        if isinstance(node.op, MixtureLogDensity | MixtureLogLikelihood)
    ]


def test_value_and_gradient_are_those_of_pymcs_own_mixture():
    model, peer = full_model(), full_model(ours=False)
    ours, theirs = gradient_function(model), gradient_function(peer)
    for seed in range(3):
        point = flat_point(model, seed)
        (value, gradient), (peer_value, peer_gradient) = ours(point), theirs(point)
        assert value == pytest.approx(float(peer_value), rel=1e-12)
        np.testing.assert_allclose(gradient, peer_gradient, rtol=1e-9, atol=1e-9)


def test_new_data_of_another_length_need_no_new_graph():
    model = full_model()
    point = model.initial_point()
    function = model.compile_logp(vars=model["x"], sum=False)
    [first] = function(point)
    with model:
        pm.set_data({"rows": X[:7]})
    [second] = function(point)
    np.testing.assert_allclose(second, first[:7], rtol=1e-12)


def test_prior_and_posterior_predictive_draws():
    with pm.Model():
        rows = pm.Data("rows", X)
        w = pm.Dirichlet("w", np.full(K, 50.0))
        mu = pm.Normal("mu", MU, 0.1, shape=(K, D))
        MvNormalMixture("x", w, mu, sigma=0.1, observed=rows)
        prior = pm.sample_prior_predictive(draws=20, random_seed=1)
        assert prior.prior_predictive["x"].shape == (1, 20, N, D)
        distance = np.abs(prior.prior_predictive["x"].values[..., None, :] - MU).max(-1).min(-1)
        assert distance.max() < 1.5
        pm.set_data({"rows": np.zeros((9, D))})
        later = pm.sample_posterior_predictive(
            prior.prior, var_names=["x"], progressbar=False, random_seed=2
        )
    rows = later.posterior_predictive["x"].values
    assert rows.shape == (1, 20, 9, D)
    # nearest mean of the same draw: under five of the component's standard deviations
    assert (
        np.abs(rows[..., None, :] - prior.prior["mu"].values[:, :, None]).max(-1).min(-1).max()
        < 0.5
    )


def test_missing_values_are_imputed_with_the_right_gradient():
    data = X[:6].copy()
    data[2, 0] = np.nan
    with pm.Model() as model, pytest.warns(ImputationWarning):
        MvNormalMixture("x", W, MU, chol=CHOL, observed=data)
    function = gradient_function(model)
    assert model.initial_point()["x_unobserved"].shape == (1,)
    filled = data.copy()

    def density(value):
        filled[2, 0] = value
        return by_scipy(filled, W, MU, COV).sum()

    value, gradient = function(np.array([0.4]))
    assert value == pytest.approx(density(0.4), rel=1e-12)
    assert gradient[0] == pytest.approx((density(0.4001) - density(0.3999)) / 2e-4, rel=1e-6)


def test_latent_rows_start_at_the_mixtures_mean():
    with pm.Model() as model:
        MvNormalMixture("x", W, MU, chol=CHOL, shape=(4, D))
        MvNormalMixture("y", W, MU[:, 0], sigma=1.0, shape=4)
    point = model.initial_point()
    np.testing.assert_allclose(point["x"], np.tile(W @ MU, (4, 1)))
    np.testing.assert_allclose(point["y"], np.full(4, W @ MU[:, 0]))


def test_total_size_scales_the_log_likelihood():
    point = flat_point(full_model())
    with pm.Model() as model:
        w = pm.Dirichlet("w", np.full(K, 2.0))
        MvNormalMixture("x", w, MU, chol=CHOL, observed=X, total_size=10 * N)
    point = model.initial_point()
    x_part, w_part = (model.compile_logp(vars=model[name])(point) for name in ("x", "w"))
    weights = np.full(K, 1 / K)
    assert x_part == pytest.approx(10 * by_scipy(X, weights, MU, COV).sum(), rel=1e-12)
    assert np.isfinite(w_part)


def test_a_model_survives_pickling_and_prints():
    model = full_model(weights=np.ones(N))
    copy = cloudpickle.loads(cloudpickle.dumps(model))
    point = model.initial_point()
    assert copy.compile_logp()(point) == pytest.approx(float(model.compile_logp()(point)))
    assert "MvNormalMixture" in model.str_repr()


# --- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of .* got none"),
        ({"chol": CHOL, "cov": COV}, "exactly one of .* got chol, cov"),
        ({"chol": CHOL[:2]}, "number of components: mu has 3, chol has 2"),
        ({"chol": np.ones((K, 3, 3))}, "number of columns: mu has 2, chol has 3"),
        ({"cov": np.ones((K, 2, 3))}, "number of columns"),
        ({"chol": SD[0]}, r"chol must have shape \(K, D, D\)"),
        ({"sigma": np.ones((K, 3))}, "sigma must broadcast"),
        ({"sigma": np.ones(K)}, "sigma must broadcast"),
        ({"w": W[:2], "chol": CHOL}, "number of components: w has 2, mu has 3"),
        ({"w": 0.5, "chol": CHOL}, r"w of shape \(K,\)"),
        ({"mu": MU[:, 0], "chol": CHOL}, "give sigma, not chol"),
        ({"mu": MU[:, 0], "sigma": SD}, "sigma must broadcast"),
    ],
)
def test_arguments_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        MvNormalMixture.dist(**({"w": W, "mu": MU} | arguments))


def test_data_with_another_number_of_columns():
    rv = MvNormalMixture.dist(W, MU, chol=CHOL)
    with pytest.raises(ValueError, match="number of columns: mu has 2, the data has 3"):
        logp(rv, np.zeros((4, 3)))


def test_numbers_under_means_of_one_column_need_a_column_too():
    y = X[:, 0]
    with pm.Model() as model:
        MvNormalMixture("y", W, MU[:, :1], sigma=SD[:, :1], observed=y)
    with pytest.raises(ValueError, match=r"got shape \(60,\): give y\[:, None\]"):
        model.logp()


@pytest.mark.parametrize(
    ("name", "near"),
    [("sd", " (did you mean 'sigma'?)"), ("chool", " (did you mean 'chol'?)"), ("qqqqq", "")],
)
def test_unknown_arguments_are_named(name, near):
    with pytest.raises(TypeError, match=re.escape(f"no argument '{name}'{near}.")):
        MvNormalMixture.dist(W, MU, **{name: SD})


def test_components_may_be_known_to_the_model_only():
    with pm.Model(coords={"c": range(2)}):
        x, y = pm.Normal("x", dims="c"), pm.Normal("y", dims="c")
        mu = pt.stack([x, y], axis=-1)
        MvNormalMixture("rows", W[:2] * 2, mu, sigma=1.0, observed=X)


def test_a_forgotten_weight_is_no_mean_for_each_row():
    with pytest.raises(ValueError, match=r"components: w has 2, mu has 3\.$"):
        MvNormalMixture.dist([0.3, 0.7], MU, chol=CHOL)


def test_means_of_rows_have_an_axis_for_the_columns():
    """Of a mixture of regressions: as many components as weights, one mean for each row."""
    mu = np.arange(24.0).reshape(12, 2)
    sigma, w = np.array([0.5, 2.0]), [0.3, 0.7]
    with pytest.raises(ValueError, match=r"give mu\[..., None\] of shape \(N, K, 1\)"):
        MvNormalMixture.dist(w, mu, sigma=sigma)
    y = mu[:, 0] + np.linspace(-1, 2, 12)
    rv = MvNormalMixture.dist(w, mu[..., None], sigma=sigma[:, None])
    expected = np.log(w @ norm(mu, sigma).pdf(y[:, None]).T)
    np.testing.assert_allclose(logp(rv, y[:, None]), expected)


# --- compiled (slow) -------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["NUMBA", "JAX"])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_kernel_is_left_in_compiled_graphs(backend, weighted):
    if backend == "JAX":
        pytest.importorskip("jax")
    weights = np.random.default_rng(2).uniform(0.5, 2, N) if weighted else None
    model = full_model(weights=weights)
    function = gradient_function(model, mode=backend)
    full = MixtureLogLikelihood("cholesky", weighted)
    value_only = MixtureLogLikelihood("cholesky", weighted, value_only=True)
    assert kernels_of(function._pytensor_function) == [full]
    assert kernels_of(model.compile_logp(mode=backend)) == [value_only]
    assert kernels_of(model.compile_dlogp(mode=backend)) == [full]
    pointwise = model.compile_logp(sum=False, mode=backend)
    assert kernels_of(pointwise) == [MixtureLogDensity("cholesky")]

    point = flat_point(model)
    with pytensor.config.change_flags(mode="FAST_COMPILE", cxx=""):
        value, gradient = gradient_function(model)(point)
    compiled_value, compiled_gradient = function(point)
    assert float(compiled_value) == pytest.approx(float(value), rel=1e-12)
    np.testing.assert_allclose(compiled_gradient, gradient, rtol=1e-9, atol=1e-9)


def two_clusters():
    """Two distant clusters in one dimension: sampled in seconds, no switching."""
    rng = np.random.default_rng(11)
    x = np.concatenate([rng.normal(-5, 1, 30), rng.normal(5, 2, 50)])
    with pm.Model() as model:
        rows = pm.Data("rows", x)
        w = pm.Dirichlet("w", np.ones(2))
        mu = pm.Normal("mu", np.array([-4.0, 4.0]), 3, shape=2)
        sigma = pm.LogNormal("sigma", 0, 1, shape=2)
        MvNormalMixture("x", w, mu, sigma=sigma, observed=rows)
    return model, x


@pytest.mark.slow
def test_sampling_log_likelihood_and_loo():
    az = pytest.importorskip("arviz")
    model, x = two_clusters()
    with model:
        trace = pm.sample(
            300, tune=400, chains=2, cores=1, nuts_sampler="pymc", random_seed=1, progressbar=False
        )
        pm.compute_log_likelihood(trace, progressbar=False)
    post = trace.posterior
    mean = post["mu"].mean(("chain", "draw")).values
    np.testing.assert_allclose(mean, [x[:30].mean(), x[30:].mean()], atol=0.3)
    pointwise = trace.log_likelihood["x"]
    assert pointwise.shape == (2, 300, 80)
    draw = {name: post[name].values[1, 7] for name in ("w", "mu", "sigma")}
    joint = np.log(draw["w"]) + norm(draw["mu"], draw["sigma"]).logpdf(x[:, None])
    np.testing.assert_allclose(pointwise[1, 7], logsumexp(joint, axis=1), rtol=1e-10)
    assert az.loo(trace).n_data_points == 80


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "gradient"), [("numba", "pytensor"), ("jax", "pytensor"), ("jax", "jax")]
)
def test_nutpie(backend, gradient):
    nutpie = pytest.importorskip("nutpie")
    if backend == "jax":
        pytest.importorskip("jax")
    model, x = two_clusters()
    compiled = nutpie.compile_pymc_model(model, backend=backend, gradient_backend=gradient)
    trace = nutpie.sample(
        compiled, draws=300, tune=300, chains=2, cores=1, seed=1, progress_bar=False
    )
    mean = trace.posterior["mu"].mean(("chain", "draw")).values
    np.testing.assert_allclose(mean, [x[:30].mean(), x[30:].mean()], atol=0.3)


@pytest.mark.slow
def test_numpyro():
    pytest.importorskip("numpyro")
    model, x = two_clusters()
    with model:
        trace = pm.sample(
            300,
            tune=300,
            chains=1,
            nuts_sampler="numpyro",
            random_seed=1,
            progressbar=False,
            compute_convergence_checks=False,
        )
    mean = trace.posterior["mu"].mean(("chain", "draw")).values
    np.testing.assert_allclose(mean, [x[:30].mean(), x[30:].mean()], atol=0.3)


@pytest.mark.slow
def test_maximum_a_posteriori():
    model, _ = two_clusters()
    with model:
        best = pm.find_MAP(progressbar=False, jitter=False, return_inferencedata=True)
    template = DictToArrayBijection.map(model.initial_point())
    optimum = RaveledVars(best.optimizer_result["x"].values, template.point_map_info)
    point = DictToArrayBijection.rmap(optimum)
    assert np.abs(model.compile_dlogp(jacobian=False)(point)).max() < 0.01
    logp = model.compile_logp(jacobian=False)
    assert logp(point) > logp(model.initial_point()) + 10


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["whitening", "cholesky", "diagonal"])
def test_jax_and_numba_agree(kind):
    pytest.importorskip("jax")
    scale = {"whitening": np.linalg.inv(CHOL), "cholesky": CHOL, "diagonal": SD}[kind]
    parameters = np.log(W), MU, scale
    inputs = [pt.matrix(), *(pt.tensor(dtype="float64", shape=p.shape) for p in parameters)]
    weights = pt.vector()
    density = MixtureLogDensity(kind)(*inputs)
    total = (weights * density).sum()
    outputs = [density, density.sum(), total, *pytensor.grad(total, inputs[1:])]
    with pytensor.config.change_flags(cxx=""):
        functions = [
            pytensor.function([*inputs, weights], outputs, mode=mode)
            for mode in ("FAST_COMPILE", "NUMBA", "JAX")
        ]
    rng = np.random.default_rng(5)
    for n in (50, 2500):  # 2500 rows are two whole blocks of JAX's loop and a rest
        rows = MU[rng.integers(K, size=n)] + rng.normal(size=(n, D))
        values = rows, *parameters, rng.uniform(0.1, 2, n)
        expected, *others = [function(*values) for function in functions]
        for other in others:
            for found, reference in zip(other, expected, strict=True):
                np.testing.assert_allclose(found, reference, rtol=1e-9, atol=1e-9)
    for function in functions:
        density, plain, weighted, *gradients = function(rows, np.log(W), MU, -scale, values[-1])
        assert np.all(np.asarray(density) == -np.inf)
        assert plain == weighted == -np.inf
        assert all(np.all(np.asarray(gradient) == 0) for gradient in gradients)
