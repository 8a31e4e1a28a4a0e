"""The meaning of typed trees, told directly: what lowered programs are compared with.

Covers integers, `add`, `lt` and `eq`, variables, and all control flow.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from charl.check import tree
from charl.check.tree import Expr, Instance, Statement, Variable


class Leave(Exception):
    """An exit on its way out; `value` is that of a return."""

    def __init__(self, value: Any = None) -> None:
        super().__init__()
        self.value = value


class Break(Leave):
    pass


class Continue(Leave):
    pass


class Return(Leave):
    pass


OPS: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "lt": lambda a, b: a < b,
    "eq": lambda a, b: a == b,
}

Names = dict[Variable, Any]


def call(instance: Instance, *arguments: Any) -> Any:
    assert instance.body is not None
    try:
        return value(instance.body, dict(zip(instance.parameters, arguments)))
    except Return as exit:
        return exit.value


def value(expr: Expr, names: Names) -> Any:
    match expr:
        case tree.Constant(value=known):
            return known
        case tree.Read(variable=variable):
            return names[variable]
        case tree.Apply(op=op, operands=operands):
            return OPS[op.name](*[value(o, names) for o in operands])
        case tree.If(condition=condition, then=then, otherwise=otherwise):
            return value(then if value(condition, names) else otherwise, names)
        case tree.Block(statements=statements, result=result):
            for statement in statements:
                execute(statement, names)
            return None if result is None else value(result, names)
        case tree.Make(items=items):
            return tuple(value(item, names) for item in items)
    raise TypeError(expr)


def execute(statement: Statement, names: Names) -> None:
    match statement:
        case tree.Evaluate(value=given):
            value(given, names)
        case tree.Let(variable=variable, value=given) | tree.Assign(variable=variable, value=given):
            names[variable] = value(given, names)
        case tree.Return(value=given):
            raise Return(value(given, names))
        case tree.Break():
            raise Break
        case tree.Continue():
            raise Continue
        case tree.While():
            _repeat(statement, names)
        case tree.For(variable=variable, body=body):
            bounds = (value(e, names) for e in (statement.start, statement.stop, statement.step))
            with suppress(Break):
                for index in range(*bounds):
                    names[variable] = index
                    _iterate(body, names)
        case _:
            raise TypeError(statement)


def _repeat(loop: tree.While, names: Names) -> None:
    with suppress(Break):
        while value(loop.condition, names):
            _iterate(loop.body, names)


def _iterate(body: Expr, names: Names) -> None:
    with suppress(Continue):
        value(body, names)
