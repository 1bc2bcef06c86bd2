"""A journal holds what was written, whole lines only, of one run only."""

import json

import pytest

from bayesgmm.exceptions import DataError
from bayesgmm.selection.journal import Journal

SETTINGS = {"data": "abc", "seed": 3}


def test_what_is_written_is_there_when_it_is_opened_again(tmp_path):
    path = tmp_path / "run.jsonl"
    first = Journal(path, SETTINGS)
    assert first.entries == []
    first.write({"value": 1.5})
    first.write({"value": None})
    again = Journal(path, SETTINGS)
    assert again.entries == [{"value": 1.5}, {"value": None}]
    again.write({"value": 2})
    assert len(path.read_text().splitlines()) == 4


def test_without_a_path_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal = Journal(None, SETTINGS)
    journal.write({"value": 1})
    assert journal.entries == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_a_torn_last_line_is_cut_off(tmp_path, cut):
    path = tmp_path / "run.jsonl"
    journal = Journal(path, SETTINGS)
    journal.write({"value": 1})
    journal.write({"value": 2})
    path.write_bytes(path.read_bytes()[:-cut])
    again = Journal(path, SETTINGS)
    assert again.entries == [{"value": 1}]
    again.write({"value": 3})
    assert Journal(path, SETTINGS).entries == [{"value": 1}, {"value": 3}]


@pytest.mark.parametrize("length", [0, 4, 60])
def test_a_torn_first_line_is_begun_again(tmp_path, length):
    path = tmp_path / "run.jsonl"
    Journal(path, SETTINGS)
    whole = path.read_bytes()
    path.write_bytes(whole[:length])
    assert Journal(path, SETTINGS).entries == []
    assert path.read_bytes() == whole


def test_other_runs_are_refused(tmp_path):
    path = tmp_path / "run.jsonl"
    Journal(path, SETTINGS)
    with pytest.raises(DataError, match="another run: its seed is 3, not 4; give another path"):
        Journal(path, {**SETTINGS, "seed": 4})
    adopted = Journal(path, {**SETTINGS, "seed": 4}, adopt=("seed",))
    assert adopted.settings == SETTINGS


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "x", '{"format": "other"}\n'])
def test_other_files_are_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "data.csv"
    path.write_text(content)
    with pytest.raises(DataError, match="is not the journal of a run; give another path"):
        Journal(path, SETTINGS)
    assert path.read_text() == content


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "run.jsonl"
    Journal(path, SETTINGS).write({"value": 1})
    path.write_text(path.read_text() + "{nonsense\n" + json.dumps({"value": 2}) + "\n")
    with pytest.raises(DataError, match=r"line 3 of .* is damaged; delete that line"):
        Journal(path, SETTINGS)


@pytest.mark.parametrize("place", ["missing/run.jsonl", "."])
def test_impossible_places_are_refused(tmp_path, place):
    with pytest.raises(DataError, match=r"cannot be used .*; give the path of a file in a folder"):
        Journal(tmp_path / place, SETTINGS)
