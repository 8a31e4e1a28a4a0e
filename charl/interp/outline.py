"""Core for the code generator: blocks that Python cannot nest become functions of their own.

Python allows 20 nested loops and 100 levels of indentation, and inlining may well produce more.
A statement that lies too deep is moved into a function that takes the values it uses; so is the
combining block of every `scan`, which the interpreter calls once per element. Calls of such
functions leave no trace in a Charl call stack.
"""

from __future__ import annotations

from typing import Any

from charl.core.clone import free_values
from charl.core.control import CALL, SCAN
from charl.core.ir import Block, Function, Statement, Value
from charl.records import field, record

MOST_LOOPS = 16
MOST_LEVELS = 40


@record(frozen=False)
class Outlined:
    """`function` with its deep statements replaced; `parts` are the functions cut out of it."""

    function: Function
    parts: list[Function] = field(default_factory=list)


def outline(function: Function) -> Outlined:
    result = Outlined(function)
    body = _block(function.body, function, result, 0, 0)
    if body is not function.body:
        result.function = Function(function.name, body, function.shown, function.span)
    return result


def _block(block: Block, function: Function, result: Outlined, loops: int, levels: int) -> Block:
    statements = [_statement(s, function, result, loops, levels) for s in block.statements]
    if all(new is old for new, old in zip(statements, block.statements)):
        return block
    return Block(block.parameters, statements, block.results)


def _statement(
    statement: Statement, function: Function, result: Outlined, loops: int, levels: int
) -> Statement:
    if not statement.blocks:
        return statement
    if statement.op is SCAN:
        return _scan(statement, function, result)
    inner = loops + (statement.op.name != "if")
    if inner > MOST_LOOPS or levels > MOST_LEVELS:
        return _cut(statement, function, result)
    blocks = tuple(_block(b, function, result, inner, levels + 1) for b in statement.blocks)
    if all(new is old for new, old in zip(blocks, statement.blocks)):
        return statement
    return _with(statement, statement.operands, statement.attributes, blocks)


def _scan(statement: Statement, function: Function, result: Outlined) -> Statement:
    """The scan with its block as a function, and the free values of the block as operands."""
    (block,) = statement.blocks
    free = free_values(block)
    inner = _block(block, function, result, 0, 0)
    name = _part(
        Block((*block.parameters, *free), inner.statements, block.results), result, function
    )
    attributes = {**statement.attributes, "combine": name, "count": len(statement.operands)}
    return _with(statement, (*statement.operands, *free), attributes, ())


def _cut(statement: Statement, function: Function, result: Outlined) -> Statement:
    """A call of a new function that holds the statement and shares its Values."""
    arguments = tuple(dict.fromkeys((*statement.operands, *free_values(*statement.blocks))))
    inner = _statement(statement, function, result, 0, 0)
    name = _part(Block(arguments, [inner], statement.results), result, function)
    return Statement(CALL, arguments, {"function": name}, (), statement.results, statement.span)


def _part(body: Block, result: Outlined, function: Function) -> str:
    name = f"{function.name} part {len(result.parts) + 1}"
    result.parts.append(Function(name, body, function.shown, function.span))
    return name


def _with(
    statement: Statement,
    operands: tuple[Value, ...],
    attributes: dict[str, Any],
    blocks: tuple[Block, ...],
) -> Statement:
    return Statement(statement.op, operands, attributes, blocks, statement.results, statement.span)
