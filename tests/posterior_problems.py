"""Posteriors of every family and kind of prior, for the tests of the samplers."""

import numpy as np

from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.engines import draw_posterior
from bayesgmm.em.problem import Problem
from bayesgmm.priors import (
    LKJ,
    ConjugateMeans,
    Dirichlet,
    GammaConcentration,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    Priors,
    resolve,
)

KINDS = {
    "default": Priors(),
    "conjugate": Priors(means=ConjugateMeans(strength=0.7)),
    "hierarchical": Priors(covariances=GammaScale()),
    "hierarchical conjugate": Priors(means=ConjugateMeans(strength=2.0), covariances=GammaScale()),
    "log-normal scale": Priors(covariances=LogNormalScale(sigma=0.8)),
    "lkj": Priors(covariances=LKJ(eta=1.7, sigma=0.6)),
    "lkj conjugate": Priors(means=ConjugateMeans(strength=2.0), covariances=LKJ(sigma=0.6)),
    "learned concentration": Priors(weights=GammaConcentration(3.0, rate=2.0)),
    "learned twice": Priors(weights=GammaConcentration(), covariances=LogNormalScale(sigma=0.8)),
    "uneven": Priors(weights=Dirichlet([0.5, 2.0, 5.0]), covariances=InverseWishart(dof=9.0)),
}
K, D = 3, 2


def posterior_of(family, kind, k=K, d=D, n=60, unit=1.0, seed=1):
    rng = np.random.default_rng(seed)
    mixing = np.eye(d) + 0.4 * rng.normal(size=(d, d))
    X = unit * (rng.normal(size=(n, d)) @ mixing + np.arange(3.0, 3.0 + d))
    priors = KINDS[kind]
    if k != K and kind == "uneven":
        priors = Priors(weights=Dirichlet(2.0), covariances=InverseWishart(dof=d + 7.0))
    resolved = resolve(priors, X, k, family)
    return LogPosterior(Problem(X, family, priors=resolved), k)


def random_theta(posterior, rng):
    return 0.7 * rng.normal(size=posterior.sizes.n_coordinates)


def assert_holds_the_model(fit):
    """The posterior has the variables that ``model_`` samples and computes, and they agree."""
    model, posterior = fit.model_, fit.posterior_["posterior"].to_dataset()
    variables = [*model.free_RVs, *model.deterministics]
    assert {variable.name for variable in variables} == set(posterior)
    names = ["weights", "means", "covariances"]
    compute = model.compile_fn(
        [model[name] for name in names] + [variable.shape for variable in variables],
        inputs=model.free_RVs, point_fn=False, on_unused_input="ignore",
    )  # fmt: skip
    for chain, draw in np.ndindex(posterior.sizes["chain"], posterior.sizes["draw"]):
        at = posterior.isel(chain=chain, draw=draw)
        values = compute(*(at[variable.name].values for variable in model.free_RVs))
        for name, value in zip(names, values[:3], strict=True):
            np.testing.assert_allclose(at[name], value, rtol=1e-9, atol=1e-300)
        for variable, shape in zip(variables, values[3:], strict=True):
            assert at[variable.name].shape == tuple(shape), variable.name
    for name in posterior:
        assert posterior[name].notnull().all(), name
        dims = posterior[name].dims
        assert dims[:2] == ("chain", "draw")
        if own := model.named_vars_to_dims.get(name):
            assert dims[2:] == own
        for dim in set(dims[2:]) & set(model.coords):
            assert list(posterior[dim].values) == list(model.coords[dim])


def draw(X, k, family, priors, seed=0, draws=1000, chains=4, sampler="nuts"):
    """Draws from a posterior by the engine of the estimator."""
    return draw_posterior(
        X,
        k,
        family,
        priors,
        sampler=sampler,
        draws=draws,
        tune=None,
        chains=chains,
        rng=np.random.default_rng(seed),
        progressbar=False,
    )


def standard_errors_away(values, exact):
    """|mean - exact| in Monte Carlo standard errors, from the spread of 20 batches."""
    batches = values.reshape(20, -1, *values.shape[2:]).mean(axis=1)
    error = np.maximum(batches.std(0, ddof=1) / np.sqrt(20), 1e-12)
    return np.abs(batches.mean(0) - exact) / error
