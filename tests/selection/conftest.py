"""One small sweep of both engines, shared, so never changed."""

import numpy as np
import pandas as pd
import pytest

from bayesgmm import select_components

DRAWS = {"draws": 60, "chains": 2, "progressbar": False}


@pytest.fixture(scope="session")
def frame():
    """Two round groups of 40 and 30 rows, in named columns."""
    rng = np.random.default_rng(0)
    rows = np.vstack([rng.normal(0.0, 1.0, (40, 2)), rng.normal(5.0, 0.7, (30, 2))])
    return pd.DataFrame(rows, columns=["length", "width"])


@pytest.fixture(scope="session")
def both(frame):
    """Full and diag, K = 1 and 2, by both engines."""
    return select_components(frame, (1, 2), ("full", "diag"), random_state=3, **DRAWS)


@pytest.fixture(scope="session")
def pairs(both):
    """EM fit and posterior with two full components."""
    return both.fit_of("em", "full", 2), both.fit_of("bayes", "full", 2)
