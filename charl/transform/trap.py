"""Checks that find where the first NaN or infinity is born: one after whatever makes floats.

A check (`ops/finite.py`) uses a result outside any kernel, so nothing fuses across it: what would
be an element inside a kernel is a tensor that can be looked at, on either backend alike. Gradients
have been taken and what nobody needs is gone; the passes that come after keep checks where they
are.

What only moves elements (a transpose, a slice, an item of a list) makes none, and is not checked.
An operand that was only stretched is shown as it was before.
"""

from __future__ import annotations

from collections.abc import Iterator

from charl.core.ir import Block, Function, Program, Statement, Value
from charl.ops.finite import TRAP
from charl.source import Span
from charl.types.dtypes import DType
from charl.types.types import Tensor

MOVES = {
    "broadcast", "reshape", "transpose", "copy", "stop_gradient", "index", "index_update", "slice",
    "slice_update", "flip", "pad", "concat", "stack", "select", "gather", "take_along",
    "scatter_set", "mask_select", "list_get", "list_set", "list_pop", "list_remove", "list_stack",
    "list_unstack", "list_zeros_like", "box_field", "box_part", "neg", "abs", "sort",
}  # fmt: skip

LONGEST_NAME = 40

# What the program itself says, before gradients are taken: an op at a place.
Written = set[tuple[Span | None, str]]


def written(program: Program) -> Written:
    return {(s.span, s.op.name) for f in program.functions.values() for s in f.body.walk()}


def trap(program: Program, known: Written) -> Program:
    """The program with checks; `known` is what was written, the rest being derivatives."""
    functions = {name: _function(f, known) for name, f in program.functions.items()}
    return Program(functions, program.entry)


def _function(function: Function, known: Written) -> Function:
    definitions = {v: s for s in function.body.walk() for v in s.results}
    body = _block(function.body, definitions, known)
    return Function(function.name, body, function.shown, function.span)


def _block(block: Block, definitions: dict[Value, Statement], known: Written) -> Block:
    statements: list[Statement] = []
    for s in block.statements:
        if s.blocks:
            inner = tuple(_block(b, definitions, known) for b in s.blocks)
            s = Statement(s.op, s.operands, s.attributes, inner, s.results, s.span)
        statements.append(s)
        statements += _checks(s, definitions, known)
    return Block(block.parameters, statements, block.results)


def _checks(
    s: Statement, definitions: dict[Value, Statement], known: Written
) -> Iterator[Statement]:
    if s.op.evaluate is None or s.op.name in MOVES or _is_librarys_constant(s, definitions):
        return
    operands = [_unstretched(v, definitions) for v in s.operands]
    names = tuple(_name(v, definitions) for v in operands)
    attributes = {
        "operation": s.op.surface or s.op.name,
        "names": names,
        "in_gradient": (s.span, s.op.name) not in known,
    }
    for result in s.results:
        if _is_float(result):
            yield Statement(TRAP, (result, *operands), attributes, (), (), s.span)


def _is_librarys_constant(s: Statement, definitions: dict[Value, Statement]) -> bool:
    """Whether it is an expression of the library's own numbers, such as its `inf`."""
    made = [definitions.get(v) for v in s.operands]
    constant = all(d is not None and d.op.name == "constant" for d in made)
    return constant and s.span is not None and s.span.source.library


def _is_float(value: Value) -> bool:
    type = value.type
    return isinstance(type, Tensor) and isinstance(type.dtype, DType) and type.dtype.is_float


def _unstretched(value: Value, definitions: dict[Value, Statement]) -> Value:
    made = definitions.get(value)
    while made is not None and made.op.name == "broadcast":
        value = made.operands[0]
        made = definitions.get(value)
    return value


def _name(value: Value, definitions: dict[Value, Statement]) -> str:
    """The name that a value was given, else the expression that it is of, where that is short."""
    made = definitions.get(value)
    if value.name or made is None or made.op.name == "constant" or made.span is None:
        return value.name
    text = made.span.text
    return "" if "\n" in text or len(text) > LONGEST_NAME else text
