"""LLVM in a process of its own, which compiles the parts of a program side by side.

The host starts it as soon as it sees that a program must be compiled: LLVM, a library of 170 MB
that takes a tenth of a second to load, is then ready when the text is. Parts are shared among as
many processes as there are CPUs, forked from this one, which has one thread and LLVM loaded. What
LLVM takes of memory is gone when it is done, and is never the program's.

Asked is, on the standard input, with (level, texts), answered with what became of each text: an
object file, or a message where LLVM failed. Both are in marshal's form behind their length, eight
bytes. The process ends at the end of its input, when nobody has asked for a while, or when it has
answered so often that it has grown.
"""

from __future__ import annotations

import marshal
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from select import select

IDLE = 20.0  # seconds
MOST = 500  # answers; LLVM keeps some 100 KB of every module, whatever becomes of it


def receive(stream: int) -> object:
    """What was sent through a pipe; None at its end."""
    head = _read(stream, 8)
    if len(head) < 8:
        return None
    content = _read(stream, int.from_bytes(head, "little"))
    try:
        found: object = marshal.loads(content)
        return found
    except (EOFError, ValueError):  # the sender has died
        return None


def _read(stream: int, count: int) -> bytes:
    parts = []
    while count > 0:
        part = os.read(stream, min(count, 1 << 20))
        if not part:
            break
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def send(stream: int, value: object) -> None:
    """Raises BrokenPipeError where nobody reads."""
    content = marshal.dumps(value)  # type: ignore[arg-type]
    rest = memoryview(len(content).to_bytes(8, "little") + content)
    while rest:
        rest = rest[os.write(stream, rest) :]


def compiled(level: int, texts: Sequence[str]) -> list[bytes | str]:
    """What becomes of each text; of the processes the first is this one."""
    own, *others = shared(texts, len(os.sched_getaffinity(0)))
    children = []
    for share in others:
        try:
            children.append(forked(level, texts, share))
        except OSError:  # no more processes
            own += share
    found = dict(in_turn(level, texts, own))
    for pipe, child in children:
        told = receive(pipe)
        os.close(pipe)
        os.waitpid(child, 0)
        if isinstance(told, dict):
            found.update(told)
    return [found.get(n, "a process ended before its time") for n in range(len(texts))]


def shared(texts: Sequence[str], count: int) -> list[list[int]]:
    """The numbers of the texts for each of at most so many processes: the longest first, each to
    whoever has least."""
    shares: list[list[int]] = [[] for _ in range(min(count, len(texts)))]
    sizes = [0] * len(shares)
    for n in sorted(range(len(texts)), key=lambda n: -len(texts[n])):
        least = sizes.index(min(sizes))
        shares[least].append(n)
        sizes[least] += len(texts[n])
    return shares


def forked(level: int, texts: Sequence[str], share: Iterable[int]) -> tuple[int, int]:
    """A process that compiles a share: the pipe that tells, and its number."""
    outlet, inlet = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            send(inlet, dict(in_turn(level, texts, share)))
        finally:
            os._exit(0)
    os.close(inlet)
    return outlet, child


def in_turn(
    level: int, texts: Sequence[str], share: Iterable[int]
) -> Iterable[tuple[int, bytes | str]]:
    from charl.backend.llvm.machine_code import object_code

    for n in share:
        try:
            yield n, object_code(texts[n], level)
        except RuntimeError as problem:
            yield n, f"{problem}"


def serve() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the host, which ends this
    from charl.backend.llvm import machine_code

    machine_code.target_machine(2)  # LLVM is loaded now
    for _ in range(MOST):
        asked = receive(0) if select([sys.stdin], [], [], IDLE)[0] else None
        if not isinstance(asked, tuple):
            return
        send(1, compiled(*asked))
