"""Running a program natively."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import redirect_stdout

from charl.runtime.image import Image
from charl.runtime.machine import NativeMachine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from charl.core.ir import Program
    from charl.core.measured import Profile


def run_program(
    program: Program | Image,
    *,
    output: TextIO,
    clock: Callable[[str, float], None] = lambda stage, seconds: None,
    observe: Callable[[Profile], None] = lambda profile: None,
) -> None:
    """Runs the entry function of a program, which is compiled first unless it is an image; what it
    prints goes to `output`. An image that measures itself tells `observe` what it found, however
    the run ended.

    Raises CharlError for what goes wrong in the program, KeyboardInterrupt for Ctrl-C.
    """
    start = time.perf_counter()
    machine = NativeMachine(program, () if isinstance(program, Image) else (program.entry,))
    clock("load", time.perf_counter() - start)
    start = time.perf_counter()
    counters = machine.counters
    if counters is not None:
        counters.start()
    try:
        with redirect_stdout(output):
            machine.run()
    finally:
        if counters is not None:
            observe(counters.profile())
    clock("run", time.perf_counter() - start)
