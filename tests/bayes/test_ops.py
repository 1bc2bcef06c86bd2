"""The mixture Ops: against scipy, finite differences and the ordinary graph; and their rewrites."""

import pickle

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import get_mode
from pytensor.graph.fg import FunctionGraph
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from bayesgmm.bayes import rewrites  # noqa: F401 (registers the rewrites)
from bayesgmm.bayes.numba_kernels import KINDS, fused_pass
from bayesgmm.bayes.ops import MixtureLogDensity, MixtureLogLikelihood, log_density_graph
from bayesgmm.bayes.user_priors import interpreted

KIND_NAMES = sorted(KINDS)
NO_WEIGHTS = np.empty(0)


def problem(kind, n=40, d=2, k=3, seed=0):
    """Data, log-weights, means, the scale as ``kind`` writes it, and full covariances."""
    rng = np.random.default_rng([seed, n, d, k])
    X = 2 * rng.normal(size=(n, d)) + 1
    log_weights = np.log(rng.dirichlet(np.full(k, 3.0)))
    means = 1.5 * rng.normal(size=(k, d)) + 1
    if kind == "diagonal":
        scale = rng.uniform(0.5, 2.0, size=(k, d))
        return X, log_weights, means, scale, np.stack([np.diag(s**2) for s in scale])
    scale = np.tril(0.4 * rng.normal(size=(k, d, d)))
    scale[:, range(d), range(d)] = rng.uniform(0.5, 2.0, size=(k, d))
    chol = scale if kind == "cholesky" else np.linalg.inv(scale)
    return X, log_weights, means, scale, chol @ chol.transpose(0, 2, 1)


def by_scipy(X, log_weights, means, covariances):
    joint = [
        lw + np.atleast_1d(multivariate_normal(m, c).logpdf(X))
        for lw, m, c in zip(log_weights, means, covariances, strict=True)
    ]
    return logsumexp(joint, axis=0)


def finite_differences(function, values):
    """Central differences, each value's lower triangle and rows one at a time."""
    gradients = []
    for position, value in enumerate(values):
        gradient = np.zeros_like(value)
        for index in np.ndindex(value.shape):
            if value.ndim == 3 and index[2] > index[1]:
                continue
            step = 1e-5 * max(1.0, abs(value[index]))
            ends = []
            for sign in (1, -1):
                moved = [v.copy() for v in values]
                moved[position][index] += sign * step
                ends.append(function(*moved))
            gradient[index] = (ends[0] - ends[1]) / (2 * step)
        gradients.append(gradient)
    return gradients


def symbolic(*arrays):
    return [pt.tensor(dtype="float64", shape=(None,) * a.ndim) for a in arrays]


@pytest.mark.parametrize("kind", KIND_NAMES)
@pytest.mark.parametrize("d", [1, 2, 5])
def test_log_density_is_scipys(kind, d):
    *arrays, covariances = problem(kind, d=d)
    X, log_weights, means, _ = arrays
    expected = by_scipy(X, log_weights, means, covariances)
    np.testing.assert_allclose(
        MixtureLogDensity(kind)(*arrays).eval(), expected, rtol=1e-12, atol=1e-12
    )
    ordinary = log_density_graph(kind, *map(pt.as_tensor, arrays)).eval()
    np.testing.assert_allclose(ordinary, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KIND_NAMES)
