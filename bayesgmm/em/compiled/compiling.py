"""Compiled functions of this package, cached until one of its files or a kernel changes."""

from pathlib import Path

from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler

compiler = Compiler(*KERNEL_SOURCES, *sorted(Path(__file__).parent.glob("*.py")))
njit, inner = compiler.njit, compiler.inner
inlined, variant = compiler.inlined, compiler.variant
