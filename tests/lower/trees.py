"""Typed trees written by hand, short enough to read in a test.

Types are not inferred here: a test says what the checker would have found. `core` lowers one
function (or a chunk) and prints it; `run` executes it on the interpreter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import charl.ops  # noqa: F401  (declares the primitives)
from charl.check import tree
from charl.check.tree import Expr, Instance, Statement, Variable
from charl.core.ir import Program
from charl.core.op import REGISTRY
from charl.core.printer import print_program
from charl.core.verifier import verify
from charl.diagnostics.diagnostic import Diagnostic, error
from charl.interp.run import call_function
from charl.lower.program import lower_chunk
from charl.source import Source, Span
from charl.types.dims import Dim
from charl.types.types import (
    BOOL,
    FLOAT,
    INT,
    NEVER,
    STRING,
    UNIT,
    Enum,
    List,
    Struct,
    Tensor,
    Tuple,
    Type,
)

SPAN = Span(Source("test.ch", "test"), 0, 4)


def failure(message: str = "failed") -> Diagnostic:
    return error("E0509", message, SPAN)


# --- Expressions ---------------------------------------------------------------------------------


def var(name: str, type: Type, dim: Dim | None = None) -> Variable:
    return Variable(name, type, SPAN, dim=dim)


def const(value: Any, type: Type | None = None) -> Expr:
    kinds: dict[type, Type] = {bool: BOOL, int: INT, float: FLOAT, str: STRING}
    return tree.Constant(SPAN, type or kinds[value.__class__], value)


def expr(value: Any) -> Expr:
    """An expression: itself, a reading of a variable, or a constant."""
    if isinstance(value, Variable):
        return tree.Read(SPAN, value.type, value)
    return value if isinstance(value, Expr) else const(value)


def read(variable: Variable, type: Type) -> Expr:
    return tree.Read(SPAN, type, variable)


def apply(op: str, type: Type, *operands: Any, known: Dim | None = None, **attributes: Any) -> Expr:
    given = tuple(expr(o) for o in operands)
    return tree.Apply(SPAN, type, REGISTRY[op], given, attributes, known)


def add(a: Any, b: Any) -> Expr:
    return apply("add", expr(a).type, a, b)


def mul(a: Any, b: Any) -> Expr:
    return apply("mul", expr(a).type, a, b)


def lt(a: Any, b: Any) -> Expr:
    return apply("lt", BOOL, a, b)


def eq(a: Any, b: Any) -> Expr:
    return apply("eq", BOOL, a, b)


def show(value: Any) -> Expr:
    return tree.Show(SPAN, STRING, expr(value))


def make(type: Type, *items: Any) -> Expr:
    return tree.Make(SPAN, type, tuple(expr(i) for i in items))


def pair(*items: Any) -> Expr:
    given = tuple(expr(i) for i in items)
    return tree.Make(SPAN, Tuple(tuple(i.type for i in given)), given)


def get(value: Any, index: int, type: Type) -> Expr:
    return tree.Get(SPAN, type, expr(value), index)


def replace(value: Any, index: int, item: Any) -> Expr:
    return tree.Replace(SPAN, expr(value).type, expr(value), index, expr(item))


def if_(condition: Any, then: Any, otherwise: Any = None, type: Type | None = None) -> Expr:
    then = expr(then)
    otherwise = block() if otherwise is None else expr(otherwise)
    kind = type or (otherwise.type if then.type == NEVER else then.type)
    return tree.If(SPAN, kind, expr(condition), then, otherwise)


def block(*statements: Statement, result: Any = None, type: Type | None = None) -> Expr:
    value = None if result is None else expr(result)
    kind = type or (UNIT if value is None else value.type)
    return tree.Block(SPAN, kind, statements, value)


def panic(message: str = "stop") -> Expr:
    return tree.Apply(SPAN, NEVER, REGISTRY["fail"], (), {"failure": failure(message)})


def call(instance: Instance, *arguments: Any, type: Type | None = None, **more: Any) -> Expr:
    result = type or instance.result
    assert result is not None
    return tree.Call(SPAN, result, instance, tuple(expr(a) for a in arguments), **more)


# --- Statements ----------------------------------------------------------------------------------


def let(variable: Variable, value: Any) -> Statement:
    return tree.Let(SPAN, variable, expr(value))


def assign(variable: Variable, value: Any) -> Statement:
    return tree.Assign(SPAN, variable, expr(value))


def do(value: Any) -> Statement:
    return tree.Evaluate(SPAN, expr(value))


def say(value: Any) -> Statement:
    """`print(value)`."""
    return do(tree.Apply(SPAN, UNIT, REGISTRY["print"], (show(value),), {}))


def return_(value: Any = None) -> Expr:
    """`{ return value }`."""
    given = make(UNIT) if value is None else expr(value)
    return block(tree.Return(SPAN, given), type=NEVER)


def break_() -> Expr:
    return block(tree.Break(SPAN), type=NEVER)


def continue_() -> Expr:
    return block(tree.Continue(SPAN), type=NEVER)


def while_(condition: Any, *body: Statement) -> Statement:
    return tree.While(SPAN, expr(condition), block(*body))


def for_(variable: Variable, start: Any, stop: Any, *body: Statement, step: Any = 1) -> Statement:
    return tree.For(SPAN, variable, expr(start), expr(stop), expr(step), block(*body))


# --- Functions -----------------------------------------------------------------------------------


def function(
    name: str,
    parameters: Sequence[Variable],
    body: Any,
    result: Type | None = None,
    captured: Sequence[Variable] = (),
    in_out: tuple[int, ...] = (),
    globals: Sequence[Variable] = (),
) -> Instance:
    value = expr(body)
    return Instance(
        name,
        name,
        SPAN,
        list(parameters),
        list(captured),
        list(globals),
        in_out,
        value,
        result or value.type,
    )


def lowered(instance: Instance, defines: Sequence[Variable] = ()) -> Program:
    program = lower_chunk(tree.Chunk(instance, tuple(defines)), instance.name)
    verify(program)
    return program


def core(instance: Instance, defines: Sequence[Variable] = ()) -> str:
    """The program's text without its first line."""
    return print_program(lowered(instance, defines)).partition("\n\n")[2]


