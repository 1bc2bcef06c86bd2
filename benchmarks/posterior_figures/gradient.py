"""Value and gradient of the log posterior against ``pm.Mixture`` of ``pm.MvNormal``.

Two comparisons. In anyone's PyMC model: the same model with ``MvNormalMixture`` and with
``pm.Mixture`` as its likelihood, both called as PyMC's samplers call them, through
``model.logp_dlogp_function``. In a fit: the compiled density that NUTS runs on, against the
textbook model of the same posterior, once through ``logp_dlogp_function`` and once as nutpie runs
it. What nutpie calls is timed by a compiled loop, without Python. Calls alternate, so that all see
the same machine; times are the processor's, of one thread.
"""

# Annotations of PyTensor and nutpie leave out some of what they have.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

import time
from collections.abc import Callable

import numba
import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.blocking import DictToArrayBijection

from bayesgmm.bayes import callbacks
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.distribution import MvNormalMixture
from bayesgmm.em.estimator import GaussianMixture
from bayesgmm.em.problem import Problem as Data
from em_figures.data import simulate
from em_figures.measuring import (
    Options,
    alternate,
    columns,
    heading,
    median_ratio,
    row,
    seconds,
    shape,
)
from posterior_figures import textbook
from posterior_figures.problems import Problem

SHAPES = [(1_000, 2, 3), (10_000, 2, 3), (10_000, 8, 5)]
QUICK = [(60, 2, 2)]
REPEATS = 30
N_POINTS = 20


def run(options: Options) -> None:
    shapes, repeats = (QUICK, 1) if options.quick else (SHAPES, REPEATS)
    heading(
        "Gradient in a PyMC model",
        "Value and gradient by `logp_dlogp_function`, LKJ priors; the likelihood is `pm.Mixture` "
        "of `pm.MvNormal`, or `MvNormalMixture`. The rows are `pm.Data`, or an array, as most "
        "models have them, which becomes a constant of the compiled function.",
    )
    columns(
        "N, D, K",
        "pm.Mixture of an array, us",
        "pm.Mixture of pm.Data, us",
        "MvNormalMixture, us",
        "ratio to the first",
        "ratio to the second",
        "value, rel. diff.",
        "gradient, rel. diff.",
        "compile and first call, s (pm.Mixture / MvNormalMixture)",
    )
    for n, d, k in shapes:
        in_a_model(n, d, k, repeats)
    heading(
        "Gradient of a fit",
        "Value and gradient of the posterior under our default priors: the textbook model by "
        "`logp_dlogp_function` and as nutpie calls it, and the compiled density as nutpie calls "
        "it.",
    )
    columns(
        "N, D, K",
        "pm.Mixture, us",
        "pm.Mixture in nutpie, us",
        "bayesgmm in nutpie, us",
        "ratio to the first",
        "ratio to the second",
        "value, rel. diff.",
        "gradient, rel. diff.",
    )
    for n, d, k in shapes:
        in_a_fit(n, d, k, repeats)


def in_a_model(n: int, d: int, k: int, repeats: int) -> None:
    X = simulate(n, d, k)
    models = {
        "array": users_model(X, k, ours=False, as_data=False),
        "peer": users_model(X, k, ours=False),
        "ours": users_model(X, k, ours=True),
    }
    points = starting_points(models["ours"])
    functions, compiled = {}, {}
    for name, model in models.items():
        start = time.perf_counter()
        functions[name] = compile_gradient(model)
        functions[name](points[0])
        compiled[name] = time.perf_counter() - start
    ours, peer = ([functions[name](point) for point in points] for name in ("ours", "peer"))
    value, gradient = differences(
        np.array([v for v, _ in ours]),
        np.array([v for v, _ in peer]),
        [g for _, g in ours],
        [g for _, g in peer],
    )
    times = alternate(
        {name: caller(function, points) for name, function in functions.items()}, repeats
    )
    row(
        shape(n, d, k),
        *(f"{1e6 * np.median(times[name]):.0f}" for name in ("array", "peer")),
        f"{1e6 * np.median(times['ours']):.1f}",
        *(f"{median_ratio(times, name, 'ours'):.1f}" for name in ("array", "peer")),
        f"{value:.0e}",
        f"{gradient:.0e}",
        f"{compiled['peer']:.1f} / {compiled['ours']:.1f}",
    )


