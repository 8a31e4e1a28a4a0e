"""The process that compiles (`backend/llvm/server.py`), as the host sees it.

It is started once and asked any number of times. Where the system has no such processes, or Python
runs inside another program, LLVM works in this process.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any

from charl.backend.llvm.server import receive, send
from charl.records import record

# Where this package is: in an editable installation a hook finds it, which is not started there.
HOME = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
START = """
import sys
sys.path[:] = sys.argv[1:]
from charl.backend.llvm.server import serve
serve()
"""


class CompilerError(RuntimeError):
    """LLVM failed: a fault of this compiler."""


@record(eq=False)
class Process:
    """A running compiler: its number, and the pipes to and from it. A process that was forked from
    the `owner` has no part in it."""

    number: int
    to: int
    back: int
    owner: int

    def ask(self, level: int, texts: Sequence[str], meanwhile: Callable[[], None]) -> Any:
        """What became of the texts; None where the process has ended."""
        try:
            send(self.to, (level, list(texts)))
            meanwhile()
            return receive(self.back)
        except BrokenPipeError:
            return None

    def end(self) -> None:
        """Ends it, whatever it does, and does not wait for that."""
        os.close(self.to)
        os.close(self.back)
        if self.owner == os.getpid():
            with suppress(ProcessLookupError):
                os.kill(self.number, signal.SIGKILL)
            ENDED.append(self)


LOCK = Lock()
RUNNING: list[Process] = []
# Told to end; the system keeps their numbers until somebody has asked how they did.
ENDED: list[Process] = []


def object_codes(
    texts: Sequence[str], level: int, meanwhile: Callable[[], None] = lambda: None
) -> list[bytes]:
    """The object files of modules; `meanwhile` is called once, while the process works where there
    is one. Raises CompilerError."""
    meanwhile = once(meanwhile)
    with LOCK:
        for _ in range(2):  # one that has been idle may just have ended
            process = _process()
            if process is None:
                break
            try:
                found = process.ask(level, texts, meanwhile)
            except BaseException:  # Ctrl-C: what it would answer is for nobody
                end()
                raise
            if found is not None:
                return [_known(code) for code in found]
            end()
    meanwhile()
    # LLVM takes a tenth of a second to load.
    from charl.backend.llvm.machine_code import object_code

    return [object_code(text, level) for text in texts]


def once(action: Callable[[], None]) -> Callable[[], None]:
    """Does the action when it is first called, and nothing after."""
    left = [action]
    return lambda: left.pop()() if left else None


def start() -> None:
    """Has the process begin to load LLVM, for whoever knows that there will be something to
    compile."""
    with LOCK:
        _process()


def end() -> None:
    """Ends the process, where nothing more is to be compiled."""
    while RUNNING:
        RUNNING.pop().end()


@atexit.register
def forget_ended() -> None:
    """Asks after the processes that were ended: taking one down takes the system a while."""
    while ENDED:
        process = ENDED.pop()
        if process.owner == os.getpid():
            with suppress(ChildProcessError):
                os.waitpid(process.number, 0)


def _known(code: bytes | str) -> bytes:
    if isinstance(code, str):
        raise CompilerError(code)
    return code


def _process() -> Process | None:
    if RUNNING and RUNNING[0].owner != os.getpid():
        end()
    if not RUNNING and can_start():
        forget_ended()
        with suppress(OSError):  # no more processes, or no more pipes
            RUNNING.append(_started())
    return RUNNING[0] if RUNNING else None


def can_start() -> bool:
    # Inside another program, `sys.executable` is that program.
    is_python = "python" in os.path.basename(sys.executable or "")
    return is_python and hasattr(os, "posix_spawn") and hasattr(os, "sched_getaffinity")


def _started() -> Process:
    """Python without what it looks for at its start: this process says where modules are."""
    command = [sys.executable, "-S", "-c", START, *sys.path, HOME]
    inlet, to = os.pipe()
    back, outlet = os.pipe()
    actions: list[tuple[Any, ...]] = [
        (os.POSIX_SPAWN_DUP2, inlet, 0),
        (os.POSIX_SPAWN_DUP2, outlet, 1),
    ]
    if not os.environ.get("CHARL_DEBUG"):
        # Whoever reads this process's errors to their end does not wait for that one.
        actions.append((os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0))
    try:
        number = os.posix_spawn(sys.executable, command, os.environ, file_actions=actions)
    except OSError:
        os.close(to)
        os.close(back)
        raise
    finally:
        os.close(inlet)
        os.close(outlet)
    return Process(number, to, back, os.getpid())
