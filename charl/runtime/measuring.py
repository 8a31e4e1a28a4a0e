"""What the counters of a program say that was compiled to be measured, and how long a tick is."""

from __future__ import annotations

import ctypes
import time

from charl.backend.llvm.measuring import WORDS
from charl.backend.llvm.prepared import prepared
from charl.core.control import SWEEP
from charl.core.ir import Program, Statement
from charl.core.measured import Measured, Profile
from charl.runtime.image import Image
from charl.runtime.library import library


class Counters:
    """The counters of an image's sites, and the clock that they are read by."""

    def __init__(self, image: Image) -> None:
        origin = image.origin()
        self.asked, self.sites, self.program = image.asked, origin.sites, origin.program
        self.words = (ctypes.c_int64 * (WORDS * max(1, len(self.sites))))()
        self.start()

    def start(self) -> None:
        self.ticks, self.time = library().charl_ticks(), time.perf_counter()

    def profile(self) -> Profile:
        """What was counted since the start."""
        seconds = time.perf_counter() - self.time
        tick = seconds / max(library().charl_ticks() - self.ticks, 1)
        found = []
        for number, site in enumerate(self.sites):
            ticks, calls, moved, work = self.words[WORDS * number : WORDS * (number + 1)]
            if calls and site.statement is not None:
                hosted = site.statement.op.name in self.asked
                found.append(
                    Measured(
                        site.function, site.statement, ticks * tick, calls, moved, work, hosted
                    )
                )
        return Profile(found, seconds, counted=True, together=swept(self.program))


def swept(program: Program) -> tuple[list[Statement], ...]:
    """The statements of each sweep that the program has when it is not measured."""
    fast, _ = prepared(program)
    functions = fast.functions.values()
    sweeps = [s for function in functions for s in function.body.walk() if s.op is SWEEP]
    return tuple([s for block in sweep.blocks for s in block.walk()] for sweep in sweeps)
