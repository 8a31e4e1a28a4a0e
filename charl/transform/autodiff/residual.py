"""Residuals: forward values that reverse code needs and cannot see.

The reverse of a nested block is first written as if it could see the block's own values; `close`
then makes it stand on its own. Whatever is dead goes first, so only what is really used counts.
Each own value that is left is either recomputed (constants, sizes, integer arithmetic, movement
and reads of values at hand: cheaper than memory) or kept by a `Store`, which knows how values
travel out of that kind of block: as a further result of a branch or a function, through a stack or
a list carried by a loop.

Sizes need care twice. A `dim` of a forward tensor must not keep the tensor: it is moved into the
forward block, and the integer is kept. And a kept tensor whose type mentions a symbol of the
forward block is read back under a fresh one, throughout the reverse block; a symbol that no kept
value brings along as a bare size is kept as an integer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol

from charl.core.builder import Builder
from charl.core.clone import Renaming, defined_symbols, free_values, paste
from charl.core.ir import Block, Statement, Value
from charl.core.op import Effect
from charl.transform.autodiff.sweep import defined_in
from charl.types import dims, types
from charl.types.dims import Dim, Symbol
from charl.types.dtypes import DType
from charl.types.types import Tensor, Type, is_scalar

Given = Mapping[Value, Callable[[Builder], Value]]

# Recomputed when their operands are at hand: reads cost no more than reading back would.
READS = {"index", "slice", "list_get", "list_length", "dim", "box_field", "box_tag", "string_index"}
# Of elementwise ops on float scalars, those that cost no more than reading a kept value back.
QUICK = {"add", "sub", "mul", "neg", "abs", "sign", "cast", "select", "minimum", "maximum"}
# Recomputed whatever it takes: the operand is no larger than the result.
MOVES = {"reshape", "transpose", "broadcast", "copy", "flip", "stop_gradient"}


class Store(Protocol):
    """How values of one kind of block reach its reverse. `local` are the symbols that only the
    forward block knows, `symbols` what some of them are called in the reverse from the start."""

    local: set[Symbol]
    symbols: dict[Symbol, Dim]

    def read(self, b: Builder, value: Value) -> Value:
        """Have the forward block keep `value`, and emit what reads it back, or name it."""
        ...


def close(forward: Block, reverse: Block, given: Given, store: Store) -> Block:
    """The reverse block without references to what only `forward` can see.

    `given` are forward values the reverse can make by itself, such as the index of a loop.
    """
    prune(reverse)
    own = defined_in(forward)
    move_sizes(forward, reverse, own)
    needed = {v for v in free_values(reverse) if v in own}
    plan = choose(forward, needed, own, given)
    body = Block((), plan.recomputed + reverse.statements, reverse.results)
    result = Block(reverse.parameters)
    builder = Builder(result)
    renaming = Renaming(symbols=store.symbols)
    for value in plan.given:
        renaming.bind(value, given[value](builder))
    for value in plan.kept:
        renaming.bind(value, store.read(builder, value))
    for value in sizes_missing(forward, body, renaming, store.local):
        renaming.bind(value, store.read(builder, value))
    result.results = paste(builder, body, (), renaming)
    return result


def prune(block: Block, keep: tuple[Value, ...] = ()) -> None:
    """Drop the statements of a generated block that nobody uses."""
    live = {*block.results, *keep}
    kept: list[Statement] = []
    for statement in reversed(block.statements):
        if is_pure(statement) and not any(r in live for r in statement.results):
            continue
        live.update(statement.operands)
        live.update(free_values(*statement.blocks))
        kept.append(statement)
    block.statements = kept[::-1]


def is_pure(statement: Statement) -> bool:
    return statement.op.effect is Effect.PURE and all(
        inner.op.effect is Effect.PURE for block in statement.blocks for inner in block.walk()
    )


# --- Sizes ---------------------------------------------------------------------------------------


def move_sizes(forward: Block, reverse: Block, own: set[Value]) -> None:
    """Take each `dim` of a forward value out of the reverse block and into the forward one."""
    moved: dict[tuple[Value, int], Value] = {}

    def visit(block: Block) -> None:
        stay: list[Statement] = []
        for statement in block.statements:
            tensor = statement.operands[0] if statement.operands else None
            if statement.op.name == "dim" and tensor in own:
                assert tensor is not None
                key = (tensor, statement.attributes["axis"])
                if key not in moved:
                    moved[key] = size_of(forward, *key)
                    own.add(moved[key])
                renaming.values[statement.results[0]] = moved[key]
                continue
            for nested in statement.blocks:
                visit(nested)
            stay.append(statement)
        block.statements = stay

    renaming = Renaming()
    visit(reverse)
    if moved:
        rewire(reverse, renaming.values)


def rewire(block: Block, values: Mapping[Value, Value]) -> None:
    """Let other values stand for some in a block that is still being made."""
    for statement in block.walk():
        statement.operands = tuple([values.get(v, v) for v in statement.operands])
        for nested in statement.blocks:
            nested.results = tuple([values.get(v, v) for v in nested.results])
    block.results = tuple([values.get(v, v) for v in block.results])


def size_of(forward: Block, tensor: Value, axis: int) -> Value:
    """The size of an axis of a forward value, as a value of the forward block."""
    for statement in forward.statements:
        if (
            statement.op.name == "dim"
            and statement.operands == (tensor,)
            and statement.attributes["axis"] == axis
        ):
            return statement.results[0]
    size: Value = Builder(forward)("dim", tensor, axis=axis)
    return size


def sizes_missing(
    forward: Block, body: Block, renaming: Renaming, local: set[Symbol]
) -> Iterator[Value]:
    """Integers of the forward block for the symbols that no kept value brings along."""
    if not local:
        return
    defined = set(defined_symbols(body))
    mentioned: dict[Symbol, None] = {}
    for statement in body.walk():
        for value in (*statement.operands, *statement.results):
            mentioned.update(dict.fromkeys(type_symbols(value.type)))
    for symbol in mentioned:
        if symbol in local and symbol not in defined and symbol not in renaming.symbols:
            size = size_named(forward, symbol)
            if size is not None:
                yield size


def size_named(block: Block, symbol: Symbol) -> Value | None:
    """The integer that is a symbol, made from a tensor of the block if need be."""
    values = [*block.parameters, *(r for s in block.statements for r in s.results)]
    for value in values:
        if dims.as_symbol(value.dim) is symbol:
            return value
    for value in values:
        if isinstance(value.type, Tensor):
            for axis, size in enumerate(value.type.shape):
                if dims.as_symbol(size) is symbol:
                    return size_of(block, value, axis)
    return None


def type_symbols(type: Type) -> Iterator[Symbol]:
    while isinstance(type, types.List):
        type = type.element
    if isinstance(type, Tensor):
        for size in type.shape:
            yield from dims.symbols(size)


# --- Keeping or recomputing ----------------------------------------------------------------------


@dataclass(slots=True)
class Plan:
    """Values to keep, statements to repeat (in program order), and given values in use."""

    kept: list[Value] = field(default_factory=list)
    recomputed: list[Statement] = field(default_factory=list)
    given: list[Value] = field(default_factory=list)


def choose(forward: Block, needed: set[Value], own: set[Value], given: Given) -> Plan:
    """Decide for each needed forward value, latest first, and for what recomputing needs."""
    definitions: dict[Value, tuple[int, Statement]] = {}
    at_hand: set[Value] = set()  # what can be had without keeping anything
    for position, statement in enumerate(forward.statements):
        definitions.update(dict.fromkeys(statement.results, (position, statement)))
        cheap = is_cheap(statement) or statement.op.name in MOVES
        if cheap and all(v not in own or v in given or v in at_hand for v in statement.operands):
            at_hand.update(statement.results)

    plan, seen = Plan(), set(needed)
    queue: list[tuple[int, int, Value]] = []

    def enqueue(value: Value) -> None:
        seen.add(value)
        position = definitions[value][0] if value in definitions else -1
        heappush(queue, (-position, len(seen), value))

    for value in forward.parameters:
        if value in needed:
            enqueue(value)
    for statement in forward.statements:
        for value in statement.results:
            if value in needed:
                enqueue(value)
    repeated: dict[int, Statement] = {}
    while queue:
        value = heappop(queue)[2]
        if value in given:
            plan.given.append(value)
            continue
        position, source = definitions.get(value, (-1, None))
        if source is None or (value not in at_hand and source.op.name not in MOVES):
            plan.kept.append(value)
            continue
        repeated[position] = source
        for operand in source.operands:
            if operand in own and operand not in seen:
                enqueue(operand)
    plan.kept.reverse()
    plan.recomputed = [repeated[position] for position in sorted(repeated)]
    return plan


def is_cheap(statement: Statement) -> bool:
    """Whether repeating a statement costs next to nothing, its operands given."""
    if statement.op.effect is not Effect.PURE or statement.blocks:
        return False
    if statement.op.name == "constant" or statement.op.name in READS:
        return True
    if not statement.op.elementwise or not all(is_scalar(v.type) for v in statement.operands):
        return False
    return statement.op.name in QUICK or not any(is_float(v.type) for v in statement.results)


def is_float(type: Type) -> bool:
    return isinstance(type, Tensor) and isinstance(type.dtype, DType) and type.dtype.is_float
