"""Residuals: forward values that reverse code needs and cannot see.

The reverse of a nested block is first written as if it could see the block's own values; `close`
then makes it stand on its own. Whatever is dead goes first, so only what is really used counts.
Each own value that is left is either recomputed (`recompute.py` chooses) or kept by a `Store`,
which knows how values travel out of that kind of block: as a further result of a branch or a
function, through a stack or a list carried by a loop.

Sizes need care twice. A `dim` of a forward tensor must not keep the tensor: it is moved into the
forward block, and the integer is kept. And a kept tensor whose type mentions a symbol of the
forward block is read back under a fresh one, throughout the reverse block; a symbol that no kept
value brings along as a bare size is kept as an integer.
"""

from __future__ import annotations

from typing import Protocol

from charl.core.builder import Builder
from charl.core.clone import Renaming, free_values, paste
from charl.core.ir import Block, Statement, Value
from charl.core.op import Effect
from charl.transform.autodiff.recompute import Given, choose
from charl.transform.autodiff.sizes import move_sizes, sizes_missing
from charl.transform.autodiff.sweep import defined_in
from charl.types.dims import Dim, Symbol


class Store(Protocol):
    """How values of one kind of block reach its reverse. `local` are the symbols that only the
    forward block knows, `symbols` what some of them are called in the reverse from the start,
    `wanted` all values that are going to be read."""

    local: set[Symbol]
    symbols: dict[Symbol, Dim]
    wanted: set[Value]

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
    store.wanted.update(plan.kept)
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
