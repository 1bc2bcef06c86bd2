"""A line on standard error before the one long wait: code that is compiled when it is first used.

Modules that import this one import Numba, so a command does once its data are read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event

from bayesgmm.cli.screen import Screen
from bayesgmm.core.kernels.compiling import announced

_SAID = "compiling code for this machine, this once: up to a minute"


class _FirstCompilation(event.Listener):
    def __init__(self, screen: Screen):
        self.screen, self.told = screen, False

    def on_start(self, event: Any) -> None:
        # Functions made from strings, as PyTensor's, have no module.
        module = event.data["dispatcher"].py_func.__module__ or ""
        if not self.told and module.startswith("bayesgmm."):
            self.told = True
            self.screen.note(_SAID)

    def on_end(self, event: Any) -> None:
        pass


@contextmanager
def compilation_told(screen: Screen) -> Iterator[None]:
    """Say, unless the screen is quiet, that code is compiled, where it has to be."""
    # To somebody at a terminal the library says so itself.
    with announced("its loops", quiet=not screen.has_bars):
        if screen.has_bars:
            yield
            return
        with event.install_listener("numba:compile", _FirstCompilation(screen)):
            yield
