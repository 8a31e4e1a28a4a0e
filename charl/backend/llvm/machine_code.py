"""From LLVM's text to optimised code: an object file, assembly, or LLVM's text again.

A level is that of a C compiler: 0 leaves the code as it was written, 1 makes it smaller and quicker
to compile, 2 does all that pays, vectorised loops included, 3 also what makes code larger. Each is
LLVM's own pipeline of that name (inlining, instruction combining, GVN, SCCP, loop passes and so
on), and the level of its code generator.

Code may stand anywhere in memory, at most 2 GB long, and is for the CPU that compiles it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import llvmlite.binding as llvm

LEVELS = (0, 1, 2, 3)


@cache
def target_machine(level: int) -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=level,
        reloc="pic",
        codemodel="small",
    )


def optimised(text: str, level: int) -> Any:
    """The module after the level's pipeline."""
    machine = target_machine(level)
    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    options.loop_vectorization = options.slp_vectorization = level >= 2
    options.loop_unrolling = options.loop_interleaving = level >= 2
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module


def object_code(text: str, level: int) -> bytes:
    found: bytes = target_machine(level).emit_object(optimised(text, level))
    return found


def assembly(text: str, level: int) -> str:
    found: str = target_machine(level).emit_assembly(optimised(text, level))
    return found


def optimised_text(text: str, level: int) -> str:
    return str(optimised(text, level))
