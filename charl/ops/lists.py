"""Lists: growing sequences with value semantics.

A list is a Python list at run time. `evaluate` copies, `in_place` overwrites its first operand
(the compiler chooses it where nobody else can see the list). Indices count from the end when they
are negative and are never clamped; what lies outside is fault E0502. The ends of slices count from
the front: whoever reads `xs[-2..]` has added the length, as for tensors. Slices are half-open; with
a negative step they run downwards, and a stop of -1 ends before the first element.

Gradients. The cotangent of a list of float tensors (or of such lists) is a list of the same
structure, so every adjoint is itself a list op and can be differentiated again. Reading an element
gives `list_add_at(zeros, i, dy)`, which autodiff may melt into the running sum of a cotangent
instead of adding two whole lists. Lists of structs do not reach Core: they arrive here as parallel
lists of their fields.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Statement, Value
from charl.core.op import Gradient, Kind, Op, Parameter, Rule, RuleContext, Sample, declare
from charl.ops import list_values as values
from charl.ops.expect import dtype_of, expect_count, expect_int, expect_list, integer, join_types
from charl.types.dims import Unknown
from charl.types.dtypes import FLOAT64
from charl.types.types import FLOAT, INT, Box, List, Tensor, Type, Typed, map_dims

Operands = Sequence[Typed]
Attributes = Mapping[str, Any]
Cotangents = Sequence[Value | None]

XS, VALUE, INDEX = Parameter("xs", Kind.VALUE), Parameter("value", Kind.VALUE), integer("i")
SAME_ELEMENTS = "all elements of a list have one type"


# --- Type rules ----------------------------------------------------------------------------------


def _element(ctx: RuleContext, operands: Operands) -> Type:
    """The type of an element taken out: sizes written `?` are sizes only the run knows."""
    element = expect_list(ctx, operands, 0).element
    if isinstance(element, Tensor):
        return map_dims(element, lambda d: ctx.unknown("n") if isinstance(d, Unknown) else d)
    return element


def _with_element(ctx: RuleContext, operands: Operands, position: int) -> Type:
    """The list's own type, when the value at `position` fits into it."""
    of = expect_list(ctx, operands, 0)
    join_types(ctx, of.element, operands[position].type, SAME_ELEMENTS, (0, position))
    return of


def _make_rule(ctx: RuleContext, operands: Operands, attributes: Attributes) -> tuple[Type, ...]:
    element: Type = attributes["element"]
    for position, operand in enumerate(operands):
        join_types(ctx, element, operand.type, SAME_ELEMENTS, (position,))
    return (List(element),)


def _length_rule(ctx: RuleContext, operands: Operands, attributes: Attributes) -> tuple[Type, ...]:
    expect_count(ctx, operands, 1)
    expect_list(ctx, operands, 0)
    return (INT,)


def _get_rule(ctx: RuleContext, operands: Operands, attributes: Attributes) -> tuple[Type, ...]:
    expect_count(ctx, operands, 2)
    expect_int(ctx, operands, 1)
    return (_element(ctx, operands),)


def _set_rule(ctx: RuleContext, operands: Operands, attributes: Attributes) -> tuple[Type, ...]:
    expect_count(ctx, operands, 3)
    expect_int(ctx, operands, 1)
    return (_with_element(ctx, operands, 2),)


def _push_rule(ctx: RuleContext, operands: Operands, attributes: Attributes) -> tuple[Type, ...]:
    expect_count(ctx, operands, 2)
    return (_with_element(ctx, operands, 1),)


def _pop_rule(ctx: RuleContext, operands: Operands, attributes: Attributes) -> tuple[Type, ...]:
    expect_count(ctx, operands, 1)
    return (operands[0].type, _element(ctx, operands))


def _get_pair_rule(
    ctx: RuleContext, operands: Operands, attributes: Attributes
) -> tuple[Type, ...]:
    expect_count(ctx, operands, 2)
    expect_int(ctx, operands, 1)
    return (operands[0].type, _element(ctx, operands))


def _slice_rule(ctx: RuleContext, operands: Operands, attributes: Attributes) -> tuple[Type, ...]:
    expect_count(ctx, operands, 4)
    for position in (1, 2, 3):
        expect_int(ctx, operands, position)
    return (expect_list(ctx, operands, 0),)


