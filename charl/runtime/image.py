"""A compiled program as it is kept and run: machine code, and what the host must know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from charl.core.ir import Program
from charl.records import record

if TYPE_CHECKING:
    from charl.backend.llvm.module import Site


@record(eq=False)
class Image:
    """`code` is an object file. `entries` are the symbols of the functions that may be called by
    name, `sites` the places that native code knows by number; `asked` are the ops left to the
    interpreter, and in how many places; with `measures` the code counts where its time goes."""

    program: Program
    code: bytes
    entries: dict[str, str]
    sites: list[Site]
    asked: dict[str, int]
    measures: bool = False
