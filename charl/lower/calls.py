"""Calls: instances become functions of Core.

A function takes the leaves of its parameters, then of what it captured, then of the top-level
variables that it reads; it returns the leaves of its result, then the final ones of its in-out
parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from charl.check import tree
from charl.check.tree import Instance, Variable
from charl.core.ir import Value
from charl.lower.aggregates import option_index, widened
from charl.lower.control import choose
from charl.lower.layout import Leaves, alternatives, leaves_of, resolved
from charl.lower.lowering import Lowering, lowers
from charl.lower.values import Structured, joined, split
from charl.types.types import BOOL, UNIT, Closures, Tensor, Tuple, Type


@lowers(tree.Call)
def _call(f: Lowering, call: tree.Call) -> Structured:
    return called(f, call, *call_operands(f, call.arguments, call.closure))


def call_operands(
    f: Lowering, arguments: Sequence[tree.Expr], *closures: tree.Expr | None
) -> tuple[list[Structured], Structured]:
    """The arguments of a call, and what the given function values captured (all in a row)."""
    given = [closure for closure in closures if closure is not None]
    values = f.values((*arguments, *given))
    captured = joined(UNIT, values[len(arguments) :])
    return values[: len(arguments)], captured


def called(
    f: Lowering, call: tree.Call, arguments: Sequence[Structured], captured: Structured
) -> Structured:
    """A call with lowered arguments; the variables that take up updates are bound."""
    types = [call.type, *(variable.type for variable in call.updates)]
    attributes = {"checkpoint": True} if call.checkpoint else {}
    result, *updates = emit_call(f, call.instance, arguments, captured.leaves, types, attributes)
    for variable, value in zip(call.updates, updates):
        f.bind(variable, value)
    return result


def emit_call(
    f: Lowering,
    instance: Instance,
    arguments: Sequence[Structured],
    captured: Sequence[Value],
    types: Sequence[Type],
    attributes: dict[str, Any] | None = None,
) -> list[Structured]:
    """Emit a call; its result and the final values of in-out parameters. `types` are those of the
    results; the caller may leave out in-out parameters that nobody takes up."""
    taken = [*types, *(arguments[p].type for p in instance.in_out[len(types) - 1 :])]
    operands = [leaf for argument in arguments for leaf in argument.leaves]
    operands += [*captured, *of_globals(f, instance.globals)]
    leaves: list[Leaves] = [leaves_of(type) for type in taken]
    attributes = {"function": f.library.name_of(instance), **(attributes or {})}
    results = f.emit("call", operands, attributes, [leaf for part in leaves for leaf in part])
    return split([(type, len(part)) for type, part in zip(taken, leaves)], results)


def of_globals(f: Lowering, variables: Sequence[Variable]) -> list[Value]:
    """The leaves of top-level variables as they are now."""
    return [leaf for variable in variables for leaf in f.region.variables[variable].leaves]


@lowers(tree.CallOneOf)
def _call_one_of(f: Lowering, call: tree.CallOneOf) -> Structured:
    callee, *arguments = f.values((call.callee, *call.arguments))
    several = resolved(callee.type)
    if not isinstance(several, Closures):
        ((_, instance),) = call.cases
        return emit_call(f, instance, arguments, callee.leaves, [call.type])[0]
    captured: list[tuple[Value, ...]] = []
    start = 1
    for leaves in alternatives(several):
        captured.append(callee.leaves[start : start + len(leaves)])
        start += len(leaves)
    options = [option_index(several, option) for option, _ in call.cases]

    def case(position: int) -> Structured:
        """The call of the first case from `position` on whose tag it is."""
        option, instance = options[position], call.cases[position][1]

        def run() -> Structured:
            result = resolved(call.type)
            given = instance.result if isinstance(result, Closures) else result
            (value, *_) = emit_call(f, instance, arguments, captured[option], [given or result])
            return widened(f, value, result)

        if position == len(options) - 1:
            return run()
        is_it = f.emit("eq", (callee.leaves[0], f.constant(option)), {}, (BOOL,))[0]
        return choose(f, is_it, call.type, run, lambda: case(position + 1))

    return case(0)


@lowers(tree.Scan)
def _scan(f: Lowering, scan: tree.Scan) -> Structured:
    (value,), captured = call_operands(f, (scan.value,), scan.closure)
    items = [_item_type(leaf.type) for leaf in value.leaves]
    element = scan.instance.parameters[0].type
    left = tuple([Value(type, None, "left") for type in items])
    right = tuple([Value(type, None, "right") for type in items])

    def combine() -> Structured:
        arguments = [Structured(element, left), Structured(element, right)]
        row = Tuple(tuple(items))  # as the operands tell the sizes, not as the function does
        return emit_call(f, scan.instance, arguments, captured.leaves, [row])[0]

    inner = f.nested((*left, *right), combine)
    inner.block.results = inner.value.leaves if inner.value is not None else left
    types = [leaf.type for leaf in value.leaves]
    results = f.emit("scan", value.leaves, {"reverse": scan.reverse}, types, (inner.block,))
    return Structured(scan.type, results)


def _item_type(type: Type) -> Type:
    assert isinstance(type, Tensor)
    return Tensor(type.dtype, type.shape[1:])
