"""`charl run`: check a program, compile it, run it."""

from __future__ import annotations

import sys

from charl import driver
from charl.cache import compiled, compiled_natively
from charl.diagnostics.diagnostic import CharlError, error
from charl.source import Source
from charl.tools.arguments import JSON, Command, Invocation, Option
from charl.tools.compiling import BACKEND, LEVEL, PASS_LIST, backend_of, level_of, passes_of
from charl.tools.memory import bound_memory
from charl.tools.progress import ProgressBar
from charl.tools.report import report
from charl.tools.stages import Stages, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from charl.core.ir import Program
    from charl.core.measured import Profile
    from charl.diagnostics.diagnostic import Diagnostic
    from charl.runtime.image import Image

DESCRIPTION = """
Checks a program and runs it. FILE may be `-`, the standard input. What stands after `--` is handed
to the program: `arguments()` gives it to Charl code.

Exit status: 0; 1 for an error in the program or while it runs; 2 when charl was called wrongly;
130 when interrupted.
"""

TIME = Option("--time", "tell how long each stage took, once the program is done")
PROFILE = Option(
    "--profile",
    "tell where the time goes, by source line; to a file as JSON",
    "FILE",
    optional=True,
)
TRAP_NAN = Option("--trap-nan", "stop where the first NaN or infinity is born, and say from what")
VERBOSE = Option("--verbose", "tell what native code asks the interpreter to do", short="-v")


def run(invocation: Invocation) -> int:
    backend = backend_of(invocation)
    passes, traps = passes_of(invocation), invocation.has("--trap-nan")
    source = source_of(invocation)
    stages = Stages()
    made: tuple[Program | Image, list[Diagnostic]]
    if backend == "native":
        made = compiled_natively(
            source,
            arguments=invocation.rest,
            passes=passes,
            traps=traps,
            level=level_of(invocation),
            measures=invocation.has("--profile"),
            clock=stages.clock,
        )
    else:
        made = compiled(
            source, arguments=invocation.rest, passes=passes, traps=traps, clock=stages.clock
        )
    program, warnings = made
    report(warnings, json=invocation.has("--json"))
    if invocation.has("--verbose"):
        say_asked(program)
    bound_memory()
    profiles: list[Profile] = []
    try:
        driver.run(
            program,
            sys.stdout,
            arguments=invocation.rest,
            progress=ProgressBar,
            backend=backend,
            clock=stages.clock,
            observe=profiles.append if invocation.has("--profile") else None,
        )
    finally:
        if profiles:
            from charl.tools.profile import tell  # NumPy and the runtime

            tell(profiles[0], invocation.value("--profile", ""))
        if invocation.has("--time"):
            show(stages.rows())
    return 0


def source_of(invocation: Invocation) -> Source:
    """The program's text. Raises CharlError, also for an empty one (E0721)."""
    source = driver.read_source(invocation.operands[0].text)
    if not source.text.strip():
        raise CharlError(error("E0721", f"`{source.name}` is empty: there is nothing to run"))
    return source


def say_asked(program: Program | Image) -> None:
    """The ops that native code leaves to the interpreter, and in how many places."""
    sys.stdout.flush()
    asked: dict[str, int] | None = getattr(program, "asked", None)
    if asked is None:
        print("the interpreter runs all of it", file=sys.stderr)
        return
    if not asked:
        print("native code does all of it", file=sys.stderr)
        return
    places = sum(asked.values())
    print(f"native code asks the interpreter in {places} places:", file=sys.stderr)
    show([(f"  {name}", f"{count}") for name, count in asked.items()])


COMMAND = Command(
    name="run",
    summary="run a program",
    usage="charl run [OPTIONS] FILE [-- ARGUMENTS]",
    description=DESCRIPTION,
    run=run,
    options=(
        BACKEND,
        LEVEL,
        PASS_LIST,
        Option("--device", "where tensors live", "NAME", choices=("cpu",)),
        TIME,
        PROFILE,
        TRAP_NAN,
        VERBOSE,
        JSON,
    ),
    operands=(1, 1),
    passes_rest=True,
)
