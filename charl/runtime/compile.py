"""From Core to an image: the text of a module, and LLVM's machine code for it."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence

from charl.backend.llvm.entries import entry_name, program_parts
from charl.backend.llvm.module import Module
from charl.backend.llvm.parts import Part
from charl.backend.llvm.prepared import prepared
from charl.core.ir import Program
from charl.runtime.code_cache import machine_codes
from charl.runtime.image import Image, Origin

# Measured on the examples: -O1 compiles a tenth faster, -O3 a tenth slower.
LEVEL = 2

# Called with a stage's name and the seconds it took.
Clock = Callable[[str, float], None]


def compile_image(
    program: Program,
    exported: Sequence[str],
    *,
    level: int = LEVEL,
    keep: bool = True,
    measures: bool = False,
    meanwhile: Callable[[Origin], None] = lambda origin: None,
    clock: Clock = lambda stage, seconds: None,
) -> Image:
    """A program as machine code; `exported` are the functions that may be called. `keep` allows the
    machine code to be looked for, and kept, on disk; with `measures` the code counts where its time
    goes (`measuring.py`). `meanwhile` is called once, while LLVM works where it has to."""
    start = time.perf_counter()
    module, parts = module_parts(program, exported, measures=measures)
    clock("codegen", time.perf_counter() - start)
    start = time.perf_counter()
    origin = Origin(program, module.sites)
    texts = [part.text for part in parts]
    codes = machine_codes(texts, level, keep=keep, meanwhile=lambda: meanwhile(origin))
    clock("llvm", time.perf_counter() - start)
    entries = {name: entry_name(module, name) for name in exported}
    exports = [part.exports for part in parts]
    exports[-1] = tuple(entries.values())
    objects = tuple(zip(codes, exports))
    asked = asked_of_host(module, parts)
    return Image(objects, program.entry, entries, asked, lambda: origin, measures)


def module_parts(
    program: Program, exported: Sequence[str], *, measures: bool = False
) -> tuple[Module, list[Part]]:
    """The module of a program, and its text before LLVM has worked on it, in parts."""
    # A profile tells the time of each statement, so that it has no sweeps.
    module = Module(*prepared(program, sweeps=not measures), measures=measures)
    return module, program_parts(module, exported)


def asked_of_host(module: Module, parts: Sequence[Part]) -> dict[str, int]:
    """The ops that the module calls the host for, those in the most places first."""
    calls = [n for part in parts for n in re.findall(r"@charl_host\(i64 (\d+)", part.text)]
    ops = [
        site.statement.op.name
        for site in (module.sites[int(number)] for number in calls)
        if site.statement is not None
    ]
    # Only a text of more than the buffer holds is printed by the host.
    counts = Counter(name for name in ops if name != "print")
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
