"""`max` and `min` of several values.

`max(x)` and `max(x, axis: 0)` reduce a tensor. What stands second without a name is a value to
compare with, as in Python and Julia: `max(a, b)` is `maximum(a, b)`. A number has no axes and no
axis is a tensor or has a fraction, so that this is plain but for one case: an integer behind a
tensor, `max(x, 0)`, is an axis to some and the other value to others. It is asked to say which.
Passed on, as in `fold(xs, 0, max)`, it is what the number of values says that it is called with.
"""

from __future__ import annotations

from functools import reduce

from charl.check import tree
from charl.check.declarations import Function, OpFunction
from charl.check.dispatch import check_expr
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.check.rules import call_op
from charl.check.signatures import Supplied
from charl.core.op import REGISTRY, Op
from charl.syntax import ast
from charl.types import types
from charl.types.dtypes import DType
from charl.types.types import BROKEN, Tensor, Type

OF_TWO = {"reduce_max": "maximum", "reduce_min": "minimum"}


def extreme_of_several(
    frame: Frame, op: Op, node: ast.Call, expected: Type | None
) -> tree.Expr | None:
    """The call as one of `maximum` or `minimum`; None when it reduces."""
    positional = [a for a in node.arguments if a.name is None]
    if len(positional) < 2 or len(positional) < len(node.arguments):
        return None
    if any(isinstance(a.value, ast.ListLiteral) for a in positional):
        return None  # axes, or what the primitive will refuse
    first = check_expr(frame, positional[0].value)
    values = [first, *(check_expr(frame, a.value, first.type) for a in positional[1:])]
    kinds = [resolve(value.type) for value in values]
    if BROKEN in kinds:
        return tree.Constant(node.span, BROKEN, None)
    if _has_axes(kinds[0]) and _may_be_axis(positional[1].value, kinds[1]):
        return _ask(frame, op, node)
    two = REGISTRY[OF_TWO[op.name]]
    return reduce(
        lambda a, b: call_op(frame, two, [Supplied(a), Supplied(b)], node.span, expected), values
    )


def extreme_of_two(function: Function, count: int) -> OpFunction | None:
    """What stands for `max` or `min`, passed on as a function, where it is called with so many
    values: a function value has no axes."""
    entry = function.statics.get(function.name)
    if count != 2 or not isinstance(entry, OpFunction) or entry.op.name not in OF_TWO:
        return None
    return OpFunction(REGISTRY[OF_TWO[entry.op.name]])


def _has_axes(kind: Type) -> bool:
    return isinstance(kind, Tensor) and bool(kind.shape)


def _may_be_axis(node: ast.Expr, kind: Type) -> bool:
    """Whether a value is an integer; a literal has taken the tensor's dtype already."""
    if isinstance(node, ast.Unary):
        node = node.operand
    if isinstance(node, ast.IntLiteral):
        return True
    if not isinstance(kind, Tensor) or kind.shape:
        return False
    dtype = types.resolve_dtype(kind.dtype)
    return dtype.is_int if isinstance(dtype, DType) else not dtype.float_only


def _ask(frame: Frame, op: Op, node: ast.Call) -> tree.Expr:
    x, second = (argument.value.span.text for argument in node.arguments[:2])
    name = op.surface
    return frame.error(
        "E0333",
        f"`{name}({x}, {second})` could mean an axis or a number",
        node.arguments[1].value.span,
        "an axis, or the number to compare with?",
        helps=(
            f"along an axis: `{name}({x}, axis: {second})`",
            f"the {'greater' if name == 'max' else 'less'} of each element and {second}: "
            f"`{OF_TWO[op.name]}({x}, {second})`",
        ),
    )
