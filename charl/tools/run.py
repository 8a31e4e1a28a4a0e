"""`charl run`: check a program, compile it, run it."""

from __future__ import annotations

import sys
import time

from charl import driver
from charl.cache import compiled
from charl.diagnostics.diagnostic import CharlError, error
from charl.tools.arguments import JSON, Command, Invocation, Option
from charl.tools.memory import bound_memory
from charl.tools.progress import ProgressBar
from charl.tools.report import report

DESCRIPTION = """
Checks a program and runs it. FILE may be `-`, the standard input. What stands after `--` is handed
to the program: `arguments()` gives it to Charl code.

Exit status: 0; 1 for an error in the program or while it runs; 2 when charl was called wrongly;
130 when interrupted.
"""

VERBOSE = Option("--verbose", "tell the time each stage takes", short="-v")


def run(invocation: Invocation) -> int:
    path = invocation.operands[0].text
    verbose = invocation.has("--verbose")
    source = driver.read_source(path)
    if not source.text.strip():
        raise CharlError(error("E0721", f"`{source.name}` is empty: there is nothing to run"))
    clock = say_time if verbose else be_silent
    program, warnings = compiled(source, arguments=invocation.rest, clock=clock)
    report(warnings, json=invocation.has("--json"))
    start = time.perf_counter()
    bound_memory()
    driver.run(program, sys.stdout, arguments=invocation.rest, progress=ProgressBar)
    clock("run", time.perf_counter() - start)
    return 0


def say_time(stage: str, seconds: float) -> None:
    sys.stdout.flush()
    print(f"{stage:<9}{seconds * 1e3:9.1f} ms", file=sys.stderr)


def be_silent(stage: str, seconds: float) -> None:
    pass


COMMAND = Command(
    name="run",
    summary="run a program",
    usage="charl run [OPTIONS] FILE [-- ARGUMENTS]",
    description=DESCRIPTION,
    run=run,
    options=(
        Option("--backend", "what executes the program", "NAME", choices=("interpreter",)),
        Option("--device", "where tensors live", "NAME", choices=("cpu",)),
        VERBOSE,
        JSON,
    ),
    operands=(1, 1),
    passes_rest=True,
)
