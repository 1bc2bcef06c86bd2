"""Accuracy of one pass and one M-step against long double arithmetic.

Data, weights, means and whitening factors are the same doubles in both; only the arithmetic
differs. Errors: of the log-likelihood, relative; of the covariances that the M-step makes of the
pass, the largest error of an entry relative to the standard deviations of its two columns. For
scikit-learn, one iteration of its fit from the same mixture.
"""

import warnings

import numpy as np
import sklearn.mixture

from bayesgmm.core.mixture import Mixture
from bayesgmm.core.statistics import accumulate, moments
from em_figures.data import as_arguments
from em_figures.measuring import Options, columns, heading, row, shape

N, D, K = 20_000, 5, 4
QUICK_N = 500
# Where the centre of the data lies, and the standard deviation of components 3 apart.
CASES = {
    "at the origin": (0.0, 1.0),
    "offset 1e8": (1e8, 1.0),
    "components 1e-4 of their separation": (0.0, 3e-4),
}
EXTENDED = np.longdouble
# New covariances from the components' scatters, (K, D, D) or (K, D), and the sums of their
# responsibilities: written out, to be independent of the code that is measured.
M_STEP = {
    "full": lambda scatter, counts: scatter / counts[:, None, None],
    "tied": lambda scatter, counts: scatter.sum(axis=0) / counts.sum(),
    "diag": lambda scatter, counts: scatter / counts[:, None],
    "spherical": lambda scatter, counts: scatter.mean(axis=1) / counts,
}


def problem(offset: float, sd: float, n: int, family: str) -> tuple[np.ndarray, Mixture]:
    """Rows, and a mixture a little off the one that they come from."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(K, D))
    distances = np.linalg.norm(centres[:, None] - centres, axis=-1)
    centres *= 3.0 / distances[distances > 0].min()
    axes = sd * (np.eye(D) + 0.1 * rng.normal(size=(K, D, D)))
    labels = rng.integers(K, size=n)
    noise = rng.normal(size=(n, D))
    X = offset + centres[labels] + np.einsum("nij,nj->ni", axes[labels], noise)
    means = offset + centres + 0.3 * sd * rng.normal(size=(K, D))
    covariances = 1.2 * axes @ np.swapaxes(axes, -1, -2)
    return X, Mixture.from_covariances(np.full(K, 1.0 / K), means, covariances, family)


def exact(X: np.ndarray, mixture: Mixture) -> tuple[np.longdouble, np.ndarray]:
    """Log-likelihood and new covariances in the family's shape, in long double arithmetic."""
    X, means = X.astype(EXTENDED), mixture.means.astype(EXTENDED)
    factors = mixture.kernel_factors.astype(EXTENDED)
    is_diagonal = mixture.family.structure == "diagonal"
    joint = np.empty((len(X), K), dtype=EXTENDED)
    two_pi = 8 * np.arctan(EXTENDED(1))
    for k in range(K):
        centred = X - means[k]
        y = centred * factors[k] if is_diagonal else np.einsum("ij,nj->ni", factors[k], centred)
        diagonal = factors[k] if is_diagonal else np.diag(factors[k])
        constant = np.log(EXTENDED(mixture.weights[k])) + np.log(diagonal).sum()
        joint[:, k] = constant - D * np.log(two_pi) / 2 - (y**2).sum(axis=1) / 2
    top = joint.max(axis=1, keepdims=True)
    density = top + np.log(np.exp(joint - top).sum(axis=1, keepdims=True))
    r = np.exp(joint - density)
    counts = r.sum(axis=0)
    scatter = []
    for k in range(K):
        centred = X - (r[:, [k]] * X).sum(axis=0) / counts[k]
        product = "n,ni,ni->i" if is_diagonal else "n,ni,nj->ij"
        scatter.append(np.einsum(product, r[:, k], centred, centred))
    return density.sum(), M_STEP[mixture.covariance_type](np.array(scatter), counts)


def ours(X: np.ndarray, mixture: Mixture) -> tuple[float, np.ndarray]:
    statistics = accumulate(X, mixture)
    found = moments(statistics, mixture)
    return statistics.log_likelihood, mixture.family.estimate(found.scatter, found.counts)


def theirs(X: np.ndarray, mixture: Mixture) -> tuple[float, np.ndarray]:
    fit = sklearn.mixture.GaussianMixture(
        K,
        covariance_type=mixture.covariance_type,
        max_iter=1,
        reg_covar=0.0,
        **as_arguments(mixture),
        # The start that it makes beside the one given would be singular from single rows.
        init_params="random",
        random_state=0,
    ).fit(X)
    return fit.lower_bound_ * len(X), fit.covariances_


def errors(result: tuple[float, np.ndarray], reference: tuple, mixture: Mixture) -> list[float]:
    log_likelihood, covariances = (np.asarray(value, EXTENDED) for value in result)
    true_likelihood, true_covariances = reference
    scale = true_covariances
    if mixture.family.structure == "triangular":
        sd = np.sqrt(true_covariances.diagonal(axis1=-2, axis2=-1))
        scale = sd[..., :, None] * sd[..., None, :]
    return [
        float(abs(log_likelihood / true_likelihood - 1)),
        float(np.max(np.abs(covariances - true_covariances) / scale)),
    ]


def run(options: Options) -> None:
    n = QUICK_N if options.quick else N
    heading(
        "Accuracy of a pass",
        f"Largest errors against long double; N, D, K = {shape(n, D, K)}. The log-likelihood's is "
        "relative, a covariance's relative to the standard deviations of its two columns.",
    )
    if np.finfo(EXTENDED).eps >= np.finfo(float).eps:
        print("Not measured: long double is no longer than double here.")
        return
    columns(
        "data",
        "family",
        "log-likelihood",
        "covariances",
        "scikit-learn's log-likelihood",
        "covariances",
    )
    for name, (offset, sd) in CASES.items():
        for family in M_STEP:
            X, mixture = problem(offset, sd, n, family)
            reference = exact(X, mixture)
            cells = [f"{e:.0e}" for e in errors(ours(X, mixture), reference, mixture)]
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # one iteration does not converge
                    peer = errors(theirs(X, mixture), reference, mixture)
                cells += [f"{e:.0e}" for e in peer]
            except ValueError:
                cells += ["fails", "fails"]
            row(name, family, *cells)
