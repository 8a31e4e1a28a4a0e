"""The clock, which the program reads itself: what is timed is not to hold the way to the host."""

from __future__ import annotations

from charl.backend.llvm.functions import FunctionWriter, writer
from charl.backend.llvm.layout import Held
from charl.backend.llvm.objects import call
from charl.core.ir import Statement


@writer("clock")
def _clock(w: FunctionWriter, s: Statement) -> None:
    w.bind(s.results[0], Held(call(w, "charl_clock", "double")))
