"""Broadcasting: which operand of an elementwise operation stretches to which shape.

Trailing axes align. An axis of size 1, or a missing leading axis, stretches; a scalar always does.
At most one operand may stretch: when two would both have to, the operation is an outer product in
disguise, and is refused with the reshape that says what is meant.
"""

from __future__ import annotations

from charl.check import tree
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.diagnostics.diagnostic import Label, error
from charl.source import Span
from charl.types import dims, types
from charl.types.dims import Dim, Unknown, Verdict
from charl.types.types import Tensor


class CannotBroadcast(Exception):
    """Reported already."""


def stretch_together(frame: Frame, operands: list[tree.Expr], span: Span) -> list[tree.Expr]:
    """The operands, those with axes stretched or checked so that all have one shape (scalars stay:
    they stretch by themselves)."""
    result = list(operands)
    shape: tuple[Dim, ...] = ()
    source = -1
    for index, operand in enumerate(operands):
        own = _shape(operand)
        if not own:
            continue
        if source < 0:
            shape, source = own, index
            continue
        shape, source = _pair(frame, result, source, index, shape, own, span)
    if not shape:
        return result
    for index, operand in enumerate(result):
        own = _shape(operand)
        if not own or own == shape:
            continue
        if tuple(map(frame.simplify, own)) != tuple(map(frame.simplify, shape)):
            kind = resolve(operand.type)
            assert isinstance(kind, Tensor)
            result[index] = tree.Stretch(operand.span, Tensor(kind.dtype, shape), operand)
    return result


def _shape(operand: tree.Expr) -> tuple[Dim, ...]:
    kind = resolve(operand.type)
    return kind.shape if isinstance(kind, Tensor) else ()


def _pair(
    frame: Frame,
    operands: list[tree.Expr],
    first: int,
    second: int,
    left: tuple[Dim, ...],
    right: tuple[Dim, ...],
    span: Span,
) -> tuple[tuple[Dim, ...], int]:
    """The common shape of what is so far (given by operand `first`) and operand `second`."""
    rank = max(len(left), len(right))
    stretches = [len(left) < rank, len(right) < rank]
    shape: list[Dim] = []
    checked = list(right)
    for axis in range(rank):
        a = _axis(left, axis - rank)
        b = _axis(right, axis - rank)
        if a is None or b is None:
            shape.append(b if a is None else a)  # type: ignore[arg-type]
            continue
        a, b = frame.simplify(a), frame.simplify(b)
        verdict = dims.compare(a, b)
        if verdict is Verdict.EQUAL:
            shape.append(a)
        elif a == 1 or b == 1:
            stretches[0 if a == 1 else 1] = True
            shape.append(b if a == 1 else a)
        elif verdict is Verdict.DIFFERENT:
            _refuse_sizes(frame, operands[first], operands[second], span)
        else:
            frame.learn(a, b)
            better = a if isinstance(a, int) or not isinstance(b, int) else b
            shape.append(better)
            checked[axis - rank] = a
    if all(stretches):
        _refuse_both(frame, operands[first], operands[second], span)
    if checked != list(right):
        operands[second] = _ensured(operands[first], operands[second], tuple(checked))
    return tuple(shape), (second if stretches[0] else first)


def _axis(shape: tuple[Dim, ...], axis: int) -> Dim | None:
    return shape[axis] if -axis <= len(shape) else None


def _ensured(first: tree.Expr, second: tree.Expr, shape: tuple[Dim, ...]) -> tree.Expr:
    kind = resolve(second.type)
    assert isinstance(kind, Tensor)
    failure = error(
        "E0511",
        "these shapes do not fit together: {0} instead of {1}",
        second.span,
        f"this is {types.show(kind)}",
        secondary=(Label(first.span, f"this is {types.show(resolve(first.type))}"),),
    )
    return tree.EnsureShape(second.span, Tensor(kind.dtype, shape), second, failure)


def _refuse_sizes(frame: Frame, first: tree.Expr, second: tree.Expr, span: Span) -> None:
    frame.error(
        "E0310",
        "these shapes do not fit together",
        second.span,
        f"this is {types.show(resolve(second.type))}",
        secondary=(Label(first.span, f"this is {types.show(resolve(first.type))}"),),
        notes=_hidden(span, first, second),
    )
    raise CannotBroadcast


def _refuse_both(frame: Frame, first: tree.Expr, second: tree.Expr, span: Span) -> None:
    low, high = (first, second) if len(_shape(first)) < len(_shape(second)) else (second, first)
    shape, other = _shape(low), _shape(high)
    name = low.span.text if low.span.text.isidentifier() else "x"
    pairs = f"`broadcast({name}, [{', '.join(_whole(shape, other))}])` makes every pair"
    if any(isinstance(d, Unknown) for d in (*shape, *other)):
        helps = ("`reshape` or `broadcast` one of them to say which axes belong together",)
    elif (
        len(shape) == 1
        and len(other) == 2
        and dims.compare(shape[0], other[0]) is not Verdict.DIFFERENT
    ):
        rows = f"`reshape({name}, [{dims.show(shape[0])}, 1])` goes row by row"
        helps = (f"{rows}; {pairs}, if that is meant",)
    else:
        helps = (f"{pairs}, if that is meant",)
    frame.error(
        "E0311",
        "both sides would have to stretch",
        second.span,
        f"this is {types.show(resolve(second.type))}",
        secondary=(Label(first.span, f"this is {types.show(resolve(first.type))}"),),
        helps=helps,
    )
    raise CannotBroadcast


def _whole(low: tuple[Dim, ...], high: tuple[Dim, ...]) -> list[str]:
    """The shape of all pairs, the axes of 1 stretched; `low` has no more axes than `high`."""
    padded = (1,) * (len(high) - len(low)) + low
    return [dims.show(b if a == 1 else a) for a, b in zip(padded, high)]


def _hidden(span: Span, first: tree.Expr, second: tree.Expr) -> tuple[str, ...]:
    """Show the types in a note when both operands are the same text."""
    if first.span != second.span:
        return ()
    return (
        f"the sides are {types.show(resolve(first.type))} and {types.show(resolve(second.type))}",
    )
