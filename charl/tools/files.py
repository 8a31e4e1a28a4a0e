"""The files a command works on: operands of the command line expanded, and files written whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from charl.diagnostics.diagnostic import CharlError, Diagnostic, error
from charl.tools.arguments import Word

SUFFIXES = (".ch", ".charl")


def source_paths(operands: Sequence[Word]) -> list[str]:
    """The Charl files named by operands: files as given, folders searched to the bottom.

    Without operands, the current folder. Each file once, in the order named, sorted in a folder.
    Raises CharlError (E0707) for a folder without any; a missing file is told when it is read.
    """
    paths: list[str] = []
    for operand in operands:
        if os.path.isdir(operand.text):
            found = sorted(walk(operand.text))
            if not found:
                message = f"there are no Charl files in the folder `{operand.text}`"
                help = f"their names end in {' or '.join(SUFFIXES)}"
                raise CharlError(error("E0707", message, operand.span, helps=(help,)))
            paths += found
        else:
            paths.append(operand.text)
    if not operands:
        paths = sorted(walk(os.curdir))
        if not paths:
            help = f"their names end in {' or '.join(SUFFIXES)}"
            raise CharlError(
                error("E0707", "there are no Charl files in this folder", helps=(help,))
            )
    return list(dict.fromkeys(paths))


def walk(folder: str) -> Iterator[str]:
    """Every Charl file below a folder; hidden folders are left alone."""
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.endswith(SUFFIXES):
                yield os.path.normpath(os.path.join(base, name))


def write_whole(path: str, text: str) -> None:
    """Replaces a file's text at once: a reader, or a crash, never sees half of it.

    A link is followed, and the file keeps its permissions; a new one has the usual ones.
    Raises CharlError (E0711).
    """
    import tempfile  # 10 ms, which a command that only reads does without

    target = os.path.realpath(path)
    temporary = None
    try:
        mode = os.stat(target).st_mode if os.path.exists(target) else None
        descriptor, temporary = tempfile.mkstemp(
            dir=os.path.dirname(target), prefix=".", suffix=".tmp"
        )
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        if mode is None:
            os.umask(mask := os.umask(0))
            mode = 0o666 & ~mask
        os.chmod(temporary, mode & 0o7777)
        os.replace(temporary, target)
    except OSError as problem:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise CharlError(cannot_write(path, problem)) from problem


def cannot_write(path: str, problem: OSError) -> Diagnostic:
    reason = (problem.strerror or "the system refused").lower()
    return error("E0711", f"cannot write `{path}`: {reason}")


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
