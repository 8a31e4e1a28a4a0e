"""Machine code kept on disk, by the LLVM text it was compiled from.

A program whose text has changed but not its code (a comment, a name), a test, a function called
from Python: what LLVM has compiled once it need not compile again. A file begins with a digest of
all that decides about its content: the text, the level, the CPU, LLVM, and this compiler's settings
of it. Its name is a checksum of the same: two that share one displace each other. `shelf.py` keeps
the files whole.
"""

from __future__ import annotations

import os
import sys
import zlib
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
    codes = [kept(text, level) for text in texts]
    missing = [n for n, code in enumerate(codes) if code is None]
    digests: list[bytes] = []

    def while_llvm_works() -> None:
        meanwhile()
        digests.extend(digest(texts[n], level) for n in missing)

    if not missing:
        meanwhile()
        return [code for code in codes if code is not None]
    compiled = object_codes([texts[n] for n in missing], level, while_llvm_works)
    for n, known_by, code in zip(missing, digests, compiled):
        shelf.put(place(texts[n], level), known_by + code, MOST)
        codes[n] = code
    return [code for code in codes if code is not None]


def kept(text: str, level: int) -> bytes | None:
    """The object file of a text, if it is kept."""
    path = place(text, level)
    content = shelf.take(path)
    if content is None or not content.startswith(known_by := digest(text, level)):
        return None
    shelf.touch(path)
    return content[len(known_by) :]


def place(text: str, level: int) -> str:
    """The path of the file that a text's code is kept in."""
    return os.path.join(cache_folder(), "code", f"{zlib.crc32(decisive(text, level)):08x}")


def digest(text: str, level: int) -> bytes:
    from hashlib import sha256  # loads OpenSSL: not wanted before there is something to compare

    return sha256(decisive(text, level)).digest()


def decisive(text: str, level: int) -> bytes:
    """All that decides about the machine code."""
    return repr((level, target())).encode() + text.encode()


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
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
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
