"""A small SIMD layer for Numba: eight doubles as one value, through LLVM vector instructions.

LLVM lowers the eight-wide operations to whatever the processor has (one AVX-512 register, two AVX2
ones, four NEON ones). Loops written with these reach several times the speed of the same loops
left to the auto-vectoriser, which gives up on the exponential and on strided accumulators.

The ``emit_*`` functions write LLVM instructions and are used by the tiles in
:mod:`~bayesgmm.core.kernels.tiles`; the others are called from compiled code. Loads and stores are
not bounds-checked.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models, register_default
from numba.extending import intrinsic
from numba.np import arrayobj

WIDTH = 8

INDEX = ir.IntType(64)
DOUBLE = ir.DoubleType()
VECTOR = ir.VectorType(DOUBLE, WIDTH)
_INTEGERS = ir.VectorType(INDEX, WIDTH)
_RELAXED = ("reassoc", "nsz", "arcp", "contract", "nnan", "ninf")


class VectorType(types.Type):
    """The Numba type of eight doubles."""

    def __init__(self):
        super().__init__(name="float64x8")


@register_default(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, numba_type):
        super().__init__(manager, numba_type, VECTOR)


vector = VectorType()


def constant(value):
    """Eight copies of a Python float."""
    return ir.Constant(VECTOR, [float(value)] * WIDTH)


def index(value):
    """A Python int as a 64-bit constant."""
    return ir.Constant(INDEX, value)


def data_pointer(context, builder, array_type, array):
    """Pointer to the first element of a NumPy array."""
    return arrayobj.make_array(array_type)(context, builder, array).data


def emit_load(builder, pointer, offset):
    """Load eight doubles at ``pointer[offset:]``."""
    place = builder.bitcast(builder.gep(pointer, [offset]), VECTOR.as_pointer())
    return builder.load(place, align=8)


def emit_store(builder, value, pointer, offset):
    """Store eight doubles at ``pointer[offset:]``."""
    place = builder.bitcast(builder.gep(pointer, [offset]), VECTOR.as_pointer())
    builder.store(value, place, align=8)


def emit_broadcast(builder, scalar):
    """Eight copies of a run-time double."""
    undefined = ir.Constant(VECTOR, ir.Undefined)
    lane = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(lane, undefined, lanes)


def emit_broadcast_element(builder, pointer, offset):
    """Eight copies of the double at ``pointer[offset]``."""
    return emit_broadcast(builder, builder.load(builder.gep(pointer, [offset])))


def emit_fma(builder, x, y, z):
    """``x * y + z`` in one instruction where the processor has it."""
    signature = ir.FunctionType(VECTOR, [VECTOR, VECTOR, VECTOR])
    name = f"llvm.fmuladd.v{WIDTH}f64"
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), [x, y, z])


def emit_sum(builder, x):
    """The sum of the eight lanes."""
    signature = ir.FunctionType(DOUBLE, [DOUBLE, VECTOR])
    name = f"llvm.vector.reduce.fadd.v{WIDTH}f64"
    function = cgutils.get_or_insert_function(builder.module, signature, name)
    return builder.call(function, [ir.Constant(DOUBLE, 0.0), x], fastmath=_RELAXED)


def _horner(builder, x, coefficients):
    total = constant(coefficients[0])
    for coefficient in coefficients[1:]:
        total = emit_fma(builder, total, x, constant(coefficient))
    return total


@intrinsic
def load(typingctx, array, offset):
    """``array[offset:offset + 8]`` of a contiguous float64 array, as a vector."""

    def codegen(context, builder, signature, arguments):
        pointer = data_pointer(context, builder, signature.args[0], arguments[0])
        return emit_load(builder, pointer, arguments[1])

    return vector(array, types.int64), codegen


@intrinsic
def store(typingctx, array, offset, value):
    """``array[offset:offset + 8] = value``."""

    def codegen(context, builder, signature, arguments):
        pointer = data_pointer(context, builder, signature.args[0], arguments[0])
        emit_store(builder, arguments[2], pointer, arguments[1])
        return context.get_dummy_value()

    return types.void(array, types.int64, value), codegen


@intrinsic
def broadcast(typingctx, x):
    """Eight copies of a double."""

    def codegen(context, builder, signature, arguments):
        return emit_broadcast(builder, arguments[0])

    return vector(types.float64), codegen


def _binary(operation):
    @intrinsic
    def apply(typingctx, x, y):
        def codegen(context, builder, signature, arguments):
            return getattr(builder, operation)(*arguments, flags=_RELAXED)

        return vector(x, y), codegen

    return apply


add = _binary("fadd")
multiply = _binary("fmul")
divide = _binary("fdiv")


@intrinsic
def maximum(typingctx, x, y):
    """The larger of two vectors, lane by lane."""

    def codegen(context, builder, signature, arguments):
        x, y = arguments
        return builder.select(builder.fcmp_ordered(">", x, y), x, y)

    return vector(x, y), codegen


@intrinsic
def sum_lanes(typingctx, x):
    """The sum of the eight lanes."""

    def codegen(context, builder, signature, arguments):
        return emit_sum(builder, arguments[0])

    return types.float64(x), codegen


# exp(r) on |r| <= log(2) / 2: minimax coefficients, highest power first.
_EXP = (
    2.5100375832561234e-08,
    2.7620075879983367e-07,
    2.7557268480310024e-06,
    2.4801521322368692e-05,
    1.9841269863040545e-04,
    1.3888888917196719e-03,
    8.3333333333300650e-03,
    4.1666666666624164e-02,
    1.6666666666666669e-01,
    0.5,
    1.0,
    1.0,
)
_LOG2_HIGH = 6.93147180369123816490e-01
_LOG2_LOW = 1.90821492927058770002e-10


@intrinsic
def exp(typingctx, x):
    """exp(x) for x <= 0 to 2e-16 relative; arguments of -700 and less give zero."""

    def codegen(context, builder, signature, arguments):
        floor = constant(-700.0)
        above = builder.fcmp_ordered(">", arguments[0], floor)
        x = builder.select(above, arguments[0], floor)
        rint = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(VECTOR, [VECTOR]), f"llvm.rint.v{WIDTH}f64"
        )
        power = builder.call(rint, [builder.fmul(x, constant(1.4426950408889634))])
        rest = emit_fma(builder, power, constant(-_LOG2_HIGH), x)
        rest = emit_fma(builder, power, constant(-_LOG2_LOW), rest)
        mantissa = builder.bitcast(_horner(builder, rest, _EXP), _INTEGERS)
        shift = ir.Constant(_INTEGERS, [52] * WIDTH)
        exponent = builder.shl(builder.fptosi(power, _INTEGERS), shift)
        value = builder.bitcast(builder.add(mantissa, exponent), VECTOR)
        return builder.select(above, value, constant(0.0))

    return vector(x), codegen


@intrinsic
def log(typingctx, x):
    """log(x) for normal positive x to 2e-16 relative, by the atanh series of the mantissa."""

    def codegen(context, builder, signature, arguments):
        def integers(value):
            return ir.Constant(_INTEGERS, [value] * WIDTH)

        bits = builder.bitcast(arguments[0], _INTEGERS)
        # Subtracting the bits of sqrt(1/2) makes the exponent field round to nearest.
        offset = builder.sub(bits, integers(0x3FE6A09E667F3BCD))
        exponent = builder.ashr(offset, integers(52))
        mantissa = builder.bitcast(builder.sub(bits, builder.shl(exponent, integers(52))), VECTOR)
        one = constant(1.0)
        ratio = builder.fdiv(builder.fsub(mantissa, one), builder.fadd(mantissa, one))
        square = builder.fmul(ratio, ratio)
        series = _horner(builder, square, [2.0 / n for n in range(21, 2, -2)])
        twice = builder.fmul(constant(2.0), ratio)
        value = emit_fma(builder, builder.fmul(series, square), ratio, twice)
        power = builder.sitofp(exponent, VECTOR)
        value = emit_fma(builder, power, constant(_LOG2_LOW), value)
        return emit_fma(builder, power, constant(_LOG2_HIGH), value)

    return vector(x), codegen
