"""Chains of compiled cycles: run in threads, kept in files, and run on until they have mixed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bayesgmm.bayes.chains import run_in_threads
from bayesgmm.bayes.checkpoint import Checkpoint
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.mixing import THIN, should_run_longer
from bayesgmm.bayes.modes import Mode
from bayesgmm.bayes.raw_draws import Keep, RawDraws
from bayesgmm.bayes.samplers import PosteriorDraws


@dataclass(frozen=True)
class Cycling:
    """How chains move: see :mod:`bayesgmm.bayes.cycles`.

    Attributes
    ----------
    posterior : LogPosterior
    mode : Mode
        The moves' coordinates are about it.
    n_moves : int
        Hamiltonian moves in a cycle.
    sweep_every : int
        A Gibbs sweep comes with one cycle in so many.
    label : str
        Shown beside the progress bar.
    progressbar : bool
    """

    posterior: LogPosterior
    mode: Mode
    n_moves: int
    sweep_every: int
    label: str
    progressbar: bool

    @property
    def n_passes(self) -> float:
        """Passes over the data that a cycle takes."""
        after_a_sweep = 1.0 if self.n_moves else 0.0
        return self.n_moves + (1.0 + after_a_sweep) / self.sweep_every

    def sample(
        self,
        starts: np.ndarray,
        *,
        draws: int,
        seed: int,
        thin: int = 1,
        keep: Keep | None = None,
    ) -> RawDraws:
        """Run chains, and write down where they are after each so many cycles.

        Parameters
        ----------
        starts : (chains, P) array
        draws, seed, thin : int
        keep : callable, optional
            Called with the draws so far, now and then.
        """
        from bayesgmm.bayes.cycles import run

        n_chains, n = starts.shape
        states = np.array(starts)
        streams = np.random.default_rng(seed).integers(2**64, size=(n_chains, 1), dtype=np.uint64)
        points = np.full((n_chains, draws, n), np.nan)
        lp = np.zeros((n_chains, draws))
        acceptance, energy = np.zeros((n_chains, draws)), np.zeros((n_chains, draws))
        n_far = np.zeros((n_chains, draws), dtype=np.int64)
        frame = (self.mode.place, self.mode.basis, np.linalg.inv(self.mode.basis))
        arguments = self.posterior.arguments
        length = self.posterior.length_of_a_bit(thin * self.n_passes)

        def chain(c: int) -> Iterator[int]:
            for first in range(0, draws, length):
                bit = slice(first, min(first + length, draws))
                out = (of[c, bit] for of in (points, lp, acceptance, energy, n_far))
                counts = self.n_moves, self.sweep_every, thin, first * thin
                run(states[c], *frame, *arguments, streams[c], *counts, *out)
                yield bit.stop - bit.start

        def so_far(complete: bool = False) -> RawDraws:
            stats = {"lp": lp}
            if self.n_moves:
                # Where a sweep comes with every draw it goes where the moves cannot.
                diverging = n_far > 0 if self.sweep_every > thin else np.zeros(n_far.shape, bool)
                stats |= {"acceptance_rate": acceptance, "energy": energy, "diverging": diverging}
            return RawDraws(points, stats, complete)

        work = [chain(c) for c in range(n_chains)]
        kept = None if keep is None else lambda: keep(so_far())
        try:
            run_in_threads(work, n_chains * draws, self.label, self.progressbar, kept)
        except KeyboardInterrupt:
            return so_far()
        return so_far(complete=True)

    def until_mixed(
        self,
        starts: np.ndarray,
        *,
        draws: int,
        rng: np.random.Generator,
        checkpoint: Checkpoint | None,
        name: str,
    ) -> PosteriorDraws:
        """Run chains, and while they have not mixed and time allows, on, ten times as long.

        Parameters
        ----------
        starts : (chains, P) array
        draws : int
            To keep, of each chain.
        rng : numpy.random.Generator
        checkpoint : Checkpoint, optional
            Where the draws so far are kept, and gone on from.
        name : str
            The sampler's.
        """

        def run(starts: np.ndarray, thin: int) -> RawDraws:
            def sample(starts: np.ndarray, *, draws: int, seed: int, keep: Keep | None = None):
                return self.sample(starts, draws=draws, seed=seed, thin=thin, keep=keep)

            seed = int(rng.integers(2**31))
            if checkpoint is None:
                return sample(starts, draws=draws, seed=seed).even()
            run_name = f"{name}-{thin}"
            return checkpoint.run(run_name, sample, starts, draws, seed, np.array).even()

        thin, raw = 1, run(starts, 1)
        mixture, hyper = self.posterior.unpack(raw.draws)
        n_passes = starts.shape[0] * draws * self.n_passes
        while raw.complete and should_run_longer(
            self.posterior, mixture, raw.sample_stats, thin * n_passes
        ):
            thin *= THIN
            try:
                longer = run(raw.draws[:, -1], thin)
            except KeyboardInterrupt:
                longer = replace(raw, complete=False)
            if not longer.complete:
                raw = replace(raw, complete=False)
                break
            raw = longer
            mixture, hyper = self.posterior.unpack(raw.draws)
        return PosteriorDraws(mixture, hyper, raw.sample_stats, name, complete=raw.complete)
