"""Gradients: `gradient` statements, which `transform/autodiff` replaces.

A gradient has the type of what it is taken with respect to. Its float leaves are differentiated,
ints and bools become zero, and what gives a value its form (strings, functions, ranges, the tags of
enums) stays. A box with floats in it is differentiated as a whole; in its gradient all but the
floats stands as it was. The function form differentiates copies of its arguments, so that only what
flows through that argument counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from functools import cache

from charl.check import tree
from charl.core.builder import Builder
from charl.core.ir import Block, Function, Value
from charl.lower.calls import call_operands, called, of_globals
from charl.lower.layout import is_boxed, is_float, leaves_of, parts_of, payloads_of, resolved
from charl.lower.lowering import Lowering, lowers
from charl.lower.values import Structured, joined
from charl.types import dims, types
from charl.types.types import Closure, Closures, List, Range, Tensor, Type, map_dims


class Kind(Enum):
    """What becomes of a leaf in a gradient."""

    FLOAT = "float"
    BOX = "box"
    ZERO = "zero"
    KEEP = "keep"


@cache
def leaf_kinds(type: Type) -> tuple[Kind, ...]:
    """What becomes of each leaf of a type."""
    match resolved(type):
        case Tensor() as tensor:
            return (Kind.FLOAT if is_float(tensor) else Kind.ZERO,)
        case List(element):
            return leaf_kinds(element) or (Kind.KEEP,)
        case types.String() | types.Handle() | types.Box() | Range() | Closure() | Closures():
            return (Kind.KEEP,) * len(leaves_of(type))
        case boxed if is_boxed(boxed):
            return (Kind.BOX if holds_floats(boxed) else Kind.KEEP,)
        case types.Enum() as enum:
            parts = [part for payload in payloads_of(enum) for part in payload]
            return (Kind.KEEP, *(kind for part in parts for kind in leaf_kinds(part)))
        case whole:
            return tuple(kind for part in parts_of(whole) for kind in leaf_kinds(part))


@cache
def holds_floats(type: Type) -> bool:
    """Whether a value of a type that contains itself can have floats in it."""
    seen: set[Type] = set()
    pending = [type]
    while pending:
        part = resolved(pending.pop())
        if part in seen:
            continue
        seen.add(part)
        match part:
            case Tensor() if is_float(part):
                return True
            case List(element):
                pending.append(element)
            case types.Enum():
                pending += [inner for payload in payloads_of(part) for inner in payload]
            case types.Tuple() | types.Array() | types.Struct():
                pending += parts_of(part)
    return False


def floats_of(value: Structured) -> list[Value]:
    """The leaves that a gradient is taken of."""
    kinds = zip(value.leaves, leaf_kinds(value.type))
    return [leaf for leaf, kind in kinds if kind in (Kind.FLOAT, Kind.BOX)]


def replaced_floats(
    value: Structured, floats: Sequence[Value], other: Callable[[Value], Value]
) -> Structured:
    """The value with the leaves that a gradient is taken of replaced, its other numbers changed."""
    remaining = iter(floats)
    leaves: list[Value] = []
    for leaf, kind in zip(value.leaves, leaf_kinds(value.type)):
        match kind:
            case Kind.FLOAT | Kind.BOX:
                leaves.append(next(remaining))
            case Kind.ZERO:
                leaves.append(other(leaf))
            case Kind.KEEP:
                leaves.append(leaf)
    return Structured(value.type, tuple(leaves))


def gradient_like(b: Builder, value: Structured, cotangents: Sequence[Value]) -> Structured:
    """What a program sees of the cotangents of a value's floats."""
    likes = floats_of(value)
    shown = [_across(b, "gradient_of", d, like) for d, like in zip(cotangents, likes)]
    return replaced_floats(value, shown, b.zeros_like)


def _across(b: Builder, op: str, given: Value, like: Value) -> Value:
    """From the cotangent of a box, or of a list of them, to its gradient, or back."""
    if is_float(like.type):
        return given
    made: Value = b(op, given, like)
    return made


