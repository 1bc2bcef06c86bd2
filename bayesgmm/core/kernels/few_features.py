"""The pass for up to five features: a few vectors of rows go through all of it in registers.

With so few features there is little arithmetic between loads and stores, and a pass by tiles of a
block (:mod:`~bayesgmm.core.kernels.triangular`) waits for memory. Here a step takes ``group``
vectors of eight rows from the whitened rows to their weighted sums before the next one begins; the
numbers of a step stay where the processor has them at hand::

    component 0  [joint | y_0 | y_1 ..]     each of ``group`` vectors: the log joint densities,
    component 1  [joint | y_0 | y_1 ..]     then their exponentials, and the whitened features
    ...

The sums are kept as vectors, of which every lane has the sum over its rows, until a block ends.
Each number of features and structure of the factors has a function of its own, compiled when it is
first asked for.
"""

from functools import cache
from itertools import count
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from bayesgmm.core.kernels import elementary, simd, softmax
from bayesgmm.core.kernels.compiling import inner, njit
from bayesgmm.core.kernels.simd import WIDTH

MOST_FEATURES = 5


def _entries(d, n_entries):
    """Rows and columns of the entries of a factor: of a triangle, or of a diagonal."""
    if n_entries == d:
        return [(i, i) for i in range(d)]
    return [(i, j) for i in range(d) for j in range(i + 1)]


def _group(d):
    # More vectors side by side keep the units busy until the registers are used up.
    return 8 if d <= 2 else 4


class _Step:
    """Writes the instructions of one step: from ``group`` vectors of rows to their sums."""

    def __init__(self, builder, d, n_entries, n_components):
        self.builder, self.d, self.n_components = builder, d, n_components
        self.entries = _entries(d, n_entries)
        self.n_numbers = 1 + d + n_entries  # of a component: in the model, and sums
        self.group = _group(d)
        self.lanes = [simd.index(WIDTH * g) for g in range(self.group)]
        self.slots = [cgutils.alloca_once(builder, simd.VECTOR) for _ in self.lanes]

    def set_slots(self, value):
        for slot in self.slots:
            self.builder.store(value, slot)

    def load(self, pointer):
        return [simd.emit_load(self.builder, pointer, lane) for lane in self.lanes]

    def store(self, values, pointer):
        for value, lane in zip(values, self.lanes, strict=True):
            simd.emit_store(self.builder, value, pointer, lane)

    def multiply(self, xs, ys):
        return [self.builder.fmul(x, y) for x, y in zip(xs, ys, strict=True)]

    def fma(self, xs, ys, zs):
        if zs is None:
            return self.multiply(xs, ys)
        return [simd.emit_fma(self.builder, *xyz) for xyz in zip(xs, ys, zs, strict=True)]

    def at(self, pointer, component, step):
        """The pointer to what a component has, of ``step`` doubles each."""
        return self.builder.gep(pointer, [self.builder.mul(component, simd.index(step))])

    def line(self, scratch, component, i=0):
        """The pointer to line ``i`` of a component's scratch: joint, then the features of y."""
        size = self.group * WIDTH
        own = self.at(scratch, component, (1 + self.d) * size)
        return self.builder.gep(own, [simd.index(i * size)])

    def for_each_component(self):
        return cgutils.for_range(self.builder, self.n_components, intp=simd.INDEX)

    def whiten(self, x, model, scratch, lowest):
        """Write log joint densities and y; returns the maxima over the components."""
        builder, copies = self.builder, self.group
        self.set_slots(lowest)
        with self.for_each_component() as component:
            own = self.at(model, component.index, self.n_numbers)
            constant, *numbers = (
                simd.emit_broadcast_element(builder, own, simd.index(i))
                for i in range(self.n_numbers)
            )
            means, factors = numbers[: self.d], numbers[self.d :]
            centred = [[builder.fsub(v, mean) for v in x[i]] for i, mean in enumerate(means)]
            squares = None
            for i in range(self.d):
                y = None
                for factor, (row, column) in zip(factors, self.entries, strict=True):
                    if row == i:
                        y = self.fma([factor] * copies, centred[column], y)
                self.store(y, self.line(scratch, component.index, 1 + i))
                squares = self.fma(y, y, squares)
            joint = self.fma(squares, [simd.constant(-0.5)] * copies, [constant] * copies)
            self.store(joint, self.line(scratch, component.index))
            for value, slot in zip(joint, self.slots, strict=True):
                top = builder.load(slot)
                is_higher = builder.fcmp_ordered(">", value, top)
                builder.store(builder.select(is_higher, value, top), slot)
        return [builder.load(slot) for slot in self.slots]

    def exponentiate(self, scratch, tops):
        """Replace log joint densities by exp(joint - top); returns sums over the components."""
        builder = self.builder
        self.set_slots(simd.constant(0.0))
        with self.for_each_component() as component:
            line = self.line(scratch, component.index)
            below = [builder.fsub(v, top) for v, top in zip(self.load(line), tops, strict=True)]
            values = elementary.emit_exps(builder, below)
            self.store(values, line)
            for value, slot in zip(values, self.slots, strict=True):
                builder.store(builder.fadd(builder.load(slot), value), slot)
        return [builder.load(slot) for slot in self.slots]

    def add(self, scales, scratch, sums):
        """Add r, r y and r y y' of this step to the sums; r is scale * exponential."""
        builder = self.builder
        with self.for_each_component() as component:
            r = self.multiply(self.load(self.line(scratch, component.index)), scales)
            own = self.at(sums, component.index, self.n_numbers * WIDTH)
            places = (simd.index(i * WIDTH) for i in count())

            def add_up(terms):
                place = next(places)
                total = simd.emit_load(builder, own, place)
                for term in terms:
                    total = term(total)
                simd.emit_store(builder, total, own, place)

            def plus(value):
                return lambda total: builder.fadd(total, value)

            def plus_product(left, right):
                return lambda total: simd.emit_fma(builder, left, right, total)

            y = [self.load(self.line(scratch, component.index, 1 + i)) for i in range(self.d)]
            z = [self.multiply(r, values) for values in y]
            for values in (r, *z):
                add_up(map(plus, values))
            for row, column in self.entries:
                add_up(map(plus_product, z[row], y[column]))