@pytest.mark.parametrize(("d", "is_known"), [(1, True), (2, False), (3, True), (20, True)])
@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_are_those_of_finite_differences(kind, d, is_known, weighted):
    X, *parameters, _ = problem(kind, n=25, d=d, k=2)
    weights = np.random.default_rng(1).uniform(0.1, 3, 25) if weighted else NO_WEIGHTS
    fused = fused_pass(kind, d if is_known else None)
    value, *gradients = fused.value_and_gradient(X, *parameters, weights)
    assert value == pytest.approx(float(fused.value(X, *parameters, weights)), rel=1e-12)
    rows = fused.log_density(X, *parameters)
    assert value == pytest.approx(rows @ weights if weighted else rows.sum(), rel=1e-12)

    expected = finite_differences(lambda *p: float(fused.value(X, *p, weights)), parameters)
    for gradient, reference in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, reference, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_gradients_are_those_of_the_ordinary_graph(kind):
    *arrays, _ = problem(kind, d=3)
    inputs = symbolic(*arrays)
    weights = np.random.default_rng(2).uniform(0.1, 3, len(arrays[0]))
    gradients = [
        pytensor.grad((weights * build(*inputs)).sum(), inputs)
        for build in (
            MixtureLogDensity(kind),
            lambda *a: log_density_graph(kind, *a),
        )
    ]
    function = pytensor.function(inputs, gradients[0] + gradients[1])
    found = function(*arrays)
    for ours, ordinary in zip(found[:4], found[4:], strict=True):
        np.testing.assert_allclose(ours, ordinary, rtol=1e-9, atol=1e-10)


