"""A line on standard error before the one long wait: code that is compiled when it is first used.

Modules that import this one import Numba, so a command does once its data are read.
"""

from contextlib import AbstractContextManager, nullcontext

from bayesgmm.cli.screen import Screen
from bayesgmm.core.kernels.compiling import told_by

_SAID = "compiling code, the first time a model of this kind is met: seconds to a minute"


def compilation_told(screen: Screen) -> AbstractContextManager[None]:
    """Say, unless the screen is quiet, that code is compiled, where it has to be."""
    # To somebody at a terminal the library says so itself.
    return nullcontext() if screen.has_bars else told_by(lambda: screen.note(_SAID))
