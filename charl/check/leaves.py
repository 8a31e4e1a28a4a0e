"""Leaf by leaf: arithmetic on structs, `map`, and loops over the parameters of a model.

The leaves are the float tensors (and scalars) inside a value: of structs, tuples, fixed-size and
growing lists. Every other leaf (ints, booleans, strings, functions) keeps the first value's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from charl.check import late, tree
from charl.check.annotations import fields_of_struct
from charl.check.arithmetic import binary
from charl.check.dispatch import check_expr
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.check.literals import list_make
from charl.check.measures import size_expr
from charl.check.patterns import destructure
from charl.core.op import REGISTRY
from charl.diagnostics.diagnostic import Label
from charl.source import Span
from charl.syntax import ast
from charl.types import types
from charl.types.types import BROKEN, INT, UNIT, List, Tensor, Type, resolve_dtype

Leafwise = Callable[..., tree.Expr]


@late.over_leaves.define
def over_leaves(
    frame: Frame, change: Leafwise, values: Sequence[tree.Expr], span: Span
) -> tree.Expr:
    """A value of the shape of the composite ones among `values`, each float leaf made by
    `change(frame, *leaves)`; scalars beside a composite value stand beside each of its leaves."""
    statements: list[tree.Statement] = []
    reads: list[tree.Expr] = []
    for value in values:
        let, read = frame.temporary("value", value)
        statements.append(let)
        reads.append(read)
    composite = (i for i, r in enumerate(reads) if not isinstance(resolve(r.type), Tensor))
    result = _over(frame, change, reads, next(composite, 0), span)
    return tree.Block(span, result.type, tuple(statements), result)


def _over(
    frame: Frame, change: Leafwise, values: Sequence[tree.Expr], lead: int, span: Span
) -> tree.Expr:
    """`lead` is the first composite value: the one whose other leaves are kept."""
    kinds = [resolve(v.type) for v in values]
    if BROKEN in kinds:
        return tree.Constant(span, BROKEN, None)
    if isinstance(kinds[lead], List):
        return _over_list(frame, change, values, kinds, lead, span)
    parts = _parts(frame, kinds[lead])
    if parts is None:
        first = kinds[lead]
        if isinstance(first, Tensor) and _is_float(first):
            return change(frame, *values)
        return values[lead]
    for value, kind in zip(values, kinds):
        own = _parts(frame, kind)
        if own is None and types.is_scalar(kind):
            continue
        if own is None or len(own) != len(parts) or not _same_head(kind, kinds[lead]):
            return frame.error(
                "E0326",
                "leaf by leaf needs values of one type",
                value.span,
                f"this is {types.show(kind)}",
                secondary=(Label(values[lead].span, f"this is {types.show(kinds[lead])}"),),
            )
    items: list[tree.Expr] = []
    for index in range(len(parts)):
        inner = [
            v
            if _parts(frame, k) is None
            else tree.Get(span, (_parts(frame, k) or ())[index], v, index)
            for v, k in zip(values, kinds)
        ]
        items.append(_over(frame, change, inner, lead, span))
    return tree.Make(span, _rebuilt(kinds[lead], tuple(i.type for i in items)), tuple(items))


def _same_head(a: Type, b: Type) -> bool:
    if isinstance(a, types.Struct) and isinstance(b, types.Struct):
        return a.declaration is b.declaration
    return type(a) is type(b)


def _rebuilt(kind: Type, items: tuple[Type, ...]) -> Type:
    match kind:
        case types.Struct(declaration, arguments, fields):
            return types.Struct(declaration, arguments, items if fields else ())
        case types.Array(_, length):
            return types.Array(items[0], length) if items else kind
    return types.Tuple(items)


def _parts(frame: Frame, kind: Type) -> tuple[Type, ...] | None:
    match kind:
        case types.Struct():
            return fields_of_struct(frame, kind)
        case types.Tuple(items):
            return items
        case types.Array(element, length):
            return (element,) * length
    return None


def _is_float(kind: Tensor) -> bool:
    dtype = resolve_dtype(kind.dtype)
    return getattr(dtype, "is_float", True)


def _over_list(
    frame: Frame,
    change: Leafwise,
    values: Sequence[tree.Expr],
    kinds: Sequence[Type],
    lead: int,
    span: Span,
) -> tree.Expr:
    """A loop that makes the new list element by element."""
    index = tree.Variable("index", INT, span)
    at = tree.Read(span, INT, index)
    elements = [
        tree.Apply(span, frame.opened(resolve(k.element)), REGISTRY["list_get"], (v, at), {})
        if isinstance(k, List)
        else v
        for v, k in zip(values, kinds)
    ]
    lets: list[tree.Statement] = []
    reads: list[tree.Expr] = []
    for element in elements:
        let, read = frame.temporary("element", element)
        lets.append(let)
        reads.append(read)
    made = _over(frame, change, reads, lead, span)
    lead_kind = kinds[lead]
    assert isinstance(lead_kind, List)
    out_type = List(made.type)
    out = tree.Variable("out", out_type, span)
    read_out = tree.Read(span, out_type, out)
    pushed = tree.Apply(span, out_type, REGISTRY["list_push"], (read_out, made), {})
    body = tree.Block(span, UNIT, (*lets, tree.Assign(span, out, pushed)), None)
    length = tree.Apply(span, INT, REGISTRY["list_length"], (values[lead],), {})
    zero, one = tree.Constant(span, INT, 0), tree.Constant(span, INT, 1)
    statements = (
        tree.Let(span, out, list_make(span, made.type, [])),
        tree.For(span, index, zero, length, one, body),
    )
    return tree.Block(span, out_type, statements, read_out)


def leaves_of(frame: Frame, value: tree.Expr, name: str = "") -> Iterator[tuple[str, tree.Expr]]:
    """The tensors inside structs, tuples and fixed-size lists, each with its dotted name."""
    kind = resolve(value.type)
    match kind:
        case Tensor():
            yield name, value
        case types.Struct():
            for i, (field, part) in enumerate(
                zip(kind.declaration.field_names, fields_of_struct(frame, kind))
            ):
                inner = tree.Get(value.span, part, value, i)
                yield from leaves_of(frame, inner, f"{name}.{field}" if name else field)
        case types.Tuple() | types.Array():
            for i, part in enumerate(_parts(frame, kind) or ()):
                inner = tree.Get(value.span, part, value, i)
                yield from leaves_of(frame, inner, f"{name}.{i}" if name else str(i))


def unrolled(frame: Frame, node: ast.For) -> list[tree.Statement] | None:
    """`for leaf in parameters(x)`: the body once for each float leaf (a loop for a list)."""
    call = node.iterable
    if not (
        isinstance(call, ast.Call)
        and isinstance(call.callee, ast.Name)
        and call.callee.name == "parameters"
        and len(call.arguments) == 1
    ):
        return None
    let, read = frame.temporary("model", check_expr(frame, call.arguments[0].value))
    if resolve(read.type) == BROKEN:
        return []
    return [let, *_unroll(frame, node, read)]


def _unroll(frame: Frame, node: ast.For, value: tree.Expr) -> list[tree.Statement]:
    kind = resolve(value.type)
    parts = _parts(frame, kind)
    if parts is not None:
        return [
            s
            for i, part in enumerate(parts)
            for s in _unroll(frame, node, tree.Get(value.span, part, value, i))
        ]
    if isinstance(kind, List):
        index = tree.Variable("index", INT, node.span)
        element = tree.Apply(
            node.span,
            frame.opened(resolve(kind.element)),
            REGISTRY["list_get"],
            (value, tree.Read(node.span, INT, index)),
            {},
        )
        let, read = frame.temporary("element", element)
        body = tree.Block(node.span, UNIT, (let, *_unroll(frame, node, read)), None)
        zero, one = tree.Constant(node.span, INT, 0), tree.Constant(node.span, INT, 1)
        length = tree.Apply(node.span, INT, REGISTRY["list_length"], (value,), {})
        return [tree.For(node.span, index, zero, length, one, body)]
    if not isinstance(kind, Tensor) or not _is_float(kind):
        return []
    with frame.scope():
        bindings = destructure(frame, node.pattern, value)
        body_expr = check_expr(frame, node.body)
    inner = tree.Block(node.span, UNIT, (*bindings, tree.Evaluate(node.span, body_expr)), None)
    return [tree.Evaluate(node.span, inner)]


def count_leaves(frame: Frame, value: tree.Expr, span: Span) -> tree.Expr:
    """The number of floats in a model."""
    total: tree.Expr = tree.Constant(span, INT, 0)
    for _, leaf in leaves_of(frame, value):
        kind = resolve(leaf.type)
        assert isinstance(kind, Tensor)
        if not _is_float(kind):
            continue
        count: tree.Expr = tree.Constant(span, INT, 1)
        for axis, dim in enumerate(kind.shape):
            count = binary(frame, "*", count, size_expr(dim, leaf, axis, span), span)
        total = binary(frame, "+", total, count, span)
    return total
