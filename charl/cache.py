"""Compiled programs kept on disk: an unchanged program runs again without being compiled again.

A program is kept under its name, the current folder and the script's arguments. Beside its
optimised Core and its warnings stands what they were made from: the text; Charl itself (the stamps
of its own files, the versions of Python and NumPy); and the paths the checker looked at, modules
and data files whose shapes became types, with the stamps they had then. Places where it looked and
found nothing are among them. If any of it has changed, the program is compiled anew.

A file holds the CRC of the rest, then two pickles: what it was made from, and what was made.
Primitives and dtypes, which are what they are and not what they hold, are pickled by name. A file
is written beside its place and then put there, so that processes may share the folder; one that is
damaged counts as absent. The 100 programs used last are kept.

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
from contextlib import suppress
from pickle import HIGHEST_PROTOCOL, Pickler, Unpickler
from typing import TYPE_CHECKING, Any, TypeAlias

from charl import __version__, driver
from charl.diagnostics.diagnostic import Diagnostic
from charl.folders import cache_folder, keeps
from charl.source import Source
from charl.stamps import Stamp, stamp

if TYPE_CHECKING:
    from charl.core.ir import Program

MOST = 100
PACKAGE = os.path.dirname(__file__)

Compiled: TypeAlias = "tuple[Program, list[Diagnostic]]"


def compiled(
    source: Source,
    *,
    arguments: Sequence[str] = (),
    clock: driver.Clock = lambda stage, seconds: None,
) -> Compiled:
    """The optimised Core of a program and its warnings, from the cache when it is there. Raises
    CharlError with the errors of a program that does not compile: those are not kept."""
    start = time.perf_counter()
    # CHARL_VERIFY asks for every pass to be run and verified.
    path = place(source, arguments) if keeps() and not os.environ.get("CHARL_VERIFY") else None
    made_from = (source.text, charl_itself()) if path is not None else None
    found = read(path, made_from) if path is not None else None
    if found is not None:
        clock("cache", time.perf_counter() - start)
        return found
    checked = driver.check(source, arguments=arguments)
    clock("check", time.perf_counter() - start)
    warnings = list(checked.warnings)
    program = driver.compile_chunk(checked.main, warn=warnings.append, clock=clock)
    if path is not None:
        write(path, made_from, checked.looked_at, (program, warnings))
    return program, warnings


def place(source: Source, arguments: Sequence[str]) -> str:
    """The path of the file that a program is kept in. Two that share one displace each other."""
    try:
        here = os.getcwd()
    except OSError:  # the folder has been deleted
        here = ""
    known_by = repr((here, source.name, *arguments)).encode("utf-8", "backslashreplace")
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


def read(path: str, made_from: object) -> Compiled | None:
    """The program kept at `path`; None when there is none, or what it was made from has changed."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError:
        return None
    crc, rest = content[:4], content[4:]
    if zlib.crc32(rest).to_bytes(4) != crc:
        return None
    stream = io.BytesIO(rest)
    kept_from, looked_at = Unpickler(stream).load()
    if kept_from != made_from or any(stamp(p) != then for p, then in looked_at.items()):
        return None
    found: Compiled = reader(stream).load()
    with suppress(OSError):  # another process may just have deleted it
        os.utime(path)  # used now: `forget` goes by this
    return found


def write(path: str, made_from: object, looked_at: Mapping[str, Stamp], made: Compiled) -> None:
    """Keeps a program. A folder that cannot be written means that nothing is kept."""
    stream = io.BytesIO()
    Pickler(stream, HIGHEST_PROTOCOL).dump((made_from, looked_at))
    try:
        writer(stream).dump(made)
    except RecursionError:
        return  # code nested by the thousand is not worth a way of its own
    rest = stream.getvalue()
    folder, name = os.path.split(path)
    beside = os.path.join(folder, f".{name}.{os.getpid()}")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(beside, "wb") as file:
            file.write(zlib.crc32(rest).to_bytes(4) + rest)
        os.replace(beside, path)
        forget(folder)
    except OSError:
        with suppress(OSError):  # what a full disk took of it
            os.remove(beside)


def forget(folder: str) -> None:
    """Deletes the programs that were not used for longest."""
    entries = sorted(os.scandir(folder), key=lambda e: e.stat().st_mtime_ns)
    for old in entries[:-MOST]:
        os.remove(old.path)


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
