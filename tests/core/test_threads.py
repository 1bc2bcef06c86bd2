"""How many threads a pass may use."""

import os
import threading

import pytest

from bayesgmm.core import threads
from bayesgmm.exceptions import DataError


def test_limit_holds_inside_the_block_only(monkeypatch):
    monkeypatch.delenv("BAYESGMM_NUM_THREADS", raising=False)
    everywhere = threads.count()
    assert everywhere == threads.processors() >= 1
    with threads.limit(1):
        assert threads.count() == 1
        with threads.limit(3):
            assert threads.count() == 3
        assert threads.count() == 1
    assert threads.count() == everywhere


def test_limit_is_a_matter_of_one_thread():
    seen = []
    with threads.limit(7):
        other = threading.Thread(target=lambda: seen.append(threads.count()))
        other.start()
        other.join()
    assert seen != [7]


def test_environment_sets_the_number(monkeypatch):
    monkeypatch.setenv("BAYESGMM_NUM_THREADS", "3")
    assert threads.count() == 3
    with threads.limit(1):
        assert threads.count() == 1


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_environment_must_hold_a_positive_integer(monkeypatch, value):
    monkeypatch.setenv("BAYESGMM_NUM_THREADS", value)
    with pytest.raises(DataError, match=f"BAYESGMM_NUM_THREADS must be .* got '{value}'"):
        threads.count()


@pytest.mark.parametrize("n_threads", [1, 4])
def test_results_come_in_order_and_errors_come_through(n_threads):
    with threads.limit(n_threads):
        assert list(threads.run_all(lambda i: i * i, range(50))) == [i * i for i in range(50)]
        with pytest.raises(ZeroDivisionError):
            list(threads.run_all(lambda i: 1 // (i - 3), range(5)))


def test_a_forked_process_has_threads_of_its_own():
    with threads.limit(2):
        list(threads.run_all(abs, range(4)))
        assert threads._pool(2, os.getpid()) is not threads._pool(2, -1)


@pytest.mark.parametrize(("n_jobs", "n_threads"), [(None, 8), (1, 8), (2, 4), (3, 2), (20, 1)])
def test_fits_side_by_side_share_the_threads(n_jobs, n_threads):
    with threads.limit(8):
        assert threads.share(n_jobs) == n_threads


def test_work_in_a_thread_does_not_wait_for_another():
    """Its pool may be full of work that waits likewise."""
    with threads.limit(2):
        found = list(threads.run_all(lambda i: list(threads.run_all(abs, [i, -i])), range(6)))
    assert found == [[i, i] for i in range(6)]
