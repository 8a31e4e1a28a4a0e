"""From Core to an image: the text of a module, and LLVM's machine code for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from charl.backend.llvm.entries import entry_name, program_text
from charl.backend.llvm.module import Module
from charl.core.ir import Program
from charl.runtime.code_cache import machine_code
from charl.runtime.image import Image

# Measured on the examples: -O1 compiles a tenth faster, -O3 a tenth slower.
LEVEL = 2

# Called with a stage's name and the seconds it took.
Clock = Callable[[str, float], None]


def compile_image(
    program: Program,
    exported: Sequence[str],
    *,
    level: int = LEVEL,
    clock: Clock = lambda stage, seconds: None,
) -> Image:
    """A program as machine code; `exported` are the functions that may be called."""
    start = time.perf_counter()
    module = Module(program)
    text = program_text(module, exported)
    clock("codegen", time.perf_counter() - start)
    start = time.perf_counter()
    code = machine_code(text, level)
    clock("llvm", time.perf_counter() - start)
    entries = {name: entry_name(module, name) for name in exported}
    return Image(program, code, entries, module.sites, module.texts)
