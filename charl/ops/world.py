"""Primitives of the world outside: printing, the arguments, the clock, progress bars.

Everything goes through `WORLD` (`charl/world.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from charl.core.op import Effect, Kind, Op, Parameter, declare
from charl.ops.expect import integer, signature, text
from charl.types.types import FLOAT, STRING, Handle, List, Type
from charl.world import WORLD

if TYPE_CHECKING:
    from charl.world import Bar

NO_GRADIENT = "the world is constant to differentiation"
PROGRESS = Handle("progress")


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
