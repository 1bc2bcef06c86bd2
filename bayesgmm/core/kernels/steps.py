"""The inner loop of the pass for few features: a few vectors of rows go through all of it at once.

A step takes ``group`` vectors of eight rows from the rows to their weighted sums before the next
one begins, and its numbers stay in registers or close by. For each component are held, of all its
rows::

    component 0  [joint | y_0 | y_1 ..]     ``group`` vectors each: log joint densities, later their
    component 1  [joint | y_0 | y_1 ..]     exponentials; and the whitened features
    ...

The numbers of the model, one component after the other, are the constant of the log joint density,
the mean, and the entries of the whitening factor. The sums lie in the same order, each a vector of
which every lane has the sum over its rows: of r, of r y, and of r y y' where the factor has
entries.
"""

from contextlib import contextmanager
from itertools import count

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from bayesgmm.core.kernels import elementary, simd
from bayesgmm.core.kernels.simd import WIDTH


def _entries(d, n_entries):
    """Rows and columns of the entries of a factor: of a triangle, or of a diagonal."""
    if n_entries == d:
        return [(i, i) for i in range(d)]
    return [(i, j) for i in range(d) for j in range(i + 1)]


def group_of(d):
    """Vectors of rows in a step."""
    # More vectors side by side keep the units busy until the registers are used up.
    return 8 if d <= 2 else 4


class _Step:
    """Writes the instructions of one step: from ``group`` vectors of rows to their sums."""

    def __init__(self, builder, d, n_entries, n_components):
        self.builder, self.d, self.n_components = builder, d, n_components
        self.entries = _entries(d, n_entries)
        self.n_numbers = 1 + d + n_entries  # of a component: in the model, and sums
        self.group = group_of(d)
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

    def join(self, x, model, component, keep=None):
        """Log joint densities of a component; ``keep(i, y)`` gets each whitened feature."""
        builder, copies = self.builder, self.group
        own = self.at(model, component, self.n_numbers)
        constant, *numbers = (
            simd.emit_broadcast_element(builder, own, simd.index(i)) for i in range(self.n_numbers)
        )
        means, factors = numbers[: self.d], numbers[self.d :]
        centred = [[builder.fsub(v, mean) for v in x[i]] for i, mean in enumerate(means)]
        squares = None
        for i in range(self.d):
            y = None
            for factor, (row, column) in zip(factors, self.entries, strict=True):
                if row == i:
                    y = self.fma([factor] * copies, centred[column], y)
            if keep is not None:
                keep(i, y)
            squares = self.fma(y, y, squares)
        return self.fma(squares, [simd.constant(-0.5)] * copies, [constant] * copies)

    def whiten(self, x, model, scratch, lowest, keeps_y):
        """Write log joint densities, and y if asked to; returns the maxima over the components."""
        builder = self.builder
        self.set_slots(lowest)
        with self.for_each_component() as component:
            k = component.index

            def keep(i, y, k=k):
                self.store(y, self.line(scratch, k, 1 + i))

            joint = self.join(x, model, k, keep if keeps_y else None)
            self.store(joint, self.line(scratch, k))
            for value, slot in zip(joint, self.slots, strict=True):
                builder.store(simd.emit_maximum(builder, value, builder.load(slot)), slot)
        return [builder.load(slot) for slot in self.slots]

    def exponentiate(self, scratch, tops, keeps_each):
        """Replace log joint densities by exp(joint - top); returns sums over the components.

        Unless asked to keep each, only the sums are of use afterwards.
        """
        builder = self.builder
        self.set_slots(simd.constant(0.0))
        with self.for_each_component() as component:
            line = self.line(scratch, component.index)
            below = [builder.fsub(v, top) for v, top in zip(self.load(line), tops, strict=True)]
            values = elementary.emit_exps(builder, below)
            if keeps_each:
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


