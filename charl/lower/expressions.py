"""Constants, variables, sizes and primitives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from charl.check import tree
from charl.core.ir import Value
from charl.core.op import Op
from charl.lower.layout import is_float, leaves_of
from charl.lower.lists import lower_list_op
from charl.lower.lowering import Lowering, lowers
from charl.lower.show import layout_of
from charl.lower.values import Structured
from charl.types.dims import Dim, Unknown
from charl.types.dtypes import DType
from charl.types.types import STRING, String, Tensor, Type


@lowers(tree.Constant)
def _constant(f: Lowering, expr: tree.Constant) -> Structured:
    (type,) = leaves_of(expr.type)
    value = _of_dtype(expr.value, type)
    if f.share or not is_float(type):
        return Structured(expr.type, (f.constant(value, f.sizes.type(type)),))
    return Structured(expr.type, f.emit("constant", (), {"value": value, "type": type}, (type,)))


def _of_dtype(value: Any, type: Type) -> Any:
    """A literal in the form of its dtype."""
    if not isinstance(type, Tensor) or not isinstance(type.dtype, DType):
        return value
    if type.shape:
        return np.asarray(value, type.dtype.numpy)
    return float(value) if type.dtype.is_float else value


@lowers(tree.Read)
def _read(f: Lowering, expr: tree.Read) -> Structured:
    value = f.region.variables[expr.variable]
    if expr.type is not expr.variable.type:
        for declared, leaf in zip(leaves_of(expr.type), value.leaves):
            f.sizes.match(f.region, declared, leaf)
    return value


@lowers(tree.SizeOf)
def _size_of(f: Lowering, expr: tree.SizeOf) -> Structured:
    return Structured(expr.type, (f.size(expr.size),))


# --- Primitives ----------------------------------------------------------------------------------


@lowers(tree.Apply)
def _apply(f: Lowering, expr: tree.Apply) -> Structured:
    if expr.op.name.startswith("list_"):
        return lower_list_op(f, expr)
    operands = _unstretched(expr.op, expr.operands)
    # All are computed before any is stretched: its new size may be that of a later operand.
    values = f.values([o.value if isinstance(o, tree.Stretch) else o for o in operands])
    leaves = [
        _broadcast(f, value.single, operand.type)
        if isinstance(operand, tree.Stretch)
        else value.single
        for operand, value in zip(operands, values)
    ]
    attributes = {k: _attribute(f, a) for k, a in expr.attributes.items()}
    return Structured(expr.type, f.emit(expr.op, leaves, attributes, leaves_of(expr.type)))


def _attribute(f: Lowering, attribute: Any) -> Any:
    return f.sizes.type(attribute) if isinstance(attribute, Type) else attribute


def _unstretched(op: Op, operands: Sequence[tree.Expr]) -> Sequence[tree.Expr]:
    """Operands of an elementwise op: scalars stretch by themselves as long as one operand has the
    full shape."""
    if not op.elementwise:
        return operands
    plain = [_scalar_inside(operand) for operand in operands]
    if all(scalar is not None for scalar in plain):
        plain[0] = None
    return [operand if scalar is None else scalar for operand, scalar in zip(operands, plain)]


def _scalar_inside(operand: tree.Expr) -> tree.Expr | None:
    """The scalar of a stretched scalar."""
    match operand:
        case tree.Stretch(value=value) if isinstance(value.type, Tensor) and not value.type.shape:
            return value
    return None


@lowers(tree.Stretch)
def _stretch(f: Lowering, expr: tree.Stretch) -> Structured:
    return Structured(expr.type, (_broadcast(f, f.scalar(expr.value), expr.type),))


def _broadcast(f: Lowering, value: Value, wanted: Type) -> Value:
    """The value stretched to a shape: trailing axes align."""
    type = f.sizes.type(wanted)
    assert isinstance(type, Tensor) and isinstance(value.type, Tensor)
    if value.type.shape == type.shape:
        return value
    missing = len(type.shape) - len(value.type.shape)
    axes = tuple(range(missing, len(type.shape)))
    sizes = [f.size(dim) for dim in type.shape]
    (result,) = f.emit("broadcast", (value, *sizes), {"axes": axes}, (type,))
    return result


@lowers(tree.EnsureShape)
def _ensure_shape(f: Lowering, expr: tree.EnsureShape) -> Structured:
    value, type = f.scalar(expr.value), f.sizes.type(expr.type)
    assert isinstance(type, Tensor) and isinstance(value.type, Tensor)
    shape = [_wanted(f, want, have) for want, have in zip(type.shape, value.type.shape)]
    if all(want == have for want, have in zip(shape, value.type.shape)):
        f.sizes.match(f.region, type, value)
        return Structured(expr.type, (value,))
    sizes = [_size(f, want, value, axis) for axis, want in enumerate(shape)]
    attributes = {"failure": expr.failure}
    return Structured(expr.type, f.emit("ensure_shape", (value, *sizes), attributes, (type,)))


def _wanted(f: Lowering, want: Dim, have: Dim) -> Dim:
    """The size an axis must have; its own where nothing is asked of it."""
    is_open = isinstance(want, Unknown) or f.sizes.open_symbol(f.region, want) is not None
    return have if is_open else want


def _size(f: Lowering, want: Dim, value: Value, axis: int) -> Value:
    if isinstance(want, Unknown):
        return f.one("dim", value, axis=axis)
    return f.size(want)


@lowers(tree.Show)
def _show(f: Lowering, expr: tree.Show) -> Structured:
    value = f.value(expr.value)
    if isinstance(value.type, String):
        return value
    layout = layout_of(value.type, f.library.boxes)
    return Structured(STRING, f.emit("show", value.leaves, {"layout": layout}, (STRING,)))
