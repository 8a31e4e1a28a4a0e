"""Between growing lists and tensors: `list_stack` and its inverse `list_unstack`.

Each is the gradient of the other. The element type of the list gives dtype and inner sizes;
elements that turn out to differ in shape are a Fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Statement, Value
from charl.core.op import Fault, Kind, Op, Parameter, RuleContext, Sample, declare
from charl.types import dims
from charl.types.dtypes import FLOAT64, INT64
from charl.types.types import List, Tensor, Type, Typed


def _stack_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    kind = operands[0].type
    if not isinstance(kind, List) or not isinstance(kind.element, Tensor):
        ctx.fail("only a list of numbers or tensors can be made a tensor", (0,))
    element = kind.element
    inner = tuple(ctx.unknown("n") if isinstance(d, dims.Unknown) else d for d in element.shape)
    return (Tensor(element.dtype, (ctx.unknown("n"), *inner)),)


def _stack(elements: list[Any], *, dtype: Any, rank: int) -> np.ndarray[Any, Any]:
    if not elements:
        return np.zeros((0,) * (rank + 1), dtype.numpy)
    shapes = {np.shape(e) for e in elements}
    if len(shapes) > 1:
        first, other = sorted(shapes)[:2]
        raise Fault(
            "E0505",
            f"the elements of this list have different shapes: {list(first)} and {list(other)}",
        )
    return np.array(elements, dtype.numpy)


def _stack_specialised(kinds: Sequence[Type], attributes: Mapping[str, Any]) -> Any:
    kind = kinds[0]
    assert isinstance(kind, List) and isinstance(kind.element, Tensor)
    dtype, rank = kind.element.dtype, len(kind.element.shape)
    return lambda elements: _stack(elements, dtype=dtype, rank=rank)


def _stack_evaluate(elements: list[Any]) -> np.ndarray[Any, Any]:
    first = np.asarray(elements[0]) if elements else np.zeros((), np.float64)
    dtype = INT64 if first.dtype.kind == "i" else FLOAT64
    if first.dtype.kind == "f" and first.dtype != np.float64:
        return np.array(elements, first.dtype)
    return _stack(elements, dtype=dtype, rank=first.ndim)


def _unstack_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    kind = operands[0].type
    if not isinstance(kind, Tensor) or not kind.shape:
        ctx.fail("only a tensor with an axis can be made a list", (0,))
    return (List(Tensor(kind.dtype, kind.shape[1:])),)


def _unstack(x: np.ndarray[Any, Any]) -> list[Any]:
    if x.ndim > 1:
        return list(x)
    return x.tolist() if x.dtype.kind in "ib" or x.dtype == np.float64 else list(x)


def _stack_gradient(
    b: Builder, statement: Statement, cotangents: Sequence[Value | None]
) -> Sequence[Value | None]:
    return (None if cotangents[0] is None else b("list_unstack", cotangents[0]),)


def _unstack_gradient(
    b: Builder, statement: Statement, cotangents: Sequence[Value | None]
) -> Sequence[Value | None]:
    """The cotangent list may be shorter where trailing elements were not used: an empty one is
    made as long as the tensor by adding to zeros."""
    if cotangents[0] is None:
        return (None,)
    zeros = b("list_unstack", b.zeros_like(statement.operands[0]))
    stacked = b("list_stack", b("list_add", zeros, cotangents[0]))
    return (b("ensure_shape", stacked, *b.sizes(statement.operands[0])),)


declare(
    Op(
        "list_stack",
        "The elements of a list [T[S]] as a tensor of shape [n, S].",
        (Parameter("xs", Kind.VALUE),),
        _stack_rule,
        _stack_evaluate,
        _stack_gradient,
        samples=lambda: [
            Sample(([1.0, 2.0, 3.0],), {}),
            Sample(([np.array([1.0, 2.0]), np.array([3.0, 4.0])],), {}),
        ],
        specialise=_stack_specialised,
    )
)
declare(
    Op(
        "list_unstack",
        "The elements along the first axis of a tensor of shape [n, S] as a list [T[S]].",
        (Parameter("x"),),
        _unstack_rule,
        _unstack,
        _unstack_gradient,
        samples=lambda: [
            Sample((np.array([1.0, 2.0]),), {}),
            Sample((np.arange(6.0).reshape(3, 2),), {}),
            Sample((np.zeros((0, 2)),), {}),
        ],
    )
)
