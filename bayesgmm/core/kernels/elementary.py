"""Exponentials and logarithms of vectors, and the loop that spends most of its time in them."""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from bayesgmm.core.kernels import simd
from bayesgmm.core.kernels.simd import constant, emit_fma

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
)
_LOG2_HIGH = 6.93147180369123816490e-01
_LOG2_LOW = 1.90821492927058770002e-10

# Adding it leaves the nearest integer in the lowest bits of the sum.
_ROUND = 1.5 * 2.0**52

# Exponentials that are worked out side by side: the steps of one wait for each other, and fewer
# leave the multiply-add units idle.
_GROUP = 8


def emit_exps(builder, xs):
    """exp(x) for x <= 0 to 2e-16 relative; arguments of -700 and less give zero."""
    floor = constant(-700.0)
    above = [builder.fcmp_ordered(">", x, floor) for x in xs]
    xs = [builder.select(is_above, x, floor) for is_above, x in zip(above, xs, strict=True)]
    bits = [emit_fma(builder, x, constant(1.4426950408889634), constant(_ROUND)) for x in xs]
    powers = [builder.fsub(b, constant(_ROUND)) for b in bits]
    rests = xs
    for part in (_LOG2_HIGH, _LOG2_LOW):
        rests = [
            emit_fma(builder, power, constant(-part), rest)
            for power, rest in zip(powers, rests, strict=True)
        ]
    series = _horners(builder, rests, _EXP)
    squares = [builder.fmul(rest, rest) for rest in rests]
    tails = [builder.fmul(s, square) for s, square in zip(series, squares, strict=True)]
    tails = [builder.fadd(rest, tail) for rest, tail in zip(rests, tails, strict=True)]
    values = [builder.fadd(constant(1.0), tail) for tail in tails]
    scaled = []
    for value, b in zip(values, bits, strict=True):
        exponent = builder.shl(builder.bitcast(b, simd.INTEGERS), simd.integers(52))
        mantissa = builder.bitcast(value, simd.INTEGERS)
        scaled.append(builder.bitcast(builder.add(mantissa, exponent), simd.VECTOR))
    return [
        builder.select(is_above, value, constant(0.0))
        for is_above, value in zip(above, scaled, strict=True)
    ]


def _horners(builder, xs, coefficients):
    totals = [constant(coefficients[0])] * len(xs)
    for c in coefficients[1:]:
        totals = [
            emit_fma(builder, total, x, constant(c)) for total, x in zip(totals, xs, strict=True)
        ]
    return totals


@intrinsic
def log(typingctx, x):
    """log(x) for normal positive x to 2e-16 relative, by the atanh series of the mantissa."""

    def codegen(context, builder, signature, arguments):
        bits = builder.bitcast(arguments[0], simd.INTEGERS)
        # Subtracting the bits of sqrt(1/2) makes the exponent field round to nearest.
        offset = builder.sub(bits, simd.integers(0x3FE6A09E667F3BCD))
        exponent = builder.ashr(offset, simd.integers(52))
        mantissa = builder.sub(bits, builder.shl(exponent, simd.integers(52)))
        mantissa = builder.bitcast(mantissa, simd.VECTOR)
        one = constant(1.0)
        ratio = builder.fdiv(builder.fsub(mantissa, one), builder.fadd(mantissa, one))
        square = builder.fmul(ratio, ratio)
        (series,) = _horners(builder, [square], [2.0 / n for n in range(21, 2, -2)])
        twice = builder.fmul(constant(2.0), ratio)
        value = emit_fma(builder, builder.fmul(series, square), ratio, twice)
        power = builder.sitofp(exponent, simd.VECTOR)
        value = emit_fma(builder, power, constant(_LOG2_LOW), value)
        return emit_fma(builder, power, constant(_LOG2_HIGH), value)

    return simd.vector(x), codegen


@intrinsic
def exponentials(typingctx, joint, n_components, lowest, tops, totals, stride, n_rows):
    """Replace ``joint`` by exp(joint - maximum of the row); keep the maxima and the sums.

    ``tops[row]`` becomes the maximum over the components, not below ``lowest``, and
    ``totals[row]`` the sum of the exponentials.
    """

    def codegen(context, builder, signature, arguments):
        lj, top, sums = (
            simd.data_pointer(context, builder, signature.args[i], arguments[i]) for i in (0, 3, 4)
        )
        _, n_components, lowest, _, _, stride, n_rows = arguments
        lanes = [simd.index(simd.WIDTH * g) for g in range(_GROUP)]
        tops = [cgutils.alloca_once(builder, simd.VECTOR) for _ in lanes]
        totals = [cgutils.alloca_once(builder, simd.VECTOR) for _ in lanes]
        floor = simd.emit_broadcast(builder, lowest)
        n_groups = builder.udiv(n_rows, simd.index(_GROUP * simd.WIDTH))
        with cgutils.for_range(builder, n_groups, intp=simd.INDEX) as block:
            start = builder.mul(block.index, simd.index(_GROUP * simd.WIDTH))
            for slot in tops:
                builder.store(floor, slot)
            for slot in totals:
                builder.store(constant(0.0), slot)
            with cgutils.for_range(builder, n_components, intp=simd.INDEX) as component:
                line = builder.gep(lj, [builder.add(builder.mul(component.index, stride), start)])
                for slot, lane in zip(tops, lanes, strict=True):
                    value = simd.emit_load(builder, line, lane)
                    builder.store(simd.emit_maximum(builder, value, builder.load(slot)), slot)
            with cgutils.for_range(builder, n_components, intp=simd.INDEX) as component:
                line = builder.gep(lj, [builder.add(builder.mul(component.index, stride), start)])
                below = [
                    builder.fsub(simd.emit_load(builder, line, lane), builder.load(slot))
                    for slot, lane in zip(tops, lanes, strict=True)
                ]
                values = emit_exps(builder, below)
                for value, slot, lane in zip(values, totals, lanes, strict=True):
                    simd.emit_store(builder, value, line, lane)
                    builder.store(builder.fadd(builder.load(slot), value), slot)
            place = builder.gep(top, [start])
            for slot, lane in zip(tops, lanes, strict=True):
                simd.emit_store(builder, builder.load(slot), place, lane)
            place = builder.gep(sums, [start])
            for slot, lane in zip(totals, lanes, strict=True):
                simd.emit_store(builder, builder.load(slot), place, lane)
        return context.get_dummy_value()

    i = types.int64
    return types.void(joint, i, types.float64, tops, totals, i, i), codegen
