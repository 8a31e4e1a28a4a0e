"""Common subexpressions: of two equal statements, one dominating the other, the second goes.

Statements are equal when op, operands and attributes are; control flow is left alone. A table is
kept per block, and blocks see the tables of those around them, so a statement in a branch uses the
one before the `if`, never the other way round. Everything but effects may be shared: a check that
has passed passes again. Random draws and files are effects; so each has its own result.

Calls marked `checkpoint` stay: their second run is there to save memory.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from charl.core.effects import Effects, function_effects, statement_effect
from charl.core.ir import Block, Function, Program, Statement, Value
from charl.core.op import Effect
from charl.transform.rewrite import Rewriter, rewrite_by
from charl.types.dims import Polynomial

# Constants with more elements than this are compared by identity only.
LARGEST_COMPARED = 64


def cse(program: Program) -> Program:
    effects = function_effects(program)
    functions = {name: _function(f, effects) for name, f in program.functions.items()}
    return Program(functions, program.entry)


def _function(function: Function, effects: Effects) -> Function:
    common = Common(effects)
    rewriter = Rewriter(common, on_kept=common.keep, on_enter=common.enter, on_leave=common.leave)
    return rewrite_by(rewriter, function)


class Common:
    """The rule of this pass, with its tables: the innermost block's last."""

    def __init__(self, effects: Effects) -> None:
        self.effects = effects
        self.tables: list[dict[Hashable, tuple[Value, ...]]] = []

    def __call__(self, r: Rewriter, statement: Statement) -> Sequence[Value] | None:
        key = self.key(statement)
        if key is None:
            return None
        size = _size_of(statement.results)
        for table in reversed(self.tables):
            if key in table:
                return table[key]
            if size is not None and size in table:
                return table[size]
        return None

    def enter(self, block: Block) -> None:
        self.tables.append({})
        for parameter in block.parameters:
            self.enter_size((parameter,))

    def leave(self) -> None:
        self.tables.pop()

    def keep(self, statement: Statement) -> None:
        key = self.key(statement)
        if key is not None:
            self.tables[-1][key] = statement.results
        self.enter_size(statement.results)

    def enter_size(self, values: tuple[Value, ...]) -> None:
        """Two ints equal to one dim are equal."""
        size = _size_of(values)
        if size is not None:
            self.tables[-1].setdefault(size, values)

    def key(self, statement: Statement) -> Hashable | None:
        """What two equal statements have in common; None for those that must stay."""
        if statement.blocks or statement.attributes.get("checkpoint"):
            return None
        if statement_effect(statement, self.effects) is Effect.EFFECT:
            return None
        attributes = tuple((k, _frozen(v)) for k, v in statement.attributes.items())
        return (statement.op.name, statement.operands, attributes)


def _size_of(values: tuple[Value, ...]) -> Polynomial | None:
    """The dim that a statement's only result is equal to; constants are compared as such."""
    if len(values) == 1 and isinstance(values[0].dim, Polynomial):
        return values[0].dim
    return None


def _frozen(attribute: Any) -> Hashable:
    match attribute:
        case np.ndarray() if attribute.size <= LARGEST_COMPARED:
            return (attribute.dtype.str, attribute.shape, attribute.tobytes())
        case np.ndarray() | dict() | set():
            return id(attribute)
        case list() | tuple():
            return tuple(map(_frozen, attribute))
        case float():  # 0.0 equals -0.0, and NaN nothing
            return (float, repr(attribute))
        case bool() | int():  # True equals 1
            return (type(attribute), attribute)
    try:
        hash(attribute)
    except TypeError:
        return id(attribute)
    frozen: Hashable = attribute
    return frozen
