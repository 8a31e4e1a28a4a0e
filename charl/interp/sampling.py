"""Where the interpreter's time goes: a second thread looks, every millisecond, which statement the
program is at.

Running code is not changed for it. The line of the innermost Python frame that belongs to a
compiled function tells the statement (as it does for errors, `faults.py`); the time since the last
look is put down to it. A statement inside a NumPy call that keeps the interpreter's lock is seen
when it ends, and is charged for all of it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from charl.core.ir import Function, Statement
from charl.core.measured import Measured, Profile
from charl.interp.machine import Machine

INTERVAL = 1e-3


@contextmanager
def sampled(machine: Machine, observe: Callable[[Profile], None]) -> Iterator[None]:
    """Watches what this thread does with the machine; `observe` is told at the end."""
    watched = threading.get_ident()
    found: dict[Statement, tuple[Function, float]] = {}
    done = threading.Event()

    def watch() -> None:
        before = time.perf_counter()
        while not done.wait(INTERVAL):
            now = time.perf_counter()
            place = statement_of(machine, watched)
            if place is not None:
                function, statement = place
                found[statement] = function, found.get(statement, (function, 0.0))[1] + now - before
            before = now

    start = time.perf_counter()
    switching = sys.getswitchinterval()
    sys.setswitchinterval(INTERVAL / 2)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        sys.setswitchinterval(switching)
        measured = [Measured(f, s, seconds) for s, (f, seconds) in found.items()]
        observe(Profile(measured, time.perf_counter() - start, counted=False))


def statement_of(machine: Machine, thread: int) -> tuple[Function, Statement] | None:
    """The statement that a thread is at, and its function."""
    frame = sys._current_frames().get(thread)
    while frame is not None:
        unit = machine.units.get(frame.f_code.co_filename)
        if unit is not None and frame.f_lineno is not None:
            statement = unit.statement(frame.f_lineno)
            if statement is not None:
                return unit.function, statement
        frame = frame.f_back
    return None