def test_gradient_with_respect_to_weights_is_the_log_density():
    *arrays, _ = problem("cholesky")
    weights = pt.vector("weights")
    value = MixtureLogLikelihood("cholesky", weighted=True)(*arrays, weights)[0]
    gradient = pytensor.function([weights], pytensor.grad(value, weights))
    expected = MixtureLogDensity("cholesky")(*arrays).eval()
    np.testing.assert_allclose(gradient(np.ones(40)), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_hessian_is_the_gradients_finite_difference(kind):
    X, log_weights, means, scale, _ = problem(kind, n=15)
    vector = pt.vector("means", shape=(means.size,))
    value = MixtureLogLikelihood(kind)(X, log_weights, vector.reshape(means.shape), scale)[0]
    hessian = pytensor.function([vector], pytensor.gradient.hessian(value, vector))(means.ravel())

    def gradient(flat):
        return (
            fused_pass(kind)
            .value_and_gradient(X, log_weights, flat.reshape(means.shape), scale, NO_WEIGHTS)[2]
            .ravel()
        )

    for i, row in enumerate(np.eye(means.size)):
        step = (gradient(means.ravel() + 1e-5 * row) - gradient(means.ravel() - 1e-5 * row)) / 2e-5
        np.testing.assert_allclose(hessian[i], step, rtol=1e-6, atol=1e-6)


def spoil(arrays, what):
    X, log_weights, means, scale = (a.copy() for a in arrays)
    diagonal = (0,) * scale.ndim
    if what == "negative":
        scale[diagonal] *= -1
    elif what == "zero":
        scale[diagonal] = 0
    elif what == "nan scale":
        scale[diagonal] = np.nan
    elif what == "inf mean":
        means[0, 0] = np.inf
    elif what == "nan mean":
        means[0, 0] = np.nan
    elif what == "nan weight":
        log_weights[0] = np.nan
    else:
        log_weights[:] = -np.inf
    return X, log_weights, means, scale


@pytest.mark.parametrize("kind", KIND_NAMES)
@pytest.mark.parametrize(
    "what",
    ["negative", "zero", "nan scale", "inf mean", "nan mean", "nan weight", "no weight"],
)
def test_outside_the_support_is_minus_infinity_with_gradient_zero(kind, what):
    *arrays, _ = problem(kind)
    bad = spoil(arrays, what)
    fused = fused_pass(kind)
    assert np.all(fused.log_density(*bad) == -np.inf)
    assert fused.value(*bad, NO_WEIGHTS) == -np.inf
    value, *gradients = fused.value_and_gradient(*bad, NO_WEIGHTS)
    assert value == -np.inf
    assert all(np.all(gradient == 0) for gradient in gradients)


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_overflow_is_minus_infinity_too(kind):
    X, log_weights, means, scale, _ = problem(kind)
    value, *gradients = fused_pass(kind).value_and_gradient(
        X, log_weights, means + 1e200, scale, NO_WEIGHTS
    )
    assert value == -np.inf
    assert all(np.all(gradient == 0) for gradient in gradients)


def test_a_component_of_weight_zero_takes_no_part():
    X, log_weights, means, scale, _ = problem("cholesky", k=2)
    padded = (np.append(log_weights, -np.inf), np.vstack([means, [9.0, 9]]), scale[[0, 1, 1]])
    fused = fused_pass("cholesky")
    value, *gradients = fused.value_and_gradient(X, *padded, NO_WEIGHTS)
    expected, *references = fused.value_and_gradient(X, log_weights, means, scale, NO_WEIGHTS)
    assert value == pytest.approx(float(expected), rel=1e-14)
    for gradient, reference in zip(gradients, references, strict=True):
        np.testing.assert_allclose(gradient[:2], reference, rtol=1e-12)
        assert np.all(abs(gradient[2]) < 1e-200)


@pytest.mark.parametrize("kind", ["whitening", "cholesky"])
def test_the_upper_triangle_is_not_read(kind):
    *arrays, _ = problem(kind, d=3)
    X, log_weights, means, scale = arrays
    filled = scale + np.triu(np.full((3, 3), 7.0), 1)
    fused = fused_pass(kind)
    clean = fused.value_and_gradient(*arrays, NO_WEIGHTS)
    for ours, reference in zip(
        fused.value_and_gradient(X, log_weights, means, filled, NO_WEIGHTS), clean, strict=True
    ):
        np.testing.assert_array_equal(ours, reference)
    assert np.all(np.triu(clean[3], 1) == 0)


def test_float32_rows_are_taken_as_they_are():
    X, *parameters, _ = problem("cholesky")
    rows = MixtureLogDensity("cholesky")(X.astype("float32"), *parameters)
    assert rows.owner.inputs[0].type.dtype == "float32"
    expected = MixtureLogDensity("cholesky")(
        X.astype("float32").astype("float64"), *parameters
    ).eval()
    np.testing.assert_allclose(rows.eval(), expected, rtol=1e-4)


def test_shapes_that_do_not_fit_are_refused():
    X, log_weights, means, scale, _ = problem("cholesky")
    fused = fused_pass("cholesky")
    with pytest.raises(ValueError, match="number of columns"):
        fused.log_density(X[:, :1], log_weights, means, scale)
    with pytest.raises(ValueError, match="number of components"):
        fused.log_density(X, log_weights[:2], means, scale)
    with pytest.raises(ValueError, match="scale's shape"):
        fused.log_density(X, log_weights, means, scale[:2])
    with pytest.raises(ValueError, match="one number for each row"):
        fused.value(X, log_weights, means, scale, np.ones(3))
    with pytest.raises(TypeError, match="axes"):
        MixtureLogDensity("diagonal")(X, log_weights, means, scale)
    with pytest.raises(TypeError, match="inputs"):
        MixtureLogLikelihood("cholesky", weighted=True)(X, log_weights, means, scale)


def test_ops_are_equal_by_their_properties_and_survive_pickling():
    op = MixtureLogLikelihood("whitening", weighted=True)
    assert (
        op == MixtureLogLikelihood("whitening", weighted=True) != MixtureLogLikelihood("whitening")
    )
    assert pickle.loads(pickle.dumps(op)) == op
    assert hash(MixtureLogDensity("diagonal")) == hash(MixtureLogDensity("diagonal"))


# --- rewrites --------------------------------------------------------------------------------


def kernels(inputs, outputs, mode="NUMBA"):
    """The mixture Ops left once ``mode`` has rewritten the graph; nothing is compiled."""
    graph = FunctionGraph(list(inputs), list(outputs), clone=True)
    get_mode(mode).excluding("inplace").optimizer.rewrite(graph)
    return [
        node.op
        for node in graph.toposort()
        if isinstance(node.op, MixtureLogDensity | MixtureLogLikelihood)
    ]


def scaled(rows, weights, scalar):
    return {
        "plain": rows.sum(),
        "scalar": (scalar * rows).sum(),
        "weights": (weights * rows).sum(),
        "weights times scalar": (weights * rows * scalar).sum(),
        "scalar outside": scalar * (weights * rows).sum(),
        "uniform weights": (pt.full((rows.shape[0],), scalar) * rows).sum(),
        "constant weights": (np.full(40, 2.0) * rows).sum(),
        "weights of one": (np.ones(40) * rows).sum(),
    }


UNWEIGHTED = ["plain", "scalar", "uniform weights", "constant weights", "weights of one"]
WEIGHTED = ["weights", "weights times scalar", "scalar outside"]


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(form, marks=[] if form in ("plain", "scalar outside") else pytest.mark.slow)
        for form in UNWEIGHTED + WEIGHTED
    ],
)
@interpreted()
def test_value_and_gradient_share_one_kernel(form):
    *arrays, _ = problem("cholesky")
    inputs = symbolic(*arrays)
    weights, scalar = pt.vector("weights"), pt.scalar("scalar")
    total = scaled(MixtureLogDensity("cholesky")(*inputs), weights, scalar)[form]
    outputs = [total, *pytensor.grad(total, inputs[1:])]
    given = [*inputs, weights, scalar]
    weighted = form in WEIGHTED
    assert kernels(given, outputs) == [MixtureLogLikelihood("cholesky", weighted)]
    assert kernels(given, outputs[1:]) == [MixtureLogLikelihood("cholesky", weighted)]
    assert kernels(given, [total]) == [MixtureLogLikelihood("cholesky", weighted, value_only=True)]

    reference = scaled(log_density_graph("cholesky", *inputs), weights, scalar)[form]
    expected = [reference, *pytensor.grad(reference, inputs[1:])]
    values = [*arrays, np.random.default_rng(3).uniform(0.5, 2, 40), 1.7]
    found = pytensor.function(given, outputs + expected, on_unused_input="ignore")(*values)
    for ours, ordinary in zip(found[:4], found[4:], strict=True):
        np.testing.assert_allclose(ours, ordinary, rtol=1e-9)


