import subprocess
import sys

import pytest

from bayesgmm.exceptions import DataError
from bayesgmm.report import write, write_report


@pytest.fixture
def result(em_sweep, blobs):
    return em_sweep(blobs, [2])


def test_suffix_decides(result, tmp_path):
    page = write_report(result, tmp_path / "report.HTML", title="Growth")
    text = write_report(result, str(tmp_path / "report.md"))
    assert page.read_text().startswith("<!doctype html>")
    assert "<title>Growth: " in page.read_text()
    assert text.read_text().startswith("# Data: Two clusters")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.HTML", "report.md"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("report.pdf", "ends in .html or .htm or .md"),
        ("report", "report.html'"),
        ("missing/report.html", "there is no folder"),
    ],
)
def test_bad_paths_are_refused_before_any_work(tmp_path, name, message):
    with pytest.raises(DataError, match=message):
        write_report(None, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "a.html").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        write_report(None, tmp_path / "a.html")


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_nothing_half_written(result, tmp_path, monkeypatch, error):
    target = tmp_path / "report.html"
    target.write_text("the old report")

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(write.Path, "write_text", fail)
    with pytest.raises(type(error)):
        write_report(result, target)
    assert target.read_text() == "the old report"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_same_sweep_same_report(result, tmp_path):
    first = write_report(result, tmp_path / "a.html").read_bytes()
    assert first == write_report(result, tmp_path / "b.html").read_bytes()


def test_the_user_s_own_matplotlib_settings_are_left_alone(result, tmp_path):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    write_report(result, tmp_path / "a.html")
    assert dict(mpl.rcParams) == before


def test_import_is_light():
    code = (
        "import sys, bayesgmm; heavy = {'matplotlib', 'jinja2', 'bayesgmm.report'};"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
