"""Compiled functions whose cache on disk knows everything that is compiled into them.

Numba recompiles a cached function when its own file changes, but not when a function in another
file does that was inlined into it: after an upgrade old machine code could run. A
:class:`Compiler` therefore keeps its cache in a folder named by a checksum of all the sources.
"""

import atexit
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, wraps
from pathlib import Path
from threading import Lock
from typing import Any

import numba
from numba.core import config, event
from numba.misc.appdirs import AppDirs

# Options for fastmath: sums may be taken in another order, so that they fill vectors.
ANY_ORDER = {"reassoc", "contract", "nsz"}
KERNEL_SOURCES = tuple(sorted(Path(__file__).parent.glob("*.py")))


# Held while a setting of Numba, which all threads share, is another one than the user's.
_setting = Lock()


class Compiler:
    """``njit`` and ``cfunc`` of Numba, with a cache that follows ``sources``.

    Parameters
    ----------
    *sources : path
        Every file with code that ends up in the compiled functions.

    Attributes
    ----------
    checksum : str
        Of the sources.
    """

    def __init__(self, *sources: str | Path):
        digest = hashlib.sha256()
        for source in sources:
            digest.update(Path(source).read_bytes())
        self.checksum = digest.hexdigest()[:16]
        self._folder = _cache_folder(self.checksum)

    def njit(self, **options: Any) -> Callable[[Any], Any]:
        """As ``numba.njit(cache=True, nogil=True, ...)``."""

        def decorate(function: Any) -> Any:
            with self._cache():
                return numba.njit(cache=True, nogil=True, **options)(function)

        return decorate

    def inner(self, **options: Any) -> Callable[[Any], Any]:
        """As ``njit``, for functions that only compiled code calls.

        Their wrappers for Python and for C, which take as long to compile, are left out.
        """
        return self.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)

    def inlined(self, **options: Any) -> Callable[[Any], Any]:
        """As ``njit``, for functions called in one place of a caller, of which they become a part.

        On its own each would be optimised once more with every function on the way to the caller.
        The caller's options hold for them too.
        """
        return self.njit(inline="always", **options)

    def variant(self, function: Any, name: str, **options: Any) -> Any:
        """One of several functions made from one source, which differ by the constants in it.

        Python's numbers and booleans around the function become constants of what is compiled, and
        a part of its key in the cache.
        """
        # Numba files machine code, and links it, by this name: it must tell the functions apart.
        function.__qualname__ = f"{function.__name__}_{name}"
        return self.njit(**options)(function)

    def cfunc(self, signature: Any, **options: Any) -> Callable[[Any], Any]:
        """As ``numba.cfunc(signature, cache=True, ...)``."""

        def decorate(function: Any) -> Any:
            with self._cache():
                return numba.cfunc(signature, cache=True, **options)(function)

        return decorate

    @contextmanager
    def _cache(self) -> Iterator[None]:
        # Numba decides where a function is cached when it is decorated, by this setting.
        with _setting:
            before = config.CACHE_DIR
            config.CACHE_DIR = str(self._folder)
            try:
                yield
            finally:
                config.CACHE_DIR = before


def made_once(make: Callable[..., Any]) -> Callable[..., Any]:
    """As ``functools.cache``, for makers of compiled functions: two threads would compile twice."""
    cached, making = cache(make), Lock()

    @wraps(make)
    def locked(*arguments: Any) -> Any:
        with making:
            return cached(*arguments)

    return locked


def _cache_folder(checksum: str) -> Path:
    """Beside the compiled Python files, or where Numba's user or the system keeps caches.

    Where none of these can be written (a read-only image run by a user without a home), in a
    temporary folder of this process: a shared one could be filled by others.
    """
    name = f"compiled-{checksum}"
    with _setting:
        of_user = config.CACHE_DIR
    if of_user:
        return Path(of_user) / name
    beside = Path(__file__).parent / "__pycache__"
    users = Path(AppDirs(appname="bayesgmm", appauthor=False).user_cache_dir)
    for folder in (beside, users):
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder / name
    return _temporary_folder() / name


@cache
def _temporary_folder() -> Path:
    """Kept until the process ends."""
    folder = tempfile.mkdtemp(prefix="bayesgmm-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


class _Note(event.Listener):
    """Tells somebody who sits and waits why a first fit takes long, once for each thing compiled.

    Attributes
    ----------
    what : str
        What is being compiled.
    quiet : bool or None
        None tells those who seem to watch.
    tell : callable or None
        Says it in another way, to whom it decides.
    """

    def __init__(self) -> None:
        self.what, self.quiet = "its loops", None
        self.tell: Callable[[], None] | None = None
        self.told: set[str] = set()

    def on_start(self, event: Any) -> None:
        """Numba compiles a function that is not in its cache."""
        # Functions made from strings, as PyTensor's, have no module.
        module = event.data["dispatcher"].py_func.__module__ or ""
        if not module.startswith("bayesgmm."):
            return
        if self.tell is not None:
            self.tell()
            return
        quiet = not _is_watched() if self.quiet is None else self.quiet
        if not quiet and self.what not in self.told:
            self.told.add(self.what)
            sys.stderr.write(
                f"bayesgmm compiles {self.what}, the first time a model of this kind is met: "
                "seconds to a minute.\n"
            )

    def on_end(self, event: Any) -> None:
        """Nothing to say."""


@contextmanager
def announced(what: str, *, quiet: bool) -> Iterator[None]:
    """Say on standard error, unless ``quiet``, that ``what`` is compiled, where it has to be."""
    # Not a context variable: much is compiled in threads of a pool.
    before = _note.what, _note.quiet
    _note.what, _note.quiet = what, quiet
    try:
        yield
    finally:
        _note.what, _note.quiet = before


@contextmanager
def told_by(tell: Callable[[], None]) -> Iterator[None]:
    """Call ``tell`` when something is first compiled, in place of all other announcements."""
    before, _note.tell = _note.tell, cache(tell)
    try:
        yield
    finally:
        _note.tell = before


def _is_watched() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules


_note = _Note()
event.register("numba:compile", _note)
compiler = Compiler(*KERNEL_SOURCES)
njit, inner = compiler.njit, compiler.inner
inlined, variant = compiler.inlined, compiler.variant
