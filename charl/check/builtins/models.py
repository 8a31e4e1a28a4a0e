"""What is done to a model as a whole: its parameters, a table of them, saving and loading.

All walk over the leaves of a value: its tensors, each with its dotted name.
"""

from __future__ import annotations

from charl.check import tree
from charl.check.annotations import Scope, fields_of_struct, resolve_type
from charl.check.builtins.arguments import take_arguments
from charl.check.declarations import Builtin
from charl.check.dispatch import broken
from charl.check.frame import Frame
from charl.check.generics import as_type
from charl.check.infer import coerce, final, resolve
from charl.check.leaves import count_leaves, leaves_of
from charl.check.measures import size_expr
from charl.check.models import initial_value
from charl.check.rules import apply_op, supplied_expr
from charl.core.op import REGISTRY
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, types
from charl.types.types import BROKEN, INT, STRING, UNIT, Tensor, Type, resolve_dtype


def _parameters(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """As a value: a tuple of the float leaves."""
    slots = take_arguments(frame, node, ["model"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    let, read = frame.temporary("model", supplied_expr(frame, slots[0]))
    leaves = [
        leaf
        for _, leaf in leaves_of(frame, read)
        if getattr(resolve_dtype(_tensor_type(leaf).dtype), "is_float", False)
    ]
    kind = types.Tuple(tuple(leaf.type for leaf in leaves))
    return tree.Block(node.span, kind, (let,), tree.Make(node.span, kind, tuple(leaves)))


def _tensor_type(leaf: tree.Expr) -> Tensor:
    kind = resolve(leaf.type)
    assert isinstance(kind, Tensor)
    return kind


def _count_parameters(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = take_arguments(frame, node, ["model"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    let, read = frame.temporary("model", supplied_expr(frame, slots[0]))
    total = count_leaves(frame, read, node.span)
    return tree.Block(node.span, INT, (let,), total)


def _summary(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """A table of the leaves of a model: name, type, number of parameters."""
    slots = take_arguments(frame, node, ["model"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    let, read = frame.temporary("model", supplied_expr(frame, slots[0]))
    kind = final(resolve(read.type))
    rows = [(name, final(leaf.type), leaf) for name, leaf in leaves_of(frame, read)]
    name_width = max([len(n) for n, _, _ in rows] + [9])
    type_width = max([len(types.show(t)) for _, t, _ in rows] + [4])
    parts: list[tree.Expr] = []

    def text(value: str) -> None:
        parts.append(tree.Constant(node.span, STRING, value))

    text(
        f"{types.show(kind)}\n  {'parameter':<{name_width}}  {'type':<{type_width}}  {'count':>9}\n"
    )
    for name, leaf_kind, leaf in rows:
        text(f"  {name:<{name_width}}  {types.show(leaf_kind):<{type_width}}  ")
        count = count_leaves(frame, leaf, node.span)
        parts.append(apply_op(frame, REGISTRY["format"], [count], {"spec": ">9,d"}, node.span))
        text("\n")
    text(f"  {'total':<{name_width}}  {'':<{type_width}}  ")
    total = count_leaves(frame, read, node.span)
    parts.append(apply_op(frame, REGISTRY["format"], [total], {"spec": ">9,d"}, node.span))
    result = parts[0]
    for part in parts[1:]:
        result = apply_op(frame, REGISTRY["string_concat"], [result, part], {}, node.span)
    return tree.Block(node.span, STRING, (let,), result)


def _save(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = take_arguments(frame, node, ["model", "path"], 2)
    if slots is None or slots[0] is None or slots[1] is None:
        return broken(node)
    value = supplied_expr(frame, slots[0])
    path = coerce(frame, supplied_expr(frame, slots[1], STRING), STRING, "a path is text")
    let, read = frame.temporary("model", value)
    leaves = list(leaves_of(frame, read))
    names = tuple(name or "value" for name, _ in leaves)
    operands = [path, *(leaf for _, leaf in leaves)]
    saved = apply_op(frame, REGISTRY["save_tensors"], operands, {"names": names}, node.span)
    return tree.Block(node.span, UNIT, (let, tree.Evaluate(node.span, saved)), None)


def _load(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """`load(Type, path)`: a value of that type from a file that `save` wrote."""
    slots = take_arguments(frame, node, ["type", "path"], 2)
    if slots is None or slots[0] is None or slots[1] is None:
        return broken(node)
    given = slots[0].value
    path = coerce(frame, supplied_expr(frame, slots[1], STRING), STRING, "a path is text")
    let, read = frame.temporary("path", path)
    if not isinstance(given, ast.Expr):
        return broken(node)
    kind = resolve_type(Scope(frame), as_type(given))
    if kind == BROKEN:
        return broken(node)
    value = _loaded(frame, kind, read, "", node.span)
    return tree.Block(node.span, value.type, (let,), value)


def _loaded(
    frame: Frame,
    kind: Type,
    path: tree.Expr,
    name: str,
    span: Span,
    initial: tree.Expr | None = None,
) -> tree.Expr:
    """The tensors from the file. Functions are in no file: those that have captured values
    (`dropout(0.2)`) are taken from `initial`, what the field begins with."""
    kind = resolve(kind)
    match kind:
        case Tensor(dtype, shape):
            sizes = [size_expr(d, path, a, span) for a, d in enumerate(shape)]
            if any(isinstance(d, dims.Unknown) for d in shape):
                sizes = []
            attributes = {"name": name or "value", "dtype": dtype, "rank": len(shape)}
            value = apply_op(frame, REGISTRY["load_tensor"], [path, *sizes], attributes, span)
            return coerce(frame, value, kind)
        case types.Struct():
            names = kind.declaration.field_names
            items = tuple(
                _loaded_field(frame, kind, i, t, path, f"{name}.{n}" if name else n, span, initial)
                for i, (n, t) in enumerate(zip(names, fields_of_struct(frame, kind)))
            )
            return tree.Make(span, kind, items)
        case types.Tuple(parts):
            items = tuple(
                _loaded(frame, t, path, f"{name}.{i}" if name else str(i), span)
                for i, t in enumerate(parts)
            )
            return tree.Make(span, kind, items)
        case types.Closure(captured=()):
            return tree.MakeClosure(span, kind, ())
        case types.Closure() if initial is not None and resolve(initial.type) == kind:
            return initial
    return frame.error(
        "E0329", f"a value of type {types.show(kind)} cannot be loaded from a file", span
    )


def _loaded_field(
    frame: Frame,
    struct: types.Struct,
    index: int,
    kind: Type,
    path: tree.Expr,
    name: str,
    span: Span,
    initial: tree.Expr | None,
) -> tree.Expr:
    if initial is not None:
        part = tree.Get(span, kind, initial, index) if _same_form(initial, struct) else None
        return _loaded(frame, kind, path, name, span, part)
    begun = initial_value(frame, struct, index, span) if _captures(kind) else None
    if begun is None:
        return _loaded(frame, kind, path, name, span)
    let, read = frame.temporary("initial", begun)
    value = _loaded(frame, kind, path, name, span, read)
    return tree.Block(span, value.type, (let,), value)


def _same_form(initial: tree.Expr, struct: types.Struct) -> bool:
    return resolve(initial.type) == struct


def _captures(kind: Type) -> bool:
    """Whether functions that have captured values are part of it."""
    match resolve(kind):
        case types.Closure(captured=captured):
            return bool(captured)
        case types.Struct(fields=fields):
            return any(map(_captures, fields))
        case types.Tuple(items):
            return any(map(_captures, items))
    return False


BUILTINS = (
    Builtin("parameters", _parameters, "parameters(model): its float tensors, as a tuple."),
    Builtin("count_parameters", _count_parameters, "count_parameters(model): how many floats."),
    Builtin("summary", _summary, "summary(model): a table of its parameters, as text."),
    Builtin("save", _save, "save(model, path): write its tensors (.npz, .safetensors)."),
    Builtin("load", _load, "load(Type, path): a value that save has written."),
)
