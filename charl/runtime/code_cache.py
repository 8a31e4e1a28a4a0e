"""Machine code kept on disk, by the LLVM text it was compiled from.

A program whose text has changed but not its code (a comment, a name), a test, a function called
from Python: what LLVM has compiled once it need not compile again. The name of a file is a hash of
all that decides about its content: the text, the level, the CPU, LLVM, and this compiler's settings
of it. `shelf.py` keeps the files whole.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache

from charl import __version__, shelf
from charl.folders import cache_folder, keeps
from charl.stamps import Stamp, installed, stamp

MOST = 500
# What Linux says of a CPU that does not change while it runs.
LASTING = ("vendor_id", "model name", "flags", "CPU implementer", "CPU part", "Features", "isa")


def machine_codes(
    texts: Sequence[str],
    level: int,
    *,
    keep: bool = True,
    meanwhile: Callable[[], None] = lambda: None,
) -> list[bytes]:
    """The object files of modules' texts; without `keep` they are compiled in any case. `meanwhile`
    is called once, while LLVM works where it has to. Raises CompilerError."""
    from charl.runtime.compiler import object_codes  # only for what is not kept

    if not keep or not keeps():
        return object_codes(texts, level, meanwhile)
    paths = [place(text, level) for text in texts]
    found: dict[str, bytes] = {}
    for path in paths:
        code = shelf.take(path)
        if code is not None:
            shelf.touch(path)
            found[path] = code
    missing = {path: text for path, text in zip(paths, texts) if path not in found}
    if missing:
        codes = object_codes(list(missing.values()), level, meanwhile)
        for path, code in zip(missing, codes):
            shelf.put(path, code, MOST)
            found[path] = code
    else:
        meanwhile()
    return [found[path] for path in paths]


def place(text: str, level: int) -> str:
    from hashlib import sha256  # not wanted where the whole program is kept

    known_by = sha256(repr((level, target())).encode() + text.encode()).hexdigest()
    return os.path.join(cache_folder(), "code", known_by[:40])


@cache
def target() -> tuple[object, ...]:
    """What besides a program and the level decides about its machine code, told without LLVM."""
    return sys.platform, cpu(), llvm(), __version__, stamp(settings())


def settings() -> str:
    """The file that says how LLVM is set."""
    package = os.path.dirname(os.path.dirname(__file__))
    return os.path.join(package, "backend", "llvm", "machine_code.py")


def llvm() -> tuple[str, Stamp] | None:
    """What tells one LLVM from another; None where there is none."""
    return installed("llvmlite", "_version.py")


def cpu() -> tuple[str, ...]:
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
            found: list[str] = []
            for line in lines:
                if not line.strip():
                    break  # one core stands for all
                if line.startswith(LASTING):
                    found.append(line)
            return tuple(found)
    except OSError:
        import platform  # where there is no such file; slow to load

        return platform.machine(), platform.processor()
