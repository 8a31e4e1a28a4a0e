"""From a file to a running program: the stages in order, for every tool above.

    read_source -> check -> lower -> optimise -> run

The packages of the stages load NumPy and the op registry; each function here imports its own, so
that `charl fmt` and `charl explain` start without them.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from charl.backends import Backend
from charl.diagnostics.diagnostic import CharlError, Diagnostic, error
from charl.diagnostics.suggest import nearest
from charl.draws import State, drawing
from charl.source import Source, Span
from charl.world import WORLD, SilentBar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from charl.check.tree import CheckedProgram, Chunk
    from charl.core.ir import Program
    from charl.core.measured import Profile
    from charl.runtime.image import Image
    from charl.syntax.ast import Module
    from charl.world import Bar

# A source text larger than this is surely not one.
LARGEST_SOURCE = 1 << 28

# Called with a stage's name and the seconds it took.
Clock = Callable[[str, float], None]


def read_source(path: str) -> Source:
    """The text of a file, or of the standard input for `-`. Raises CharlError (E0701 to E0722)."""
    if path == "-":
        return decode("<stdin>", sys.stdin.buffer.read(LARGEST_SOURCE + 1))
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            raise CharlError(folder(path))
        with open(path, "rb") as stream:
            return decode(path, stream.read(LARGEST_SOURCE + 1))
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise CharlError(missing(path)) from problem
    except (OSError, ValueError) as problem:
        # ValueError: a path with a NUL character in it.
        raise CharlError(unreadable(path, problem)) from problem


def decode(name: str, data: bytes) -> Source:
    if len(data) > LARGEST_SOURCE:
        megabytes = LARGEST_SOURCE >> 20
        raise CharlError(error("E0722", f"`{name}` is larger than {megabytes} MB"))
    data = data.removeprefix(b"\xef\xbb\xbf")  # the mark some editors put at the start of UTF-8
    try:
        return Source(name, data.decode("utf-8"))
    except UnicodeDecodeError as problem:
        raise CharlError(not_utf8(name, data, problem.start)) from problem


def not_utf8(name: str, data: bytes, offset: int) -> Diagnostic:
    line = data.count(b"\n", 0, offset) + 1
    note = f"it is byte {offset} of the file, counted from 0, on line {line}"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        help = "the file looks like UTF-16: save it as UTF-8"
    elif b"\0" in data[:4096]:
        help = "the file does not look like text"
    else:
        help = f"if it is Latin-1: iconv -f latin1 -t utf-8 {name} > converted.ch"
    # The text shown has a replacement character for each wrong byte; offsets before it agree.
    start = len(data[:offset].decode("utf-8"))
    shown = Source(name, data.decode("utf-8", errors="replace"))
    span = Span(shown, start, start + 1)
    return error(
        "E0720",
        f"`{name}` is not UTF-8",
        span,
        f"the byte 0x{data[offset]:02x} here begins no character",
        helps=(help,),
        notes=(note,),
    )


def missing(path: str) -> Diagnostic:
    base, name = os.path.split(path)
    names = os.listdir(base or ".") if os.path.isdir(base or ".") else []
    guess = next((n for n in names if n in (name + ".ch", name + ".charl")), nearest(name, names))
    helps = (f"there is `{os.path.join(base, guess)}`",) if guess else ()
    return error("E0701", f"there is no file `{path}`", helps=helps)


def folder(path: str) -> Diagnostic:
    main = os.path.join(path, "main.ch")
    helps = (f"it has a file `{main}`",) if os.path.isfile(main) else ()
    return error("E0703", f"`{path}` is a folder, not a program", helps=helps)


def unreadable(path: str, problem: Exception) -> Diagnostic:
    reason = getattr(problem, "strerror", None) or "its name cannot be a file's"
    return error("E0702", f"cannot read `{path}`: {reason.lower()}")


def parse(source: Source) -> Module:
    """The syntax tree. Raises CharlError with every syntax error of the file."""
    from charl.syntax.parser import parse as parse_source

    module, problems = parse_source(source)
    if problems:
        raise CharlError(*problems)
    return module


def test_names(source: Source) -> list[str]:
    """The names of a file's `test` blocks, in order. Raises CharlError."""
    from charl.syntax.ast import Test

    return [item.name for item in parse(source).statements if isinstance(item, Test)]


