"""Stamps: what stood at a path when it was looked at, told cheaply, as `make` tells it.

Two equal stamps of a file mean that it has not been written in between. A folder is only there or
not: what is in it has stamps of its own.
"""

from __future__ import annotations

import os
import stat
from importlib.util import find_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

# Time of the last change in nanoseconds and size of a file, zeros for a folder, None for nothing.
Stamp: TypeAlias = tuple[int, int] | None


def stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # ValueError: a path with a NUL character in it
        return None
    if stat.S_ISDIR(found.st_mode):
        return 0, 0
    return found.st_mtime_ns, found.st_size


def installed(package: str, file: str) -> tuple[str, Stamp] | None:
    """What tells one version of a package from another without loading it: where it is, and the
    stamp of the file that names its version. None where there is no such package."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return spec.origin, stamp(os.path.join(os.path.dirname(spec.origin), file))
