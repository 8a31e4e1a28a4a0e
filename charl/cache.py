"""Compiled programs kept on disk: an unchanged program runs again without being compiled again.

A program is kept under its name, the current folder and the script's arguments. Beside its
optimised Core and its warnings stands what they were made from: the text; Charl itself (the stamps
of its own files, the versions of Python and NumPy); and the paths the checker looked at, modules
and data files whose shapes became types, with the stamps they had then. Places where it looked and
found nothing are among them. If any of it has changed, the program is compiled anew.

For the native backend an image is kept: the machine code with the Core that its places refer to.
It is made for one CPU and one version of LLVM, which count among what it was made from.

A file of the shelf (`shelf.py`) begins with what a start needs of it, in `marshal`'s form, which is
read in no time: what the program was made from, whether there are warnings, and of an image the
machine code. Then come pickles: the warnings, and Core. Of an image Core is read only when
something asks for it (`Image.origin`): a program that neither fails nor asks the interpreter runs
without loading NumPy or a primitive. Primitives and dtypes, which are what they are and not what
they hold, are pickled by name. The 100 programs used last are kept.

Like the driver this imports what is heavy (NumPy, the primitives) inside its functions, so that the
command line can be told about without it.
"""

from __future__ import annotations

import io
import marshal
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from charl import __version__, driver, shelf
from charl.diagnostics.diagnostic import Diagnostic
from charl.folders import cache_folder, keeps
from charl.records import record
from charl.source import Source
from charl.stamps import Stamp, installed, stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from charl.core.ir import Program
    from charl.runtime.image import Image, Origin

MOST = 100
PACKAGE = os.path.dirname(__file__)


def compiled(
    source: Source,
    *,
    arguments: Sequence[str] = (),
    passes: Sequence[str] | None = None,
    traps: bool = False,
    clock: driver.Clock = lambda stage, seconds: None,
) -> tuple[Program, list[Diagnostic]]:
    """The optimised Core of a program and its warnings, from the cache when it is there. Raises
    CharlError with the errors of a program that does not compile: those are not kept."""
    start = time.perf_counter()
    settings = (*(["traps"] if traps else []), *([tuple(passes)] if passes is not None else []))
    file = kept_file(source, arguments, settings)
    kept = file.read() if file is not None else None
    if kept is not None:
        found: Program = unpickled(kept.core)
        clock("cache", time.perf_counter() - start)
        return found, kept.told()
    program, warnings, looked_at = compile_all(source, arguments, passes, traps, clock)
    if file is not None:
        start = time.perf_counter()
        file.write(looked_at, None, warnings, pickled_core(program))
        clock("keep", time.perf_counter() - start)
    return program, warnings


def compiled_natively(
    source: Source,
    *,
    arguments: Sequence[str] = (),
    passes: Sequence[str] | None = None,
    traps: bool = False,
    level: int,
    measures: bool = False,
    clock: driver.Clock = lambda stage, seconds: None,
) -> tuple[Image, list[Diagnostic]]:
    """The machine code of a program, likewise: what is kept needs neither compiler nor LLVM."""
    start = time.perf_counter()
    from charl.runtime.code_cache import target
    from charl.runtime.image import Image

    chosen = None if passes is None else tuple(passes)
    settings = "native", level, measures, traps, chosen, target()
    file = kept_file(source, arguments, settings)
    kept = file.read() if file is not None else None
    if kept is not None:
        objects, entry, entries, asked = kept.ready
        found = Image(objects, entry, entries, asked, partial(unpickled, kept.core), measures)
        clock("cache", time.perf_counter() - start)
        return found, kept.told()
    from charl.runtime import compiler  # only for what is not kept

    core: bytes | None = None

    def while_llvm_works(origin: Origin) -> None:
        """What comes after, as far as it does not need the machine code."""
        from charl.runtime import run  # noqa: F401

        nonlocal core
        core = None if file is None else pickled_core(origin)

    compiler.start()  # loads LLVM while the program is checked
    try:
        program, warnings, looked_at = compile_all(source, arguments, passes, traps, clock)
        from charl.runtime.compile import compile_image

        image = compile_image(
            program,
            (program.entry,),
            level=level,
            measures=measures,
            meanwhile=while_llvm_works,
            clock=clock,
        )
    finally:
        compiler.end()
    if file is not None:
        start = time.perf_counter()
        ready = image.objects, image.entry, image.entries, image.asked
        file.write(looked_at, ready, warnings, core)
        clock("keep", time.perf_counter() - start)
    return image, warnings