def _slice_set_rule(
    ctx: RuleContext, operands: Operands, attributes: Attributes
) -> tuple[Type, ...]:
    expect_count(ctx, operands, 5)
    for position in (2, 3, 4):
        expect_int(ctx, operands, position)
    return (_pair_rule(ctx, operands[:2], attributes)[0],)


def _pair_rule(ctx: RuleContext, operands: Operands, attributes: Attributes) -> tuple[Type, ...]:
    expect_count(ctx, operands, 2)
    left, right = expect_list(ctx, operands, 0), expect_list(ctx, operands, 1)
    return (join_types(ctx, left, right, SAME_ELEMENTS, (0, 1)),)


def _same_rule(ctx: RuleContext, operands: Operands, attributes: Attributes) -> tuple[Type, ...]:
    expect_count(ctx, operands, 1)
    return (expect_list(ctx, operands, 0),)


def _zeros_rule(ctx: RuleContext, operands: Operands, attributes: Attributes) -> tuple[Type, ...]:
    expect_count(ctx, operands, 1)
    _expect_tensors(ctx, expect_list(ctx, operands, 0))
    return (operands[0].type,)


def _add_rule(ctx: RuleContext, operands: Operands, attributes: Attributes) -> tuple[Type, ...]:
    _expect_floats(ctx, expect_list(ctx, operands, 0))
    return _pair_rule(ctx, operands, attributes)


def _add_at_rule(ctx: RuleContext, operands: Operands, attributes: Attributes) -> tuple[Type, ...]:
    _expect_floats(ctx, expect_list(ctx, operands, 0))
    return _set_rule(ctx, operands, attributes)


def _expect_tensors(ctx: RuleContext, type: List) -> None:
    match type.element:
        case List():
            _expect_tensors(ctx, type.element)
        case Tensor() | Box():
            return
        case _:
            ctx.fail(f"this needs a list of numbers, but it is {type}", (0,))


def _expect_floats(ctx: RuleContext, type: List) -> None:
    match type.element:
        case List():
            _expect_floats(ctx, type.element)
        case Box():
            return
        case Tensor() if (dtype := dtype_of(type.element)) is None or dtype.is_float:
            return
        case _:
            ctx.fail(f"this needs a list of floats, but it is {type}", (0,))


# --- Gradients -----------------------------------------------------------------------------------


def _of_one_result(gradient: Callable[..., Cotangents]) -> Gradient:
    """Core's signature for a gradient written `(b, dy, *operands)`."""

    def rule(b: Builder, statement: Statement, cotangents: Cotangents) -> Cotangents:
        (dy,) = cotangents
        if dy is None:
            return (None,) * len(statement.operands)
        return gradient(b, dy, *statement.operands)

    return rule


def _or_zeros(b: Builder, cotangents: Cotangents, results: Sequence[Value]) -> list[Value]:
    return [b.zeros_like(r) if c is None else c for c, r in zip(cotangents, results)]


def _length(b: Builder, xs: Value) -> Value:
    length: Value = b("list_length", xs)
    return length


def _from_start(b: Builder, xs: Value, i: Value) -> Value:
    """The place an index means, counted from the start."""
    place: Value = b("select", b("lt", i, 0), b("add", i, _length(b, xs)), i)
    return place


def _make_gradient(b: Builder, dy: Value, *elements: Value) -> Cotangents:
    return [b("list_get", dy, b.constant(i)) for i in range(len(elements))]


def _get_gradient(b: Builder, dy: Value, xs: Value, i: Value) -> Cotangents:
    return b("list_add_at", b("list_zeros_like", xs), i, dy), None


def _set_gradient(b: Builder, dy: Value, xs: Value, i: Value, value: Value) -> Cotangents:
    return b("list_set", dy, i, b.zeros_like(value)), None, b("list_get", dy, i)


def _push_gradient(b: Builder, dy: Value, xs: Value, value: Value) -> Cotangents:
    dxs, dvalue = b("list_pop", dy)
    return dxs, dvalue


