"""Interrupts (Ctrl-C) that come when nearly all of the work is done."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def put_off_once(message: str) -> Iterator[Callable[[], bool]]:
    """Let the first interrupt pass, with a message on standard error; the second interrupts.

    Only where an interrupt would raise KeyboardInterrupt, in the main thread: elsewhere it is left
    to whoever handles it. Gives a function that tells whether one was let pass.
    """
    passed: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: False
        return

    def pass_over(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        passed.append(number)
        if sys.stderr is not None:  # as in programs without a console
            sys.stderr.write(f"{message}\n")

    signal.signal(signal.SIGINT, pass_over)
    try:
        yield lambda: bool(passed)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
