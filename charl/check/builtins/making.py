"""Making tensors: filled ones, ones like another, of lists and back; the seed of random draws.

An element type is a `const` argument (`dtype: float32`); without it, the value or the literal
decides.
"""

from __future__ import annotations

from charl.check import tree
from charl.check.arithmetic import as_list
from charl.check.builtins.arguments import take_arguments
from charl.check.declarations import Builtin
from charl.check.dispatch import broken
from charl.check.frame import Frame
from charl.check.infer import coerce, final, has_holes, mismatch, resolve
from charl.check.leaves import over_leaves
from charl.check.literals import tensor_literal
from charl.check.measures import size_expr
from charl.check.rules import apply_op, dtype_argument, sizes_of, supplied_expr, tensor_expr
from charl.check.signatures import Supplied
from charl.core.op import REGISTRY
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, dtypes, types
from charl.types.dtypes import DType
from charl.types.types import BROKEN, INT, NEVER, List, Tensor, Type, resolve_dtype


def filled(frame: Frame, value: tree.Expr, sizes: list[tree.Expr], span: Span) -> tree.Expr:
    if not sizes:
        return value
    return apply_op(frame, REGISTRY["broadcast"], [value, *sizes], {"axes": ()}, span)


def _dtype(
    frame: Frame, slot: Supplied | None, expected: Type | None
) -> DType | types.DTypeVariable | None:
    """The dtype asked for: by argument, else by the context, else float32; None after a report."""
    if slot is not None:
        found = dtype_argument(frame, slot)
        return found if isinstance(found, DType) else None
    wanted = None if expected is None else resolve(expected)
    if isinstance(wanted, Tensor):
        dtype = resolve_dtype(wanted.dtype)
        if isinstance(dtype, DType):
            return dtype
    return dtypes.FLOAT32


