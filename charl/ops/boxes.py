"""Boxes: immutable heap records, the values of recursive enums and structs.

A box is the tuple `(tag, fields...)`; the fields are the flattened leaves of the payload of variant
`tag`, in order, and may be boxes themselves. What is not recursive is flattened away by `lower/`
and never becomes a box.

Gradients. The cotangent of a box is a box of the same type whose fields are the cotangents of its
fields, None for those that have none yet; fields missing at its end have none either, so that the
empty tuple is the cotangent zero of any box. It has no tag: the box itself tells. `box_part` makes
one of a single field's cotangent, `box_whole` takes a field's cotangent out, `box_add` adds; each
is the adjoint of another, so gradients of any order stay among them.

What a program sees of a cotangent is a gradient: the box itself with its floats replaced, and all
that gives it its form kept (tags, integers, strings). `gradient_of` makes one of a cotangent,
`cotangent_of` is its adjoint; both serve lists of boxes too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Statement, Value
from charl.core.op import Effect, Fault, Kind, Op, Parameter, RuleContext, Sample, declare
from charl.ops.expect import expect_count
from charl.ops.list_values import add_structures, zeros_like
from charl.types.dtypes import DType
from charl.types.types import BOOL, INT, Box, List, Tensor, Type, Typed

Cotangents = Sequence[Any]  # values, None for no cotangent


def _make_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    return (Box(attributes["name"]),)


def _tag_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    _expect_box(ctx, operands)
    return (INT,)


def _field_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    _expect_box(ctx, operands)
    return (attributes["type"],)


def _expect_box(ctx: RuleContext, operands: Sequence[Typed]) -> None:
    expect_count(ctx, operands, 1)
    if not isinstance(operands[0].type, Box):
        ctx.fail(f"a boxed value is expected here, but this is {operands[0].type}", (0,))


def _make(*fields: Any, tag: int, name: str) -> tuple[Any, ...]:
    return (tag, *fields)


def _tag(box: tuple[Any, ...]) -> int:
    tag: int = box[0]
    return tag


def _field(box: tuple[Any, ...], *, index: int, type: Type) -> Any:
    return box[index + 1]


def _zeros_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    return (Box(attributes["name"]),)


def _add_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    _expect_box(ctx, operands[1:])
    _expect_box(ctx, operands[:1])
    return (operands[0].type,)


def _part(dy: Any, *, index: int, name: str) -> tuple[Any, ...]:
    return (*(None,) * index, dy)


def _whole(box: tuple[Any, ...], like: Any, *, index: int) -> Any:
    found = box[index] if index < len(box) else None
    return zeros_like(like) if found is None else found


def _other_form() -> Fault:
    return Fault(
        "E0522",
        "the gradient of a value that contains itself is built like the value, and this one is not",
        helps=("give the same variants, and lists of the same lengths, with gradients for floats",),
    )


def _gradient(cotangent: Any, like: Any) -> Any:
    match like:
        case tuple():
            given = () if cotangent is None else cotangent
            found = (*given, *(None,) * (len(like) - 1 - len(given)))
            return (like[0], *[_gradient(d, x) for d, x in zip(found, like[1:])])
        case list():
            given = [None] * len(like) if cotangent is None else cotangent
            return [_gradient(d, x) for d, x in zip(given, like)]
        case float() | np.floating():
            return zeros_like(like) if cotangent is None else cotangent
        case np.ndarray() if like.dtype.kind == "f":
            return zeros_like(like) if cotangent is None else cotangent
    return like


def _cotangent(gradient: Any, like: Any) -> Any:
    match gradient:
        case tuple():
            if gradient[0] != like[0]:
                raise _other_form()
            return tuple([_cotangent(g, x) for g, x in zip(gradient[1:], like[1:])])
        case list():
            if len(gradient) != len(like):
                raise _other_form()
            return [_cotangent(g, x) for g, x in zip(gradient, like)]
        case float() | np.floating():
            return gradient
        case np.ndarray() if gradient.dtype.kind == "f":
            return gradient
    return None


def _copy_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    _expect_box(ctx, operands)
    return (operands[0].type,)


def _like_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    expect_count(ctx, operands, 2)
    return (operands[1].type,)


# --- Gradients -----------------------------------------------------------------------------------


def _has_cotangent(value: Value) -> bool:
    type = value.type
    while isinstance(type, List):
        type = type.element
    return isinstance(type, Box) or (
        isinstance(type, Tensor) and isinstance(type.dtype, DType) and type.dtype.is_float
    )


def _name(value: Value) -> str:
    assert isinstance(value.type, Box)
    return value.type.name


def _make_gradient(b: Builder, statement: Statement, cotangents: Cotangents) -> Cotangents:
    """The cotangent of each field."""
    (dy,) = cotangents
    return [
        b("box_whole", dy, field, index=index) if _has_cotangent(field) else None
        for index, field in enumerate(statement.operands)
    ]


def _field_gradient(b: Builder, statement: Statement, cotangents: Cotangents) -> Cotangents:
    """A box with the cotangent of this field alone."""
    (dy,), (box,) = cotangents, statement.operands
    return [b("box_part", dy, index=statement.attributes["index"], name=_name(box))]


def _part_gradient(b: Builder, statement: Statement, cotangents: Cotangents) -> Cotangents:
    (dy,), (field,) = cotangents, statement.operands
    return [b("box_whole", dy, field, index=statement.attributes["index"])]


def _whole_gradient(b: Builder, statement: Statement, cotangents: Cotangents) -> Cotangents:
    (dy,), (box, _) = cotangents, statement.operands
    return [b("box_part", dy, index=statement.attributes["index"], name=_name(box)), None]


def _cotangent_gradient(b: Builder, statement: Statement, cotangents: Cotangents) -> Cotangents:
    """The other way round, nothing changes: both have a place for every float."""
    return [cotangents[0], None]


BOX = Parameter("box", Kind.VALUE)

BOX_MAKE = declare(
    Op(
        "box_make",
        "A box of the type `name` with a tag and fields.",
        (Parameter("fields", Kind.TENSORS),),
        _make_rule,
        _make,
        _make_gradient,
    )
)
BOX_TAG = declare(
    Op("box_tag", "The tag of a box.", (BOX,), _tag_rule, _tag, no_gradient="a tag is an integer")
)
BOX_FIELD = declare(
    Op(
        "box_field",
        "Field `index` of a box, whose type is `type`; only read after its tag was compared.",
        (BOX,),
        _field_rule,
        _field,
        _field_gradient,
    )
)
BOX_ZEROS = declare(
    Op(
        "box_zeros",
        "The cotangent zero of any box of the type `name`.",
        (),
        _zeros_rule,
        lambda name: (),
        no_gradient="it is a constant",
    )
)
BOX_PART = declare(
    Op(
        "box_part",
        "The cotangent of a box of the type `name` that is `dy` at field `index`, zero elsewhere.",
        (Parameter("dy", Kind.VALUE),),
        _zeros_rule,
        _part,
        _part_gradient,
    )
)
BOX_WHOLE = declare(
    Op(
        "box_whole",
        "The cotangent of field `index` within that of a box; `like` is a value of its structure.",
        (BOX, Parameter("like", Kind.VALUE)),
        _like_rule,
        _whole,
        _whole_gradient,
    )
)
BOX_COPY = declare(
    Op(
        "box_copy",
        "The box itself; exists to be a statement of its own.",
        (BOX,),
        _copy_rule,
        lambda box: box,
        lambda b, statement, cotangents: list(cotangents),
    )
)
GRADIENT_OF = declare(
    Op(
        "gradient_of",
        "The gradient that a cotangent of `like`, a box or a list of boxes, stands for.",
        (Parameter("cotangent", Kind.VALUE), Parameter("like", Kind.VALUE)),
        _like_rule,
        _gradient,
        lambda b, statement, cotangents: [cotangents[0], None],
    )
)
COTANGENT_OF = declare(
    Op(
        "cotangent_of",
        "The cotangent of `like` that a gradient stands for; E0522 when it is built otherwise.",
        (Parameter("gradient", Kind.VALUE), Parameter("like", Kind.VALUE)),
        _like_rule,
        _cotangent,
        _cotangent_gradient,
        effect=Effect.CHECK,
    )
)
BOX_ADD = declare(
    Op(
        "box_add",
        "The sum of two cotangents of one box.",
        (BOX, BOX),
        _add_rule,
        add_structures,
        lambda b, statement, cotangents: [cotangents[0], cotangents[0]],
    )
)


def _same(a: Any, b: Any) -> bool:
    """Whether two values of one type are equal in every part; without recursion on the stack."""
    pending = [(a, b)]
    while pending:
        x, y = pending.pop()
        if isinstance(x, tuple | list):
            if len(x) != len(y):
                return False
            pending.extend(zip(x, y))
        elif isinstance(x, np.ndarray):
            if x.shape != y.shape or not bool((x == y).all()):
                return False
        elif not bool(x == y):
            return False
    return True


BOX_EQUAL = declare(
    Op(
        "box_equal",
        "Whether two records of one type are equal in every part.",
        (Parameter("a", Kind.VALUE), Parameter("b", Kind.VALUE)),
        lambda ctx, operands, attributes: (BOOL,),
        _same,
        no_gradient="it is a comparison",
        samples=lambda: [
            Sample(((0, 1.0, (1,)), (0, 1.0, (1,))), {}),
            Sample(((0, 1.0, (1,)), (0, 2.0, (1,))), {}),
        ],
    )
)
