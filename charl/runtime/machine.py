"""A compiled program in this process: running it, and calling its functions.

The program runs on a thread of its own with a large stack, while the caller's thread waits and
notices Ctrl-C. The host's side of it (`host.py`) is made when the program first asks for something,
or fails: most never load it.
"""

from __future__ import annotations

import _thread
import ctypes
from collections.abc import Sequence

from charl.draws import STATE
from charl.runtime.engine import Engine
from charl.runtime.image import Image
from charl.runtime.library import HOST, interrupted, library
from charl.runtime.output import begin, flush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from charl.core.ir import Program
    from charl.runtime.host import Host
    from charl.runtime.measuring import Counters

STACK = 1 << 28
OK, FAILED, INTERRUPTED, RAISED = range(4)
RUNNING = -1


class NativeMachine:
    """A program ready to be called; Core is compiled first, and then `exported` are the functions
    that may be called."""

    def __init__(self, program: Program | Image, exported: Sequence[str] = ()) -> None:
        if not isinstance(program, Image):
            from charl.runtime.compile import compile_image  # a kept image needs none of it

            program = compile_image(program, exported)
        self.image = program
        self.raised: tuple[BaseException, int] | None = None
        self._made_host: Host | None = None
        self.asked = HOST(self._ask)
        address = ctypes.cast(self.asked, ctypes.c_void_p).value
        symbols: dict[str, int | None] = {"charl_host": address}
        self.counters: Counters | None = None
        if self.image.measures:
            from charl.runtime.measuring import Counters  # only for profiles

            self.counters = Counters(self.image)
            symbols["charl_counters"] = ctypes.addressof(self.counters.words)
        self.engines = loaded(self.image, symbols)
        self.addresses = symbols

    @property
    def host(self) -> Host:
        if self._made_host is None:
            from charl.runtime.host import Host  # NumPy and the primitives: a tenth of a second

            self._made_host = Host(self.image.origin())
        return self._made_host

    def run(self) -> None:
        """The program from its beginning, which takes nothing and gives nothing. Raises as
        `call`."""
        try:
            self._execute(self.image.entry, (ctypes.c_int64 * 1)())
        finally:
            self._clear()

    def call(self, name: str, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """The results of a function. Raises CharlError, or KeyboardInterrupt with its `span`."""
        slots = self.host.slots(name, arguments)
        try:
            self._execute(name, slots)
            return self.host.results(name, slots)
        finally:
            self._clear()

    def _execute(self, name: str, slots: Any) -> None:
        begin()
        draws = (ctypes.c_uint64 * 2).in_dll(library(), "charl_random")
        draws[:] = [STATE.seed, STATE.draws]
        status = self._run(self.addresses[self.image.entries[name]], slots)
        STATE.seed, STATE.draws = draws
        flush()
        if status != OK:
            raised, self.raised = self.raised, None
            raise self.host.problem(status, raised)

    def _clear(self) -> None:
        if self._made_host is not None:
            self._made_host.objects.clear()
        library().charl_reset()

    def _ask(self, site: int, dies: int, slots: int) -> int:
        """What native code calls for what it cannot do."""
        try:
            flush()
            self.host.serve(site, slots)
            return OK
        except BaseException as problem:
            self.raised = problem, site
            return RAISED

    def _run(self, entry: int | None, slots: Any) -> int:
        status = [RUNNING]
        done = _thread.allocate_lock()
        done.acquire()
        interrupted().value = 0

        def run() -> None:
            found = FAILED
            try:
                found = library().charl_run(entry, slots, STACK)
            finally:
                status[0] = found
                done.release()

        before = _thread.stack_size(STACK + (1 << 20))
        try:
            _thread.start_new_thread(run, ())
        finally:
            _thread.stack_size(before)
        stopped = self._wait(status, done)
        # Ctrl-C may have come after the last look of the program.
        return INTERRUPTED if stopped and status[0] == OK else status[0]

    def _wait(self, status: list[int], done: _thread.LockType) -> bool:
        """Waits for the program, and has it stop at Ctrl-C; whether that came. (In Python 3.11 a
        `Thread.join` that is interrupted takes the thread for stopped, hence the lock.)"""
        try:
            while status[0] == RUNNING:
                done.acquire()
            return False
        except KeyboardInterrupt:
            library().charl_interrupt()
            self._wait(status, done)
            return True


def loaded(image: Image, symbols: dict[str, int | None]) -> list[Engine]:
    """The object files of an image in memory, each with what those before it offer. `symbols` are
    the addresses that the host gives, and then also those of the program."""
    engines = []
    for code, exports in image.objects:
        engines.append(Engine(code, exports, symbols))
        symbols |= engines[-1].addresses
    return engines
