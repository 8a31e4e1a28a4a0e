"""Writing LLVM's textual form: one function, line by line.

Text is what LLVM reads fastest to write: a line is a string, a value is its name (`%7`) or its
literal (`0`, `0x3FF0000000000000`), a block is a label. Blocks are written in the order in which
they are begun; a phi whose other value comes from a loop's end is written with a gap and filled
when the end is known.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence

from charl.types import dtypes
from charl.types.dtypes import DType


class Text:
    """The body of one function. `here` is the label of the block that lines go to; None after a
    terminator, when nothing can be reached until the next label."""

    def __init__(self) -> None:
        self.entry: list[str] = []
        self.lines: list[str] = []
        self.here: str = "entry"
        self.counter = itertools.count(1)
        self.reached = True

    def name(self) -> str:
        return f"%v{next(self.counter)}"

    def label(self, hint: str) -> str:
        """A fresh label, not yet placed."""
        return f"{hint}.{next(self.counter)}"

    def put(self, line: str) -> None:
        if self.reached:
            self.lines.append(f"  {line}")

    def let(self, expression: str) -> str:
        """A line that gives a value; its name."""
        name = self.name()
        self.put(f"{name} = {expression}")
        return name

    def place(self, label: str) -> None:
        """Begin the block; the block before it, if it is open, falls through to it."""
        if self.reached:
            self.jump(label)
        self.lines.append(f"{label}:")
        self.here = label
        self.reached = True

    def jump(self, label: str, metadata: str = "") -> None:
        self.end(f"br label %{label}{metadata}")

    def branch(self, condition: str, yes: str, no: str, weights: str = "") -> None:
        self.end(f"br i1 {condition}, label %{yes}, label %{no}{weights}")

    def end(self, terminator: str) -> None:
        self.put(terminator)
        self.reached = False

    def apart(self, label: str) -> Text:
        """A block to be written elsewhere, whose names are this function's."""
        other = Text()
        other.counter, other.entry = self.counter, self.entry
        other.lines.append(f"{label}:")
        other.here = label
        return other

    def alloca(self, type: str, count: int = 1) -> str:
        """Stack memory that lives as long as the function's call."""
        name = self.name()
        size = f", i64 {count}" if count != 1 else ""
        self.entry.append(f"  {name} = alloca {type}{size}, align 16")
        return name

    def phi(self, type: str, incoming: Sequence[tuple[str, str]]) -> str:
        return self.let(f"phi {type} {pairs(incoming)}")

    def open_phi(self, type: str) -> tuple[str, int]:
        """A phi still without its incoming values, and the place to `fill`."""
        name = self.let(f"phi {type} ")
        return name, len(self.lines) - 1

    def fill(self, place: int, incoming: Sequence[tuple[str, str]]) -> None:
        self.lines[place] += pairs(incoming)

    def body(self) -> str:
        return "\n".join(["entry:", *self.entry, *self.lines])


def pairs(incoming: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"[ {value}, %{label} ]" for value, label in incoming)


# --- Types and literals --------------------------------------------------------------------------

_FLOATS = {"float16": "half", "bfloat16": "bfloat", "float32": "float", "float64": "double"}


def scalar_type(dtype: DType) -> str:
    """The type of a scalar in a register."""
    if dtype.is_float:
        return _FLOATS[dtype.name]
    return "i1" if dtype == dtypes.BOOL else f"i{dtype.bits}"


def memory_type(dtype: DType) -> str:
    """The type of an element in memory: a bool takes a byte."""
    return "i8" if dtype == dtypes.BOOL else scalar_type(dtype)


def literal(value: float, dtype: DType) -> str:
    """A number of this dtype; floats by their bits, so that nothing is rounded on the way."""
    if dtype == dtypes.BOOL:
        return "true" if value else "false"
    if dtype.is_int:
        return str(int(value))
    rounded = dtype.numpy.type(value)
    if dtype in (dtypes.FLOAT32, dtypes.FLOAT64):
        # LLVM writes a float by the bits of the double that it is equal to.
        return f"0x{struct.unpack('<Q', struct.pack('<d', float(rounded)))[0]:016X}"
    bits = int.from_bytes(rounded.tobytes(), "little")
    return f"0x{'H' if dtype == dtypes.FLOAT16 else 'R'}{bits:04X}"
