"""Compiled functions of this package, cached until one of its files or a kernel changes."""

from pathlib import Path

from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler

compiler = Compiler(*KERNEL_SOURCES, *sorted(Path(__file__).parent.glob("*.py")))
njit, inlined, variant = compiler.njit, compiler.inlined, compiler.variant