def test_pointwise_densities_are_left_alone():
    *arrays, _ = problem("diagonal")
    inputs = symbolic(*arrays)
    rows = MixtureLogDensity("diagonal")(*inputs)
    assert kernels(inputs, [rows]) == [MixtureLogDensity("diagonal")]
    assert kernels(inputs, [rows[:3].sum()]) == [MixtureLogDensity("diagonal")]


def test_a_product_of_two_densities_is_not_taken_for_weights():
    *arrays, _ = problem("diagonal")
    inputs = symbolic(*arrays)
    rows = MixtureLogDensity("diagonal")(*inputs)
    other = MixtureLogDensity("diagonal")(inputs[0], inputs[1], inputs[2] + 1, inputs[3])
    assert kernels(inputs, [(rows * other).sum()]) == [MixtureLogDensity("diagonal")] * 2


def test_gradient_of_a_latent_row_does_not_follow_the_parameters():
    """The means are computed from the rows: the pullback must not count that path twice."""
    X, log_weights, _, scale, _ = problem("cholesky", n=3)
    rows = pt.matrix("rows", shape=(3, 2))

    def total(build):
        return build(rows, pt.as_tensor(log_weights), 0.5 * rows, pt.as_tensor(scale)).sum()

    gradients = [
        pytensor.grad(total(MixtureLogDensity("cholesky")), rows),
        pytensor.grad(total(lambda *a: log_density_graph("cholesky", *a)), rows),
    ]
    ours, ordinary = pytensor.function([rows], gradients)(X)
    np.testing.assert_allclose(ours, ordinary, rtol=1e-10)
