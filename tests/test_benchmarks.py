"""The benchmarks still run, on small shapes, and what they compare agrees."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

pytestmark = pytest.mark.slow


def run(script, *arguments):
    command = [sys.executable, BENCHMARKS / script, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def table(script, *arguments):
    """The rows of the tables that a benchmark prints, as lists of cells, without headings."""
    done = run(script, *arguments)
    assert done.returncode == 0, done.stderr
    rows = []
    for line in done.stdout.splitlines():
        if line.startswith("| ---"):
            rows.pop()  # the names of the columns
        elif line.startswith("|"):
            rows.append([cell.strip() for cell in line.split("|")[1:-1]])
    return rows


def section(name, *arguments):
    return table("em.py", name, "--quick", *arguments)


def test_sections():
    done = run("em.py", "none")
    assert done.returncode == 2
    names = "iteration, peak, threads, memory, whole-fit, mclust, accuracy, first-fit, scaling"
    assert done.stderr.rstrip().endswith(f"there are {names}")


def test_iteration():
    rows = section("iteration")
    assert [row[0] for row in rows] == ["full", "tied", "diag", "spherical"]
    for row in rows:
        assert min(float(row[2]), float(row[3]), float(row[4])) > 0
        assert float(row[5]) < 1e-12  # both made the same iterations


def test_peak():
    (row,) = section("peak")
    kernel, peak, share = float(row[2]), float(row[3]), float(row[4].rstrip("%"))
    assert 0 < kernel < peak
    assert 0 < share < 100


def test_threads():
    (row,) = section("threads")
    assert min(float(row[4]), float(row[5])) > 0


def test_memory():
    rows = section("memory")
    assert [row[0] for row in rows] == ["bayesgmm", "scikit-learn"]
    for row in rows:
        assert float(row[2]) > 0


def test_whole_fit():
    (row,) = section("whole-fit")
    assert float(row[5]) > -1e-3


def test_mclust():
    for row in section("mclust"):
        assert int(row[1]) >= 4
        assert float(row[2].split()[0]) > -1e-5


def test_accuracy():
    rows = section("accuracy")
    assert len(rows) == 12
    for row in rows:
        assert float(row[2]) < 1e-12
        assert float(row[3]) < 1e-10


def test_first_fit():
    cached, empty, _ = (float(row[2]) for row in section("first-fit"))
    assert cached < empty


def test_scaling(tmp_path):
    picture = tmp_path / "curve.svg"
    rows = section("scaling", "--plot", str(picture))
    assert [row[0] for row in rows if row[0].isdecimal()] == ["1000", "2000", "4000", "1", "2", "3"]
    assert picture.stat().st_size > 10_000


def posterior_section(name):
    return table("posterior.py", name, "--quick")


def test_posterior_sections():
    done = run("posterior.py", "none")
    assert done.returncode == 2
    names = "gradient, ess-pymc, ess-numpyro, ess-stan-jags, wall, cost"
    assert done.stderr.rstrip().endswith(f"there are {names}")


def test_gradient():
    in_a_model, in_a_fit = posterior_section("gradient")
    assert max(float(in_a_model[6]), float(in_a_model[7])) < 1e-9
    assert max(float(in_a_fit[6]), float(in_a_fit[7])) < 1e-9


def assert_compared(rows):
    for row in rows:
        assert float(row[7]) > 0
        assert float(row[10]) < 5  # the same posterior


def test_against_pymc():
    assert_compared(posterior_section("ess-pymc"))


def test_against_numpyro():
    pytest.importorskip("numpyro")
    (row,) = posterior_section("ess-numpyro")
    assert_compared([row])


def test_against_stan_and_jags():
    assert_compared(posterior_section("ess-stan-jags"))  # no rows where neither is installed


def test_wall():
    rows = posterior_section("wall")
    assert [row[:2] for row in rows[:2]] == [["bayesgmm", "warm"], ["bayesgmm", "new"]]
    assert len(rows) == 13
    for row in rows[2:]:
        assert float(row[4]) > 0


def test_cost():
    rows = posterior_section("cost")
    assert [row[0] for row in rows] == ["1000", "2000", "exponent", "2000, 2, 3"]