def _pop_gradient(b: Builder, s: Statement, cotangents: Cotangents) -> Cotangents:
    return (b("list_push", *_or_zeros(b, cotangents, s.results)),)


def _insert_gradient(b: Builder, dy: Value, xs: Value, i: Value, value: Value) -> Cotangents:
    dxs, dvalue = b("list_remove", dy, _from_start(b, xs, i))
    return dxs, None, dvalue


def _remove_gradient(b: Builder, s: Statement, cotangents: Cotangents) -> Cotangents:
    xs, i = s.operands
    rest, value = _or_zeros(b, cotangents, s.results)
    return b("list_insert", rest, _from_start(b, xs, i), value), None


def _reverse_gradient(b: Builder, dy: Value, xs: Value) -> Cotangents:
    return (b("list_reverse", dy),)


def _slice_gradient(b: Builder, dy: Value, xs: Value, *bounds: Value) -> Cotangents:
    return b("list_slice_set", b("list_zeros_like", xs), dy, *bounds), None, None, None


def _slice_set_gradient(b: Builder, dy: Value, xs: Value, ys: Value, *bounds: Value) -> Cotangents:
    dxs = b("list_slice_set", dy, b("list_zeros_like", ys), *bounds)
    return dxs, b("list_slice", dy, *bounds), None, None, None


def _concat_gradient(b: Builder, dy: Value, xs: Value, ys: Value) -> Cotangents:
    zero, one, middle = b.constant(0), b.constant(1), _length(b, xs)
    dxs = b("list_slice", dy, zero, middle, one)
    return dxs, b("list_slice", dy, middle, b("add", middle, _length(b, ys)), one)


def _zeros_gradient(b: Builder, dy: Value, xs: Value) -> Cotangents:
    return (None,)


def _add_gradient(b: Builder, dy: Value, xs: Value, ys: Value) -> Cotangents:
    zero, one = b.constant(0), b.constant(1)
    return [b("list_slice", dy, zero, _length(b, zs), one) for zs in (xs, ys)]


def _add_at_gradient(b: Builder, dy: Value, xs: Value, i: Value, value: Value) -> Cotangents:
    return dy, None, b("list_get", dy, i)


# --- Declarations --------------------------------------------------------------------------------


def _op(
    name: str,
    doc: str,
    parameters: tuple[Parameter, ...],
    rule: Rule,
    gradient: Gradient | None = None,
    samples: Sequence[tuple[Any, ...]] = (),
    *,
    evaluate: Callable[..., Any] | None = None,
    in_place: Callable[..., Any] | None = None,
) -> Op:
    """Declare an op of lists; each of `samples` is one tuple of operands."""
    if in_place is not None:
        evaluate = values.on_copy(in_place)
    op = Op(
        name,
        doc,
        parameters,
        rule,
        evaluate,
        gradient,
        no_gradient="" if gradient else "a length is an integer",
        samples=lambda: [Sample(copy.deepcopy(operands), {}) for operands in samples],
        in_place=in_place,
    )
    return declare(op)


NUMBERS = [1.0, -2.0, 0.5]
TENSORS = [np.array([1.0, 2.0]), np.array([3.0, -4.0]), np.array([0.5, 6.0])]
NESTED = [[1.0], [], [2.0, 3.0]]
TENSOR = np.array([7.0, 8.0])

