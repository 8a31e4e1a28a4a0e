"""What is known of a value before the run: constants, sizes, and tuples of them.

`known(expr)` is an int or dim for integers, a bool, a str, a `Choice` for an enum value without
payload, a tuple for tuples and arrays (with None where an item is not known), or None.
"""

from __future__ import annotations

from typing import Any

from charl.check import tree
from charl.records import record
from charl.types.dims import Polynomial
from charl.types.dtypes import INT64
from charl.types.types import Array, DTypeVariable, Struct, Tensor, Tuple, resolve_dtype


@record
class Choice:
    """A variant of an enum, by its tag."""

    tag: int


def known(expr: tree.Expr) -> Any:
    match expr:
        case tree.Constant(value=value) if isinstance(value, bool | int | float | str):
            return value
        case tree.Read(variable=variable):
            return variable.known if variable.known is not None else variable.dim
        case tree.SizeOf(size=size):
            return size
        case tree.Make(type=Tuple() | Array(), items=items):
            return tuple(known(item) for item in items)
        case tree.Variant(tag=tag, items=()):
            return Choice(tag)
        case tree.Get(value=value, index=index, known=size):
            if size is not None:
                return size
            whole = None if isinstance(value.type, Struct) else known(value)
            return whole[index] if isinstance(whole, tuple) else None
        case tree.Apply(known=size):
            return size
        case tree.Block(statements=(), result=result) if result is not None:
            return known(result)
    return None


def known_dim(expr: tree.Expr) -> int | Polynomial | None:
    """The size an int expression is equal to."""
    value = known(expr)
    if isinstance(value, bool) or not isinstance(value, int | Polynomial):
        return None
    kind = expr.type
    if not isinstance(kind, Tensor) or kind.shape:
        return None
    dtype = resolve_dtype(kind.dtype)  # of a literal it may not be fixed yet
    is_int = dtype == INT64 or (isinstance(dtype, DTypeVariable) and not dtype.float_only)
    return value if is_int else None