def check(
    source: Source,
    *,
    arguments: Sequence[str] = (),
    tests: bool = False,
    clock: Clock = lambda stage, seconds: None,
) -> CheckedProgram:
    """Resolves names and types. Raises CharlError with all errors."""
    start = time.perf_counter()
    from charl.check.program import check_program

    checked = check_program(source, arguments=arguments, tests=tests)
    clock("parse", checked.parsing)
    clock("check", time.perf_counter() - start - checked.parsing)
    return checked


def compile_chunk(
    chunk: Chunk,
    *,
    warn: Callable[[Diagnostic], None] = lambda warning: None,
    clock: Clock = lambda stage, seconds: None,
    passes: Sequence[str] | None = None,
    traps: bool = False,
) -> Program:
    """The optimised Core of a checked piece of top-level code; `passes` are the names of those to
    run in place of all; with `traps` it stops at the first NaN or infinity. Raises CharlError
    (gradients)."""
    start = time.perf_counter()
    from charl.lower.program import lower_chunk
    from charl.transform.pipeline import AFTER_GRADIENTS, optimise

    program = lower_chunk(chunk)
    clock("lower", time.perf_counter() - start)
    start = time.perf_counter()
    by_name = {step.__name__: step for step in AFTER_GRADIENTS}
    chosen = AFTER_GRADIENTS if passes is None else [by_name[name] for name in passes]
    program = optimise(program, warn, chosen, traps=traps)
    clock("passes", time.perf_counter() - start)
    return program


def compile_checked(checked: CheckedProgram) -> Program:
    """The optimised Core of a whole file."""
    return compile_chunk(checked.main)


def warnings_of(checked: CheckedProgram) -> list[Diagnostic]:
    """All warnings about a file and its tests, those of differentiation with them.

    Raises CharlError with the errors that only differentiation finds.
    """
    found: list[Diagnostic] = list(checked.warnings)
    if not checked.takes_gradients:
        return found
    from charl.check.program import together
    from charl.lower.program import lower_chunk
    from charl.transform.pipeline import optimise

    try:
        optimise(lower_chunk(together(checked)), found.append, passes=())
    except CharlError as problem:
        raise CharlError(*found, *problem.diagnostics) from problem
    return found


def run(
    program: Program | Image,
    output: TextIO,
    *,
    arguments: Sequence[str] = (),
    progress: Callable[[], Bar] | None = None,
    backend: Backend = "interpreter",
    clock: Clock = lambda stage, seconds: None,
    observe: Callable[[Profile], None] | None = None,
) -> None:
    """Runs a program, or an image of it that was compiled for the native backend; `progress` makes
    the bars of its loops, which are silent without it. `observe` is told where the time went, also
    of a run that fails: on the interpreter, or where the image measures itself.

    Raises CharlError for a run-time error, KeyboardInterrupt for Ctrl-C.
    """
    with world(arguments, progress):
        if backend == "native":
            from charl.runtime.run import run_program as run_native

            run_native(program, output=output, clock=clock, observe=observe or (lambda _: None))
        else:
            start = time.perf_counter()
            from charl.core.ir import Program
            from charl.interp.run import run_program

            assert isinstance(program, Program)
            run_program(program, output=output, observe=observe)
            clock("run", time.perf_counter() - start)


@contextmanager
def world(
    arguments: Sequence[str] = (),
    progress: Callable[[], Bar] | None = None,
    output: TextIO | None = None,
    draws: State | None = None,
) -> Iterator[None]:
    """What a program finds around it while it runs; the bars it left open are closed after. Its
    random numbers go on from `draws`, or start anew."""
    before = WORLD.arguments, WORLD.progress, WORLD.output
    WORLD.arguments, WORLD.progress = arguments, progress or SilentBar
    WORLD.output = output
    try:
        with drawing(State() if draws is None else draws):
            yield
    finally:
        WORLD.finish()
        WORLD.arguments, WORLD.progress, WORLD.output = before