@contextmanager
def _each_step(builder, step, u, stride, n_rows):
    """A loop over a block: where a step starts, and the vectors of its rows."""
    size = simd.index(step.group * WIDTH)
    with cgutils.for_range(builder, builder.udiv(n_rows, size), intp=simd.INDEX) as loop:
        start = builder.mul(loop.index, size)
        places = (builder.add(builder.mul(stride, simd.index(j)), start) for j in range(step.d))
        yield start, [step.load(builder.gep(u, [place])) for place in places]


def _weigh(builder, step, arrays, lowest, stride, n_rows, then=None):
    """Write the maxima and totals of the densities of a block's rows.

    ``then`` is called with the start of each step and the totals.
    """
    u, model, held, top, total = arrays
    floor = simd.emit_broadcast(builder, lowest)
    with _each_step(builder, step, u, stride, n_rows) as (start, x):
        maxima = step.whiten(x, model, held, floor, keeps_y=then is not None)
        step.store(maxima, builder.gep(top, [start]))
        over_components = step.exponentiate(held, maxima, keeps_each=then is not None)
        step.store(over_components, builder.gep(total, [start]))
        if then is not None:
            then(start, over_components)


@intrinsic(prefer_literal=True)
def add_block(
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
    totals,
    stride,
    n_rows,
):
    """Add a block's sums to ``sums``; write the maxima and totals of the densities of its rows."""
    features, entries = d.literal_value, n_entries.literal_value

    def codegen(context, builder, signature, arguments):
        u, w, m, held, s, top, total = (
            simd.data_pointer(context, builder, signature.args[i], arguments[i])
            for i in (2, 3, 4, 7, 8, 9, 10)
        )
        n_components, lowest = arguments[5:7]
        step = _Step(builder, features, entries, n_components)

        def add(start, over_components):
            weights = step.load(builder.gep(w, [start]))
            scales = [
                builder.fdiv(value, over)
                for value, over in zip(weights, over_components, strict=True)
            ]
            step.add(scales, held, s)

        arrays = u, m, held, top, total
        _weigh(builder, step, arrays, lowest, *arguments[11:], add)
        return context.get_dummy_value()

    i, real = types.int64, types.float64
    return types.void(
        d, n_entries, U, weight, model, i, real, scratch, sums, tops, totals, i, i
    ), codegen


@intrinsic(prefer_literal=True)
def weigh_block(
    typingctx, d, n_entries, U, model, n_components, lowest, scratch, tops, totals, stride, n_rows
):
    """Write the maxima and totals of the densities of a block's rows, and nothing else."""
    features, entries = d.literal_value, n_entries.literal_value

    def codegen(context, builder, signature, arguments):
        arrays = [
            simd.data_pointer(context, builder, signature.args[i], arguments[i])
            for i in (2, 3, 6, 7, 8)
        ]
        n_components, lowest = arguments[4:6]
        step = _Step(builder, features, entries, n_components)
        _weigh(builder, step, arrays, lowest, *arguments[9:])
        return context.get_dummy_value()

    i, real = types.int64, types.float64
    return types.void(d, n_entries, U, model, i, real, scratch, tops, totals, i, i), codegen


@intrinsic(prefer_literal=True)
def join_block(typingctx, d, n_entries, U, model, n_components, joint, stride, n_rows):
    """Write the log joint densities (K * stride) of a block's rows."""
    features, entries = d.literal_value, n_entries.literal_value

    def codegen(context, builder, signature, arguments):
        u, m, out = (
            simd.data_pointer(context, builder, signature.args[i], arguments[i]) for i in (2, 3, 5)
        )
        n_components, _, stride, n_rows = arguments[4:]
        step = _Step(builder, features, entries, n_components)
        steps = _each_step(builder, step, u, stride, n_rows)
        with steps as (start, x), step.for_each_component() as component:
            values = step.join(x, m, component.index)
            line = builder.add(builder.mul(component.index, stride), start)
            step.store(values, builder.gep(out, [line]))
        return context.get_dummy_value()

    i = types.int64
    return types.void(d, n_entries, U, model, i, joint, i, i), codegen