def compile_all(
    source: Source,
    arguments: Sequence[str],
    passes: Sequence[str] | None,
    traps: bool,
    clock: driver.Clock,
) -> tuple[Program, list[Diagnostic], Mapping[str, Stamp]]:
    """A program's Core, its warnings, and the paths that it was made from."""
    checked = driver.check(source, arguments=arguments, clock=clock)
    warnings = list(checked.warnings)
    program = driver.compile_chunk(
        checked.main, warn=warnings.append, clock=clock, passes=passes, traps=traps
    )
    return program, warnings, checked.looked_at


# --- Files ---------------------------------------------------------------------------------------


@record
class Kept:
    """What a file holds: `ready` can be used at once, the others are pickles."""

    ready: Any
    warnings: bytes
    core: bytes

    def told(self) -> list[Diagnostic]:
        return unpickled(self.warnings) if self.warnings else []


@record
class File:
    """The place of a program in the cache, and what it must have been made from to be of use."""

    path: str
    made_from: tuple[object, ...]

    def read(self) -> Kept | None:
        """What is kept here; None when there is nothing, or what it was made from has changed."""
        content = shelf.take(self.path)
        if content is None:
            return None
        try:
            made_from, looked_at, *kept = marshal.loads(content)
        except (EOFError, TypeError, ValueError):  # of another version of Charl
            return None
        if made_from != self.made_from or any(stamp(p) != then for p, then in looked_at.items()):
            return None
        shelf.touch(self.path)
        return Kept(*kept)

    def write(
        self,
        looked_at: Mapping[str, Stamp],
        ready: object,
        warnings: list[Diagnostic],
        core: bytes | None,
    ) -> None:
        if core is not None:
            told = pickled(warnings) if warnings else b""
            content: Any = self.made_from, dict(looked_at), ready, told, core
            shelf.put(self.path, marshal.dumps(content), MOST)


def kept_file(
    source: Source, arguments: Sequence[str], settings: tuple[object, ...]
) -> File | None:
    """Where a program is kept that is compiled with these settings; None where none is kept."""
    # CHARL_VERIFY asks for every pass to be run and verified.
    if not keeps() or os.environ.get("CHARL_VERIFY"):
        return None
    path = place(source, arguments, settings)
    return File(path, (source.text, charl_itself(), settings))


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
    return __version__, sys.version, installed("numpy", "version.py"), *own_files(PACKAGE)


def own_files(folder: str) -> Iterator[tuple[str, int, int]]:
    """The paths, times and sizes of the files that the compiler and the library are made of."""
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        if entry.name.endswith((".py", ".ch")):
            found = entry.stat()
            yield entry.path, found.st_mtime_ns, found.st_size
        elif entry.is_dir() and entry.name != "__pycache__":
            yield from own_files(entry.path)


# --- Pickling Core -------------------------------------------------------------------------------


def pickled_core(value: object) -> bytes | None:
    """None for code nested by the thousand, which is not worth a way of its own."""
    try:
        return pickled(value)
    except RecursionError:
        return None


def pickled(value: object) -> bytes:
    from pickle import HIGHEST_PROTOCOL, Pickler

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

    stream = io.BytesIO()
    Writer(stream, HIGHEST_PROTOCOL).dump(value)
    return stream.getvalue()


def unpickled(content: bytes) -> Any:
    from pickle import Unpickler

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

    return Reader(io.BytesIO(content)).load()
