"""From LLVM's text to machine code in this process."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from charl.runtime import library


@cache
def target_machine(level: int) -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=level,
        reloc="pic",
        codemodel="jitdefault",
    )


@cache
def _jit() -> Any:
    return llvm.create_lljit_compiler(target_machine(2))


def compile_object(text: str, level: int = 2) -> bytes:
    """The optimised machine code of a module, as an object file."""
    machine = target_machine(level)
    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    options.loop_vectorization = options.slp_vectorization = level >= 2
    options.loop_unrolling = options.loop_interleaving = level >= 2
    llvm.create_pass_builder(machine, options).getModulePassManager().run(
        module, llvm.create_pass_builder(machine, options)
    )
    found: bytes = machine.emit_object(module)
    return found


class Engine:
    """Loaded machine code; `symbols` are addresses that only this program knows."""

    _count = 0

    def __init__(
        self, text: str, exported: Iterable[str], symbols: Mapping[str, int | None]
    ) -> None:
        Engine._count += 1
        builder = llvm.JITLibraryBuilder().add_object_img(compile_object(text))
        for name in exported:
            builder = builder.export_symbol(name)
        for name, place in symbols.items():
            builder = builder.import_symbol(name, place)
        for name in undefined(text):
            place = library.address(name)
            if place is not None and name not in symbols:
                builder = builder.import_symbol(name, place)
        self._tracker = builder.add_current_process().link(_jit(), f"program {self._count}")

    def address(self, name: str) -> int:
        found: int = self._tracker[name]
        return found


def undefined(text: str) -> list[str]:
    """The functions and variables of the runtime that a module names."""
    return sorted(set(re.findall(r"@(charl_\w+)", text)) - {"charl_texts"})
