"""Products of small matrices with a block of rows, for the passes in feature form.

``F`` is a block: one line a feature, in whole tiles of five (lines of zeros fill the last one).
``model`` and ``packed`` hold what belongs to a tile of components beside each other.
"""

import numpy as np

from bayesgmm.core.kernels import softmax, tiles
from bayesgmm.core.kernels.compiling import inlined, inner
from bayesgmm.core.kernels.tiles import TILE


@inner()
def whole_tiles(n):
    """``n`` filled up to whole tiles."""
    return (n + TILE - 1) // TILE * TILE


@inlined()
def pack(coefficients):
    """Coefficients (components, features), for each tile of components feature by feature."""
    n, n_features = coefficients.shape
    out = np.empty(n * n_features)
    p = 0
    for i in range(0, n, TILE):
        for f in range(n_features):
            for r in range(min(TILE, n - i)):
                out[p] = coefficients[i + r, f]
                p += 1
    return out


@inlined()
def add_product(model, F, n, n_features, out, stride, n_rows):
    """``out[k] += sum_f coefficients[k, f] F[f]`` for the ``n`` lines of ``out``."""
    for i in range(0, n, TILE):
        height, m, o = min(TILE, n - i), i * n_features, i * stride
        if height == 5:
            tiles.product_5(F, model, m, n_features, out, o, stride, n_rows)
        elif height == 4:
            tiles.product_4(F, model, m, n_features, out, o, stride, n_rows)
        elif height == 3:
            tiles.product_3(F, model, m, n_features, out, o, stride, n_rows)
        elif height == 2:
            tiles.product_2(F, model, m, n_features, out, o, stride, n_rows)
        else:
            tiles.product_1(F, model, m, n_features, out, o, stride, n_rows)


@inlined()
def accumulators(n, n_features):
    """Room for the sums of :func:`add_sums`, all zero."""
    out = softmax.buffer(whole_tiles(n) // TILE * tiles.N_CROSS * whole_tiles(n_features) // TILE)
    out[:] = 0.0
    return out


@inlined()
def add_sums(resp, F, n, n_features, packed, stride, n_rows):
    """Add ``sum_rows resp[k] F[f]`` for the ``n`` lines of ``resp`` and all features."""
    p = 0
    for i in range(0, n, TILE):
        height, r = min(TILE, n - i), i * stride
        for f in range(0, n_features, TILE):
            if height == 5:
                tiles.cross_5(resp, r, F, f * stride, packed, p, stride, n_rows)
            elif height == 4:
                tiles.cross_4(resp, r, F, f * stride, packed, p, stride, n_rows)
            elif height == 3:
                tiles.cross_3(resp, r, F, f * stride, packed, p, stride, n_rows)
            elif height == 2:
                tiles.cross_2(resp, r, F, f * stride, packed, p, stride, n_rows)
            else:
                tiles.cross_1(resp, r, F, f * stride, packed, p, stride, n_rows)
            p += tiles.N_CROSS


@inlined()
def unpack(packed, n, n_features):
    """The sums as an array (n, n_features)."""
    out = np.empty((n, n_features))
    p = 0
    for i in range(0, n, TILE):
        for f in range(0, n_features, TILE):
            for r in range(min(TILE, n - i)):
                for c in range(min(TILE, n_features - f)):
                    out[i + r, f + c] = packed[p + r * TILE + c]
            p += tiles.N_CROSS
    return out
