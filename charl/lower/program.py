"""Lowering: the typed tree becomes Core.

In: the tree of `check/tree.py`, in which every call names its instance and every type is final.
Out: a program of Core, one function per instance that is reached; the top level is a function too.
What happens on the way stands in the other files of this package:

    layout       structs, tuples, enums, closures and lists lie flat as leaves
    exits        `return`, `break` and `continue` become branches and flags
    control      assignment becomes results of `if` and carried values of loops
    sizes        the symbols in types become values where somebody needs the number
    lists        a list of structs is one list per field
    calls        parameters, captures and globals become arguments; in-out ones results
    gradients    `gradient` statements, for autodiff to replace

As few statements as possible are emitted, since the interpreter executes each of them: structure
costs nothing, what nobody reads is not carried, and early exits cost only where they need a flag.
"""

from __future__ import annotations

from collections.abc import Sequence

import charl.ops  # noqa: F401  (declares the primitives that rules emit)
from charl.check import tree
from charl.check.tree import Chunk, Expr, Instance, Variable
from charl.core.builder import Builder
from charl.core.ir import Block, Function, Program, Value
from charl.lower import aggregates, calls, control, expressions, gradients, loops  # noqa: F401  (rules)
from charl.lower.exits import without_exits
from charl.lower.flow import Flow
from charl.lower.layout import leaves_of
from charl.lower.lowering import Later, Library, Lowering, Unreachable
from charl.lower.sizes import Region
from charl.lower.values import Structured
from charl.lower.walk import children
from charl.syntax.nesting import deep_recursion
from charl.types.types import INT, Type


def lower_chunk(chunk: Chunk, name: str = "main") -> Program:
    """A program whose entry `name` takes the leaves of the chunk's parameters and of the globals it
    reads, and returns those of its result and of the variables it defines."""
    library = Library()
    with deep_recursion():
        entry = lower_function(library, chunk.instance, library.unique(name), chunk.defines)
        library.add(entry)
        while library.pending:
            instance = library.pending.pop(0)
            library.add(lower_function(library, instance, library.name_of(instance)))
    return Program(library.functions, entry.name)


def lower_function(
    library: Library, instance: Instance, name: str, defines: Sequence[Variable] = ()
) -> Function:
    """One instance as a function; the final values of `defines` are further results."""
    assert instance.body is not None
    result = instance.body.type if instance.result is None else instance.result
    flow = Flow()
    body = without_exits(instance.body, result, flow)
    root = Region(Builder(Block(), instance.span))
    f = Lowering(library, root, flow, share=not _differentiates_values(body), span=instance.span)
    _bind_parameters(f, [*instance.parameters, *instance.captured, *instance.globals])
    handed_on = [*(instance.parameters[p] for p in instance.in_out), *defines]
    f.later.append(Later(dict.fromkeys(handed_on, 1)))
    leaves = list(_result(f, body, result).leaves)
    for variable in handed_on:
        leaves += _final(f, variable)
    root.builder.block.results = tuple(leaves)
    return Function(name, root.builder.block, instance.shown, instance.span)


def _bind_parameters(f: Lowering, variables: Sequence[Variable]) -> None:
    block = f.region.builder.block
    parameters: list[Value] = []
    for variable in variables:
        leaves = [Value(type, None, variable.name) for type in leaves_of(variable.type)]
        if variable.dim is not None and variable.type == INT:
            leaves[0].dim = variable.dim
        f.region.variables[variable] = Structured(variable.type, tuple(leaves))
        parameters += leaves
    block.parameters = tuple(parameters)
    # An int that is a size by itself is the better source, wherever it stands.
    for parameter in sorted(parameters, key=lambda p: p.dim is None):
        f.sizes.define(f.region, parameter)


def _result(f: Lowering, body: Expr, type: Type) -> Structured:
    try:
        return f.value(body)
    except Unreachable:
        return f.nothing(type)


def _final(f: Lowering, variable: Variable) -> tuple[Value, ...]:
    """What a variable stands for at the end; undefined when control never got there."""
    value = f.region.variables.get(variable)
    return (value or f.nothing(variable.type)).leaves


def _differentiates_values(body: Expr) -> bool:
    """Whether gradients are taken with respect to values, which must then keep their identity."""
    stack: list[tree.Expr | tree.Statement] = [body]
    while stack:
        node = stack.pop()
        if isinstance(node, tree.GradientOf):
            return True
        stack.extend(children(node))
    return False
