"""Progress is for those who watch: on terminals, not in files that standard error goes to."""

import pytest

from bayesgmm.bayes.chains import run_in_threads
from bayesgmm.progress import Progress, working


def loop():
    with Progress(True, 1) as advance:
        advance("Something")


def unknown_length():
    with working("Something", True):
        pass


def threads():
    run_in_threads([iter([1])], 1, "Something", progressbar=True)


@pytest.mark.parametrize("work", [loop, unknown_length, threads])
def test_only_terminals_show_it(work, capfd, monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    work()
    assert capfd.readouterr() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    work()
    out, err = capfd.readouterr()
    assert out == ""
    assert "Something" in err
