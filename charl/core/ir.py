"""Core: SSA with structured regions, the only thing that everything after `lower/` knows.

A Function is one Block; a Block has parameters, statements and results; a Statement has an op,
operands, attributes, nested blocks and results. Nested blocks see every value defined before their
statement in the enclosing blocks. Control flow (`if`, `for`, `while`, `call`) are statements whose
ops stand in `core/control.py`; loop state is carried explicitly, so nothing is mutable.

A Value knows its type and, when it is an int64 scalar that can serve as a size, its `dim`: the
constant, symbol or polynomial it is equal to. The symbols in a type's shape are those of `dim`s;
a symbol is defined by the first value that has it as its dim, or implicitly by a parameter's shape.
Values, statements and blocks compare by identity. Passes build new functions; they never edit one
that somebody else holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from charl.diagnostics.diagnostic import Frame
from charl.records import field, record
from charl.source import Span
from charl.types.dims import Dim
from charl.types.dtypes import DType
from charl.types.types import Tensor, Type

if TYPE_CHECKING:
    from charl.core.op import Op


@record
class InlinedSpan(Span):
    """A place in a function whose call was inlined. `calls` are the calls it stood under, innermost
    first, so that a run-time error still shows the whole call stack."""

    calls: tuple[Frame, ...] = ()


@record(frozen=False, eq=False)
class Value:
    """`name` is only a hint for printing."""

    type: Type
    dim: Dim | None = None
    name: str = ""

    @property
    def shape(self) -> tuple[Dim, ...]:
        """Of a tensor; of anything else as of a scalar, ()."""
        return self.type.shape if isinstance(self.type, Tensor) else ()

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> DType:
        """Of a tensor or scalar."""
        assert isinstance(self.type, Tensor) and isinstance(self.type.dtype, DType), self.type
        return self.type.dtype


@record(frozen=False, eq=False)
class Statement:
    op: Op
    operands: tuple[Value, ...]
    attributes: dict[str, Any]
    blocks: tuple[Block, ...]
    results: tuple[Value, ...]
    span: Span | None = None


@record(frozen=False, eq=False)
class Block:
    parameters: tuple[Value, ...] = ()
    statements: list[Statement] = field(default_factory=list)
    results: tuple[Value, ...] = ()

    def walk(self) -> Iterator[Statement]:
        """Every statement, also in nested blocks, outer before inner."""
        for statement in self.statements:
            yield statement
            for block in statement.blocks:
                yield from block.walk()


@record(frozen=False, eq=False)
class Function:
    """`shown` is the name in a call stack; `name` is unique in the program."""

    name: str
    body: Block
    shown: str = ""
    span: Span | None = None

    @property
    def result_types(self) -> tuple[Type, ...]:
        return tuple(value.type for value in self.body.results)


@record(frozen=False, eq=False)
class Program:
    """`entry` names the function that runs the top level; the rest it reaches through calls."""

    functions: dict[str, Function]
    entry: str
