"""The mixture as textbooks write it in PyMC: ``pm.Mixture`` of ``pm.MvNormal``."""

# PyTensor's annotations leave out its variables' operators and its lazily exported names.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportIndexIssue=false, reportPrivateImportUsage=false

import warnings

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from posterior_figures.problems import Problem


def build(problem: Problem) -> pm.Model:
    """The model of a problem; its variables are those of :meth:`Problem.variables`."""
    priors, k, d = problem.priors, problem.n_components, problem.n_features
    with pm.Model() as model:
        weights = pm.Dirichlet("weights", priors.concentration)
        means = pm.Normal("means", priors.loc, priors.scale, shape=(k, d))
        squares = pm.ChiSquared("squares", problem.squares_dof, shape=(k, d))
        below = pm.Normal("below", 0.0, 1.0, shape=(k, d * (d - 1) // 2))
        chol = covariance_factors(problem.scale_factor, squares, below)
        components = [pm.MvNormal.dist(means[j], chol=chol[j]) for j in range(k)]
        pm.Mixture("x", w=weights, comp_dists=components, observed=problem.X)
    return model


def covariance_factors(scale_factor, squares, below):
    d = len(scale_factor)
    diagonal, (rows, columns) = np.arange(d), np.tril_indices(d, -1)
    factor = pt.zeros((squares.shape[0], d, d))
    factor = pt.set_subtensor(factor[:, diagonal, diagonal], pt.sqrt(squares))
    factor = pt.set_subtensor(factor[:, rows, columns], below)
    # C = L B^-1 by C' = B'^-1 L'.
    transposed = pt.linalg.solve_triangular(
        factor.swapaxes(-1, -2), scale_factor.T[None], lower=False, b_ndim=2
    )
    return transposed.swapaxes(-1, -2)


def compile_with_nutpie(model: pm.Model, start: dict[str, np.ndarray] | None = None):
    """Compiled for nutpie; all chains start there if a start is given."""
    import nutpie

    options = {} if start is None else {"initial_points": start, "jitter_rvs": set()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it cannot cache does not matter here
        return nutpie.compile_pymc_model(model, backend="numba", **options)
