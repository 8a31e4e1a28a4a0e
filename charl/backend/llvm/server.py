"""LLVM in a process of its own, which compiles the parts of a program side by side.

The host starts it as soon as it sees that a program must be compiled: LLVM, a library of 170 MB
that takes a tenth of a second to load, is then ready when the text is. As many processes as there
are CPUs, forked from this one, which has one thread and LLVM loaded, take part after part. What
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
from collections.abc import Iterator, Sequence
from contextlib import suppress
from select import select

IDLE = 20.0  # seconds
MOST = 500  # answers; LLVM keeps some 100 KB of every module, whatever becomes of it
NUMBER = 4  # bytes of a text's number in a queue; a pipe holds 16,384 of them, millions of lines


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
    waiting = queue(texts)
    children = []
    for _ in range(min(len(os.sched_getaffinity(0)), len(texts)) - 1):
        with suppress(OSError):  # no more processes
            children.append(forked(level, texts, waiting))
    found = dict(in_turn(level, texts, waiting))
    os.close(waiting)
    for pipe, child in children:
        told = receive(pipe)
        os.close(pipe)
        os.waitpid(child, 0)
        if isinstance(told, dict):
            found.update(told)
    return [found.get(n, "a process ended before its time") for n in range(len(texts))]


def queue(texts: Sequence[str]) -> int:
    """A pipe that holds the numbers of the texts, the longest first: who has time takes the next.
    How long LLVM takes shows in no text, so that nothing could be shared out before."""
    outlet, inlet = os.pipe()
    for n in sorted(range(len(texts)), key=lambda n: -len(texts[n])):
        os.write(inlet, n.to_bytes(NUMBER, "little"))
    os.close(inlet)
    return outlet


def forked(level: int, texts: Sequence[str], waiting: int) -> tuple[int, int]:
    """A process that helps: the pipe that tells what it has compiled, and its number."""
    outlet, inlet = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            send(inlet, dict(in_turn(level, texts, waiting)))
        finally:
            os._exit(0)
    os.close(inlet)
    return outlet, child


def in_turn(level: int, texts: Sequence[str], waiting: int) -> Iterator[tuple[int, bytes | str]]:
    """Compiles what waits until nothing does."""
    from charl.backend.llvm.machine_code import object_code

    while number := os.read(waiting, NUMBER):
        n = int.from_bytes(number, "little")
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
