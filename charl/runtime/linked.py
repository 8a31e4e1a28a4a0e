"""Object files linked by LLVM, for systems whose object files our own loader does not know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import count
from typing import Any

import llvmlite.binding as llvm

from charl.backend.llvm.machine_code import target_machine
from charl.runtime import library

NUMBERS = count()


@cache
def jit() -> Any:
    return llvm.create_lljit_compiler(target_machine(2))


def link(
    code: bytes, exported: Iterable[str], symbols: Mapping[str, int | None]
) -> Mapping[str, int]:
    """The addresses of what an object file exports; it leaves memory with the result."""
    builder = llvm.JITLibraryBuilder().add_object_img(code)
    for name in exported:
        builder = builder.export_symbol(name)
    for name, place in symbols.items():
        builder = builder.import_symbol(name, place)
    for name in wanted(code) - set(symbols) - set(exported):
        place = library.address(name)
        if place is not None:
            builder = builder.import_symbol(name, place)
    found: Mapping[str, int] = builder.add_current_process().link(jit(), f"program {next(NUMBERS)}")
    return found


def wanted(code: bytes) -> set[str]:
    """The names of the runtime's that an object file has in its table of names."""
    return {name.decode() for name in re.findall(rb"charl_\w+|__truncsfbf2|__truncdfhf2", code)}
