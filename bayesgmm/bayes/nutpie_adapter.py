"""The only place that knows nutpie's internals.

nutpie compiles PyMC and Stan models; here it is handed C functions that are compiled already. If a
release of nutpie changes what its model class wants, the test of this module says so.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesgmm.bayes.chains import most_draws

if TYPE_CHECKING:
    import pymc as pm


@dataclass(frozen=True)
class RawDraws:
    """What NUTS returns.

    Attributes
    ----------
    draws : (chain, draw, P) array
        Coordinates.
    sample_stats : dict of (chain, draw) arrays
        "diverging", "lp", "n_steps", "step_size", "tree_depth", "energy".
    complete : bool
        False if sampling was interrupted (Ctrl-C): then these are the draws so far, as many of each
        chain, and chains that had hardly begun are left out.
    """

    draws: np.ndarray
    sample_stats: dict[str, np.ndarray]
    complete: bool = True


def sample(
    density: Any,
    expand: Any,
    block: np.ndarray,
    n_coordinates: int,
    starts: np.ndarray,
    *,
    draws: int,
    tune: int,
    chains: int,
    target_accept: float,
    seed: int,
    progressbar: bool,
) -> RawDraws:
    """Run NUTS on compiled C functions.

    Parameters
    ----------
    density, expand : numba.core.ccallback.CFunc
        As in :mod:`bayesgmm.bayes.callbacks`.
    block : (n,) array of int64
        Handed to both on every call; what it points to must stay alive.
    n_coordinates : int
    starts : (chains, P) array
        Where the chains start.
    draws, tune, chains, seed : int
    target_accept : float
    progressbar : bool

    Raises
    ------
    KeyboardInterrupt
        If sampling is interrupted before any chain has four draws.
    """
    import nutpie
    from nutpie.compile_pymc import CompiledPyMCModel

    shape = (n_coordinates,)
    seeds: list[int] = []

    def remember(chain_seed: int) -> np.ndarray:
        seeds.append(chain_seed)
        return starts[len(seeds) - 1].copy()

    def start_of(chain_seed: int) -> np.ndarray:
        return starts[seeds.index(chain_seed)].copy()

    def run(start, draws: int, tune: int, cores: int | None, progressbar: bool) -> tuple[Any, bool]:
        model = CompiledPyMCModel(
            dims={},
            _coords={},
            _n_dim=n_coordinates,
            _shapes={"theta": shape},
            compiled_logp_func=density,
            compiled_expand_func=expand,
            initial_point_func=start,
            shared_data={},
            shared_var_keys={},
            user_data=block,
            n_expanded=n_coordinates,
            shape_info=(["theta"], [slice(0, n_coordinates)], [shape]),
            logp_func=None,
            expand_func=None,
            reparameterized_names=[],
        )
        sampler = nutpie.sample(
            model,
            draws=draws,
            tune=tune,
            chains=chains,
            cores=cores,
            seed=seed,
            target_accept=target_accept,
            progress_bar=progressbar,
            save_warmup=False,
            blocking=False,
        )
        return _wait_for(sampler)

    # nutpie tells a chain's start only the seed it made for that chain, and asks from several
    # threads. A few draws, one chain after another, tell which seed belongs to which chain.
    _, complete = run(remember, chains + 1, 1, 1, False)
    if not complete:
        raise KeyboardInterrupt
    tree, complete = run(start_of, draws, tune, None, progressbar)
    return _raw(tree["posterior"]["theta"].values, tree, complete)


def sample_model(
    model: "pm.Model",
    start: Callable[[Any], np.ndarray],
    *,
    draws: int,
    tune: int,
    chains: int,
    seed: int,
    progressbar: bool,
) -> RawDraws:
    """Compile a PyMC model with Numba and run NUTS on it.

    Parameters
    ----------
    model : pymc.Model
    start : callable
        A flat unconstrained point (P,) from a chain's seed; it is called from several threads.
    draws, tune, chains, seed : int
    progressbar : bool

    Returns
    -------
    RawDraws
        Flat unconstrained points: the values of the free variables, in the model's order.

    Raises
    ------
    KeyboardInterrupt
        If sampling is interrupted before any chain has four draws.
    """
    import nutpie

    # Without names nothing but the density is compiled; the points are kept whole instead.
    compiled = nutpie.compile_pymc_model(model, backend="numba", var_names=[])
    sampler = nutpie.sample(
        replace(compiled, initial_point_func=start),
        draws=draws,
        tune=tune,
        chains=chains,
        seed=seed,
        progress_bar=progressbar,
        save_warmup=False,
        store_unconstrained=True,
        blocking=False,
    )
    tree, complete = _wait_for(sampler)
    points = tree["sample_stats"].to_dataset()["unconstrained_draw"].values
    return _raw(points, tree, complete)


def _wait_for(sampler: Any) -> tuple[Any, bool]:
    """What a sampler returns, and whether that is all that was asked for."""
    try:
        return sampler.wait(), True
    except KeyboardInterrupt:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ArviZ does not expect so few draws
            try:
                return sampler.abort(), False
            except ValueError:
                # It had begun to hand over its draws, and they are gone.
                raise KeyboardInterrupt from None
    except BaseException:
        sampler.cancel()
        raise


def _raw(points: np.ndarray, tree: Any, complete: bool) -> RawDraws:
    stats = tree["sample_stats"]
    kept = {ours: stats[theirs].values for ours, theirs in _STATS.items() if theirs in stats}
    if complete:
        return RawDraws(points, kept)
    chains, n = most_draws(np.isfinite(points).all(axis=-1).sum(axis=1))
    cut = {name: values[chains, :n] for name, values in kept.items()}
    return RawDraws(points[chains, :n], cut, complete=False)


# ArviZ's names of the sampler's statistics, and nutpie's.
_STATS = {
    "diverging": "diverging",
    "lp": "logp",
    "n_steps": "n_steps",
    "tree_depth": "depth",
    "step_size": "step_size",
    "energy": "energy",
}
