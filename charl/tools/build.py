"""`charl build`: a program compiled and shown, at any of its stages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from charl import driver
from charl.backends import missing_for_native
from charl.diagnostics.diagnostic import CharlError, error
from charl.tools.arguments import JSON, Command, Invocation, Option
from charl.tools.compiling import LEVEL, PASS_LIST, level_of, passes_of
from charl.tools.files import write_whole
from charl.tools.report import report
from charl.tools.run import source_of

if TYPE_CHECKING:
    from charl.core.ir import Program

DESCRIPTION = """
Checks a program, compiles it and writes what it becomes, without running it:

  core    the program after the passes, in the language between Charl and machine code
  kernels the loop nests that its tensor statements become, each a function of that language
  llvm    the same in LLVM's language, after LLVM's optimisation
  asm     the instructions of this machine

What stands after `--` is what `arguments()` gives, as for `charl run`.
"""


def core(program: Program, level: int) -> str:
    from charl.core.printer import print_program

    return print_program(program)


def kernels(program: Program, level: int) -> str:
    from charl.core.ir import Program as Core
    from charl.core.printer import print_program
    from charl.runtime.compile import module_parts

    found = [k.function for k in module_parts(program, (program.entry,))[0].kernels]
    if not found:
        return "// this program has no kernels\n"
    return print_program(Core({f.name: f for f in found}, found[0].name))


def llvm(program: Program, level: int) -> str:
    from charl.backend.llvm.machine_code import optimised_text

    return in_parts(program, lambda text: optimised_text(text, level), ";")


def asm(program: Program, level: int) -> str:
    from charl.backend.llvm.machine_code import assembly

    return in_parts(program, lambda text: assembly(text, level), "#")


def in_parts(program: Program, shown: Callable[[str], str], comment: str) -> str:
    """What becomes of the program's parts, which are compiled one by one."""
    from charl.runtime.compile import module_parts

    parts = module_parts(program, (program.entry,))[1]
    return "\n".join(
        f"{comment} part {n} of {len(parts)}\n{shown(part.text)}" for n, part in enumerate(parts, 1)
    )


# What `--emit` can ask for, in the order of the stages; those of `NATIVE` need LLVM.
EMITTERS: dict[str, Callable[[Program, int], str]] = {
    "core": core,
    "kernels": kernels,
    "llvm": llvm,
    "asm": asm,
}
NATIVE = ("kernels", "llvm", "asm")

EMIT = Option("--emit", "what to write", "FORM", choices=tuple(EMITTERS))
OUTPUT = Option("--output", "the file to write; the standard output without it", "FILE", short="-o")


def run(invocation: Invocation) -> int:
    form = invocation.value(EMIT.name, "core")
    passes = passes_of(invocation)
    missing = missing_for_native() if form in NATIVE else ""
    if missing:
        help = "`--emit core` does without"
        raise CharlError(error("E0712", f"no native code: {missing}", helps=(help,)))
    checked = driver.check(source_of(invocation), arguments=invocation.rest)
    warnings = list(checked.warnings)
    program = driver.compile_chunk(checked.main, warn=warnings.append, passes=passes)
    report(warnings, json=invocation.has("--json"))
    text = EMITTERS[form](program, level_of(invocation)).rstrip("\n") + "\n"
    output = invocation.value(OUTPUT.name, "-")
    if output == "-":
        sys.stdout.write(text)
    else:
        write_whole(output, text)
    return 0


COMMAND = Command(
    name="build",
    summary="show what a program is compiled to",
    usage="charl build [OPTIONS] FILE [-- ARGUMENTS]",
    description=DESCRIPTION,
    run=run,
    options=(EMIT, OUTPUT, LEVEL, PASS_LIST, JSON),
    operands=(1, 1),
    passes_rest=True,
)
