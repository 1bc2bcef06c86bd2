"""Value and gradient of a PyMC log-posterior: MvNormalMixture against pm.Mixture of pm.MvNormal.

Both models have the same priors and data and are compiled by ``model.logp_dlogp_function``; their
calls alternate, so that both see the same machine. Usage::

    python benchmarks/gradient.py [--repeats 30] [--shapes 1000,2,3 10000,2,3 10000,8,5]

Times are worth reading on a machine that does nothing else; ratios stand some load.
"""

import argparse
import platform
import time
from collections.abc import Callable

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.blocking import DictToArrayBijection

from bayesgmm.bayes.distribution import MvNormalMixture

SHAPES = ["1000,2,3", "10000,2,3", "10000,8,5"]


def simulate(n: int, d: int, k: int) -> np.ndarray:
    rng = np.random.default_rng(2026)
    means = rng.normal(scale=4, size=(k, d))
    chol = np.tril(rng.normal(scale=0.3, size=(k, d, d)))
    chol[:, range(d), range(d)] = rng.uniform(0.5, 1.5, size=(k, d))
    labels = rng.integers(k, size=n)
    return means[labels] + np.einsum("nij,nj->ni", chol[labels], rng.normal(size=(n, d)))


def build(X: np.ndarray, k: int, ours: bool) -> pm.Model:
    d = X.shape[1]
    with pm.Model() as model:
        rows = pm.Data("X", X)
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


def starting_points(model: pm.Model, n_points: int) -> list[np.ndarray]:
    point = model.initial_point()
    flat = DictToArrayBijection.map({v.name: point[v.name] for v in model.value_vars}).data
    rng = np.random.default_rng(0)
    return [flat + 0.3 * rng.normal(size=flat.shape) for _ in range(n_points)]


def seconds(function: Callable, points: list[np.ndarray]) -> float:
    start = time.perf_counter()
    for point in points:
        function(point)
    return (time.perf_counter() - start) / len(points)


def compare(n: int, d: int, k: int, repeats: int) -> dict[str, float]:
    X = simulate(n, d, k)
    models = {"peer": build(X, k, ours=False), "ours": build(X, k, ours=True)}
    points = starting_points(models["ours"], 20)
    functions, compiled = {}, {}
    for name, model in models.items():
        start = time.perf_counter()
        functions[name] = compile_gradient(model)
        functions[name](points[0])
        compiled[name] = time.perf_counter() - start

    value_error = gradient_error = 0.0
    for point in points:
        (value, gradient), (peer_value, peer_gradient) = (
            functions[name](point) for name in ("ours", "peer")
        )
        value_error = max(value_error, abs(value - peer_value) / abs(peer_value))
        scale = np.abs(peer_gradient).max()
        gradient_error = max(gradient_error, np.abs(gradient - peer_gradient).max() / scale)

    times = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            times[name].append(seconds(function, points))
    medians = {name: float(np.median(values)) for name, values in times.items()}
    ratios = np.array(times["peer"]) / np.array(times["ours"])
    return {
        "peer": medians["peer"],
        "ours": medians["ours"],
        "ratio": float(np.median(ratios)),
        "value_error": float(value_error),
        "gradient_error": float(gradient_error),
        "compile_peer": compiled["peer"],
        "compile_ours": compiled["ours"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--shapes", nargs="+", default=SHAPES, metavar="N,D,K")
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, PyMC {pm.__version__}, {platform.machine()}")
    print(
        "| N, D, K | pm.Mixture, us | MvNormalMixture, us | ratio | value, rel. diff. "
        "| gradient, rel. diff. | compile and first call, s (peer / ours) |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for shape in arguments.shapes:
        n, d, k = map(int, shape.split(","))
        row = compare(n, d, k, arguments.repeats)
        print(
            f"| {n}, {d}, {k} | {1e6 * row['peer']:.0f} | {1e6 * row['ours']:.1f} "
            f"| {row['ratio']:.1f} | {row['value_error']:.1e} | {row['gradient_error']:.1e} "
            f"| {row['compile_peer']:.1f} / {row['compile_ours']:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