def body(instance: Instance, name: str = "") -> str:
    """The statements of one function."""
    for text in core(instance).split("\n\n"):
        if text.startswith(f"fn @{name or instance.name}"):
            return "\n".join(line[2:] for line in text.strip().splitlines()[1:-1])
    raise KeyError(name)


def run(instance: Instance, *arguments: Any) -> Any:
    """The results of one call, a tuple unless there is exactly one."""
    results = call_function(lowered(instance), instance.name, arguments)
    return results[0] if len(results) == 1 else tuple(results)


def tensor(*shape: Dim) -> Tensor:
    return Tensor(FLOAT.dtype, shape)


def array(*values: float) -> np.ndarray[Any, Any]:
    return np.array(values, np.float64)


INTS = List(INT)


class Named:
    """Something with a name and whatever else is given; compares by identity."""

    def __init__(self, name: str, **more: Any) -> None:
        self.name = name
        self.__dict__.update(more)


def struct(name: str, /, **fields: Type) -> Struct:
    declaration = Named(name, field_names=tuple(fields), recursive=False)
    return Struct(declaration, (), tuple(fields.values()))


def enum(name: str, /, **variants: tuple[Type, ...]) -> Enum:
    listed = tuple(_named(variant) for variant in variants)
    declaration = Named(name, variants=listed, recursive=False)
    return Enum(declaration, (), tuple(variants.values()))


def _named(variant: str) -> Named:
    """A variant as the syntax has it: its name is a node with a name."""
    node = Named(variant)
    node.name = Named(variant)  # type: ignore[assignment]
    return node
