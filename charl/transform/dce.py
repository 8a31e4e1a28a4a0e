"""Dead code: statements whose results nobody needs, and what control flow carries for nobody.

One walk backwards per function. A statement stays when a result is needed or when it may fail or
act on the world; checks are never dropped. Results of `if` that nobody reads are no longer
computed in its branches. A loop carries only what its results, its effects or other needed carries
depend on: the set of needed carries grows until the body asks for no more.
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.core.effects import (
    Effects,
    call_graph,
    function_effects,
    reachable,
    statement_effect,
)
from charl.core.ir import Block, Function, Program, Statement, Value
from charl.core.op import Effect


def dce(program: Program) -> Program:
    effects = function_effects(program)
    functions = {name: _function(f, effects) for name, f in program.functions.items()}
    return Program(functions, program.entry)


def drop_unreached(program: Program, roots: Sequence[str] = ()) -> Program:
    """Without the functions that neither the entry nor `roots` can reach."""
    kept = reachable(call_graph(program), {program.entry, *roots})
    functions = {name: f for name, f in program.functions.items() if name in kept}
    return Program(functions, program.entry)


def _function(function: Function, effects: Effects) -> Function:
    needed = set(function.body.results)
    body = _Sweep(effects).block(function.body, needed)
    if body is function.body:
        return function
    return Function(function.name, body, function.shown, function.span)


class _Sweep:
    """`needed` is what the code after the present statement reads; walks add to it."""

    def __init__(self, effects: Effects) -> None:
        self.effects = effects

    def block(self, block: Block, needed: set[Value]) -> Block:
        """The block without what is dead; its results are in `needed` already."""
        kept: list[Statement] = []
        for statement in reversed(block.statements):
            live = self.statement(statement, needed)
            if live is not None:
                kept.append(live)
        kept.reverse()
        if len(kept) == len(block.statements) and all(map(_is, kept, block.statements)):
            return block
        return Block(block.parameters, kept, block.results)

    def statement(self, s: Statement, needed: set[Value]) -> Statement | None:
        is_needed = any(v in needed for v in s.results)
        if not is_needed and statement_effect(s, self.effects) is Effect.PURE:
            return None
        match s.op.name:
            case "if":
                return self.branches(s, needed)
            case "for":
                return self.loop(s, 3, needed)
            case "while":
                return self.loop(s, 0, needed)
        blocks = []
        for block in s.blocks:
            needed.update(block.results)
            blocks.append(self.block(block, needed))
        needed.update(s.operands)
        if all(map(_is, blocks, s.blocks)):
            return s
        return Statement(s.op, s.operands, s.attributes, tuple(blocks), s.results, s.span)

    def branches(self, s: Statement, needed: set[Value]) -> Statement:
        keep = [i for i, v in enumerate(s.results) if v in needed]
        blocks = []
        for block in s.blocks:
            results = _pick(block.results, keep)
            needed.update(results)
            inner = block if len(keep) == len(s.results) else Block((), block.statements, results)
            blocks.append(self.block(inner, needed))
        needed.update(s.operands)
        if all(map(_is, blocks, s.blocks)):
            return s
        results = _pick(s.results, keep)
        return Statement(s.op, s.operands, s.attributes, tuple(blocks), results, s.span)

    def loop(self, s: Statement, bounds: int, needed: set[Value]) -> Statement:
        """A `for` with three bounds before its carries, or a `while` with none. The body's first
        parameter is the index of a `for`."""
        body = s.blocks[-1]
        parameters = [b.parameters[len(b.parameters) - len(s.results) :] for b in s.blocks]
        keep = {i for i, v in enumerate(s.results) if v in needed}
        while True:
            inside = set(needed)
            inside.update(_pick(body.results, sorted(keep)))
            inner = self.block(body, inside)
            condition = s.blocks[0]
            if len(s.blocks) == 2:
                inside.update(condition.results)
                condition = self.block(condition, inside)
            read = {i for i, many in enumerate(zip(*parameters)) if any(v in inside for v in many)}
            if read <= keep:
                break
            keep |= read
        needed |= inside
        order = sorted(keep)
        operands = (*s.operands[:bounds], *_pick(s.operands[bounds:], order))
        needed.update(operands)
        whole = len(order) == len(s.results)
        if whole and inner is body and (len(s.blocks) == 1 or condition is s.blocks[0]):
            return s
        index = inner.parameters[: len(inner.parameters) - len(s.results)]
        new_body = Block(
            (*index, *_pick(parameters[-1], order)), inner.statements, _pick(inner.results, order)
        )
        blocks: tuple[Block, ...] = (new_body,)
        if len(s.blocks) == 2:
            chosen = _pick(parameters[0], order)
            blocks = (Block(chosen, condition.statements, condition.results), new_body)
        results = _pick(s.results, order)
        return Statement(s.op, operands, s.attributes, blocks, results, s.span)


def _pick(values: Sequence[Value], places: Sequence[int]) -> tuple[Value, ...]:
    return tuple([values[i] for i in places])


def _is(left: object, right: object) -> bool:
    return left is right
