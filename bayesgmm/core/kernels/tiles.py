"""The inner loops of the pass over a block of rows, unrolled for tiles of one to five features.

A block is up to 256 rows, transposed so that eight consecutive rows of one feature are one vector.
Every array of a block has one line of ``stride`` doubles per feature (``stride`` is the number of
rows plus eight: lines a power of two apart would compete for the same cache sets)::

             row 0 .. 7   row 8 .. 15   ...  | 8 unused
    feature 0  [ vector ]   [ vector ]
    feature 1  [ vector ]   [ vector ]        a tile is 1..5 lines: its accumulators
    feature 2  [ vector ]   [ vector ]        fill the registers of the processor
    ...

``rows`` below is the number of lines of the tile, fixed when the tile is made. Sums over the rows
of a block leave a tile as *packed* doubles, eight at a time.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from bayesgmm.core.kernels import simd

TILE = 5
# Doubles that the sums of one full cross tile take, in whole vectors.
N_CROSS = 32


def _accumulators(builder, n, value):
    slots = [cgutils.alloca_once(builder, simd.VECTOR) for _ in range(n)]
    for slot in slots:
        builder.store(value, slot)
    return slots


def _pointers(context, builder, signature, arguments, places):
    return [simd.data_pointer(context, builder, signature.args[i], arguments[i]) for i in places]


def _add_sums(builder, pointer, offset, accumulators):
    """Add the lane sums of accumulators to as many doubles from ``pointer[offset]`` on."""
    for start in range(0, len(accumulators), simd.WIDTH):
        part = [builder.load(slot) for slot in accumulators[start : start + simd.WIDTH]]
        place = builder.add(offset, simd.index(start))
        total = builder.fadd(simd.emit_load(builder, pointer, place), simd.emit_sums(builder, part))
        simd.emit_store(builder, total, pointer, place)


def _whiten_tile(rows):
    # With few rows more vectors at a time keep the multiply-add units busy.
    group = 4 if rows > 2 else 8
    step = simd.index(rows + 1)

    @intrinsic
    def tile(typingctx, U, model, m0, n_before, Y, y0, joint, j0, stride, n_rows):
        def codegen(context, builder, signature, arguments):
            u, m, y, lj = _pointers(context, builder, signature, arguments, (0, 1, 4, 6))
            _, _, m0, n_before, _, y0, _, j0, stride, n_rows = arguments
            sums = _accumulators(builder, rows * group, simd.constant(0.0))
            n_groups = builder.udiv(n_rows, simd.index(group * simd.WIDTH))
            lanes = [simd.index(simd.WIDTH * g) for g in range(group)]

            def add_column(start, column, first):
                record = builder.gep(m, [builder.add(m0, builder.mul(column, step))])
                centre = simd.emit_broadcast_element(builder, record, simd.index(0))
                line = builder.gep(u, [builder.add(builder.mul(column, stride), start)])
                x = [builder.fsub(simd.emit_load(builder, line, lane), centre) for lane in lanes]
                for r in range(first, rows):
                    weight = simd.emit_broadcast_element(builder, record, simd.index(r + 1))
                    for g in range(group):
                        slot = sums[r * group + g]
                        value = simd.emit_fma(builder, weight, x[g], builder.load(slot))
                        builder.store(value, slot)

            with cgutils.for_range(builder, n_groups, intp=simd.INDEX) as block:
                start = builder.mul(block.index, simd.index(group * simd.WIDTH))
                for slot in sums:
                    builder.store(simd.constant(0.0), slot)
                with cgutils.for_range(builder, n_before, intp=simd.INDEX) as column:
                    add_column(start, column.index, 0)
                for c in range(rows):
                    add_column(start, builder.add(n_before, simd.index(c)), c)
                squares = [simd.constant(0.0)] * group
                for r in range(rows):
                    line = builder.add(y0, builder.mul(stride, simd.index(r)))
                    line = builder.gep(y, [builder.add(line, start)])
                    for g in range(group):
                        value = builder.load(sums[r * group + g])
                        simd.emit_store(builder, value, line, lanes[g])
                        squares[g] = simd.emit_fma(builder, value, value, squares[g])
                line = builder.gep(lj, [builder.add(j0, start)])
                for g in range(group):
                    total = simd.emit_load(builder, line, lanes[g])
                    total = simd.emit_fma(builder, squares[g], simd.constant(-0.5), total)
                    simd.emit_store(builder, total, line, lanes[g])
            return context.get_dummy_value()

        i = types.int64
        return types.void(U, model, i, i, Y, i, joint, i, i, i), codegen

    return tile


def _gram_tile(rows):
    pairs = [(i, j) for i in range(rows) for j in range(i + 1)]

    @intrinsic
    def tile(typingctx, resp, r0, Y, y0, Z, packed, p0, stride, n_rows):
        def codegen(context, builder, signature, arguments):
            r, y, z, p = _pointers(context, builder, signature, arguments, (0, 2, 4, 5))
            _, r0, _, y0, _, _, p0, stride, n_rows = arguments
            sums = _accumulators(builder, rows, simd.constant(0.0))
            products = _accumulators(builder, len(pairs), simd.constant(0.0))
            n_vectors = builder.udiv(n_rows, simd.index(simd.WIDTH))
            with cgutils.for_range(builder, n_vectors, intp=simd.INDEX) as block:
                lane = builder.mul(block.index, simd.index(simd.WIDTH))
                weight = simd.emit_load(builder, r, builder.add(r0, lane))
                values, weighted = [], []
                for i in range(rows):
                    offset = builder.add(builder.mul(stride, simd.index(i)), lane)
                    value = simd.emit_load(builder, y, builder.add(y0, offset))
                    values.append(value)
                    weighted.append(builder.fmul(weight, value))
                    simd.emit_store(builder, weighted[i], z, offset)
                    builder.store(builder.fadd(builder.load(sums[i]), weighted[i]), sums[i])
                for slot, (i, j) in zip(products, pairs, strict=True):
                    total = simd.emit_fma(builder, weighted[i], values[j], builder.load(slot))
                    builder.store(total, slot)
            _add_sums(builder, p, p0, [*sums, *products])
            return context.get_dummy_value()

        i = types.int64
        return types.void(resp, i, Y, i, Z, packed, i, i, i), codegen

    return tile


def _cross_tile(rows):
    pairs = [(i, j) for i in range(rows) for j in range(TILE)]

    @intrinsic
    def tile(typingctx, Z, z0, Y, y0, packed, p0, stride, n_rows):
        def codegen(context, builder, signature, arguments):
            z, y, p = _pointers(context, builder, signature, arguments, (0, 2, 4))
            _, z0, _, y0, _, p0, stride, n_rows = arguments
            products = _accumulators(builder, len(pairs), simd.constant(0.0))
            n_vectors = builder.udiv(n_rows, simd.index(simd.WIDTH))
            with cgutils.for_range(builder, n_vectors, intp=simd.INDEX) as block:
                lane = builder.mul(block.index, simd.index(simd.WIDTH))
                offsets = [
                    builder.add(builder.mul(stride, simd.index(i)), lane) for i in range(TILE)
                ]
                weighted = [
                    simd.emit_load(builder, z, builder.add(z0, offsets[i])) for i in range(rows)
                ]
                for j in range(TILE):
                    value = simd.emit_load(builder, y, builder.add(y0, offsets[j]))
                    for i in range(rows):
                        slot = products[i * TILE + j]
                        total = simd.emit_fma(builder, weighted[i], value, builder.load(slot))
                        builder.store(total, slot)
            _add_sums(builder, p, p0, products)
            return context.get_dummy_value()

        i = types.int64
        return types.void(Z, i, Y, i, packed, i, i, i), codegen

    return tile


def _product_tile(rows):
    group = 4 if rows > 2 else 8

    @intrinsic
    def tile(typingctx, F, model, m0, n_columns, out, o0, stride, n_rows):
        def codegen(context, builder, signature, arguments):
            f, m, o = _pointers(context, builder, signature, arguments, (0, 1, 4))
            _, _, m0, n_columns, _, o0, stride, n_rows = arguments
            sums = _accumulators(builder, rows * group, simd.constant(0.0))
            n_groups = builder.udiv(n_rows, simd.index(group * simd.WIDTH))
            lanes = [simd.index(simd.WIDTH * g) for g in range(group)]
            with cgutils.for_range(builder, n_groups, intp=simd.INDEX) as block:
                start = builder.mul(block.index, simd.index(group * simd.WIDTH))
                lines = [
                    builder.gep(o, [builder.add(o0, builder.add(start, builder.mul(stride, r)))])
                    for r in map(simd.index, range(rows))
                ]
                places = [(r, g) for r in range(rows) for g in range(group)]
                for slot, (r, g) in zip(sums, places, strict=True):
                    builder.store(simd.emit_load(builder, lines[r], lanes[g]), slot)
                with cgutils.for_range(builder, n_columns, intp=simd.INDEX) as column:
                    record = builder.gep(
                        m, [builder.add(m0, builder.mul(column.index, simd.index(rows)))]
                    )
                    line = builder.gep(f, [builder.add(builder.mul(column.index, stride), start)])
                    x = [simd.emit_load(builder, line, lane) for lane in lanes]
                    for r in range(rows):
                        weight = simd.emit_broadcast_element(builder, record, simd.index(r))
                        for g in range(group):
                            slot = sums[r * group + g]
                            value = simd.emit_fma(builder, weight, x[g], builder.load(slot))
                            builder.store(value, slot)
                for slot, (r, g) in zip(sums, places, strict=True):
                    simd.emit_store(builder, builder.load(slot), lines[r], lanes[g])
            return context.get_dummy_value()

        i = types.int64
        return types.void(F, model, i, i, out, i, i, i), codegen

    return tile


def _add_to(builder, pointer, offset, accumulator):
    place = builder.gep(pointer, [offset])
    total = simd.emit_sum(builder, builder.load(accumulator))
    builder.store(builder.fadd(builder.load(place), total), place)


def _distance():
    group = 8

    @intrinsic
    def tile(typingctx, U, mean, factor, m0, d, joint, j0, stride, n_rows):
        def codegen(context, builder, signature, arguments):
            u, mu, w, lj = _pointers(context, builder, signature, arguments, (0, 1, 2, 5))
            _, _, _, m0, d, _, j0, stride, n_rows = arguments
            sums = _accumulators(builder, group, simd.constant(0.0))
            n_groups = builder.udiv(n_rows, simd.index(group * simd.WIDTH))
            with cgutils.for_range(builder, n_groups, intp=simd.INDEX) as block:
                start = builder.mul(block.index, simd.index(group * simd.WIDTH))
                lanes = [builder.add(start, simd.index(simd.WIDTH * g)) for g in range(group)]
                for slot, lane in zip(sums, lanes, strict=True):
                    builder.store(simd.emit_load(builder, lj, builder.add(j0, lane)), slot)
                with cgutils.for_range(builder, d, intp=simd.INDEX) as column:
                    place = builder.add(m0, column.index)
                    centre = simd.emit_broadcast_element(builder, mu, place)
                    scale = simd.emit_broadcast_element(builder, w, place)
                    line = builder.mul(column.index, stride)
                    for slot, lane in zip(sums, lanes, strict=True):
                        x = simd.emit_load(builder, u, builder.add(line, lane))
                        y = builder.fmul(builder.fsub(x, centre), scale)
                        half = builder.fmul(y, simd.constant(-0.5))
                        builder.store(simd.emit_fma(builder, half, y, builder.load(slot)), slot)
                for slot, lane in zip(sums, lanes, strict=True):
                    simd.emit_store(builder, builder.load(slot), lj, builder.add(j0, lane))
            return context.get_dummy_value()

        i = types.int64
        return types.void(U, mean, factor, i, i, joint, i, i, i), codegen

    return tile


def _moment_tile(rows):
    @intrinsic
    def tile(typingctx, resp, r0, U, u0, mean, factor, m0, first, second, stride, n_rows):
        def codegen(context, builder, signature, arguments):
            places = (0, 2, 4, 5, 7, 8)
            r, u, mu, w, t, s = _pointers(context, builder, signature, arguments, places)
            _, r0, _, u0, _, _, m0, _, _, stride, n_rows = arguments
            sums = _accumulators(builder, rows, simd.constant(0.0))
            squares = _accumulators(builder, rows, simd.constant(0.0))
            lines = [builder.add(m0, simd.index(i)) for i in range(rows)]
            centres = [simd.emit_broadcast_element(builder, mu, line) for line in lines]
            scales = [simd.emit_broadcast_element(builder, w, line) for line in lines]
            n_vectors = builder.udiv(n_rows, simd.index(simd.WIDTH))
            with cgutils.for_range(builder, n_vectors, intp=simd.INDEX) as block:
                lane = builder.mul(block.index, simd.index(simd.WIDTH))
                weight = simd.emit_load(builder, r, builder.add(r0, lane))
                for i in range(rows):
                    offset = builder.add(builder.mul(stride, simd.index(i)), lane)
                    x = simd.emit_load(builder, u, builder.add(u0, offset))
                    y = builder.fmul(builder.fsub(x, centres[i]), scales[i])
                    z = builder.fmul(weight, y)
                    builder.store(builder.fadd(builder.load(sums[i]), z), sums[i])
                    total = simd.emit_fma(builder, z, y, builder.load(squares[i]))
                    builder.store(total, squares[i])
            for i in range(rows):
                _add_to(builder, t, lines[i], sums[i])
                _add_to(builder, s, lines[i], squares[i])
            return context.get_dummy_value()

        i = types.int64
        return types.void(resp, i, U, i, mean, factor, i, first, second, i, i), codegen

    return tile


# whiten_n(U, model, m0, n_before, Y, y0, joint, j0, stride, n_rows)
#   n lines of Y = factor[n lines] @ (U - mean), a triangle of n columns after n_before full ones;
#   joint[row] -= half the sum over these lines of Y squared.
#   model[m0:]: for each column its mean and the n entries of the factor, beside each other.
whiten_1, whiten_2, whiten_3, whiten_4, whiten_5 = (_whiten_tile(n) for n in range(1, TILE + 1))

# gram_n(resp, r0, Y, y0, Z, packed, p0, stride, n_rows)
#   Z lines = resp * Y lines; packed += their sums (n), then Z Y' (lower triangle, by rows).
gram_1, gram_2, gram_3, gram_4, gram_5 = (_gram_tile(n) for n in range(1, TILE + 1))

# cross_n(Z, z0, Y, y0, packed, p0, stride, n_rows)
#   packed += n lines of Z @ five lines of Y, transposed (n x 5, by rows).
cross_1, cross_2, cross_3, cross_4, cross_5 = (_cross_tile(n) for n in range(1, TILE + 1))

# product_n(F, model, m0, n_columns, out, o0, stride, n_rows)
#   n lines of out += coefficients @ F; model[m0:] holds the n coefficients of each line of F.
product_1, product_2, product_3, product_4, product_5 = (
    _product_tile(n) for n in range(1, TILE + 1)
)

# distance(U, mean, factor, m0, d, joint, j0, stride, n_rows)
#   joint[row] -= half the squared distance (factor * (U - mean))^2 summed over d features.
distance = _distance()

# moment_n(resp, r0, U, u0, mean, factor, m0, first, second, stride, n_rows)
#   for n features: first += sum resp * y, second += sum resp * y^2, y = factor * (U - mean).
moment_1, moment_2, moment_3, moment_4, moment_5 = (_moment_tile(n) for n in range(1, TILE + 1))
