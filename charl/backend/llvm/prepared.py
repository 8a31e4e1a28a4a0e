"""The last passes before native code: Core as `Module` writes it."""

from __future__ import annotations

from charl.backend.llvm.kernels import can_write
from charl.backend.llvm.sweeps import with_sweeps
from charl.core.ir import Program
from charl.transform.fuse import fuse
from charl.transform.separate import separate


def prepared(program: Program, *, sweeps: bool = True) -> Program:
    program = fuse(separate(program), can_write)
    return with_sweeps(program) if sweeps else program
