"""At which modes of the posterior draws are, and what of it they miss."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.sparse.csgraph import connected_components

from bayesgmm.bayes.modes import SAME, Mode, shares
from bayesgmm.core.mixture import Mixture

# Modes are places apart where in the middle fifth between them there are fewer draws than this
# share of those at the mode that has fewer.
_HARDLY_ANY, _BETWEEN = 0.1, 0.1
# Places with a smaller share of the draws are not spoken of.
_A_PLACE = 0.05
# So many draws and rows tell which modes draws are at.
_MAX_DRAWS, _MAX_ROWS = 400, 1000
# Rows whose company tells clusterings apart.
_ANCHORS = 10


class Visits(NamedTuple):
    """What draws say of the modes.

    Attributes
    ----------
    missing : float
        How much of the posterior modes hold at which there is no draw.
    places : tuple of float
        Shares of the draws at modes, or groups of modes, that hardly any draw is between, the
        largest first; those below a twentieth are left out.
    """

    missing: float = 0.0
    places: tuple[float, ...] = (1.0,)


def visits(modes: Sequence[Mode], draws: Mixture) -> Visits:
    """Look at which modes draws are.

    A draw is at the mode that is nearest, and at all that are no farther than draws commonly are
    from theirs: modes lie close together where components are empty. Labels make no difference.
    """
    if len(modes) == 1:
        return Visits()
    some = draws.thin(_MAX_DRAWS)
    away = _squared_distances(_signature(modes, some), _signature(modes))
    held, nearest = shares(modes), away.min(axis=1)
    common = np.maximum(nearest, np.median(nearest))
    held[(away <= common[:, None]).any(axis=0)] = 0.0
    return Visits(float(held.sum()), _places(modes, some))


def _places(modes: Sequence[Mode], draws: Mixture) -> tuple[float, ...]:
    """Shares of the draws at places that are apart, by which rows go together."""
    rows = _rows(modes)
    at_draws, at_modes = _together(draws, rows), _together(_mixtures(modes), rows)
    which = _squared_distances(at_draws, at_modes).argmin(axis=1)
    n_at, is_apart = np.bincount(which), np.zeros((len(modes), len(modes)), dtype=bool)
    for i, j in combinations(np.unique(which), 2):
        line = at_modes[j] - at_modes[i]
        along = (at_draws[(which == i) | (which == j)] - at_modes[i]) @ line
        share = along / max(float(line @ line), 1e-300)
        n_between = np.sum(np.abs(share - 0.5) < _BETWEEN)
        is_apart[i, j] = n_between < _HARDLY_ANY * min(n_at[i], n_at[j])
    n, group = connected_components(~(is_apart | is_apart.T))
    counts = np.bincount(group[which], minlength=n) / len(which)
    return tuple(sorted((float(share) for share in counts if share >= _A_PLACE), reverse=True))


def _together(mixture: Mixture, rows: np.ndarray) -> np.ndarray:
    """Probabilities that rows and a few of them are of one component, (n, rows x few)."""
    memberships = mixture.responsibilities(rows)
    few = memberships[:, :: -(-len(rows) // _ANCHORS)]
    return (memberships @ few.transpose(0, 2, 1)).reshape(len(memberships), -1)


def modes_with(modes: Sequence[Mode], others: Sequence[Mode]) -> list[Mode]:
    """Modes, and those others that differ from them by more than labels."""
    away = _squared_distances(_signature(others), _signature(modes))
    new = (away > SAME**2).all(axis=1)
    return [*modes, *(mode for mode, is_new in zip(others, new, strict=True) if is_new)]


def _signature(modes: Sequence[Mode], draws: Mixture | None = None) -> np.ndarray:
    """Log densities of rows (n, rows) at modes, or at draws, whatever their labels.

    The sum of squares of a difference is about the squared distance in standard deviations.
    """
    return (_mixtures(modes) if draws is None else draws).log_density(_rows(modes))


def _mixtures(modes: Sequence[Mode]) -> Mixture:
    return modes[0].posterior.unpack(np.array([mode.place for mode in modes]))[0]


def _rows(modes: Sequence[Mode]) -> np.ndarray:
    X = modes[0].posterior.problem.X
    return np.asarray(X[:: -(-len(X) // _MAX_ROWS)], dtype=float)


def _squared_distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.array([((points - other) ** 2).sum(axis=-1) for other in others]).T