@intrinsic(prefer_literal=True)
def _block(
    typingctx,
    d,
    n_entries,
    U,
    weight,
    model,
    n_components,
    lowest,
    scratch,
    sums,
    tops,
    t0,
    totals,
    u0,
    stride,
    n_rows,
):
    """Add a block's sums to ``sums``; write the maxima and totals of the densities of its rows."""
    features, entries = d.literal_value, n_entries.literal_value

    def codegen(context, builder, signature, arguments):
        u, w, m, held, s, top, total = (
            simd.data_pointer(context, builder, signature.args[i], arguments[i])
            for i in (2, 3, 4, 7, 8, 9, 11)
        )
        n_components, lowest = arguments[5:7]
        t0, u0, stride, n_rows = (arguments[i] for i in (10, 12, 13, 14))
        step = _Step(builder, features, entries, n_components)
        floor = simd.emit_broadcast(builder, lowest)
        size = simd.index(step.group * WIDTH)
        with cgutils.for_range(builder, builder.udiv(n_rows, size), intp=simd.INDEX) as loop:
            start = builder.mul(loop.index, size)
            x = []
            for j in range(features):
                place = builder.add(builder.mul(stride, simd.index(j)), start)
                x.append(step.load(builder.gep(u, [place])))
            maxima = step.whiten(x, m, held, floor)
            step.store(maxima, builder.gep(top, [builder.add(t0, start)]))
            over_components = step.exponentiate(held, maxima)
            step.store(over_components, builder.gep(total, [builder.add(u0, start)]))
            weights = step.load(builder.gep(w, [start]))
            scales = [
                builder.fdiv(value, over)
                for value, over in zip(weights, over_components, strict=True)
            ]
            step.add(scales, held, s)
        return context.get_dummy_value()

    i, real = types.int64, types.float64
    return types.void(
        d, n_entries, U, weight, model, i, real, scratch, sums, tops, i, totals, i, i, i
    ), codegen


@inner()
def _add_to(total, part):
    """``total += part``, and ``part`` becomes zero."""
    for v in range(0, total.shape[0], WIDTH):
        simd.store(total, v, simd.add(simd.load(total, v), simd.load(part, v)))
        simd.store(part, v, simd.broadcast(0.0))


