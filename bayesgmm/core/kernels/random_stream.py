"""Random numbers for compiled loops: a stream is one 64-bit number in an array.

SplitMix64 (Steele, Lea and Flood, 2014, doi:10.1145/2660193.2660195): number n of a stream is a
mixed-up ``state + n * GAMMA``. It depends on nothing but the state and n, so eight at a time are
as good as one after another, and rows may be taken in any order. Streams that start at random
states do not meet: a long run uses 1e12 of 1.8e19 numbers.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from bayesgmm.core.kernels import simd
from bayesgmm.core.kernels.compiling import inner

_STEP = 0x9E3779B97F4A7C15
# The upper 52 bits make a number in [1, 2); half a step off, none is 0 or 1.
_ONE = 0x3FF0000000000000
_OFFSET = 1.0 - 2.0**-53


@intrinsic
def uniforms(typingctx, state, n):
    """Numbers n to n + 7 after ``state``, uniform on (0, 1), as a vector."""

    def codegen(context, builder, signature, arguments):
        state, n = arguments
        start = builder.add(state, builder.mul(n, simd.index(_STEP)))
        lanes = ir.Constant(simd.INTEGERS, [lane * _STEP % 2**64 for lane in range(simd.WIDTH)])
        undefined = ir.Constant(simd.INTEGERS, ir.Undefined)
        zero = ir.Constant(ir.IntType(32), 0)
        first = builder.insert_element(undefined, start, zero)
        order = ir.Constant(ir.VectorType(ir.IntType(32), simd.WIDTH), [0] * simd.WIDTH)
        z = builder.add(builder.shuffle_vector(first, undefined, order), lanes)
        z = builder.xor(z, builder.lshr(z, simd.integers(30)))
        z = builder.mul(z, simd.integers(0xBF58476D1CE4E5B9))
        z = builder.xor(z, builder.lshr(z, simd.integers(27)))
        z = builder.mul(z, simd.integers(0x94D049BB133111EB))
        z = builder.xor(z, builder.lshr(z, simd.integers(31)))
        z = builder.or_(builder.lshr(z, simd.integers(12)), simd.integers(_ONE))
        return builder.fsub(builder.bitcast(z, simd.VECTOR), simd.constant(_OFFSET))

    return simd.vector(state, types.int64), codegen


@inner()
def skip(stream, n):
    """Move ``stream`` (1,) uint64 on by n numbers."""
    stream[0] += np.uint64(_STEP) * np.uint64(n)


@inner()
def uniform(stream):
    """The next number of ``stream``, uniform on (0, 1)."""
    skip(stream, 1)
    z = stream[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (np.float64(z >> np.uint64(12)) + 0.5) * 2.0**-52


@inner()
def normal(stream):
    """A standard normal number (Box and Muller, 1958, doi:10.1214/aoms/1177706645)."""
    radius = np.sqrt(-2.0 * np.log(uniform(stream)))
    return radius * np.cos(2.0 * np.pi * uniform(stream))


@inner()
def log_gamma(shape, stream):
    """The logarithm of a number from Gamma(shape, 1): shapes near zero do not underflow.

    Marsaglia and Tsang (2000, doi:10.1145/358407.358414).
    """
    boost = 0.0
    if shape < 1.0:
        boost = np.log(uniform(stream)) / shape
        shape += 1.0
    third = shape - 1.0 / 3.0
    width = 1.0 / np.sqrt(9.0 * third)
    while True:
        x = normal(stream)
        root = 1.0 + width * x
        if root > 0.0:
            log_cube = 3.0 * np.log(root)
            cube = root * root * root
            if np.log(uniform(stream)) < 0.5 * x * x + third * (1.0 - cube + log_cube):
                return np.log(third) + log_cube + boost
