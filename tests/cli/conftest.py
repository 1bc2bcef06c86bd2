import warnings

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from bayesgmm import BayesianGaussianMixture, GaussianMixture, load_dataset, save
from bayesgmm.cli import main
from bayesgmm.exceptions import PosteriorWarning


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, and the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder):
    """Run a command in the empty folder."""

    def run(*arguments):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def refuse(run, folder):
    """Run a command that must end with status 2, one line, and no new file."""

    def refuse(*arguments):
        before = sorted(path.name for path in folder.rglob("*"))
        result = run(*arguments)
        assert result.exit_code == 2
        assert result.stdout == ""
        lines = result.stderr.strip().splitlines()
        assert [line for line in lines if line.startswith("error: ")] == lines[-1:]
        assert "Traceback" not in result.stderr
        assert sorted(path.name for path in folder.rglob("*")) == before
        return lines[-1]

    return refuse


@pytest.fixture
def measurements(folder):
    """A table of two groups, with columns of other kinds among them."""
    rng = np.random.default_rng(5)
    group = np.repeat([0, 1], [30, 50])
    frame = pd.DataFrame(
        {
            "id": np.arange(1, 81),
            "height": rng.normal(10.0 + 20.0 * group, 1.0),
            "colour": np.where(group, "red", "blue"),
            "weight": rng.normal(-5.0 * group, 2.0),
        }
    )
    frame.to_csv(folder / "data.csv", index=False)
    return frame


@pytest.fixture(scope="session")
def fits(tmp_path_factory):
    """An EM fit and a posterior of faithful, in files, and in memory."""
    folder = tmp_path_factory.mktemp("fits")
    X = load_dataset("faithful")
    em = GaussianMixture(2, random_state=0).fit(X)
    save(em, folder / "fit.json")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PosteriorWarning)
        bayes = BayesianGaussianMixture(
            2, draws=50, chains=2, random_state=0, progressbar=False
        ).fit(X)
    save(bayes, folder / "fit.nc")
    return {"em": em, "bayes": bayes, "json": folder / "fit.json", "nc": folder / "fit.nc"}
