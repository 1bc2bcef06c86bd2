"""The only place that knows nutpie's internals.

nutpie compiles PyMC and Stan models; here it is handed C functions that are compiled already. If a
release of nutpie changes what its model class wants, the test of this module says so.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesgmm.bayes import raw_draws
from bayesgmm.bayes.raw_draws import Keep, RawDraws

if TYPE_CHECKING:
    import pymc as pm


def sample(
    density: Any,
    expand: Any,
    block: np.ndarray,
    starts: np.ndarray,
    *,
    draws: int,
    tune: int,
    target_accept: float,
    seed: int,
    progressbar: bool,
    keep: Keep | None = None,
) -> RawDraws:
    """Run NUTS on compiled C functions.

    Parameters
    ----------
    density, expand : numba.core.ccallback.CFunc
        As in :mod:`bayesgmm.bayes.callbacks`.
    block : (n,) array of int64
        Handed to both on every call; what it points to must stay alive.
    starts : (chains, P) array
        Where the chains start.
    draws, tune, seed : int
    target_accept : float
    progressbar : bool
    keep : callable, optional
        Called with the draws so far, now and then.
    """
    from nutpie.compile_pymc import CompiledPyMCModel

    n = starts.shape[1]

    def model(start: Callable[[int], np.ndarray]) -> Any:
        return CompiledPyMCModel(
            dims={},
            _coords={},
            _n_dim=n,
            _shapes={"theta": (n,)},
            compiled_logp_func=density,
            compiled_expand_func=expand,
            initial_point_func=start,
            shared_data={},
            shared_var_keys={},
            user_data=block,
            n_expanded=n,
            shape_info=(["theta"], [slice(0, n)], [(n,)]),
            logp_func=None,
            expand_func=None,
            reparameterized_names=[],
        )

    options = {"draws": draws, "tune": tune, "seed": seed, "target_accept": target_accept}
    return _run(model, starts, _theta, options, progressbar, keep)


def sample_model(
    model: "pm.Model",
    starts: np.ndarray,
    *,
    draws: int,
    tune: int,
    seed: int,
    progressbar: bool,
    keep: Keep | None = None,
) -> RawDraws:
    """Compile a PyMC model with Numba and run NUTS on it.

    Parameters
    ----------
    model : pymc.Model
    starts : (chains, P) array
        Flat unconstrained points.
    draws, tune, seed : int
    progressbar : bool
    keep : callable, optional
        Called with the draws so far, now and then.

    Returns
    -------
    RawDraws
        Flat unconstrained points: the values of the free variables, in the model's order.
    """
    import nutpie

    # Without names nothing but the density is compiled; the points are kept whole instead.
    compiled = nutpie.compile_pymc_model(model, backend="numba", var_names=[])
    options = {"draws": draws, "tune": tune, "seed": seed, "store_unconstrained": True}
    return _run(
        lambda start: replace(compiled, initial_point_func=start),
        starts,
        _unconstrained,
        options,
        progressbar,
        keep,
    )


def _theta(tree: Any) -> np.ndarray:
    return tree["posterior"]["theta"].values


def _unconstrained(tree: Any) -> np.ndarray:
    return tree["sample_stats"].to_dataset()["unconstrained_draw"].values


def _run(
    model: Callable[[Callable[[int], np.ndarray]], Any],
    starts: np.ndarray,
    points: Callable[[Any], np.ndarray],
    options: dict[str, Any],
    progressbar: bool,
    keep: Keep | None,
) -> RawDraws:
    import nutpie

    seeds: list[int] = []

    def remember(chain_seed: int) -> np.ndarray:
        seeds.append(chain_seed)
        return starts[len(seeds) - 1].copy()

    def start_of(chain_seed: int) -> np.ndarray:
        return starts[seeds.index(chain_seed)].copy()

    def sampler(start: Callable[[int], np.ndarray], **more: Any) -> Any:
        return nutpie.sample(
            model(start),
            chains=len(starts),
            save_warmup=False,
            blocking=False,
            **options | more,
        )

    # nutpie tells a chain's start only the seed it made for that chain, and asks from several
    # threads. A few draws, one chain after another, tell which seed belongs to which chain.
    few = sampler(remember, draws=1, tune=1, cores=1, progress_bar=False, return_raw_trace=True)
    try:
        few.wait()
    except BaseException:
        few.cancel()
        raise
    return _wait_for(sampler(start_of, progress_bar=progressbar), points, keep)


def _wait_for(sampler: Any, points: Callable[[Any], np.ndarray], keep: Keep | None) -> RawDraws:
    try:
        while True:
            try:
                every = raw_draws.KEEP_EVERY if keep else None
                return _raw(sampler.wait(timeout=every), points, True)
            except TimeoutError:
                assert keep is not None
                keep(_unfinished(sampler.inspect, points))
    except KeyboardInterrupt:
        try:
            return _unfinished(sampler.abort, points)
        except ValueError:
            # It had begun to hand over its draws, and they are gone.
            raise KeyboardInterrupt from None
    except BaseException:
        sampler.cancel()
        raise


def _unfinished(tree: Callable[[], Any], points: Callable[[Any], np.ndarray]) -> RawDraws:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ does not expect so few draws
        return _raw(tree(), points, False)


def _raw(tree: Any, points: Callable[[Any], np.ndarray], complete: bool) -> RawDraws:
    stats = tree["sample_stats"]
    kept = {ours: stats[theirs].values for ours, theirs in _STATS.items() if theirs in stats}
    return RawDraws(points(tree), kept, complete)


# ArviZ's names of the sampler's statistics, and nutpie's.
_STATS = {
    "diverging": "diverging",
    "lp": "logp",
    "n_steps": "n_steps",
    "tree_depth": "depth",
    "step_size": "step_size",
    "energy": "energy",
}