def _constant_filled(number: int) -> Builtin:
    name = "ones" if number else "zeros"

    def check(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
        slots = take_arguments(frame, node, ["shape", "dtype"], 1)
        if slots is None or slots[0] is None:
            return broken(node)
        sizes = sizes_of(frame, slots[0])
        dtype = _dtype(frame, slots[1], expected)
        if sizes is None or dtype is None:
            return broken(node)
        value = tree.Constant(node.span, Tensor(dtype), _number(number, dtype))
        return filled(frame, value, sizes, node.span)

    doc = f"{name}(shape, dtype: float32): a tensor of {name}."
    return Builtin(name, check, doc)


def _number(number: int, dtype: DType | types.DTypeVariable) -> int | bool:
    return bool(number) if dtype == dtypes.BOOL else number


def _full(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = take_arguments(frame, node, ["shape", "value", "dtype"], 2)
    if slots is None or slots[0] is None or slots[1] is None:
        return broken(node)
    sizes = sizes_of(frame, slots[0])
    wanted = None if expected is None else resolve(expected)
    hint: Type | None = Tensor(wanted.dtype) if isinstance(wanted, Tensor) else None
    if slots[2] is not None:
        dtype = dtype_argument(frame, slots[2])
        hint = Tensor(dtype) if isinstance(dtype, DType) else None
    value = supplied_expr(frame, slots[1], hint)
    kind = resolve(value.type)
    if sizes is None or kind == BROKEN:
        return broken(node)
    if not isinstance(kind, Tensor) or kind.shape:
        return mismatch(frame, value, Tensor(dtypes.FLOAT32), "one number fills the tensor")
    if hint is None and isinstance(resolve_dtype(kind.dtype), types.DTypeVariable):
        variable = resolve_dtype(kind.dtype)
        assert isinstance(variable, types.DTypeVariable)
        variable.default = dtypes.FLOAT32 if variable.float_only else dtypes.INT64
    elif hint is not None:
        value = coerce(frame, value, hint)
    return filled(frame, value, sizes, node.span)


def _like(name: str, number: int | None) -> Builtin:
    def check(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
        names = ["x"] if number is not None else ["x", "value"]
        slots = take_arguments(frame, node, names, len(names))
        if slots is None or slots[0] is None:
            return broken(node)
        value = tensor_expr(frame, slots[0])
        kind = resolve(value.type)
        if kind in (BROKEN, NEVER):
            return value
        given = None if number is not None or slots[-1] is None else slots[-1]

        def fill(inner: Frame, leaf: tree.Expr) -> tree.Expr:
            leaf_kind = resolve(leaf.type)
            assert isinstance(leaf_kind, Tensor)
            scalar = Tensor(leaf_kind.dtype)
            if given is None:
                dtype = resolve_dtype(leaf_kind.dtype)
                one: tree.Expr = tree.Constant(node.span, scalar, _number(number or 0, dtype))
            else:
                one = coerce(inner, supplied_expr(inner, given, scalar), scalar)
            sizes = [size_expr(d, leaf, a, node.span) for a, d in enumerate(leaf_kind.shape)]
            return filled(inner, one, sizes, node.span)

        if isinstance(kind, Tensor):
            let, read = frame.temporary("x", value)
            result = fill(frame, read)
            return tree.Block(node.span, result.type, (let,), result)
        return over_leaves(frame, fill, [value], node.span)

    what = "the given value" if number is None else "ones" if number else "zeros"
    arguments = "x, value" if number is None else "x"
    return Builtin(
        name, check, f"{name}({arguments}): {what} in the shape and dtype of x, or of its leaves."
    )


def _tensor(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = take_arguments(frame, node, ["values", "dtype"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    wanted = None if expected is None else resolve(expected)
    hint = wanted if isinstance(wanted, Tensor) else None
    if slots[1] is not None:
        dtype = dtype_argument(frame, slots[1])
        if not isinstance(dtype, DType):
            return broken(node)
        hint = Tensor(dtype)
    given = slots[0].value
    if isinstance(given, ast.ListLiteral):
        return tensor_literal(frame, given, hint)
    value = supplied_expr(frame, slots[0])
    kind = resolve(value.type)
    match kind:
        case Tensor():
            return value
        case List():
            return _stack_list(frame, value, kind, node)
        case types.Array() | types.Tuple():
            count = kind.length if isinstance(kind, types.Array) else len(kind.items)
            parts = [kind.element] * count if isinstance(kind, types.Array) else list(kind.items)
            let, read = frame.temporary("items", value)
            items = [tree.Get(node.span, t, read, i) for i, t in enumerate(parts)]
            made = apply_op(frame, REGISTRY["stack"], items, {"axis": 0}, node.span)
            return tree.Block(node.span, made.type, (let,), made)
    if kind in (BROKEN, NEVER):
        return value
    return frame.error(
        "E0316",
        "a tensor is made of numbers or booleans",
        value.span,
        f"this is {types.show(kind)}",
    )


def _stack_list(frame: Frame, value: tree.Expr, kind: List, node: ast.Call) -> tree.Expr:
    """A growing list of numbers or of tensors of one shape as a tensor with one more axis."""
    element = resolve(final(kind.element))
    if has_holes(element):
        return broken(node)
    if not isinstance(element, Tensor):
        return frame.error(
            "E0316",
            "a tensor is made of numbers or booleans",
            value.span,
            f"this is {types.show(kind)}",
        )
    inner = tuple(dims.symbol("?") if isinstance(d, dims.Unknown) else d for d in element.shape)
    result = Tensor(element.dtype, (dims.symbol("?"), *inner))
    return tree.Apply(node.span, result, REGISTRY["list_stack"], (value,), {})


def _to_list(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = take_arguments(frame, node, ["x"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    value = supplied_expr(frame, slots[0])
    kind = resolve(value.type)
    if isinstance(kind, Tensor) and kind.shape:
        return apply_op(frame, REGISTRY["list_unstack"], [value], {}, node.span)
    value = as_list(value)
    if isinstance(resolve(value.type), List) or kind in (BROKEN, NEVER):
        return value
    return frame.error("E0325", f"{types.show(kind)} has no elements", value.span)


def _seed(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = take_arguments(frame, node, ["value"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    value = coerce(frame, supplied_expr(frame, slots[0], INT), INT, "a seed is an int")
    return apply_op(frame, REGISTRY["seed"], [value], {}, node.span)


BUILTINS = (
    _constant_filled(0),
    _constant_filled(1),
    Builtin("full", _full, "full(shape, value, dtype): a tensor filled with one number."),
    _like("zeros_like", 0),
    _like("ones_like", 1),
    _like("full_like", None),
    Builtin("tensor", _tensor, "tensor(list, dtype): a tensor of a list of numbers or tensors."),
    Builtin("to_list", _to_list, "to_list(x): the elements along the first axis as a list."),
    Builtin("seed", _seed, "seed(n): fix every random draw from here on."),
)
