"""Effective draws a second against numpyro's NUTS, in double precision.

Its textbook model: ``MixtureSameFamily`` of ``MultivariateNormal``, memberships summed out. Chains
start at the mode that our fit found, and run at the same time, on the same processors. The first
run compiles, the second finds that on disk.
"""

import tempfile
from importlib.util import find_spec

from bayesgmm.core.mixture import Mixture
from em_figures.data import simulate
from em_figures.measuring import Options, heading, shape
from posterior_figures import sampling
from posterior_figures.problems import Problem
from posterior_figures.sampling import CHAINS, DRAWS, Draws, timed

CASES = [((1_000, 2, 3), 1000), ((10_000, 2, 3), 300)]
QUICK = [((60, 2, 2), 30)]
WARM_UP = 400


def run(options: Options) -> None:
    title = "ESS per second against numpyro"
    if find_spec("numpyro") is None:
        heading(title, "numpyro: not installed.")
        return
    import jax
    import numpyro

    numpyro.set_host_device_count(CHAINS)
    numpyro.enable_x64()
    # Chains in parallel are compiled anew by every run, else.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    sampling.heads(
        title,
        f"{CHAINS} chains of {DRAWS} draws here; numpyro's chains start at the mode. Wall times.",
    )
    for (n, d, k), draws in QUICK if options.quick else CASES:
        problem = Problem(simulate(n, d, k), k)
        own, mode = sampling.ours(problem, 100 if options.quick else DRAWS)
        with tempfile.TemporaryDirectory() as folder:
            jax.config.update("jax_compilation_cache_dir", folder)
            peer = with_numpyro(problem, mode, draws, 50 if options.quick else WARM_UP)
        sampling.compare(shape(n, d, k), problem, peer, own, mode)


def textbook(problem: Problem) -> None:
    """The model as a function, as numpyro has them."""
    import jax.numpy as jnp
    import numpyro
    from jax.scipy.linalg import solve_triangular
    from numpyro import distributions as dist

    priors, k, d = problem.priors, problem.n_components, problem.n_features
    weights = numpyro.sample("weights", dist.Dirichlet(priors.concentration))
    means = numpyro.sample("means", dist.Normal(priors.loc, priors.scale).expand([k, d]))
    squares = numpyro.sample("squares", dist.Chi2(problem.squares_dof).expand([k, d]))
    below = numpyro.sample("below", dist.Normal().expand([k, d * (d - 1) // 2]))
    factor = jnp.zeros((k, d, d)).at[:, *jnp.diag_indices(d)].set(jnp.sqrt(squares))
    factor = factor.at[:, *jnp.tril_indices(d, -1)].set(below)
    root = jnp.broadcast_to(problem.scale_factor.T, factor.shape)
    transposed = solve_triangular(factor.swapaxes(-1, -2), root, lower=False)
    components = dist.MultivariateNormal(means, scale_tril=transposed.swapaxes(-1, -2))
    mixture = dist.MixtureSameFamily(dist.Categorical(probs=weights), components)
    with numpyro.plate("rows", len(problem.X)):
        numpyro.sample("x", mixture, obs=problem.X)


def with_numpyro(problem: Problem, mode: Mixture, draws: int, warm_up: int) -> Draws:
    import jax
    from numpyro.infer import MCMC, NUTS, init_to_value

    start = problem.variables(mode)
    kernel = NUTS(lambda: textbook(problem), init_strategy=init_to_value(values=start))
    sampler = MCMC(
        kernel,
        num_warmup=warm_up,
        num_samples=draws,
        num_chains=CHAINS,
        chain_method="parallel",
        progress_bar=False,
    )

    def draw() -> dict:
        sampler.run(jax.random.key(0))
        return jax.device_get(sampler.get_samples(group_by_chain=True))

    whole, _ = timed(draw)
    drawing, samples = timed(draw)
    # Where there is little to compile, noise can make the first run the shorter one.
    all_in = max(whole.wall, drawing.wall)
    return Draws(problem.mixture(samples), drawing, all_in, warm_up)
