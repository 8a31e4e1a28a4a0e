"""The last passes before native code: Core as `Module` writes it."""

from __future__ import annotations

from charl.backend.llvm.kernels import can_write
from charl.backend.llvm.sweeps import with_sweeps
from charl.core.ir import Program
from charl.kernel.build import Kernels
from charl.transform.fuse import fuse
from charl.transform.if_conversion import convert_ifs
from charl.transform.separate import separate


def prepared(program: Program, *, sweeps: bool = True) -> tuple[Program, Kernels]:
    """The program, and those of its kernels that were built on the way."""
    kernels = Kernels()
    program = fuse(separate(convert_ifs(program)), can_write)
    return with_sweeps(program, kernels) if sweeps else program, kernels