@lowers(tree.GradientCall)
def _gradient_call(f: Lowering, expr: tree.GradientCall) -> Structured:
    arguments, captured = call_operands(f, expr.call.arguments, expr.call.closure)
    for position in expr.wrt:
        argument = arguments[position]
        copies = [_copied(f, leaf) for leaf in floats_of(argument)]
        arguments[position] = replaced_floats(argument, copies, lambda leaf: leaf)
    result = called(f, expr.call, arguments, captured)
    gradients = _gradients(f, result.leaves[0], [arguments[position] for position in expr.wrt])
    gradient = gradients[0] if len(gradients) == 1 else joined(expr.type, gradients)
    return joined(expr.type, (result, gradient)) if expr.with_value else gradient


def _copied(f: Lowering, leaf: Value) -> Value:
    if isinstance(leaf.type, List):
        # There is no copy of lists; a slice of all of it is one.
        length = f.one("list_length", leaf)
        (copy,) = f.emit(
            "list_slice", (leaf, f.constant(0), length, f.constant(1)), {}, (leaf.type,)
        )
        return copy
    op = "box_copy" if isinstance(leaf.type, types.Box) else "copy"
    return f.emit(op, (leaf,), {}, (leaf.type,))[0]


@lowers(tree.GradientOf)
def _gradient_of(f: Lowering, expr: tree.GradientOf) -> Structured:
    value, *wrt = f.values((expr.value, *expr.wrt))
    gradients = _gradients(f, value.leaves[0], wrt)
    return gradients[0] if expr.single else joined(expr.type, gradients)


def _gradients(f: Lowering, y: Value, wrt: Sequence[Structured]) -> list[Structured]:
    """The gradients of a scalar with respect to the float leaves of values."""
    xs = [leaf for value in wrt for leaf in floats_of(value)]
    # A gradient that is zero for all leaves of one value is worth a warning.
    groups = {"groups": tuple(len(floats_of(value)) for value in wrt)}
    found = iter(f.emit("gradient", (y, *xs), groups, [x.type for x in xs]) if xs else ())
    builder = f.region.builder
    builder.span = f.span
    return [gradient_like(builder, v, [next(found) for _ in floats_of(v)]) for v in wrt]


# --- Calls with their own reverse ----------------------------------------------------------------


@lowers(tree.CustomCall)
def _custom_call(f: Lowering, expr: tree.CustomCall) -> Structured:
    """Operands are the arguments, then what both functions captured and read of the top level."""
    arguments, forward = call_operands(f, expr.arguments, expr.closure)
    _, backward = call_operands(f, (), expr.backward_closure)
    extra = [v for v in expr.backward.globals if v not in expr.instance.globals]
    given = [leaf for argument in arguments for leaf in argument.leaves]
    own = [*given, *forward.leaves, *of_globals(f, expr.instance.globals)]
    operands = [*own, *backward.leaves, *of_globals(f, extra)]
    adapter = _Adapter(f, expr, [a.type for a in arguments], [v.type for v in operands])
    function = f.library.name_of(expr.instance)
    if len(operands) > len(own):
        function = adapter.forward(function, len(own))
    attributes = {"function": function, "backward": adapter.backward(len(own), len(forward.leaves))}
    return Structured(expr.type, f.emit("custom_call", operands, attributes, leaves_of(expr.type)))


