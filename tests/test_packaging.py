"""What a stranger gets: a clean tree, and a wheel with everything in it."""

import re
import shutil
import subprocess
import tomllib
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

import bayesgmm

ROOT = Path(__file__).parents[1]

# Spelt in pieces so that this file does not find itself.
HOSTS = ("pypi." + "org", "pythonhosted." + "org", "conda." + "anaconda", "index" + "-url")
MACHINE_PATH = re.compile(r"(?<![\w.:/~*-])/(?:home|root|work|Users|opt|mnt|scratch)/[\w.]")


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def lines_with(files: list[Path], found) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in files
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if found(line)
    ]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_no_registry_hosts(tracked):
    assert lines_with(tracked, lambda line: any(host in line for host in HOSTS)) == []


def test_no_machine_paths(tracked):
    assert lines_with(tracked, MACHINE_PATH.search) == []


@pytest.mark.parametrize(
    ("line", "is_one"),
    [("see /home/" + "ada/data.csv", True), ("'/work/" + "x'", True), ("doi.org/root/x", False)],
)
def test_machine_path_pattern(line, is_one):
    assert bool(MACHINE_PATH.search(line)) is is_one


def test_no_lock_file_and_no_build_output(tracked):
    names = {path.name for path in tracked}
    assert not names & {"uv.lock", "poetry.lock", "Pipfile.lock", "report.html"}
    assert not [path for path in tracked if path.suffix in {".pyc", ".nbi", ".nbc", ".so", ".whl"}]


def test_constraints_are_exact_and_cover_the_dependencies():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    exact = re.compile(r"[A-Za-z0-9._-]+==[0-9][\w.]*( ; .+)?")
    assert [line for line in pins if not exact.fullmatch(line)] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = list(project["project"]["dependencies"])
    for group in project["dependency-groups"].values():
        wanted += [entry for entry in group if isinstance(entry, str)]
    pinned = {canonical(line.split("==")[0]) for line in pins}
    names = {canonical(re.match(r"[\w.-]+", entry)[0]) for entry in wanted}
    assert names <= pinned


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> ZipFile:
    builder = pytest.importorskip("hatchling.builders.wheel")
    folder = tmp_path_factory.mktemp("wheel")
    (path,) = builder.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return ZipFile(path)


def test_wheel_has_every_file_of_the_package(wheel, tracked):
    package = {
        path.relative_to(ROOT).as_posix() for path in tracked if ROOT / "bayesgmm" in path.parents
    }
    assert package <= set(wheel.namelist())


@pytest.mark.parametrize(
    "pattern",
    [
        r"bayesgmm/py\.typed",
        r"bayesgmm/data/tables/faithful\.csv",
        r"bayesgmm/data/tables/LICENSE\.scikit-learn",
        r"bayesgmm/report/.*\.html(\.j2)?",
    ],
)
def test_wheel_has_data(wheel, pattern):
    assert [name for name in wheel.namelist() if re.fullmatch(pattern, name)]


def test_wheel_has_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"bayesgmm", f"bayesgmm-{bayesgmm.__version__}.dist-info"}
    assert not [name for name in wheel.namelist() if "__pycache__" in name]


def test_version_and_licence(wheel):
    (name,) = [n for n in wheel.namelist() if n.endswith(".dist-info/METADATA")]
    metadata = Parser().parsestr(wheel.read(name).decode())
    assert metadata["Version"] == bayesgmm.__version__
    assert metadata["License-Expression"] == "BSD-3-Clause"
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.search(rf"^version: {re.escape(bayesgmm.__version__)}$", citation, re.M)
    assert f"## {bayesgmm.__version__}" in (ROOT / "CHANGELOG.md").read_text()
