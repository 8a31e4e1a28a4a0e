"""Files whose path is a literal tell the checker their exact shape, when they are there already.

The run reads the file again: should its shape have changed since, it says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from charl.check import tree
from charl.check.frame import Session
from charl.check.infer import resolve
from charl.core.op import Op
from charl.diagnostics.diagnostic import error
from charl.ops.file_shapes import shape_of_file
from charl.ops.files import expanded
from charl.types.types import Tensor


def known_shape(
    session: Session, op: Op, operands: Sequence[tree.Expr], attributes: dict[str, Any]
) -> tuple[int, ...] | None:
    """The shape of the file a primitive will read; also fills in its `rank` attribute."""
    if not op.name.startswith("load_") or not operands:
        return None
    path = operands[0]
    if not isinstance(path, tree.Constant) or not isinstance(path.value, str):
        return None
    session.look_at(expanded(path.value))
    told = dict(attributes)
    if len(operands) > 1 and isinstance(operands[1], tree.Constant):
        told["key"] = operands[1].value
        if op.name == "load_npz" and not isinstance(told["key"], str):
            return None
    elif op.name == "load_npz":
        return None
    shape = shape_of_file(op.name, path.value, told)
    if shape is not None and attributes.get("rank", 0) is None:
        attributes["rank"] = len(shape)
    return shape


def with_shape(value: tree.Expr, shape: tuple[int, ...]) -> tree.Expr:
    """What was read, with the shape that the file had when it was checked."""
    kind = resolve(value.type)
    if not isinstance(kind, Tensor) or len(kind.shape) != len(shape):
        return value
    failure = error(
        "E0511",
        "the file has changed since the program was checked: {0} instead of {1}",
        value.span,
        "the sizes of its axes were part of the program's types",
    )
    return tree.EnsureShape(value.span, Tensor(kind.dtype, shape), value, failure)
