"""`charl check`: all errors of files and folders, without running anything."""

from __future__ import annotations

import sys

from charl import driver
from charl.diagnostics.diagnostic import CharlError, Diagnostic
from charl.tools.arguments import JSON, Command, Invocation, Option
from charl.tools.files import plural, source_paths
from charl.tools.report import exit_status, report

DESCRIPTION = """
Checks files, and folders to the bottom (the current one when none is named): names, types and
shapes of programs and of their tests. Reports every error and warning; runs nothing.

With --memory the report also tells what the tensors of each program, and of each of its functions,
take at most when it runs natively: a number of bytes, or a polynomial in its sizes.

With --json the diagnostics go to the standard output. Exit status: 0 without errors, else 1.
"""

MEMORY = Option("--memory", "tell what the tensors take at most")


def run(invocation: Invocation) -> int:
    paths = source_paths(invocation.operands)
    found: dict[tuple[object, ...], Diagnostic] = {}
    for path in paths:
        for diagnostic in problems_of(path):
            found.setdefault(identity(diagnostic), diagnostic)
    diagnostics = list(found.values())
    if invocation.has(MEMORY.name) and not any(diagnostic.is_error for diagnostic in diagnostics):
        from charl.tools.footprint import memory_of  # the passes and kernels, for this alone

        report(diagnostics, json=False)
        for path in paths:
            print("\n".join(memory_of(driver.read_source(path))))
        return 0
    if invocation.has("--json"):
        from charl.diagnostics.as_json import to_json  # like the rest of JSON, for this alone

        sys.stdout.write(to_json(diagnostics))
    else:
        report(diagnostics, json=False)
        if not any(diagnostic.is_error for diagnostic in diagnostics):
            print(f"checked {plural(len(paths), 'file')}: no errors")
    return exit_status(diagnostics)


def problems_of(path: str) -> tuple[Diagnostic, ...]:
    try:
        checked = driver.check(driver.read_source(path), tests=True)
        return tuple(driver.warnings_of(checked))
    except CharlError as problem:
        return problem.diagnostics


def identity(diagnostic: Diagnostic) -> tuple[object, ...]:
    """An error in a module that several files import is told once."""
    span = diagnostic.primary.span if diagnostic.primary else None
    place = (span.source.name, span.start, span.stop) if span else None
    return diagnostic.code, diagnostic.message, place


COMMAND = Command(
    name="check",
    summary="report all errors of programs without running them",
    usage="charl check [OPTIONS] [FILE or FOLDER ...]",
    description=DESCRIPTION,
    run=run,
    options=(MEMORY, JSON),
    operands=(0, None),
)
