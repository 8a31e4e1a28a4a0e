"""What does not change in a loop moves out of it.

*Carries.* A value that a loop carries round unchanged (a learning rate in the state of an
optimiser) is its initial value, inside and after. Inner loops are looked at first, so that what
they pass through unchanged is unchanged in the outer loop too.

*Statements.* A pure statement whose operands come from outside the loop is computed once, ahead of
it. As the loop may run no round, only statements that cannot fail move; as they stay in memory
while the loop runs, only scalars, views and small tensors do.
"""

from __future__ import annotations

from math import prod

from charl.core.ir import Block, Function, Program, Statement, Value
from charl.core.op import Effect
from charl.transform.rewrite import Rewriter, rewrite_by
from charl.types.dtypes import DType
from charl.types.types import Tensor

LARGEST_HOISTED = 1 << 16  # bytes
VIEWS = {"transpose", "reshape", "dim"}
# These cannot fail, given sizes known at compile time. Neither can elementwise ops on floats and
# bools, but for casts to int; on ints only some.
SAFE = {"transpose", "reshape", "broadcast", "dim", "list_length", "reduce_sum"}
SAFE_ON_INTS = {"eq", "ne", "lt", "le", "gt", "ge", "select", "minimum", "maximum", "cast"}


def hoist(program: Program) -> Program:
    functions = {name: _function(f) for name, f in program.functions.items()}
    return Program(functions, program.entry)


def _function(function: Function) -> Function:
    if not any(s.op.name in ("for", "while") for s in function.body.walk()):
        return function
    same: dict[Value, Value] = {}
    _unchanged(function.body, same)
    if same:
        rewriter = Rewriter(lambda r, s: None)
        for value in same:
            rewriter.renaming.bind(value, _root(value, same))
        function = rewrite_by(rewriter, function)
    body = _block(function.body)
    if body is function.body:
        return function
    return Function(function.name, body, function.shown, function.span)


# --- Carries -------------------------------------------------------------------------------------


def _root(value: Value, same: dict[Value, Value]) -> Value:
    while value in same:
        value = same[value]
    return value


def _unchanged(block: Block, same: dict[Value, Value]) -> None:
    """Enter into `same` the parameters and results of loops that only pass a value on."""
    for statement in block.statements:
        for inner in statement.blocks:
            _unchanged(inner, same)
        if statement.op.name not in ("for", "while"):
            continue
        bounds = 3 if statement.op.name == "for" else 0
        body = statement.blocks[-1]
        count = len(statement.results)
        carries = [b.parameters[len(b.parameters) - count :] for b in statement.blocks]
        for place, result in enumerate(statement.results):
            initial = statement.operands[bounds + place]
            yielded = _root(body.results[place], same)
            own = [parameters[place] for parameters in carries]
            if yielded in own or yielded is _root(initial, same):
                same.update((value, initial) for value in (*own, result))


# --- Statements ----------------------------------------------------------------------------------


def _block(block: Block) -> Block:
    """The block with what its loops need not repeat before them."""
    statements: list[Statement] = []
    changed = False
    for statement in block.statements:
        before, kept = _statement(statement)
        changed |= bool(before) or kept is not statement
        statements += before
        statements.append(kept)
    return Block(block.parameters, statements, block.results) if changed else block


def _statement(statement: Statement) -> tuple[list[Statement], Statement]:
    """What moves before the statement, and the statement without it."""
    if not statement.blocks:
        return [], statement
    blocks = [_block(b) for b in statement.blocks]
    moved: list[Statement] = []
    if statement.op.name in ("for", "while"):
        for place, block in enumerate(blocks):
            stay = _stay(block, moved)
            if len(stay) < len(block.statements):
                blocks[place] = Block(block.parameters, stay, block.results)
    if all(new is old for new, old in zip(blocks, statement.blocks)):
        return [], statement
    kept = Statement(
        statement.op,
        statement.operands,
        statement.attributes,
        tuple(blocks),
        statement.results,
        statement.span,
    )
    return moved, kept


def _stay(block: Block, moved: list[Statement]) -> list[Statement]:
    """The statements of a loop's block that must stay in it; the others are added to `moved`."""
    inside = set(block.parameters)
    stay: list[Statement] = []
    for statement in block.statements:
        if can_move(statement) and not any(v in inside for v in statement.operands):
            moved.append(statement)
        else:
            stay.append(statement)
            inside.update(statement.results)
    return stay


def can_move(statement: Statement) -> bool:
    if statement.blocks or statement.op.effect is not Effect.PURE:
        return False
    if statement.op.name in ("constant", "undefined"):
        return True
    return cannot_fail(statement) and all(is_light(v, statement) for v in statement.results)


def cannot_fail(statement: Statement) -> bool:
    name, operands = statement.op.name, statement.operands
    if name in SAFE:
        sizes = operands[1:] if name in ("reshape", "broadcast") else ()
        return all(isinstance(v.dim, int) for v in sizes)
    if not statement.op.elementwise or (name == "cast" and statement.attributes["dtype"].is_int):
        return False
    return name in SAFE_ON_INTS or not any(map(_is_int, operands))


def _is_int(value: Value) -> bool:
    type = value.type
    return isinstance(type, Tensor) and isinstance(type.dtype, DType) and type.dtype.is_int


def is_light(value: Value, statement: Statement) -> bool:
    """Whether keeping the value through the loop costs next to nothing."""
    type = value.type
    if not isinstance(type, Tensor) or not isinstance(type.dtype, DType):
        return False
    if not type.shape or statement.op.name in VIEWS:
        return True
    sizes = [n for n in type.shape if isinstance(n, int)]
    return len(sizes) == len(type.shape) and prod(sizes) * type.dtype.bits // 8 <= LARGEST_HOISTED
