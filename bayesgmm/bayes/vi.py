"""Variational inference: the normals nearest to the posterior, and how near they are.

A normal with any covariance is fitted at each mode, in the sampler's coordinates, by minimising its
Kullback-Leibler divergence from the posterior (Kucukelbir, Tran, Ranganath, Gelman and Blei, 2017,
jmlr.org/papers/v18/16-107.html). The draws over which the divergence is averaged are fixed, so
that it is a smooth function with a minimum to go to rather than noise to be averaged out (Giordano,
Ingram and Broderick, 2024, jmlr.org/papers/v25/23-1015.html). Fresh draws of the normals are
weighted and resampled as in :mod:`~bayesgmm.bayes.laplace`, and their k-hat is kept (Yao, Vehtari,
Simpson and Gelman, 2018, proceedings.mlr.press/v80/yao18a.html).
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm, qmc

from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.laplace import weigh
from bayesgmm.bayes.modes import Mode, shares
from bayesgmm.bayes.proposals import mixture_of, plain
from bayesgmm.bayes.samplers import PosteriorDraws

# Fixed draws, and at least so many for each coordinate: with fewer than there are coordinates the
# divergence has no minimum.
N_FIXED = 256
FIXED_A_COORDINATE = 8
MAX_ITERATIONS = 200


def sample_vi(
    posterior: LogPosterior,
    modes: Sequence[Mode],
    *,
    draws: int,
    tune: int | None,
    chains: int,
    rng: np.random.Generator,
    progressbar: bool,
) -> PosteriorDraws:
    """Draw from normals fitted by variational inference, weighted and resampled.

    Parameters
    ----------
    posterior : LogPosterior
    modes : sequence of Mode
        Those of the posterior: each has a normal.
    draws, chains : int
        Draws are independent; chains are a way to lay them out.
    tune : int or None
        Not used.
    rng : numpy.random.Generator
    progressbar : bool
        Show the progress of the weights.

    Raises
    ------
    KeyboardInterrupt
        If it is interrupted: there are no draws before the end.

    Notes
    -----
    Whatever k-hat is, the draws are kept; from 0.7 on weights cannot mend what the normals get
    wrong, and the diagnostics say so.
    """
    n = max(N_FIXED, FIXED_A_COORDINATE * posterior.sizes.n_coordinates)
    fixed = _fixed_draws(n, posterior.sizes.n_coordinates, rng)
    fitted = [_fit(posterior, mode, fixed) for mode in modes]
    label = "Variational inference, weights"
    normals = [plain(posterior, normal.place, normal.basis) for normal in fitted]
    proposal = mixture_of(normals, shares(fitted))
    return weigh(posterior, proposal, draws, chains, rng, progressbar, "vi", label)


def _fixed_draws(n: int, p: int, rng: np.random.Generator) -> np.ndarray:
    """About n standard normal draws of p coordinates, evenly spread, of mean 0 and variance 1.

    By a scrambled Sobol sequence (Buchholz, Wenzel and Mandt, 2018, arXiv:1807.01604).
    """
    # SciPy's annotations know only its newer name, rng=.
    sobol = qmc.Sobol(p, seed=rng)  # pyright: ignore[reportCallIssue]
    sequence = sobol.random_base2(int(np.ceil(np.log2(n))))
    z = norm.ppf(np.clip(sequence, 1e-12, 1.0 - 1e-12))
    z -= z.mean(axis=0)
    return np.linalg.solve(np.linalg.cholesky(z.T @ z / len(z)), z.T).T


def _fit(posterior: LogPosterior, mode: Mode, fixed: np.ndarray) -> Mode:
    """The normal that is nearest to the posterior, from that at the mode on.

    Coordinates: ``place + basis (m + T z)``, T a lower triangle with the logarithms of its
    diagonal.
    """
    p = len(mode.place)
    lower, diagonal = np.tril_indices(p), np.arange(p)

    def normal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        factor = np.zeros((p, p))
        factor[lower] = x[p:]
        factor[diagonal, diagonal] = np.exp(factor[diagonal, diagonal])
        return x[:p], factor

    def divergence(x: np.ndarray) -> tuple[float, np.ndarray]:
        with np.errstate(over="ignore", invalid="ignore"):
            centre, factor = normal(x)
            thetas = mode.place + (centre + fixed @ factor.T) @ mode.basis.T
            values, slopes = posterior.values_and_gradients(thetas)
            slopes = slopes @ mode.basis
            by_factor = slopes.T @ fixed / len(fixed)
            by_factor[diagonal, diagonal] *= factor[diagonal, diagonal]
            by_factor[diagonal, diagonal] += 1.0
            value = -values.mean() - np.log(factor[diagonal, diagonal]).sum()
            gradient = -np.concatenate([slopes.mean(axis=0), by_factor[lower]])
        if not (np.isfinite(value) and np.all(np.isfinite(gradient))):
            return np.inf, np.zeros_like(x)
        return value, gradient

    start = np.zeros(p + len(lower[0]))
    options = {"maxiter": MAX_ITERATIONS, "ftol": 1e-7, "gtol": 1e-4}
    found = minimize(divergence, start, jac=True, method="L-BFGS-B", options=options)
    centre, factor = normal(found.x)
    fitted = Mode(mode.place + mode.basis @ centre, mode.basis @ factor, posterior)
    fitted.log_mass = -found.fun + np.linalg.slogdet(mode.basis)[1]
    return fitted
