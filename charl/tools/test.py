"""`charl test`: the `test` blocks of files and folders, in parallel processes.

Work is handed out in batches of tests of one file, since a file is checked and compiled once by
each process that runs tests of it: with more files than processes a batch is a file, otherwise
a file is split. Results are printed in the order of the files as they come in. What a test prints
is kept and shown only if it fails.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing import get_context
from typing import TYPE_CHECKING

from charl import driver
from charl.backends import Backend
from charl.diagnostics.as_json import to_json
from charl.diagnostics.diagnostic import CharlError, Diagnostic, error
from charl.records import record
from charl.tools.arguments import JSON, Command, Invocation, Option, Word
from charl.tools.compiling import backend_of, backend_option
from charl.tools.files import plural, source_paths
from charl.tools.guard import diagnose
from charl.tools.report import exit_status, rendered, wants_colour

if TYPE_CHECKING:
    from charl.check.tree import CheckedProgram

DESCRIPTION = """
Runs the `test` blocks of files, and of folders to the bottom (the current one when none is named),
in parallel processes. A test that fails shows its diagnostics and what it printed. With --json the
diagnostics of failed tests go to the standard output, and the summary to the standard error output.

Exit status: 0 when all tests pass, else 1.
"""


# A test runs once: most are done before they would be compiled.
USUAL: Backend = "interpreter"

# A file is split between processes only for more tests than this: each has to check it again.
FEW_TESTS = 8

# The name of the outcome of a file with errors.
UNCHECKED = "the file does not check"


@record
class Batch:
    """Tests of one file, by their places among its tests."""

    path: str
    indices: tuple[int, ...]
    backend: Backend = "interpreter"


@record
class Outcome:
    """One test that ran; it passed when there are no diagnostics."""

    path: str
    name: str
    seconds: float
    diagnostics: tuple[Diagnostic, ...]
    output: str


def run(invocation: Invocation) -> int:
    jobs = jobs_of(invocation.options.get("--jobs"))
    backend = backend_of(invocation, USUAL)
    paths = source_paths(invocation.operands)
    json = invocation.has("--json")
    start = time.perf_counter()
    names, problems = collect(paths, invocation.value("--filter", ""))
    if problems and not json:
        print(rendered(problems, sys.stdout) + "\n")
    shown: list[Outcome] = []
    for outcome in outcomes(split(names, jobs, backend), names, jobs):
        if any(outcome.path == s.path and outcome.name == s.name == UNCHECKED for s in shown):
            continue  # another batch of a file with errors
        if not json:
            show(outcome, first=not shown or shown[-1].path != outcome.path)
        shown.append(outcome)
        problems += outcome.diagnostics
    if json:
        sys.stdout.write(to_json(problems))
    summary = summarise(shown, len(problems), time.perf_counter() - start)
    print(summary, file=sys.stderr if json else sys.stdout)
    return exit_status(problems)


def summarise(shown: Sequence[Outcome], problems: int, seconds: float) -> str:
    """`12 passed, 1 failed in 0.3 s`."""
    if not shown:
        return f"no tests run, {plural(problems, 'error')}" if problems else "no tests found"
    failed = sum(bool(outcome.diagnostics) for outcome in shown)
    counts = f"{len(shown) - failed} passed" + (f", {failed} failed" if failed else "")
    return f"{counts} in {seconds:.1f} s"


def jobs_of(word: Word | None) -> int:
    """How many processes. Raises CharlError (E0706)."""
    if word is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if not (word.text.isascii() and word.text.isdigit() and 1 <= int(word.text) <= 1024):
        help = "a number of processes, from 1 to 1024"
        raise CharlError(
            error("E0706", f"`--jobs` cannot be `{word.text}`", word.span, helps=(help,))
        )
    return int(word.text)


def collect(
    paths: Sequence[str], wanted: str
) -> tuple[dict[str, dict[int, str]], list[Diagnostic]]:
    """The names of the tests to run of each file that has any; the errors of files not read."""
    names: dict[str, dict[int, str]] = {}
    broken: list[Diagnostic] = []
    for path in paths:
        try:
            tests = enumerate(driver.test_names(driver.read_source(path)))
        except CharlError as problem:
            broken += problem.diagnostics
            continue
        chosen = {index: name for index, name in tests if wanted.lower() in name.lower()}
        if chosen:
            names[path] = chosen
    return names, broken


def split(
    names: dict[str, dict[int, str]], jobs: int, backend: Backend = "interpreter"
) -> list[Batch]:
    """Batches enough to keep `jobs` processes busy, and no more."""
    parts = max(1, -(-jobs // max(len(names), 1)))
    batches = []
    for path, tests in names.items():
        indices = tuple(tests)
        size = max(-(-len(indices) // parts), FEW_TESTS)
        batches += [
            Batch(path, indices[start : start + size], backend)
            for start in range(0, len(indices), size)
        ]
    return batches


def outcomes(
    batches: Sequence[Batch], names: dict[str, dict[int, str]], jobs: int
) -> Iterator[Outcome]:
    """The outcomes in the order of the batches, which run at most `jobs` at a time."""
    if jobs == 1 or len(batches) < 2:
        for batch in batches:
            yield from run_batch(batch)
        return
    # A fresh interpreter for each process: nothing of ours survives a fork in a known state.
    with ProcessPoolExecutor(min(jobs, len(batches)), get_context("spawn")) as pool:
        pending = [(batch, pool.submit(run_batch, batch)) for batch in batches]
        try:
            for batch, future in pending:
                yield from outcomes_of(batch, future, names[batch.path])
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def outcomes_of(
    batch: Batch, future: Future[list[Outcome]], names: dict[int, str]
) -> list[Outcome]:
    try:
        return future.result()
    except BrokenProcessPool:
        # The system ended the process, usually for its memory; which test it was is not known.
        message = "the process that ran this test ended before it was done"
        problem = (error("E0730", message, helps=("run it alone: `--jobs 1`",)),)
        return [Outcome(batch.path, names[index], 0.0, problem, "") for index in batch.indices]


def run_batch(batch: Batch) -> list[Outcome]:
    try:
        checked = checked_file(batch.path)
    except KeyboardInterrupt:
        raise
    except Exception as problem:
        # One failure stands for the file: none of its tests could be compiled.
        return [Outcome(batch.path, UNCHECKED, 0.0, diagnose(problem), "")]
    return [run_one(batch, checked, index) for index in batch.indices]


@lru_cache(maxsize=1)
def checked_file(path: str) -> CheckedProgram:
    return driver.check(driver.read_source(path), tests=True)


def run_one(batch: Batch, checked: CheckedProgram, index: int) -> Outcome:
    output = io.StringIO()
    name, chunk = checked.tests[index]
    start = time.perf_counter()
    diagnostics: tuple[Diagnostic, ...] = ()
    try:
        driver.run(driver.compile_chunk(chunk), output, backend=batch.backend)
    except Exception as problem:
        diagnostics = diagnose(problem)
    seconds = time.perf_counter() - start
    return Outcome(batch.path, name, seconds, diagnostics, output.getvalue())


def show(outcome: Outcome, *, first: bool) -> None:
    """One line for a test, and what went wrong; `first` of its file names the file."""
    if first:
        print(outcome.path)
    colour = wants_colour(sys.stdout)
    word, paint = ("FAIL", "\x1b[1;31m") if outcome.diagnostics else ("ok", "\x1b[32m")
    shown = f"{paint}{word:<4}\x1b[0m" if colour else f"{word:<4}"
    print(f"  {shown}  {outcome.name}  ({duration(outcome.seconds)})")
    if outcome.diagnostics:
        body = rendered(outcome.diagnostics, sys.stdout)
        if outcome.output:
            body += "\nit printed:\n" + indent(outcome.output.rstrip("\n"))
        print(indent(body))
    sys.stdout.flush()


def indent(text: str) -> str:
    return "\n".join(f"      {line}".rstrip() for line in text.split("\n"))


def duration(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


COMMAND = Command(
    name="test",
    summary="run the tests of files and folders",
    usage="charl test [OPTIONS] [FILE or FOLDER ...]",
    description=DESCRIPTION,
    run=run,
    options=(
        Option("--jobs", "how many processes run tests (one for each core)", "N", short="-j"),
        Option("--filter", "run the tests whose name contains TEXT", "TEXT"),
        backend_option(USUAL),
        JSON,
    ),
    operands=(0, None),
)
