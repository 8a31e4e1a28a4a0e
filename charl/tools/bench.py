"""`charl bench`: a program on the interpreter and as native code, side by side."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING, TypeVar

from charl import driver
from charl.backends import Backend, missing_for_native
from charl.diagnostics.diagnostic import CharlError, error
from charl.records import record
from charl.tools.arguments import JSON, Command, Invocation, Option, Word
from charl.tools.compiling import LEVEL, PASS_LIST, level_of, passes_of
from charl.tools.memory import bound_memory
from charl.tools.report import report
from charl.tools.run import source_of
from charl.tools.stages import show

if TYPE_CHECKING:
    from charl.core.ir import Program
    from charl.runtime.image import Image

DESCRIPTION = """
Compiles a program for each backend, without the cache, and runs it several times on each, by turns.
Tells the time to compile, the median time of a run, and how many times faster native code is. What
the program prints is not shown; it is said when the backends print different things.
"""

RUNS = Option("--runs", "how often the program runs on each backend, usually 5", "N", short="-n")
USUAL_RUNS = 5

T = TypeVar("T")


@record(frozen=False)
class Contestant:
    """A backend, what it runs, the seconds it took to compile and to run, what was printed."""

    backend: Backend
    program: Program | Image
    compiling: float
    runs: list[float]
    printed: str = ""


def run(invocation: Invocation) -> int:
    count = runs_of(invocation.options.get(RUNS.name))
    missing = missing_for_native()
    if missing:
        raise CharlError(error("E0712", f"no native code: {missing}"))
    start = time.perf_counter()
    checked = driver.check(source_of(invocation), arguments=invocation.rest)
    warnings = list(checked.warnings)
    program = driver.compile_chunk(checked.main, warn=warnings.append, passes=passes_of(invocation))
    shared = time.perf_counter() - start
    report(warnings, json=invocation.has("--json"))
    image, own = timed(lambda: image_of(program, level_of(invocation)))
    bound_memory()
    native = Contestant("native", image, shared + own, [])
    interpreter = Contestant("interpreter", program, shared, [])
    for _ in range(count):
        for contestant in (interpreter, native):
            run_once(contestant, invocation.rest)
    show(table(interpreter, native), sys.stdout)
    if native.printed != interpreter.printed:
        print("the backends print different things")
    return 0


def image_of(program: Program, level: int) -> Image:
    from charl.runtime.compile import compile_image

    return compile_image(program, (program.entry,), level=level, keep=False)


def run_once(contestant: Contestant, arguments: Sequence[str]) -> None:
    output = io.StringIO()
    _, seconds = timed(
        lambda: driver.run(
            contestant.program, output, arguments=arguments, backend=contestant.backend
        )
    )
    contestant.runs.append(seconds)
    contestant.printed = output.getvalue()


def timed(action: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = action()
    return result, time.perf_counter() - start


def table(interpreter: Contestant, native: Contestant) -> list[tuple[str, ...]]:
    rows = [("", "compile", f"run (median of {len(native.runs)})")]
    for contestant in (interpreter, native):
        rows.append(
            (
                contestant.backend,
                f"{contestant.compiling * 1e3:,.1f} ms",
                f"{median(contestant.runs) * 1e3:,.2f} ms",
            )
        )
    ratio = median(interpreter.runs) / median(native.runs)
    return [*rows, ("native is faster", "", f"{ratio:,.2f} times")]


def runs_of(word: Word | None) -> int:
    """Raises CharlError (E0706)."""
    if word is None:
        return USUAL_RUNS
    if not (word.text.isascii() and word.text.isdigit() and 1 <= int(word.text) <= 100_000):
        message = f"`{RUNS.name}` cannot be `{word.text}`"
        raise CharlError(error("E0706", message, word.span, helps=("a number from 1 to 100,000",)))
    return int(word.text)


COMMAND = Command(
    name="bench",
    summary="compare native code with the interpreter",
    usage="charl bench [OPTIONS] FILE [-- ARGUMENTS]",
    description=DESCRIPTION,
    run=run,
    options=(RUNS, LEVEL, PASS_LIST, JSON),
    operands=(1, 1),
    passes_rest=True,
)
