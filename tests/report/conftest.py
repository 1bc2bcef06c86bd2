import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

# Helpers are imported by name under importlib mode, which leaves sys.path alone.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def sweep(faithful):
    """Both engines on faithful; shared, so never changed."""
    from bayesgmm.selection.sweep import select_components

    return select_components(
        faithful,
        range(1, 4),
        draws=500,
        random_state=0,
        progressbar=False,
        data_name="faithful",
    )


@pytest.fixture(scope="session")
def report(sweep):
    from bayesgmm.report.content import build_report

    units = {"eruptions": "min", "waiting": "min"}
    return build_report(sweep, units=units, command="bayesgmm report faithful")


@pytest.fixture(scope="session")
def page(report):
    from bayesgmm.report.html import to_html

    return to_html(report)


@pytest.fixture(scope="session")
def blobs():
    """Two well separated groups of 60 and 40 rows."""
    rng = np.random.default_rng(3)
    return np.vstack([rng.normal(0, 1, (60, 2)), rng.normal(6, 1, (40, 2))])


@pytest.fixture
def em_sweep():
    from bayesgmm.selection.sweep import select_components

    def run(X, n_components=range(1, 4), **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return select_components(
                X,
                n_components,
                engines=("em",),
                random_state=0,
                progressbar=False,
                **options,
            )

    return run
