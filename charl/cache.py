"""Compiled programs kept on disk: an unchanged program runs again without being compiled again.

A program is kept under its name, the current folder and the script's arguments. Beside its
optimised Core and its warnings stands what they were made from: the text; Charl itself (the stamps
of its own files, the versions of Python and NumPy); and the paths the checker looked at, modules
and data files whose shapes became types, with the stamps they had then. Places where it looked and
found nothing are among them. If any of it has changed, the program is compiled anew.

For the native backend an image is kept: the machine code with the Core that its places refer to.
It is made for one CPU and one version of LLVM, which count among what it was made from.

A file of the shelf (`shelf.py`) holds two pickles: what it was made from, and what was made.
Primitives and dtypes, which are what they are and not what they hold, are pickled by name. The 100
programs used last are kept.

Like the driver this imports what is heavy (NumPy, the primitives) inside its functions, so that the
command line can be told about without it.
"""

from __future__ import annotations

import io
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pickle import HIGHEST_PROTOCOL, Pickler, Unpickler
from typing import TYPE_CHECKING, Any, TypeVar

from charl import __version__, driver, shelf
from charl.diagnostics.diagnostic import Diagnostic
from charl.folders import cache_folder, keeps
from charl.source import Source
from charl.stamps import Stamp, stamp

if TYPE_CHECKING:
    from charl.core.ir import Program
    from charl.runtime.image import Image

MOST = 100
PACKAGE = os.path.dirname(__file__)

# What was made of a program: its Core, or an image of its machine code.
Made = TypeVar("Made")


def compiled(
    source: Source,
    *,
    arguments: Sequence[str] = (),
    passes: Sequence[str] | None = None,
    clock: driver.Clock = lambda stage, seconds: None,
) -> tuple[Program, list[Diagnostic]]:
    """The optimised Core of a program and its warnings, from the cache when it is there. Raises
    CharlError with the errors of a program that does not compile: those are not kept."""
    settings = () if passes is None else (tuple(passes),)
    return _kept(source, arguments, settings, passes, clock, lambda program: program)


def compiled_natively(
    source: Source,
    *,
    arguments: Sequence[str] = (),
    passes: Sequence[str] | None = None,
    level: int,
    measures: bool = False,
    clock: driver.Clock = lambda stage, seconds: None,
) -> tuple[Image, list[Diagnostic]]:
    """The machine code of a program, likewise: what is kept needs neither compiler nor LLVM."""
    from charl.runtime.code_cache import target

    def make(program: Program) -> Image:
        from charl.runtime.compile import compile_image  # only for what is not kept

        exported = (program.entry,)
        return compile_image(program, exported, level=level, measures=measures, clock=clock)

    settings = "native", level, measures, None if passes is None else tuple(passes), target()
    return _kept(source, arguments, settings, passes, clock, make)


def _kept(
    source: Source,
    arguments: Sequence[str],
    settings: tuple[object, ...],
    passes: Sequence[str] | None,
    clock: driver.Clock,
    make: Callable[[Program], Made],
) -> tuple[Made, list[Diagnostic]]:
    """What `make` makes of a program with these settings, and the program's warnings."""
    start = time.perf_counter()
    # CHARL_VERIFY asks for every pass to be run and verified.
    keeping = keeps() and not os.environ.get("CHARL_VERIFY")
    path = place(source, arguments, settings) if keeping else None
    made_from = (source.text, charl_itself(), settings) if path is not None else None
    found = read(path, made_from) if path is not None else None
    if found is not None:
        clock("cache", time.perf_counter() - start)
        kept: tuple[Made, list[Diagnostic]] = found
        return kept
    checked = driver.check(source, arguments=arguments, clock=clock)
    warnings = list(checked.warnings)
    program = driver.compile_chunk(checked.main, warn=warnings.append, clock=clock, passes=passes)
    made = make(program)
    if path is not None:
        start = time.perf_counter()
        write(path, made_from, checked.looked_at, (made, warnings))
        clock("keep", time.perf_counter() - start)
    return made, warnings


def place(source: Source, arguments: Sequence[str], settings: tuple[object, ...] = ()) -> str:
    """The path of the file that a program is kept in. Two that share one displace each other."""
    try:
        here = os.getcwd()
    except OSError:  # the folder has been deleted
        here = ""
    known_by = repr((here, source.name, *arguments, *settings)).encode("utf-8", "backslashreplace")
    return os.path.join(cache_folder(), "programs", f"{zlib.crc32(known_by):08x}")


def charl_itself() -> tuple[object, ...]:
    """What tells one state of the compiler from another."""
    import numpy as np

    return __version__, sys.version, np.__version__, *own_files(PACKAGE)


def own_files(folder: str) -> Iterator[tuple[str, int, int]]:
    """The paths, times and sizes of the files that the compiler and the library are made of."""
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        if entry.name.endswith((".py", ".ch")):
            found = entry.stat()
            yield entry.path, found.st_mtime_ns, found.st_size
        elif entry.is_dir() and entry.name != "__pycache__":
            yield from own_files(entry.path)


def read(path: str, made_from: object) -> Any:
    """What is kept at `path`; None when there is none, or what it was made from has changed."""
    content = shelf.take(path)
    if content is None:
        return None
    stream = io.BytesIO(content)
    kept_from, looked_at = Unpickler(stream).load()
    if kept_from != made_from or any(stamp(p) != then for p, then in looked_at.items()):
        return None
    found = reader(stream).load()
    shelf.touch(path)
    return found


def write(path: str, made_from: object, looked_at: Mapping[str, Stamp], made: object) -> None:
    """Keeps what was made of a program."""
    stream = io.BytesIO()
    Pickler(stream, HIGHEST_PROTOCOL).dump((made_from, looked_at))
    try:
        writer(stream).dump(made)
    except RecursionError:
        return  # code nested by the thousand is not worth a way of its own
    shelf.put(path, stream.getvalue(), MOST)


# --- Pickling Core -------------------------------------------------------------------------------


def writer(stream: io.BytesIO) -> Pickler:
    from charl.core.op import Op
    from charl.types.dtypes import DType

    class Writer(Pickler):
        def persistent_id(self, value: Any) -> tuple[str, str] | None:
            match value:
                case Op():
                    return "op", value.name
                case DType():
                    return "dtype", value.name
            return None

    return Writer(stream, HIGHEST_PROTOCOL)


def reader(stream: io.BytesIO) -> Unpickler:
    import charl.ops  # noqa: F401  fills the registry of primitives
    from charl.core.op import REGISTRY
    from charl.types.dtypes import BY_NAME

    tables: dict[str, Callable[[str], Any]] = {
        "op": REGISTRY.__getitem__,
        "dtype": BY_NAME.__getitem__,
    }

    class Reader(Unpickler):
        def persistent_load(self, known: Any) -> Any:
            table, name = known
            return tables[table](name)

    return Reader(stream)