def users_model(X: np.ndarray, k: int, ours: bool, as_data: bool = True) -> pm.Model:
    d = X.shape[1]
    with pm.Model() as model:
        rows = pm.Data("X", X) if as_data else X
        w = pm.Dirichlet("w", np.full(k, 2.0))
        mu = pm.Normal("mu", 0, 5, shape=(k, d))
        factors = [
            pm.LKJCholeskyCov(
                f"chol_{j}",
                n=d,
                eta=2.0,
                sd_dist=pm.LogNormal.dist(0, 1, shape=d),
                compute_corr=False,
            )
            for j in range(k)
        ]
        chol = [pm.math.expand_packed_triangular(d, packed) for packed in factors]
        if ours:
            MvNormalMixture("x", w, mu, chol=pt.stack(chol), observed=rows)
        else:
            parts = [pm.MvNormal.dist(mu[j], chol=chol[j]) for j in range(k)]
            pm.Mixture("x", w=w, comp_dists=parts, observed=rows)
    return model


def compile_gradient(model: pm.Model) -> Callable:
    function = model.logp_dlogp_function(ravel_inputs=True)
    function.set_extra_values({})
    return function


def starting_points(model: pm.Model) -> list[np.ndarray]:
    point = model.initial_point()
    flat = DictToArrayBijection.map({v.name: point[v.name] for v in model.value_vars}).data
    rng = np.random.default_rng(0)
    return [flat + 0.3 * rng.normal(size=flat.shape) for _ in range(N_POINTS)]


def caller(function: Callable, points: list[np.ndarray]) -> Callable[[], float]:
    """Seconds of a call from Python, over all points."""

    def through() -> None:
        for point in points:
            function(point)

    return lambda: seconds(through) / len(points)


def in_a_fit(n: int, d: int, k: int, repeats: int) -> None:
    problem = Problem(simulate(n, d, k), k)
    model = textbook.build(problem)
    python = compile_gradient(model)
    compiled = textbook.compile_with_nutpie(model)
    fast = FastPath(problem)
    thetas = fast.points()
    points = [peer_point(problem, fast.posterior, theta) for theta in thetas]
    peer = [python(point) for point in points]
    ours = [fast.posterior.value_and_gradient(theta) for theta in thetas]
    check_callback(compiled, points[0], peer[0])
    # The coordinates differ by a map whose volume is constant: values by a constant, and
    # gradients by the map's derivatives.
    offset = ours[0][0] - peer[0][0]
    value, gradient = differences(
        np.array([v for v, _ in ours]) - offset,
        np.array([v for v, _ in peer]),
        [g for _, g in ours],
        [
            derivatives(lambda at: peer_point(problem, fast.posterior, at), theta).T @ g
            for theta, (_, g) in zip(thetas, peer, strict=True)
        ],
    )
    loops = {
        "python": caller(python, points),
        "nutpie": compiled_caller(compiled.compiled_logp_func, points, compiled.user_data),
        "ours": compiled_caller(callbacks.density, fast.zs, fast.block),
    }
    times = alternate(loops, repeats)
    row(
        shape(n, d, k),
        *(f"{1e6 * np.median(times[name]):.0f}" for name in ("python", "nutpie")),
        f"{1e6 * np.median(times['ours']):.1f}",
        f"{median_ratio(times, 'python', 'ours'):.1f}",
        f"{median_ratio(times, 'nutpie', 'ours'):.1f}",
        f"{value:.0e}",
        f"{gradient:.0e}",
    )


