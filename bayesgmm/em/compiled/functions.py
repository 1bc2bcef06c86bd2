"""The functions of a family, called through pointers.

Compiled in, each would be compiled once more with the loop, for every family.
"""

from collections.abc import Callable
from functools import cache
from types import ModuleType

import numpy as np
from numba import boolean, float64

from bayesgmm.core.covariance import CovarianceFamily
from bayesgmm.core.kernels.pointers import MATRIX, VECTOR, address_of, address_of_sums, caller_of
from bayesgmm.em.compiled import diagonal, triangular

TASK, SUMS = (VECTOR, MATRIX, VECTOR, VECTOR), (VECTOR, MATRIX, VECTOR)
_MAXIMISE = boolean(*TASK, *SUMS, VECTOR, VECTOR)
_LOG_PRIOR = float64(*TASK, VECTOR)


def module_of(family: CovarianceFamily) -> ModuleType:
    """The M-steps ``maximise_for`` and the density ``log_prior`` of a family."""
    return diagonal if family.structure == "diagonal" else triangular


@cache
def addresses_of(
    family: CovarianceFamily,
    has_prior: bool,
    kernel: Callable[..., float] | None = None,
    dtype: str = "d",
) -> np.ndarray:
    """Addresses of the M-step, of the prior density, and of a kernel."""
    module = module_of(family)
    addresses = [
        address_of(module.maximise_for(has_prior), _MAXIMISE),
        address_of(module.log_prior, _LOG_PRIOR) if has_prior else 0,
    ]
    if kernel is not None:
        addresses.append(address_of_sums(kernel, dtype))
    return np.array(addresses)


maximise_at = caller_of(_MAXIMISE)
log_prior_at = caller_of(_LOG_PRIOR)
