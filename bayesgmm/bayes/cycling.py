"""Chains of compiled cycles: run in threads, kept in files, and run on until they have mixed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.linalg import inv

from bayesgmm.bayes.chains import run_in_threads
from bayesgmm.bayes.checkpoint import Checkpoint
from bayesgmm.bayes.coordinates import LogPosterior
from bayesgmm.bayes.mixing import THIN, should_run_longer
from bayesgmm.bayes.modes import Mode
from bayesgmm.bayes.raw_draws import Keep, RawDraws
from bayesgmm.bayes.samplers import PosteriorDraws

if TYPE_CHECKING:
    from bayesgmm.bayes.proposals import Proposal

# Chains that have not mixed are run so many times as long, one after the other.
LONGER = (THIN, THIN**2)


@dataclass(frozen=True)
class Cycling:
    """How chains move: see :mod:`bayesgmm.bayes.cycles` and :mod:`bayesgmm.bayes.jumps`.

    Attributes
    ----------
    posterior : LogPosterior
    mode : Mode
        The coordinates of moves are about it.
    label : str
        Shown beside the progress bar.
    progressbar : bool
    sweep_every : int
        A Gibbs sweep comes with one cycle in so many.
    n_moves, n_jumps : int, default 0
        Hamiltonian moves in a cycle, or jumps; not both.
    proposal : Proposal, optional
        Where jumps go.
    """

    posterior: LogPosterior
    mode: Mode
    label: str
    progressbar: bool
    sweep_every: int
    n_moves: int = 0
    n_jumps: int = 0
    proposal: "Proposal | None" = None

    @property
    def run_name(self) -> str:
        """What a checkpoint knows such chains by."""
        kind = "jumps" if self.n_jumps else "cycles"
        return f"{kind}-{self.n_moves or self.n_jumps}-{self.sweep_every}"

    @property
    def n_passes(self) -> float:
        """Passes over the data that a cycle takes."""
        n = self.n_moves + self.n_jumps
        after_a_sweep = 1.0 if n else 0.0
        return n + (1.0 + after_a_sweep) / self.sweep_every

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
        from bayesgmm.bayes import conditionals, cycles, jumps

        n_chains, n = starts.shape
        states = np.array(starts)
        streams = np.random.default_rng(seed).integers(2**64, size=(n_chains, 1), dtype=np.uint64)
        points = np.full((n_chains, draws, n), np.nan)
        lp = np.zeros((n_chains, draws))
        acceptance, energy = np.zeros((n_chains, draws)), np.zeros((n_chains, draws))
        arguments = self.posterior.arguments
        addresses = conditionals.addresses_of(bool(self.posterior.sizes.is_triangular))
        length = self.posterior.length_of_a_bit(thin * self.n_passes)
        mode = self.mode
        frame = (mode.place, mode.basis, inv(mode.basis)) if self.n_moves else ()

        def chain(c: int) -> Iterator[int]:
            begin, rest = (addresses, states[c]), (*arguments, streams[c])
            if not (self.n_moves or self.n_jumps):
                # Sweeps write down where they begin, which is not to be a draw once more.
                cycles.sweeps(*begin, *rest, 1, np.empty((1, n)), np.empty(1))
            for first in range(0, draws, length):
                bit = slice(first, min(first + length, draws))
                counts = self.sweep_every, thin, first * thin
                out = points[c, bit], lp[c, bit], acceptance[c, bit]
                if self.n_jumps:
                    jumps.run(*begin, self.proposal, *rest, self.n_jumps, *counts, *out)
                elif self.n_moves:
                    cycles.run(*begin, *frame, *rest, self.n_moves, *counts, *out, energy[c, bit])
                else:
                    cycles.sweeps(*begin, *rest, thin, *out[:2])
                yield bit.stop - bit.start

        def so_far(complete: bool = False) -> RawDraws:
            stats = {"lp": lp}
            if self.n_moves or self.n_jumps:
                stats["acceptance_rate"] = acceptance
            if self.n_moves:
                stats["energy"] = energy
            return RawDraws(points, stats, complete)

        work = [chain(c) for c in range(n_chains)]
        kept = None if keep is None else lambda: keep(so_far())
        try:
            run_in_threads(work, n_chains * draws, self.label, self.progressbar, kept)
        except KeyboardInterrupt:
            return so_far()
        return so_far(complete=True)

    def begin(self, starts: np.ndarray, draws: int, rng: np.random.Generator) -> RawDraws:
        """Draws for the chains to forget their start, (chains, P), of which the last goes on.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts.
        """
        raw = self.sample(starts, draws=draws, seed=int(rng.integers(2**31)))
        if not raw.complete:
            raise KeyboardInterrupt
        return raw

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
            sample = partial(self.sample, thin=thin)
            seed = int(rng.integers(2**31))
            if checkpoint is None:
                return sample(starts, draws=draws, seed=seed).even()
            run_name = f"{self.run_name}-{thin}"
            return checkpoint.run(run_name, sample, starts, draws, seed, np.array).even()

        raw = run(starts, 1)
        mixture, hyper = self.posterior.unpack(raw.draws)
        n_passes = starts.shape[0] * draws * self.n_passes
        try:
            for thin in LONGER:
                if not raw.complete or not should_run_longer(
                    self.posterior, mixture, raw.sample_stats, thin * n_passes
                ):
                    break
                longer = run(raw.draws[:, -1], thin)
                if not longer.complete:
                    raise KeyboardInterrupt
                raw = longer
                mixture, hyper = self.posterior.unpack(raw.draws)
        except KeyboardInterrupt:
            # What there is of the longer run may not reach as far as what there was before.
            raw = replace(raw, complete=False)
        return PosteriorDraws(mixture, hyper, raw.sample_stats, name, complete=raw.complete)