class FastPath:
    """The density of a fit, with what its C function is called with.

    Attributes
    ----------
    posterior : LogPosterior
    block : array of int64
        As :func:`bayesgmm.bayes.nuts.sample_nuts` makes it.
    zs : list of (P,) arrays
        Points near the mode, in the coordinates of the sampler.
    """

    def __init__(self, problem: Problem):
        data = Data(problem.X, "full", priors=problem.priors)
        self.posterior = LogPosterior(data, problem.n_components)
        em = GaussianMixture(problem.n_components, random_state=0).fit(problem.X)
        self.origin, self.basis = self.posterior.centre(self.posterior.pack(em.mixture_))
        self._arrays = (self.origin, self.basis, *self.posterior.arguments)
        n = len(self.origin)
        self.block = np.array(
            [
                *self.posterior.rows.shape,
                n,
                len(self.posterior.numbers),
                *(array.ctypes.data for array in self._arrays),
            ],
            dtype=np.int64,
        )
        rng = np.random.default_rng(0)
        self.zs = [rng.normal(size=n) for _ in range(N_POINTS)]

    def points(self) -> list[np.ndarray]:
        return [self.origin + self.basis @ z for z in self.zs]


def peer_point(problem: Problem, posterior: LogPosterior, theta: np.ndarray) -> np.ndarray:
    """The textbook model's unconstrained point at theta."""
    variables = problem.variables(posterior.unpack(theta)[0])
    log_weights = np.log(variables["weights"])
    return np.concatenate([
        log_weights[:-1] - log_weights.mean(),
        variables["means"].ravel(),
        np.log(variables["squares"]).ravel(),
        variables["below"].ravel(),
    ])  # fmt: skip


def derivatives(function: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """The Jacobian by differences that are exact to fourth order."""
    step, jacobian = 1e-3, np.empty((len(function(at)), len(at)))
    for i in range(len(at)):
        change = np.zeros(len(at))
        change[i] = step
        near = function(at + change) - function(at - change)
        far = function(at + 2 * change) - function(at - 2 * change)
        jacobian[:, i] = (8 * near - far) / (12 * step)
    return jacobian


def differences(values, peer_values, gradients, peer_gradients) -> tuple[float, float]:
    """Largest differences: of values, relative; of gradients, relative to their largest entry."""
    value = np.max(np.abs(values - peer_values) / np.abs(peer_values))
    gradient = max(
        np.max(np.abs(ours - peer)) / np.max(np.abs(peer))
        for ours, peer in zip(gradients, peer_gradients, strict=True)
    )
    return float(value), float(gradient)


def compiled_caller(function, points: list[np.ndarray], data: np.ndarray) -> Callable[[], float]:
    """Seconds of a call of a C function of nutpie's kind from compiled code, over all points."""
    call = function.ctypes

    @numba.njit
    def through(points, gradient, value, data):
        failed = 0
        for i in range(len(points)):
            failed += call(
                points.shape[1], points[i].ctypes, gradient.ctypes, value.ctypes, data.ctypes
            )
        return failed

    arguments = (np.array(points), np.empty(len(points[0])), np.empty(1), as_block(data))
    assert through(*arguments) == 0
    return lambda: seconds(lambda: through(*arguments)) / len(points)


def as_block(data: np.ndarray) -> np.ndarray:
    """What nutpie hands to the function, as integers; a view of the same memory."""
    if data.dtype == np.int64:
        return data
    return np.frombuffer(data, dtype=np.int64) if data.nbytes else np.zeros(1, dtype=np.int64)


def check_callback(compiled, point: np.ndarray, expected: tuple[float, np.ndarray]) -> None:
    """The model that nutpie compiled is the one that PyMC compiled."""
    gradient, value = np.empty(len(point)), np.empty(1)
    block = as_block(compiled.user_data)
    call = compiled.compiled_logp_func.ctypes

    @numba.njit
    def once(point, gradient, value, data):
        return call(len(point), point.ctypes, gradient.ctypes, value.ctypes, data.ctypes)

    assert once(point, gradient, value, block) == 0
    np.testing.assert_allclose(value[0], expected[0], rtol=1e-9)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-6, atol=1e-6)
