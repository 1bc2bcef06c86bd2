"""Products of a matrix and a vector.

Numba's own ``@`` calls BLAS, which wants SciPy loaded, and takes seconds to compile for the words
of an error that cannot occur here.
"""

from bayesgmm.core.kernels.compiling import ANY_ORDER, inner


@inner(fastmath=ANY_ORDER)
def multiply(matrix, vector, out):
    """``out = matrix @ vector``."""
    for i in range(out.shape[0]):
        total = 0.0
        for j in range(vector.shape[0]):
            total += matrix[i, j] * vector[j]
        out[i] = total


@inner(fastmath=ANY_ORDER)
def multiply_transposed(matrix, vector, out):
    """``out = matrix.T @ vector``."""
    for j in range(out.shape[0]):
        out[j] = 0.0
    for i in range(vector.shape[0]):
        for j in range(out.shape[0]):
            out[j] += matrix[i, j] * vector[i]
