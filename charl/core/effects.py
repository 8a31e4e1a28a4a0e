"""What a statement may do besides computing its results.

An op's declared effect is that of the op alone; a control statement has the strongest effect found
in its blocks, a call that of its function. A function that calls itself may not come back, so its
calls are kept like checks: the user is to see the error of a recursion without end.
"""

from __future__ import annotations

from collections.abc import Mapping

from charl.core.ir import Block, Function, Program, Statement
from charl.core.op import Effect

Effects = Mapping[str, Effect]


def callees(statement: Statement) -> tuple[str, ...]:
    """The functions that a statement itself calls when it runs."""
    if statement.op.name in ("call", "custom_call"):
        return (statement.attributes["function"],)
    return ()


def function_effects(program: Program) -> dict[str, Effect]:
    """The strongest effect of each function, through its calls."""
    own: dict[str, Effect] = {}
    calls: dict[str, set[str]] = {}
    for name, function in program.functions.items():
        own[name] = Effect.PURE
        calls[name] = set()
        for statement in function.body.walk():
            own[name] = stronger(own[name], statement.op.effect)
            calls[name].update(callees(statement))
    for name in recursive_functions(program):
        own[name] = stronger(own[name], Effect.CHECK)
    changed = True
    while changed:
        changed = False
        for name in own:
            for callee in calls[name]:
                combined = stronger(own[name], own.get(callee, Effect.PURE))
                changed |= combined is not own[name]
                own[name] = combined
    return own


def statement_effect(statement: Statement, effects: Effects) -> Effect:
    """The strongest effect of a statement, its blocks and what it calls."""
    result = statement.op.effect
    for name in callees(statement):
        result = stronger(result, effects.get(name, Effect.PURE))
    for block in statement.blocks:
        result = stronger(result, block_effect(block, effects))
    return result


def block_effect(block: Block, effects: Effects) -> Effect:
    result = Effect.PURE
    for statement in block.statements:
        result = stronger(result, statement_effect(statement, effects))
        if result is Effect.EFFECT:
            break
    return result


def stronger(left: Effect, right: Effect) -> Effect:
    if left is Effect.EFFECT or right is Effect.PURE:
        return left
    return right if right is Effect.EFFECT or left is Effect.PURE else left


def call_graph(program: Program) -> dict[str, set[str]]:
    """The functions each function refers to: those it calls, and the reverse rules it names."""
    return {name: set(_references(f)) for name, f in program.functions.items()}


def recursive_functions(program: Program) -> set[str]:
    """The functions that can reach themselves."""
    graph = call_graph(program)
    return {name for name in graph if name in reachable(graph, graph[name])}


def reachable(graph: Mapping[str, set[str]], start: set[str]) -> set[str]:
    """Everything that can be reached from `start`, itself included."""
    found: set[str] = set()
    todo = list(start)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(graph.get(name, ()))
    return found


def _references(function: Function) -> list[str]:
    found: list[str] = []
    for statement in function.body.walk():
        found += callees(statement)
        if "backward" in statement.attributes:
            found.append(statement.attributes["backward"])
    return found
