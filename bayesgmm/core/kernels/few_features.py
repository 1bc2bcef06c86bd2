"""The pass for up to five features, with triangular or diagonal whitening factors.

With so few features there is little arithmetic between loads and stores, and a pass by tiles of a
block (:mod:`~bayesgmm.core.kernels.triangular`, :mod:`~bayesgmm.core.kernels.diagonal`) waits for
memory; here the inner loop (:mod:`~bayesgmm.core.kernels.steps`) goes through the whole of it. Each
number of features and structure of the factors has a function of its own, compiled when it is first
asked for.
"""

from collections.abc import Callable

import numpy as np

from bayesgmm.core.kernels import simd, softmax, steps
from bayesgmm.core.kernels.compiling import inlined, inner, made_once, variant
from bayesgmm.core.kernels.simd import WIDTH

# With more, numbers of a step no longer fit the registers.
MOST_FEATURES = 5


@inlined()
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


@inlined()
def _pack(log_weights, means, factors, is_triangular):
    """For each component the constant of its log density, its mean, the entries of its factor."""
    n_components, d = means.shape
    n_entries = d * (d + 1) // 2 if is_triangular else d
    model = np.empty(n_components * (1 + d + n_entries))
    p = 0
    for k in range(n_components):
        at_constant, log_determinant = p, 0.0
        p += 1
        for i in range(d):
            model[p] = means[k, i]
            p += 1
        for i in range(d):
            for j in range(0 if is_triangular else i, i + 1):
                place = _place(k, i, j, n_components, d, factors.shape[0], is_triangular)
                model[p] = factors[place]
                p += 1
            log_determinant += np.log(model[p - 1])
        model[at_constant] = softmax.constant(log_weights[k], log_determinant, d)
    return model


@inlined()
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


@made_once
def sums_for(d: int, is_triangular: bool) -> Callable[..., float]:
    """The compiled pass for ``d`` features and factors that are triangular or diagonal.

    Its arguments are those of :func:`bayesgmm.core.kernels.triangular.sums`, or of
    :func:`bayesgmm.core.kernels.diagonal.sums`.
    """
    n_entries = d * (d + 1) // 2 if is_triangular else d
    n_numbers = 1 + d + n_entries
    n_held = (1 + d) * steps.group_of(d) * WIDTH

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
            _, n_rows, is_uniform = softmax.load_block(
                X, d, sample_weight, start, block, stride, U, weight
            )
            steps.add_block(
                d,
                n_entries,
                U,
                weight,
                model,
                n_components,
                softmax.LOG_ZERO,
                held,
                sums_of_block,
                work[:stride],
                work[stride:],
                stride,
                n_rows,
            )
            log_likelihood += softmax.log_likelihood(work, weight, is_uniform, stride, n_rows)
            _add_to(total, sums_of_block)
        _unpack(total, is_triangular, counts, first, second)
        return log_likelihood

    return variant(sums, _name(d, is_triangular))


@made_once
def log_likelihood_for(d: int, is_triangular: bool) -> Callable[..., float]:
    """The compiled pass that leaves no sums.

    Its arguments are those of :func:`bayesgmm.core.kernels.triangular.log_likelihood`, or of
    :func:`bayesgmm.core.kernels.diagonal.log_likelihood`.
    """
    n_entries = d * (d + 1) // 2 if is_triangular else d
    n_held = (1 + d) * steps.group_of(d) * WIDTH

    def log_likelihood(X, log_weights, means, factors):
        n = X.shape[0]
        n_components = log_weights.shape[0]
        block = softmax.BLOCK_ROWS
        stride = block + 8
        model = _pack(log_weights, means, factors, is_triangular)
        memory = softmax.buffer((d + 3) * stride + n_components * n_held)
        U, rest = memory[: d * stride], memory[d * stride :]
        work, weight, held = rest[: 2 * stride], rest[2 * stride : 3 * stride], rest[3 * stride :]
        value = 0.0
        for start in range(0, n, block):
            _, n_rows, is_uniform = softmax.load_block(
                X, d, np.empty(0), start, block, stride, U, weight
            )
            steps.weigh_block(
                d,
                n_entries,
                U,
                model,
                n_components,
                softmax.LOG_ZERO,
                held,
                work[:stride],
                work[stride:],
                stride,
                n_rows,
            )
            value += softmax.log_likelihood(work, weight, is_uniform, stride, n_rows)
        return value

    return variant(log_likelihood, _name(d, is_triangular))


@made_once
def for_each_draw_for(d: int, is_triangular: bool) -> Callable[..., None]:
    """The compiled pass that writes what is known of each row, under each of many draws.

    Its arguments are those of :func:`bayesgmm.core.kernels.triangular.for_each_draw`, or of
    :func:`bayesgmm.core.kernels.diagonal.for_each_draw`.
    """
    n_entries = d * (d + 1) // 2 if is_triangular else d

    def for_each_draw(X, log_weights, means, factors, densities, by_component, normalise):
        n_draws, n_components = log_weights.shape
        block = softmax.BLOCK_ROWS
        stride = block + 8
        memory = softmax.buffer((d + n_components + 2) * stride)
        U, rest = memory[: d * stride], memory[d * stride :]
        work, joint = rest[: 2 * stride], rest[2 * stride :]
        for s in range(n_draws):
            own = factors[s].reshape(-1)
            model = _pack(log_weights[s], means[s], own, is_triangular)
            for start in range(0, X.shape[0], block):
                n_used, n_rows = softmax.load_rows(X, d, start, block, stride, U)
                steps.join_block(d, n_entries, U, model, n_components, joint, stride, n_rows)
                softmax.write_predictions(
                    joint,
                    s,
                    start,
                    n_used,
                    work,
                    densities,
                    by_component,
                    normalise,
                    stride,
                    n_rows,
                )

    return variant(for_each_draw, _name(d, is_triangular), error_model="numpy")


def _name(d: int, is_triangular: bool) -> str:
    return f"{d}_{'triangular' if is_triangular else 'diagonal'}"
