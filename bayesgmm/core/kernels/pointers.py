"""Kernels called through pointers, and not compiled once more into each of their callers."""

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import float64, types
from numba.core import cgutils
from numba.experimental.function_type import _get_wrapper_address
from numba.extending import intrinsic

VECTOR, MATRIX = float64[::1], float64[:, ::1]
ROWS = types.Array(types.float64, 2, "C", readonly=True)
_LOG_LIKELIHOOD = float64(ROWS, VECTOR, MATRIX, VECTOR)


@cache
def address_of(function: Any, signature: Any) -> int:
    """Where a compiled function is, compiled for a signature, for callers that trust it.

    The caller in turn must have arrays of that type and order; whether they are read-only makes no
    difference.
    """
    function.compile(signature)
    return _get_wrapper_address(function, signature)


@cache
def address_of_sums(kernel: Callable[..., float], dtype: str = "d") -> int:
    """Where the function ``sums`` of a kernel is, for rows of "d" (float64) or "f" (float32)."""
    rows = types.Array(types.float32 if dtype == "f" else types.float64, 2, "C", readonly=True)
    return address_of(kernel, _sums(rows))


def address_of_log_likelihood(kernel: Callable[..., float]) -> int:
    """Where the function ``log_likelihood`` of a kernel is, for rows of float64."""
    return address_of(kernel, _LOG_LIKELIHOOD)


def _sums(rows: types.Array) -> Any:
    weight = types.Array(types.float64, 1, "C", readonly=True)
    return float64(rows, weight, VECTOR, MATRIX, VECTOR, float64, VECTOR, MATRIX, VECTOR)


def caller_of(signature: Any) -> Any:
    """In compiled code: turns an address into the function of that signature there."""
    kind = types.FunctionType(signature)

    def at(typingctx, address):
        def codegen(context, builder, signature, arguments):
            return _function_at(context, builder, kind, arguments[0])

        return kind(address), codegen

    return intrinsic(at)


def _function_at(context: Any, builder: Any, kind: types.FunctionType, address: Any) -> Any:
    """A function as Numba holds it, from its address."""
    function = cgutils.create_struct_proxy(kind)(context, builder)
    pointer = context.get_value_type(types.voidptr)
    function.c_addr = builder.inttoptr(address, pointer)
    function.py_addr = function.jit_addr = pointer(None)
    return function._getvalue()


def _sums_at(typingctx, address, X):
    """In compiled code: the function ``sums`` at an address, for rows like X."""
    kind = types.FunctionType(_sums(types.Array(X.dtype, 2, "C", readonly=True)))

    def codegen(context, builder, signature, arguments):
        return _function_at(context, builder, kind, arguments[0])

    return kind(address, X), codegen


# Callers do not give the typing context.
sums_at: Any = intrinsic(_sums_at)
log_likelihood_at = caller_of(_LOG_LIKELIHOOD)
