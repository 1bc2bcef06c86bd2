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
INTEGERS = ir.VectorType(INDEX, WIDTH)
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


def integers(value):
    """Eight copies of a Python int, as 64-bit integers."""
    return ir.Constant(INTEGERS, [value] * WIDTH)


def _lanes(chosen):
    return ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), list(chosen))


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
    return builder.shuffle_vector(lane, undefined, _lanes([0] * WIDTH))


def emit_broadcast_element(builder, pointer, offset):
    """Eight copies of the double at ``pointer[offset]``."""
    return emit_broadcast(builder, builder.load(builder.gep(pointer, [offset])))


def emit_fma(builder, x, y, z):
    """``x * y + z`` in one instruction where the processor has it."""
    signature = ir.FunctionType(VECTOR, [VECTOR, VECTOR, VECTOR])
    name = f"llvm.fmuladd.v{WIDTH}f64"
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), [x, y, z])


def emit_maximum(builder, x, y):
    """The larger of two vectors, lane by lane; ``y`` where one of them is NaN."""
    return builder.select(builder.fcmp_ordered(">", x, y), x, y)


def emit_sum(builder, x):
    """The sum of the eight lanes."""
    signature = ir.FunctionType(DOUBLE, [DOUBLE, VECTOR])
    name = f"llvm.vector.reduce.fadd.v{WIDTH}f64"
    function = cgutils.get_or_insert_function(builder.module, signature, name)
    return builder.call(function, [ir.Constant(DOUBLE, 0.0), x], fastmath=_RELAXED)


# Halves, quarters and eighths of two vectors side by side: see emit_sums.
_SPLITS = (
    ((0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15)),
    ((0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)),
    ((0, 8, 2, 10, 4, 12, 6, 14), (1, 9, 3, 11, 5, 13, 7, 15)),
)


def emit_sums(builder, vectors):
    """The sums of the lanes of up to eight vectors, as the lanes of one: a third of their cost."""
    left = list(vectors) + [constant(0.0)] * (WIDTH - len(vectors))
    for split in _SPLITS:
        half = len(left) // 2
        low, high = (_lanes(chosen) for chosen in split)
        left = [
            builder.fadd(builder.shuffle_vector(a, b, low), builder.shuffle_vector(a, b, high))
            for a, b in zip(left[:half], left[half:], strict=True)
        ]
    return left[0]


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
def transpose(typingctx, rows, first, step, lines, place, stride):
    """``lines[place + i stride + j] = rows[first + j step + i]`` for i and j from 0 to 7.

    ``rows`` may be of float32; ``lines`` are float64.
    """

    def codegen(context, builder, signature, arguments):
        source = data_pointer(context, builder, signature.args[0], arguments[0])
        target = data_pointer(context, builder, signature.args[3], arguments[3])
        _, first, step, _, place, stride = arguments
        single = signature.args[0].dtype == types.float32
        starts = [builder.add(first, builder.mul(step, index(j))) for j in range(WIDTH)]
        block = [_as_doubles(builder, source, start, single) for start in starts]
        for split in _SPLITS:
            low, high = (_lanes(chosen) for chosen in split)
            half = WIDTH // 2
            pairs = list(zip(block[:half], block[half:], strict=True))
            block = [
                builder.shuffle_vector(a, b, chosen) for a, b in pairs for chosen in (low, high)
            ]
        for i, line in enumerate(block):
            emit_store(builder, line, target, builder.add(place, builder.mul(stride, index(i))))
        return context.get_dummy_value()

    i = types.int64
    return types.void(rows, i, i, lines, i, i), codegen


def _as_doubles(builder, pointer, offset, single):
    """Load eight numbers, of single precision or not."""
    kind = ir.VectorType(ir.FloatType(), WIDTH) if single else VECTOR
    place = builder.bitcast(builder.gep(pointer, [offset]), kind.as_pointer())
    loaded = builder.load(place, align=4 if single else 8)
    return builder.fpext(loaded, VECTOR) if single else loaded


def _columns(d):
    @intrinsic
    def apply(typingctx, rows, first, lines, place, stride):
        """``lines[place + j stride + i] = rows[first + i d + j]`` for j below d and i from 0 to 7.

        ``rows`` may be of float32; ``lines`` are float64.
        """

        def codegen(context, builder, signature, arguments):
            source = data_pointer(context, builder, signature.args[0], arguments[0])
            target = data_pointer(context, builder, signature.args[2], arguments[2])
            _, first, _, place, stride = arguments
            single = signature.args[0].dtype == types.float32
            starts = [builder.add(first, index(WIDTH * v)) for v in range(d)]
            block = [_as_doubles(builder, source, start, single) for start in starts]
            for j in range(d):
                places = [i * d + j for i in range(WIDTH)]
                line = block[0]
                for v in range(d):
                    # From this vector what is in it, the rest as it is.
                    lanes = [p % WIDTH + WIDTH if p // WIDTH == v else i
                             for i, p in enumerate(places)]  # fmt: skip
                    line = builder.shuffle_vector(line, block[v], _lanes(lanes))
                emit_store(builder, line, target, builder.add(place, builder.mul(stride, index(j))))
            return context.get_dummy_value()

        i = types.int64
        return types.void(rows, i, lines, i, i), codegen

    return apply


columns_1, columns_2, columns_3 = (_columns(d) for d in (1, 2, 3))


@intrinsic
def load_strided(typingctx, rows, first, step):
    """``rows[first + i step]`` for i from 0 to 7, of float64 or float32, as a vector of doubles."""

    def codegen(context, builder, signature, arguments):
        pointer = data_pointer(context, builder, signature.args[0], arguments[0])
        _, first, step = arguments
        out = ir.Constant(VECTOR, ir.Undefined)
        for i in range(WIDTH):
            offset = builder.add(first, builder.mul(step, index(i)))
            value = builder.load(builder.gep(pointer, [offset]))
            if signature.args[0].dtype == types.float32:
                value = builder.fpext(value, DOUBLE)
            out = builder.insert_element(out, value, ir.Constant(ir.IntType(32), i))
        return out

    return vector(rows, types.int64, types.int64), codegen


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
        return emit_maximum(builder, *arguments)

    return vector(x, y), codegen


@intrinsic
def sum_lanes(typingctx, x):
    """The sum of the eight lanes."""

    def codegen(context, builder, signature, arguments):
        return emit_sum(builder, arguments[0])

    return types.float64(x), codegen


@intrinsic
def largest_lane(typingctx, x):
    """The largest of the eight lanes."""

    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(DOUBLE, [VECTOR])
        name = f"llvm.vector.reduce.fmax.v{WIDTH}f64"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, [arguments[0]])

    return types.float64(x), codegen
