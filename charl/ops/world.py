"""The world outside a program: what it prints to, its arguments, the clock, progress bars.

Everything goes through `WORLD`, which whoever runs a program sets up: the command line gives it the
script's arguments and a progress bar that draws, a test or a notebook gives it its own output.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TextIO

from charl.core.op import Effect, Kind, Op, Parameter, declare
from charl.ops.expect import integer, signature, text
from charl.records import field, record
from charl.types.types import FLOAT, STRING, Handle, List, Type

NO_GRADIENT = "the world is constant to differentiation"
PROGRESS = Handle("progress")


class Bar(Protocol):
    """The bar of one loop. `finish` comes last, also when the loop ends early."""

    def start(self, total: int | None, label: str = "") -> None: ...
    def advance(self) -> None: ...
    def finish(self) -> None: ...


class SilentBar:
    """Shows nothing."""

    def start(self, total: int | None, label: str = "") -> None:
        pass

    def advance(self) -> None:
        pass

    def finish(self) -> None:
        pass


@record(frozen=False)
class World:
    """`output` None is the standard output of the moment. `flush` sends out every line at once;
    otherwise that is left to the stream: a terminal's does, one into a file or pipe collects."""

    output: TextIO | None = None
    arguments: Sequence[str] = ()
    progress: Callable[[], Bar] = SilentBar
    flush: bool = False
    bars: list[Bar] = field(default_factory=list)

    def write(self, content: str) -> None:
        stream = sys.stdout if self.output is None else self.output
        try:
            stream.write(content)
        except UnicodeEncodeError:
            # The stream's encoding lacks a character: it is written as an escape.
            encoding = stream.encoding or "ascii"
            stream.write(content.encode(encoding, "backslashreplace").decode(encoding))
        if self.flush:
            stream.flush()

    def shown_at_once(self) -> bool:
        """Whether somebody waits for every line."""
        stream = sys.stdout if self.output is None else self.output
        unbuffered = getattr(stream, "write_through", False)  # python -u, PYTHONUNBUFFERED
        return self.flush or unbuffered or stream.isatty()

    def finish(self) -> None:
        """After the program, however it ended: close the bars left open."""
        while self.bars:
            self.bars.pop().finish()


WORLD = World()


def _print(content: str, *, end: str = "\n") -> tuple[()]:
    WORLD.write(content + end)
    return ()


def _clock() -> float:
    return time.perf_counter()


def _arguments() -> list[str]:
    return list(WORLD.arguments)


def _progress_start(total: int, label: str) -> Bar:
    bar = WORLD.progress()
    bar.start(None if total < 0 else total, label)
    WORLD.bars.append(bar)
    return bar


def _progress_advance(bar: Bar) -> tuple[()]:
    bar.advance()
    return ()


def _progress_finish(bar: Bar) -> tuple[()]:
    if bar in WORLD.bars:
        WORLD.bars.remove(bar)
    bar.finish()
    return ()


# --- Declarations --------------------------------------------------------------------------------


def _world_op(
    name: str,
    doc: str,
    parameters: Sequence[Parameter],
    results: Sequence[Type],
    evaluate: Callable[..., Any],
    surface: str | None = None,
) -> Op:
    return declare(
        Op(
            name,
            doc,
            tuple(parameters),
            signature(parameters, *results),
            evaluate,
            no_gradient=NO_GRADIENT,
            surface=surface,
            effect=Effect.EFFECT,
        )
    )


TOTAL, LABEL = integer("total"), text("label")
BAR = Parameter("bar", Kind.VALUE, type=PROGRESS)

_world_op(
    "print",
    "Writes a text and `end`, a line end unless another is given.",
    (text("content"), Parameter("end", Kind.TEXT, default="\n")),
    (),
    _print,
)
_world_op(
    "clock",
    "Seconds since some moment: take the difference of two calls.",
    (),
    (FLOAT,),
    _clock,
    "clock",
)
ARGUMENTS = _world_op(
    "arguments",
    "The arguments of the program: what stands after `--` on the command line.",
    (),
    (List(STRING),),
    _arguments,
    "arguments",
)
_world_op(
    "progress_start",
    "Opens a progress bar of `total` rounds; a negative total is not known.",
    (TOTAL, LABEL),
    (PROGRESS,),
    _progress_start,
)
_world_op("progress_advance", "One round is done.", (BAR,), (), _progress_advance)
_world_op("progress_finish", "Closes a progress bar.", (BAR,), (), _progress_finish)
