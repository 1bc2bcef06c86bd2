"""The kernel's share of the core's peak of fused multiply-adds.

The peak is measured in the same process: independent chains of eight-wide multiply-adds that stay
in registers, as many chains as run fastest. One chain alone shows the latency of an instruction,
and with it the clock: four cycles on most processors.

Counted are the multiply-adds that a pass needs for each row and component: D (D + 1) / 2 to whiten
the row with a triangular factor, and D (D + 1) / 2 for one triangle of the products. Exponentials,
logarithms, the sums of first order and the transposition of a block are work too, but not counted.
"""

from collections.abc import Callable

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from bayesgmm.core.kernels import simd
from em_figures.data import one_pass, simulate
from em_figures.measuring import (
    Options,
    alternate,
    columns,
    heading,
    median_ratio,
    row,
    seconds,
    shape,
    threads,
)

SHAPES = [(100_000, 10, 10), (1_000_000, 10, 10), (200_000, 50, 20), (50_000, 100, 50)]
QUICK = [(2_000, 10, 3)]
REPEATS = 7
CHAINS = (4, 6, 8, 10, 12, 16)
LATENCY = 4  # cycles
STEPS = 20_000_000


def multiply_adds(chains: int) -> Callable[[float, int], float]:
    """A compiled function of (factor, steps): ``steps`` multiply-adds in each of the chains."""

    @intrinsic
    def run_chains(typingctx, factor, steps):
        def codegen(context, builder, signature, arguments):
            factor, steps = arguments
            multiplier = simd.emit_broadcast(builder, factor)
            slots = [cgutils.alloca_once(builder, simd.VECTOR) for _ in range(chains)]
            for i, slot in enumerate(slots):
                builder.store(simd.constant(i), slot)
            with cgutils.for_range(builder, steps, intp=simd.INDEX):
                for slot in slots:
                    value = simd.emit_fma(
                        builder, builder.load(slot), multiplier, simd.constant(1.0)
                    )
                    builder.store(value, slot)
            total = ir.Constant(simd.DOUBLE, 0.0)
            for slot in slots:
                total = builder.fadd(total, simd.emit_sum(builder, builder.load(slot)))
            return total

        return types.float64(types.float64, types.int64), codegen

    @numba.njit("float64(float64, int64)")
    def run(factor, steps):
        return run_chains(factor, steps)

    return run


def flops_per_second(run: Callable[[float, int], float], chains: int, steps: int) -> float:
    return 2 * simd.WIDTH * chains * steps / seconds(lambda: run(0.5, steps))


def fastest(steps: int) -> tuple[Callable[[float, int], float], int]:
    """The loop with the number of chains that runs fastest."""
    loops = {chains: multiply_adds(chains) for chains in CHAINS}
    rates = alternate({str(c): lambda c=c: flops_per_second(loops[c], c, steps) for c in CHAINS}, 3)
    best = max(CHAINS, key=lambda c: rates[str(c)].max())
    return loops[best], best


def counted_flops(n: int, d: int, k: int) -> int:
    """A multiply-add is two operations."""
    return 2 * n * k * d * (d + 1)


def run(options: Options) -> None:
    heading(
        "Share of the peak",
        "One thread, full covariances. Counted: 2 N K D (D + 1) operations a pass, the "
        "multiply-adds that whiten the rows and sum their products; exponentials are not.",
    )
    steps = STEPS // 100 if options.quick else STEPS
    with threads(1):
        loop, chains = fastest(steps)
        single = multiply_adds(1)
        rates = alternate(
            {
                "one": lambda: flops_per_second(single, 1, steps),
                "all": lambda: flops_per_second(loop, chains, steps),
            },
            REPEATS,
        )
        clock = LATENCY * rates["one"].max() / (2 * simd.WIDTH)
        top = rates["all"].max()
        print(
            f"Peak {top / 1e9:.1f} GFLOP/s in {chains} independent chains. One chain alone makes "
            f"{clock / LATENCY / 1e9:.2f}e9 steps a second: {clock / 1e9:.1f} GHz if a step takes "
            f"{LATENCY} cycles, and then the peak is {top / clock / (2 * simd.WIDTH):.2f} vectors "
            f"of {simd.WIDTH} a cycle.\n"
        )
        columns("N, D, K", "pass, ms", "GFLOP/s", "peak, GFLOP/s", "share")
        for n, d, k in QUICK if options.quick else SHAPES:
            pass_over = one_pass(simulate(n, d, k), k, "full")
            pass_over()
            flops = counted_flops(n, d, k)
            rates = alternate(
                {
                    "kernel": lambda p=pass_over, f=flops: f / seconds(p),
                    "peak": lambda: flops_per_second(loop, chains, steps),
                },
                REPEATS,
            )
            kernel = float(np.median(rates["kernel"]))
            row(
                shape(n, d, k),
                f"{1e3 * flops / kernel:.1f}",
                f"{kernel / 1e9:.1f}",
                f"{np.median(rates['peak']) / 1e9:.1f}",
                f"{100 * median_ratio(rates, 'kernel', 'peak'):.0f}%",
            )
