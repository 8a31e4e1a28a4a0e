"""A folder of files that can be made again: whole, or absent.

A file holds the CRC of its content, then the content; one that is damaged counts as absent. It is
written beside its place and then put there, so that processes may share the folder. Those used
last are kept, the others deleted. A folder that cannot be written keeps nothing, and a full disk
leaves nothing half written behind.
"""

from __future__ import annotations

import os
import zlib
from contextlib import suppress


def take(path: str) -> bytes | None:
    """The content of a file; None where there is none, or none that is whole."""
    try:
        with open(path, "rb") as file:
            whole = file.read()
    except OSError:
        return None
    crc, content = whole[:4], whole[4:]
    return content if zlib.crc32(content).to_bytes(4) == crc else None


def touch(path: str) -> None:
    """Says that a file was used now: `forget` goes by this."""
    with suppress(OSError):  # another process may just have deleted it
        os.utime(path)


def put(path: str, content: bytes, most: int) -> None:
    """Keeps a content at `path`, and at most so many files beside it."""
    folder, name = os.path.split(path)
    beside = os.path.join(folder, f".{name}.{os.getpid()}")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(beside, "wb") as file:
            file.write(zlib.crc32(content).to_bytes(4) + content)
        os.replace(beside, path)
        forget(folder, most)
    except OSError:
        with suppress(OSError):  # what a full disk took of it
            os.remove(beside)


def forget(folder: str, most: int) -> None:
    """Deletes the files that were not used for longest."""
    entries = list(os.scandir(folder))
    if len(entries) > most:  # else nobody needs to know when each was used
        entries.sort(key=lambda e: e.stat().st_mtime_ns)
        for old in entries[:-most]:
            os.remove(old.path)
