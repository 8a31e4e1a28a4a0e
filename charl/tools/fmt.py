"""`charl fmt`: one style and no options about it."""

from __future__ import annotations

import difflib
import sys

from charl import driver
from charl.diagnostics.diagnostic import CharlError, Diagnostic
from charl.source import Source
from charl.tools.arguments import JSON, Command, Invocation, Option
from charl.tools.files import plural, source_paths, write_whole
from charl.tools.report import exit_status, report

DESCRIPTION = """
Formats files in place, and folders to the bottom (the current one when none is named). `-` formats
the standard input to the standard output. A file with a syntax error is reported and left alone.

With --check nothing is written: files that would change are listed with the difference, and the
exit status is 1 if there are any.
"""

# Lines of one file's difference that --check shows before it says how many more there are.
DIFF_LINES = 20


def run(invocation: Invocation) -> int:
    checking = invocation.has("--check")
    if [word.text for word in invocation.operands] == ["-"] and not checking:
        sys.stdout.write(formatted(driver.read_source("-")))
        return 0
    paths = source_paths(invocation.operands)
    diagnostics: list[Diagnostic] = []
    changed: list[str] = []
    for path in paths:
        try:
            source = driver.read_source(path)
            text = formatted(source)
            if text != source.text:
                changed.append(path)
                if checking:
                    show_difference(source.name, source.text, text)
                else:
                    write_whole(path, text)
        except CharlError as problem:
            diagnostics += problem.diagnostics
    report(diagnostics, json=invocation.has("--json"))
    say_result(len(paths), len(changed), checking=checking, failed=bool(diagnostics))
    return exit_status(diagnostics) or int(checking and bool(changed))


def formatted(source: Source) -> str:
    # `charl --help` imports this module, and has no use for the parser.
    from charl.syntax.formatter import format_source

    return format_source(source)


def show_difference(name: str, before: str, after: str) -> None:
    print(f"would change: {name}")
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm=""))[
        2:
    ]
    for line in lines[:DIFF_LINES]:
        print(f"  {line}")
    if len(lines) > DIFF_LINES:
        print(f"  ... {plural(len(lines) - DIFF_LINES, 'more line')}")


def say_result(total: int, changed: int, *, checking: bool, failed: bool) -> None:
    verb = "would change" if checking else "changed"
    if not failed or changed:
        print(f"{plural(total, 'file')}: {changed} {verb}")


COMMAND = Command(
    name="fmt",
    summary="format source files",
    usage="charl fmt [--check] [FILE or FOLDER ...]",
    description=DESCRIPTION,
    run=run,
    options=(Option("--check", "write nothing; list what would change"), JSON),
    operands=(0, None),
)
