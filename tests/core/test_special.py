"""Special functions against SciPy's."""

import numpy as np
import pytest
from scipy import special

from bayesgmm.core.kernels.special import digamma


@pytest.mark.parametrize("x", [1e-300, 1e-8, 0.1, 1.0, 1.4616321449683623, 5.999, 6.0, 50.0, 1e12])
def test_digamma(x):
    assert digamma(x) == pytest.approx(special.digamma(x), rel=1e-13, abs=1e-14)
    assert np.isnan(digamma(np.nan))
