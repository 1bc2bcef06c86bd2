"""R-hat and effective sample size of many quantities at once."""

import numpy as np
from scipy.special import ndtri


def rhat_and_ess(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank-normalised split R-hat, and bulk effective sample size.

    After Vehtari et al. (2021), doi:10.1214/20-BA1221, as in ``arviz.rhat`` and ``arviz.ess``,
    a tenth as long.

    Parameters
    ----------
    values : (chain, draw, ...) array
        At least four draws a chain.

    Returns
    -------
    rhat : (...) array
        NaN for one chain, and where draws are not finite or all the same.
    ess : (...) array
        NaN where draws are not finite.
    """
    n_chains, n_draws, *shape = values.shape
    columns = np.asarray(values, dtype=float).reshape(n_chains, n_draws, -1)
    valid = np.isfinite(columns).all(axis=(0, 1))
    columns = np.where(valid, columns, 0.0)
    half = n_draws // 2
    split = np.concatenate([columns[:, :half], columns[:, n_draws - half :]])
    scores = _normal_scores(split)
    ess = np.where(valid, _ess(scores), np.nan)
    rhat = np.full(ess.shape, np.nan)
    if n_chains > 1:
        folded = _normal_scores(np.abs(split - np.median(split, axis=(0, 1))))
        rhat = np.where(valid, np.fmax(_rhat(scores), _rhat(folded)), np.nan)
    return rhat.reshape(shape), ess.reshape(shape)


def _normal_scores(values: np.ndarray) -> np.ndarray:
    """Normal quantiles of the ranks over all chains, column by column."""
    columns = np.ascontiguousarray(values.reshape(-1, values.shape[-1]).T)
    n = columns.shape[1]
    # Of whole and half ranks: a table is faster than as many quantiles.
    table = ndtri((np.arange(2.0, 2.0 * n + 1.0) / 2.0 - 0.375) / (n + 0.25))
    scores = np.empty_like(columns)
    for column, out in zip(columns, scores, strict=True):
        order = np.argsort(column)
        ordered = column[order]
        # Equal values, as where a chain stays, share the mean of their ranks.
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        counts = np.diff(starts, append=n)
        out[order] = np.repeat(table[2 * starts + counts - 1], counts)
    return scores.T.reshape(values.shape)


def _rhat(values: np.ndarray) -> np.ndarray:
    n_draws = values.shape[1]
    between = values.mean(axis=1).var(axis=0, ddof=1)
    within = values.var(axis=1, ddof=1).mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(between / within + (n_draws - 1.0) / n_draws)


def _ess(values: np.ndarray) -> np.ndarray:
    n_chains, n_draws, n_columns = values.shape
    covariance = _autocovariance(values).mean(axis=0)
    within = covariance[0] * n_draws / (n_draws - 1.0)
    total = covariance[0] + values.mean(axis=1).var(axis=0, ddof=1)
    moves = total > 0
    rho = 1.0 - (within - covariance) / np.where(moves, total, 1.0)
    rho[0] = 1.0
    # Geyer (1992, doi:10.1214/ss/1177011137): sums of two neighbours, until one is not positive,
    # and never increasing.
    last = max(0, (n_draws - 3) // 2)
    pairs = rho[0 : 2 * last + 2 : 2] + rho[1 : 2 * last + 2 : 2]
    ends = pairs <= 0
    end = np.where(ends.any(axis=0), ends.argmax(axis=0), last)
    pairs = np.minimum.accumulate(pairs, axis=0)
    before = np.arange(len(pairs))[:, None] < end
    remainder = np.maximum(rho[2 * end, np.arange(n_columns)], 0.0)
    n_total = n_chains * n_draws
    tau = 2.0 * np.sum(pairs, axis=0, where=before) + remainder - 1.0
    # Draws that do not move are reported in words.
    return np.where(moves, n_total / np.maximum(tau, 1.0 / np.log10(n_total)), n_total)


def _autocovariance(values: np.ndarray) -> np.ndarray:
    n_draws = values.shape[1]
    centred = values - values.mean(axis=1, keepdims=True)
    length = 1 << (2 * n_draws - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, length, axis=1)) ** 2
    return np.fft.irfft(power, length, axis=1)[:, :n_draws] / n_draws