@inner()
def _lane_sum(vectors, i):
    return simd.sum_lanes(simd.load(vectors, i * WIDTH))


@inner()
def _place(k, i, j, n_components, d, size, is_triangular):
    """Where component k has the entry (i, j) of its factor, in what all have, of any shape."""
    if is_triangular:
        return k % (size // (d * d)) * d * d + i * d + j
    n_each = size // n_components
    return k * n_each + i % n_each


@inner()
def _pack(log_weights, means, factors, is_triangular):
    """For each component the constant of its log density, its mean, the entries of its factor."""
    n_components, d = means.shape
    n_entries = d * (d + 1) // 2 if is_triangular else d
    log_determinants, constants = np.zeros(n_components), np.empty(n_components)
    model = np.empty(n_components * (1 + d + n_entries))
    p = 0
    for k in range(n_components):
        p += 1
        for i in range(d):
            model[p] = means[k, i]
            p += 1
        for i in range(d):
            for j in range(0 if is_triangular else i, i + 1):
                place = _place(k, i, j, n_components, d, factors.shape[0], is_triangular)
                model[p] = factors[place]
                p += 1
            log_determinants[k] += np.log(model[p - 1])
    softmax.constants(log_weights, log_determinants, d, constants)
    for k in range(n_components):
        model[k * (1 + d + n_entries)] = constants[k]
    return model


@inner()
def _unpack(sums, is_triangular, counts, first, second):
    n_components, d = first.shape
    second[:] = 0.0
    p = 0
    for k in range(n_components):
        counts[k] = _lane_sum(sums, p)
        for i in range(d):
            first[k, i] = _lane_sum(sums, p + 1 + i)
        p += 1 + d
        for i in range(d):
            for j in range(0 if is_triangular else i, i + 1):
                place = _place(k, i, j, n_components, d, second.shape[0], is_triangular)
                second[place] += _lane_sum(sums, p)
                if j < i:
                    place = _place(k, j, i, n_components, d, second.shape[0], is_triangular)
                    second[place] += _lane_sum(sums, p)
                p += 1


@cache
def sums_for(d: int, is_triangular: bool) -> Any:
    """The compiled pass for ``d`` features and factors that are triangular or diagonal.

    Its arguments are those of :func:`bayesgmm.core.kernels.triangular.sums`, or of
    :func:`bayesgmm.core.kernels.diagonal.sums`.
    """
    # Python integers, which become constants of what is compiled and part of its key in the cache.
    n_entries = d * (d + 1) // 2 if is_triangular else d
    n_numbers = 1 + d + n_entries
    n_held = (1 + d) * _group(d) * WIDTH

    @njit()
    def sums(X, sample_weight, log_weights, means, factors, far, counts, first, second):
        n = X.shape[0]
        n_components = log_weights.shape[0]
        block = softmax.BLOCK_ROWS
        stride = block + 8
        model = _pack(log_weights, means, factors, is_triangular)
        n_sums = n_components * n_numbers * WIDTH
        # One piece of memory: a short pass would spend as long on asking for six.
        memory = softmax.buffer((d + 3) * stride + n_components * n_held + 2 * n_sums)
        U, rest = memory[: d * stride], memory[d * stride :]
        work, weight, rest = rest[: 2 * stride], rest[2 * stride : 3 * stride], rest[3 * stride :]
        sums_of_block, total, held = rest[:n_sums], rest[n_sums : 2 * n_sums], rest[2 * n_sums :]
        rest[: 2 * n_sums] = 0.0
        log_likelihood = 0.0
        for start in range(0, n, block):
            n_used = min(block, n - start)
            n_rows = softmax.filled(n_used)
            softmax.load_rows(X, start, n_used, n_rows, stride, U)
            is_uniform = softmax.load_weights(sample_weight, start, n_used, n_rows, weight)
            _block(
                d,
                n_entries,
                U,
                weight,
                model,
                n_components,
                softmax.LOG_ZERO,
                held,
                sums_of_block,
                work,
                0,
                work,
                stride,
                stride,
                n_rows,
            )
            log_likelihood += softmax.log_likelihood(work, weight, is_uniform, stride, n_rows)
            _add_to(total, sums_of_block)
        _unpack(total, is_triangular, counts, first, second)
        return log_likelihood

    return sums
