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
        components = [
            pm.MvNormal.dist(
                means[j], chol=covariance_factor(problem.scale_factor, squares[j], below[j])
            )
            for j in range(k)
        ]
        # As constants they would make the compiled code several times slower.
        rows = pm.Data("rows", problem.X)
        pm.Mixture("x", w=weights, comp_dists=components, observed=rows)
    return model


def covariance_factor(scale_factor, squares, below):
    d = len(scale_factor)
    factor = pt.zeros((d, d))
    factor = pt.set_subtensor(factor[np.diag_indices(d)], pt.sqrt(squares))
    factor = pt.set_subtensor(factor[np.tril_indices(d, -1)], below)
    product = scale_factor @ pt.linalg.solve_triangular(factor, np.eye(d), lower=True)
    # Otherwise PyTensor does not see that it is triangular, and factorises the covariance anew.
    return pm.math.expand_packed_triangular(d, product[np.tril_indices(d)])


def compile_with_nutpie(model: pm.Model, start: dict[str, np.ndarray] | None = None):
    """Compiled for nutpie; all chains start there if a start is given."""
    import nutpie

    options = {} if start is None else {"initial_points": start, "jitter_rvs": set()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it cannot cache does not matter here
        return nutpie.compile_pymc_model(model, backend="numba", **options)
