"""The log posterior as C functions that the NUTS of nutpie calls: no Python in its loop.

Sizes and addresses are read from a block of integers handed over at run time, so the compiled code
is cached on disk once and for all, and a fit compiles nothing. The sampler works in coordinates z,
with theta = origin + basis z.
"""

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from bayesgmm.bayes import frames
from bayesgmm.bayes import log_posterior as density_module
from bayesgmm.bayes.frames import log_posterior_along, theta_at
from bayesgmm.bayes.log_posterior import Sizes
from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler

compiler = Compiler(*KERNEL_SOURCES, density_module.__file__, frames.__file__, __file__)

# Slots of the block of integers.
N_ROWS, N_FEATURES, N_COORDINATES, N_NUMBERS = 0, 1, 2, 3
ORIGIN, BASIS, ROWS, SIZES, NUMBERS = 4, 5, 6, 7, 8
N_SLOTS = 9
N_SIZES = len(Sizes._fields)

# What nutpie takes as "this point has no density, reject it" rather than as a fatal error.
_RECOVERABLE = 4

_DOUBLES = types.CPointer(types.double)
_INTEGERS = types.CPointer(types.int64)


def _pointer(kind):
    @intrinsic
    def convert(typingctx, address):
        def codegen(context, builder, signature, arguments):
            return builder.inttoptr(arguments[0], context.get_value_type(kind))

        return kind(address), codegen

    return convert


_as_doubles = _pointer(_DOUBLES)
_as_integers = _pointer(_INTEGERS)


@compiler.cfunc(
    types.int64(types.uint64, _DOUBLES, _DOUBLES, _DOUBLES, _INTEGERS),
    error_model="numpy",
)
def density(_, z_in, gradient_out, value_out, block_in):
    """Write value and gradient at z; returns zero if they are finite."""
    block = carray(block_in, (N_SLOTS,))
    n = block[N_COORDINATES]
    out = carray(gradient_out, (n,))
    value = log_posterior_along(
        carray(z_in, (n,)),
        carray(_as_doubles(block[ORIGIN]), (n,)),
        carray(_as_doubles(block[BASIS]), (n, n)),
        carray(_as_doubles(block[ROWS]), (block[N_ROWS], block[N_FEATURES])),
        carray(_as_integers(block[SIZES]), (N_SIZES,)),
        carray(_as_doubles(block[NUMBERS]), (block[N_NUMBERS],)),
        out,
    )
    fine = np.isfinite(value)
    for i in range(n):
        fine = fine and np.isfinite(out[i])
    carray(value_out, (1,))[0] = value
    return 0 if fine else _RECOVERABLE


@compiler.cfunc(
    types.int64(types.uint64, types.uint64, _DOUBLES, _DOUBLES, _INTEGERS),
    error_model="numpy",
)
def expand(_, n_out, z_in, theta_out, block_in):
    """Write theta at z; returns zero."""
    block = carray(block_in, (N_SLOTS,))
    n = block[N_COORDINATES]
    origin = carray(_as_doubles(block[ORIGIN]), (n,))
    basis = carray(_as_doubles(block[BASIS]), (n, n))
    theta_at(carray(z_in, (n,)), origin, basis, carray(theta_out, (n_out,)))
    return 0
