"""Draws so far in a file, so that a run that was ended, in whatever way, can go on."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayesgmm.bayes.raw_draws import RawDraws
from bayesgmm.data.wording import joined
from bayesgmm.exceptions import DataError

_FORMAT = "bayesgmm.checkpoint"
_VERSION = 2
_ENDINGS = (".zarr", ".zarr.zip")


@dataclass(frozen=True)
class Chain:
    """Draws of one chain.

    Attributes
    ----------
    draws : (draw, P) array
    sample_stats : dict of (draw,) arrays
    """

    draws: np.ndarray
    sample_stats: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.draws)

    def then(self, raw: RawDraws, place: int) -> "Chain":
        """These draws, and those that the chain at some place of ``raw`` has reached."""
        n = int(raw.counts[place])
        more = Chain(raw.draws[place, :n], {k: v[place, :n] for k, v in raw.sample_stats.items()})
        if not len(self):
            return more
        stats = {k: np.concatenate([v, more.sample_stats[k]]) for k, v in self.sample_stats.items()}
        return Chain(np.concatenate([self.draws, more.draws]), stats)


_EMPTY = Chain(np.empty((0, 0)), {})


class Checkpoint:
    """A Zarr archive (one zip file) that holds the draws of each chain so far.

    Parameters
    ----------
    path : str or path
    key : dict of str to str
        What the draws belong to; see :func:`fingerprint`. The seed is not part of it: draws of
        another one are of the same posterior.

    Raises
    ------
    DataError
        If the name has another ending, the file cannot be written, is no checkpoint, or is one of
        something else.
    """

    def __init__(self, path: str | os.PathLike[str], key: Mapping[str, str]) -> None:
        self.path, self.key = Path(path), dict(key)
        self._runs: dict[str, list[Chain]] = {}
        self._n_written = 0
        if not self.path.name.endswith(_ENDINGS):
            has_name = self.path.name not in ("", "..")
            better = self.path.with_suffix(".zarr.zip") if has_name else "run.zarr.zip"
            raise DataError(
                f"A checkpoint ends in {' or '.join(_ENDINGS)}, got {str(path)!r}; give "
                f"{str(better)!r}."
            )
        folder = self.path.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            trouble = "may not be;" if folder.is_dir() else "does not exist; make it, or"
            raise DataError(
                f"A checkpoint needs a folder that can be written to, but {str(folder)!r} "
                f"{trouble} give another path."
            )
        if self.path.exists():
            self._read()

    def has(self, name: str) -> bool:
        """Whether there are chains of this name."""
        return name in self._runs

    def run(
        self,
        name: str,
        sample: Callable[..., RawDraws],
        starts: np.ndarray,
        draws: int,
        seed: int,
        as_start: Callable[[np.ndarray], np.ndarray],
    ) -> RawDraws:
        """Sample, or go on where the file has chains of this name, and keep their draws there.

        Parameters
        ----------
        name : str
            Of the run; a file may hold several.
        sample : callable
            As :func:`~bayesgmm.bayes.nutpie_adapter.sample`, with keywords ``starts``, ``draws``,
            ``seed`` and ``keep``.
        starts : (chains, P) array
            Where chains start that have no draws yet.
        draws, seed : int
        as_start : callable
            From a draw to a start.
        """
        before = self._runs.get(name, [_EMPTY] * len(starts))
        after = list(before)
        behind = [c for c, chain in enumerate(before) if len(chain) < draws]
        complete = True
        if behind:
            done = [len(before[c]) for c in behind]
            own = [as_start(before[c].draws[-1]) if len(before[c]) else starts[c] for c in behind]

            def keep(raw: RawDraws) -> None:
                for place, c in enumerate(behind):
                    after[c] = before[c].then(raw, place)
                self._runs[name] = after
                self._write()

            raw = sample(
                starts=np.array(own),
                draws=draws - min(done),
                # Not the random numbers again that the draws before were made with.
                seed=(seed + 1_000_003 * sum(done)) % 2**31,
                keep=keep,
            )
            keep(raw)
            complete = raw.complete
        return _joined(after, draws, complete)

    def _read(self) -> None:
        import zarr
        from zarr.storage import ZipStore

        try:
            with ZipStore(self.path, mode="r") as store:
                root = zarr.open_group(store, mode="r")
                about: dict[str, Any] = dict(root.attrs)
                if about.get("format") != _FORMAT or about.get("format_version") != _VERSION:
                    raise ValueError("another format")
                for name, run in root.groups():
                    chains = sorted(run.groups(), key=lambda item: int(item[0]))
                    self._runs[name] = [_chain(group) for _, group in chains]
        except Exception as error:
            raise DataError(
                f"The file {str(self.path)!r} exists and is no checkpoint that can be read "
                f"({error}); give another name, or delete it."
            ) from None
        theirs = about["key"]
        other = [name for name in self.key if theirs.get(name) != self.key[name]]
        if other:
            raise DataError(
                f"The checkpoint {str(self.path)!r} is of a fit with other "
                f"{joined(other, quote=False)}; give another name, or delete it to start afresh."
            )

    def _write(self) -> None:
        import zarr
        from zarr.storage import ZipStore

        # A new file each time: after an interrupt the last one may still be written to.
        self._n_written += 1
        part = self.path.with_name(f"{self.path.name}.{self._n_written}.part")
        try:
            with ZipStore(part, mode="w") as store:
                about = {"format": _FORMAT, "format_version": _VERSION, "key": self.key}
                root = zarr.create_group(store, attributes=about)
                for name, chains in self._runs.items():
                    for c, chain in enumerate(chains):
                        group = root.create_group(f"{name}/{c}")
                        for key, values in {"draws": chain.draws, **chain.sample_stats}.items():
                            group.create_array(key, data=np.ascontiguousarray(values))
            part.replace(self.path)  # whole or not at all
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def fingerprint(**parts: Any) -> dict[str, str]:
    """A checksum of each part: arrays, numbers, text, priors.

    Functions count by their names.
    """
    return {name: _checksum(value) for name, value in parts.items()}


def _checksum(value: Any) -> str:
    if isinstance(value, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(value, dtype=float).tobytes())
        digest.update(json.dumps(value.shape).encode())
    else:
        digest = hashlib.sha256(json.dumps(_plain(value)).encode())
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {type(value).__name__: parts}
    if value is None or isinstance(value, str):
        return value
    if callable(value):
        return f"{value.__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    return np.asarray(value, dtype=float).tolist()


def _chain(group: Any) -> Chain:
    arrays = {name: array[:] for name, array in group.arrays()}
    return Chain(arrays.pop("draws"), arrays)


def _joined(chains: list[Chain], draws: int, complete: bool) -> RawDraws:
    """Chains of unequal length as one, with what is missing at their ends."""
    longest = max(chains, key=len)
    n = min(draws, len(longest))
    counts = np.array([min(n, len(chain)) for chain in chains])
    points = np.full((len(chains), n, *longest.draws.shape[1:]), np.nan)
    stats = {k: np.zeros((len(chains), n), v.dtype) for k, v in longest.sample_stats.items()}
    for c, chain in enumerate(chains):
        points[c, : counts[c]] = chain.draws[: counts[c]]
        for k, values in chain.sample_stats.items():
            stats[k][c, : counts[c]] = values[: counts[c]]
    return RawDraws(points, stats, complete)