declare(
    Op(
        "list_make",
        "A list of the operands; the attribute `element` is the type of one.",
        (Parameter("elements", Kind.TENSORS),),
        _make_rule,
        values.make,
        _of_one_result(_make_gradient),
        samples=lambda: [
            Sample((), {"element": FLOAT}),
            Sample((1.0, 2.0), {"element": FLOAT}),
            Sample((TENSOR, -TENSOR), {"element": Tensor(FLOAT64, (2,))}),
        ],
    )
)
_op(
    "list_length",
    "The number of elements.",
    (XS,),
    _length_rule,
    samples=[(NUMBERS,), ([],), (TENSORS,)],
    evaluate=len,
)
_op(
    "list_get",
    "The element at index `i`. Out of bounds: E0502.",
    (XS, INDEX),
    _get_rule,
    _of_one_result(_get_gradient),
    [(NUMBERS, 1), (NUMBERS, -1), (TENSORS, 2), (NESTED, 2)],
    evaluate=values.get,
)
_op(
    "list_set",
    "The list with the element at index `i` replaced. Out of bounds: E0502.",
    (XS, INDEX, VALUE),
    _set_rule,
    _of_one_result(_set_gradient),
    [(NUMBERS, 1, 9.0), (TENSORS, -1, TENSOR)],
    in_place=values.set_in_place,
)
_op(
    "list_push",
    "The list with one more element at its end.",
    (XS, VALUE),
    _push_rule,
    _of_one_result(_push_gradient),
    [(NUMBERS, 9.0), (TENSORS, TENSOR), (NESTED, [4.0])],
    in_place=values.push_in_place,
)
_op(
    "list_pop",
    "The list without its last element, and that element. Empty: E0502.",
    (XS,),
    _pop_rule,
    _pop_gradient,
    [(NUMBERS,), (TENSORS,)],
    in_place=values.pop_in_place,
)
_op(
    "list_insert",
    "The list with a value put before index `i` (the length puts it last). Out of bounds: E0502.",
    (XS, INDEX, VALUE),
    _set_rule,
    _of_one_result(_insert_gradient),
    [(NUMBERS, 0, 9.0), (NUMBERS, 3, 9.0), (NUMBERS, -1, 9.0), (TENSORS, 1, TENSOR)],
    in_place=values.insert_in_place,
)
_op(
    "list_remove",
    "The list without the element at index `i`, and that element. Out of bounds: E0502.",
    (XS, INDEX),
    _get_pair_rule,
    _remove_gradient,
    [(NUMBERS, 0), (NUMBERS, -2), (TENSORS, 1)],
    in_place=values.remove_in_place,
)
_op(
    "list_reverse",
    "The elements in the opposite order.",
    (XS,),
    _same_rule,
    _of_one_result(_reverse_gradient),
    [(NUMBERS,), (TENSORS,)],
    in_place=values.reverse_in_place,
)
_op(
    "list_slice",
    "The elements at `start..stop step`; never cut short: out of bounds is E0502.",
    (XS, integer("start"), integer("stop"), integer("step")),
    _slice_rule,
    _of_one_result(_slice_gradient),
    [(NUMBERS, 0, 3, 2), (NUMBERS, 1, 1, 1), (NUMBERS, 2, -1, -1), (TENSORS, 1, 3, 1)],
    evaluate=values.take_slice,
)
_op(
    "list_slice_set",
    "The list with the elements at `start..stop step` replaced by as many values.",
    (XS, VALUE, integer("start"), integer("stop"), integer("step")),
    _slice_set_rule,
    _of_one_result(_slice_set_gradient),
    [(NUMBERS, [8.0, 9.0], 0, 3, 2), (TENSORS, [TENSOR], 2, 3, 1)],
    in_place=values.slice_set_in_place,
)
_op(
    "list_concat",
    "The elements of both lists.",
    (XS, Parameter("ys", Kind.VALUE)),
    _pair_rule,
    _of_one_result(_concat_gradient),
    [(NUMBERS, [4.0]), (TENSORS, TENSORS)],
    in_place=values.concat_in_place,
)
_op(
    "list_zeros_like",
    "A list of zeros of the same structure.",
    (XS,),
    _zeros_rule,
    _of_one_result(_zeros_gradient),
    [(NUMBERS,), (TENSORS,), (NESTED,)],
    evaluate=values.zeros_like,
)
_op(
    "list_add",
    "Two lists of floats added element by element; a missing tail counts as zeros.",
    (XS, Parameter("ys", Kind.VALUE)),
    _add_rule,
    _of_one_result(_add_gradient),
    [(NUMBERS, [1.0]), (TENSORS, TENSORS), ([1.0], NUMBERS)],
    evaluate=values.add_structures,
)
_op(
    "list_add_at",
    "The list with a value added to the element at index `i`: the adjoint of `list_get`.",
    (XS, INDEX, VALUE),
    _add_at_rule,
    _of_one_result(_add_at_gradient),
    [(NUMBERS, 1, 2.0), (TENSORS, -1, TENSOR), (NESTED, 2, [1.0, 1.0])],
    in_place=values.add_at_in_place,
)
