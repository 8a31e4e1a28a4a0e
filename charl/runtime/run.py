"""Running a program natively."""

from __future__ import annotations

from contextlib import redirect_stdout
from typing import TextIO

from charl.core.ir import Program
from charl.runtime.machine import NativeMachine


def run_program(program: Program, *, output: TextIO) -> None:
    """Compiles a program and runs its entry function; what it prints goes to `output`.

    Raises CharlError for what goes wrong in the program, KeyboardInterrupt for Ctrl-C.
    """
    machine = NativeMachine(program, (program.entry,))
    with redirect_stdout(output):
        machine.call(program.entry, ())
