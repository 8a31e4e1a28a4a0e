"""Boxes: immutable heap records, the values of recursive enums and structs.

A box is the tuple `(tag, fields...)`; the fields are the flattened leaves of the payload of variant
`tag`, in order, and may be boxes themselves. What is not recursive is flattened away by `lower/`
and never becomes a box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from charl.core.op import Kind, Op, Parameter, RuleContext, declare
from charl.ops.expect import expect_count
from charl.types.types import INT, Box, Type, Typed

NO_GRADIENT = "values of recursive types carry no gradient"


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


BOX = Parameter("box", Kind.VALUE)

BOX_MAKE = declare(
    Op(
        "box_make",
        "A box of the type `name` with a tag and fields.",
        (Parameter("fields", Kind.TENSORS),),
        _make_rule,
        _make,
        no_gradient=NO_GRADIENT,
    )
)
BOX_TAG = declare(
    Op("box_tag", "The tag of a box.", (BOX,), _tag_rule, _tag, no_gradient=NO_GRADIENT)
)
BOX_FIELD = declare(
    Op(
        "box_field",
        "Field `index` of a box, whose type is `type`; only read after its tag was compared.",
        (BOX,),
        _field_rule,
        _field,
        no_gradient=NO_GRADIENT,
    )
)
