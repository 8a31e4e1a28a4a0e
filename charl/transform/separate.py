"""A tensor of one number for each variable of a loop that begins with it.

Zeros of one shape are one value after `cse`, however many variables begin with them: an optimiser's
moments, say. A loop that then updates these in place would have to leave what they share alone at
its first turn, and keep it besides. Filling memory is cheap, so each variable gets its own.

In: any Core. Out: no filled tensor is used twice by the initial values of a loop, nor by them and
after them.
"""

from __future__ import annotations

from charl.core.clone import free_values
from charl.core.ir import Block, Function, Program, Statement, Value


def separate(program: Program) -> Program:
    functions = {name: _function(f) for name, f in program.functions.items()}
    return Program(functions, program.entry)


def _function(function: Function) -> Function:
    body = _block(function.body)
    return Function(function.name, body, function.shown, function.span)


def _block(block: Block) -> Block:
    fills = {s.results[0]: s for s in block.statements if is_fill(s)}
    last = {v: len(block.statements) for v in block.results}
    for position in range(len(block.statements) - 1, -1, -1):
        statement = block.statements[position]
        for value in (*statement.operands, *free_values(*statement.blocks)):
            last.setdefault(value, position)
    statements: list[Statement] = []
    for position, statement in enumerate(block.statements):
        operands = list(statement.operands)
        first = {"for": 3, "while": 0}.get(statement.op.name, len(operands))
        inside = set(free_values(*statement.blocks))
        for place in range(first, len(operands)):
            value = operands[place]
            shared = last[value] > position or value in inside or value in operands[:place]
            if value in fills and shared:
                operands[place] = Value(value.type, value.dim, value.name)
                fill = fills[value]
                made = (operands[place],)
                statements.append(
                    Statement(fill.op, fill.operands, fill.attributes, (), made, fill.span)
                )
        inner = tuple(_block(b) for b in statement.blocks)
        statements.append(
            Statement(
                statement.op,
                tuple(operands),
                statement.attributes,
                inner,
                statement.results,
                statement.span,
            )
        )
    return Block(block.parameters, statements, block.results)


def is_fill(statement: Statement) -> bool:
    """Whether it makes a tensor of one number."""
    return statement.op.name == "broadcast" and not statement.operands[0].rank
