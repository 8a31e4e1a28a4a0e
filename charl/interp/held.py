"""What a program that runs out of memory holds: its largest tensors, and where it made them.

`told` words the note, for whatever ran the program. On the interpreter the tensors are those in the
variables of the calls under way, and the place is that of the statement which last gave a variable
a new array of that shape; an array that a call gave is placed at the call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

import numpy as np

from charl.core.control import FOR, IF, WHILE
from charl.core.ir import Statement
from charl.core.places import quoted, span_of_result
from charl.interp.machine import Unit
from charl.records import record
from charl.source import Source
from charl.types import dtypes, types
from charl.types.types import Tensor

Array = np.ndarray[Any, Any]

TOLD = 5  # lines
WORTH = 1 << 20  # bytes: less is not worth telling
ARGUMENT = "an argument"  # of what was called from outside
LOOKED_AT = 10_000  # items of lists
CONTROL = {IF, FOR, WHILE}  # what they give was made inside


@record
class Held:
    """A tensor in use, of so many bytes, as it is told of."""

    size: int
    type: str
    place: str


def told(tensors: Counter[Held], total: int) -> tuple[str, ...]:
    """A note about the largest of the tensors in use, which take so many bytes in total."""
    alike = sorted(tensors.items(), key=lambda item: -item[0].size * item[1])
    rows = [
        (readable(x.size) if count == 1 else f"{count} times {readable(x.size)}", x.type, x.place)
        for x, count in alike[:TOLD]
        if x.size * count >= WORTH
    ]
    if not rows:
        return ()
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [f"{a:>{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() for a, b, c in rows]
    return ("\n".join([f"tensors take {readable(total)}, the largest:", *lines]),)


def readable(size: float) -> str:
    """A number of bytes as a person says it."""
    if size < 1024:
        return f"{size} bytes"
    units = ["KB", "MB", "GB", "TB", "PB", "EB"]
    size /= 1024
    while size >= 1024 and len(units) > 1:
        size /= 1024
        del units[0]
    return f"{size:,.1f} {units[0]}"


def held(frames: Iterable[tuple[Unit, FrameType, int]], source: Source | None) -> tuple[str, ...]:
    """The note, for the calls under way, outermost first, each with the line that it has reached;
    `source` is the file that the user looks at."""
    owners: dict[int, Array] = {}
    makers: dict[int, tuple[Statement, int]] = {}
    arguments = set()
    for unit, frame, line in frames:
        parameters = {unit.code.plan.variable(v) for v in unit.function.body.parameters}
        for name, value in frame.f_locals.items():
            for array in arrays_in(value):
                owner = owner_of(array)
                owners[id(owner)] = owner
                made = maker(unit, name, owner, line) if value is array else None
                if made is not None:
                    makers[id(owner)] = made
                elif name in parameters:
                    arguments.add(id(owner))
    found = Counter(
        Held(owner.nbytes, shown_type(owner), place(key, makers, arguments, source))
        for key, owner in owners.items()
    )
    return told(found, sum(owner.nbytes for owner in owners.values()))


def place(
    key: int,
    makers: dict[int, tuple[Statement, int]],
    arguments: set[int],
    source: Source | None,
) -> str:
    if key in makers:
        return quoted(span_of_result(*makers[key]), source)
    return ARGUMENT if key in arguments else ""


def arrays_in(value: object) -> Iterator[Array]:
    """The array, or those of a list or record."""
    stack, seen = [value], 0
    while stack and seen < LOOKED_AT:
        item = stack.pop()
        seen += 1
        if isinstance(item, np.ndarray):
            yield item
        elif isinstance(item, list | tuple):
            stack += item[: LOOKED_AT - seen]


def owner_of(array: Array) -> Array:
    """The array whose memory a view looks at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def maker(unit: Unit, name: str, array: Array, line: int) -> tuple[Statement, int] | None:
    """The statement that gave the variable this array, and the position of the result: the last
    one before the line reached that may have, or else, in a loop, behind it. What may have updated
    the array in place made none."""
    found = None
    variable = unit.code.plan.variable
    lines = unit.code.statements
    for statement in [*lines[line - 1 :], *lines[: line - 1]]:
        if statement is None or statement.op in CONTROL:
            continue
        updates = statement.op.in_place is not None and variable(statement.operands[0]) == name
        for position, value in enumerate(statement.results):
            if not updates and variable(value) == name and fits(array, value.type):
                found = statement, position
    return found


def fits(array: Array, type: types.Type) -> bool:
    return (
        isinstance(type, Tensor)
        and len(type.shape) == array.ndim
        and all(n == known for n, known in zip(array.shape, type.shape) if isinstance(known, int))
    )


def shown_type(array: Array) -> str:
    return types.show(Tensor(dtypes.BY_NAME[array.dtype.name], array.shape))