class _Adapter:
    """Functions between `custom_call` and the two functions of a custom gradient.

    Core calls `backward(operands..., results..., cotangents of results...)` and expects a cotangent
    for each operand; the user's function takes the arguments, the result and its cotangent as
    values of their types, and returns the cotangents of the arguments.
    """

    def __init__(
        self, f: Lowering, expr: tree.CustomCall, arguments: list[Type], operands: list[Type]
    ) -> None:
        self.f, self.expr, self.arguments, self.operands = f, expr, arguments, operands
        self.results = [f.sizes.type(leaf) for leaf in leaves_of(expr.type)]

    def forward(self, function: str, count: int) -> str:
        """A function that leaves out the operands only backward needs."""
        block = Block(tuple([Value(type) for type in self.operands]))
        builder = Builder(block, self.expr.span)
        block.results = builder.emit(
            "call", block.parameters[:count], {"function": function}, (), self.results
        )
        return self.add("forward", block)

    def backward(self, own: int, captured: int) -> str:
        """The reverse rule as Core calls it. `own` operands belong to the forward function, of
        which `captured` follow the arguments."""
        expr = self.expr
        parameters = [Value(t) for t in (*self.operands, *self.results, *self.results)]
        block = Block(tuple(parameters))
        builder = Builder(block, expr.span)
        operands = parameters[: len(self.operands)]
        of_result = parameters[len(operands) : len(operands) + len(self.results)]
        cotangents = Structured(expr.type, tuple(parameters[len(operands) + len(of_result) :]))
        result = Structured(expr.type, tuple(of_result))
        cotangent = gradient_like(builder, result, floats_of(cotangents))
        count = sum(len(leaves_of(type)) for type in self.arguments)
        call = [*operands[:count], *result.leaves, *cotangent.leaves, *self.rest(operands, own)]
        attributes = {"function": self.f.library.name_of(expr.backward)}
        kind = expr.backward.result
        assert kind is not None
        types = [map_dims(leaf, _open) for leaf in leaves_of(kind)]
        found = builder.emit("call", call, attributes, (), types)
        block.results = self.of_operands(builder, operands, kind, found)
        return self.add("backward", block)

    def rest(self, operands: Sequence[Value], own: int) -> list[Value]:
        """What backward captured, and the top-level variables it reads."""
        variables = self.expr.instance.globals
        of_variable: dict[tree.Variable, list[Value]] = {}
        start = own - sum(len(leaves_of(v.type)) for v in variables)
        for variable in variables:
            stop = start + len(leaves_of(variable.type))
            of_variable[variable] = list(operands[start:stop])
            start = stop
        extra = [v for v in self.expr.backward.globals if v not in variables]
        start = len(operands) - sum(len(leaves_of(v.type)) for v in extra)
        captured = operands[own:start]
        for variable in extra:
            stop = start + len(leaves_of(variable.type))
            of_variable[variable] = list(operands[start:stop])
            start = stop
        read = [leaf for v in self.expr.backward.globals for leaf in of_variable[v]]
        return [*captured, *read]

    def of_operands(
        self, builder: Builder, operands: Sequence[Value], kind: Type, found: Sequence[Value]
    ) -> tuple[Value, ...]:
        """A cotangent for each operand: those that backward returned for the float leaves of the
        arguments, zeros for what was captured; nobody reads those of other leaves."""
        parts = [kind] if len(self.arguments) == 1 else list(parts_of(kind))
        cotangents: list[Value] = []
        start = place = 0
        for argument, part in zip(self.arguments, parts):
            count, given = len(leaves_of(argument)), len(leaves_of(part))
            own = Structured(argument, tuple(operands[place : place + count]))
            returned = found[start : start + given]
            likes = floats_of(own)
            if given == count:
                gradients = floats_of(Structured(argument, tuple(returned)))
                floats = [
                    _across(builder, "cotangent_of", g, like) for g, like in zip(gradients, likes)
                ]
            else:
                floats = [builder.zeros_like(like) for like in likes]
            cotangents += replaced_floats(own, floats, lambda leaf: leaf).leaves
            start, place = start + given, place + count
        cotangents += operands[place:]
        return tuple(
            [
                # What nobody gave a cotangent has zero; of other leaves nobody reads it.
                builder.zeros_like(leaf) if found is leaf and has_cotangent(leaf.type) else found
                for leaf, found in zip(operands, cotangents)
            ]
        )

    def add(self, what: str, block: Block) -> str:
        library = self.f.library
        name = library.unique(f"{self.expr.instance.name.partition('.')[0]}_{what}")
        library.add(Function(name, block, self.expr.instance.shown, self.expr.span))
        return name


def has_cotangent(leaf: Type) -> bool:
    """Whether cotangents flow through a leaf in Core: those of boxes may be empty."""
    while isinstance(leaf, List):
        leaf = leaf.element
    return isinstance(leaf, types.Box) or is_float(leaf)


def _open(dim: dims.Dim) -> dims.Dim:
    return dim if isinstance(dim, int) else dims.UNKNOWN
