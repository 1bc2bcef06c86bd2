"""Fixtures shared by all tests."""

import csv
import json
import os
import sys
from pathlib import Path

# Matrices here are small, and threads that wait for each other on a busy machine cost seconds.
# Read when NumPy's and SciPy's BLAS are loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent
# Helpers are imported by name under importlib mode, which leaves sys.path alone.
sys.path.insert(0, str(HERE))

settings.register_profile(
    "quick",
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", parent=settings.get_profile("quick"), max_examples=500)
settings.load_profile("quick")


@pytest.fixture
def rng():
    return np.random.default_rng(20240607)


@pytest.fixture(params=["full", "tied", "diag", "spherical"])
def family(request):
    return request.param


@pytest.fixture(scope="session")
def faithful():
    from bayesgmm import load_dataset

    return load_dataset("faithful")


@pytest.fixture(scope="session")
def sampled():
    """A posterior on two well separated clusters; shared, so never changed."""
    import pandas as pd

    from bayesgmm import BayesianGaussianMixture, load_dataset

    frame = pd.DataFrame(load_dataset("faithful"))
    return BayesianGaussianMixture(2, draws=400, random_state=0, progressbar=False).fit(frame)


@pytest.fixture(scope="session")
def em_optima():
    """Optima that scikit-learn and mclust found; see reference_data/README.md."""
    with open(HERE / "reference_data" / "em_optima.csv") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def reference_posteriors():
    """Summaries of posteriors by JAGS, Stan and a Gibbs sampler; see reference_data/README.md."""
    return json.loads((HERE / "reference_data" / "posteriors.json").read_text())
