"""Transposed matrices that are never made.

A matrix product can read its operands in any order of their axes. So a `transpose` that only
products use is the memory of its operand, seen with permuted sizes: it costs a reference. The value
is held with the sizes of the result, and the products know from `transposed_views` that its
elements lie otherwise. `PRODUCTS` must have native code for all operands: the host cannot see
views.
"""

from __future__ import annotations

from charl.core.control import SWEEP
from charl.core.ir import Block, Function, Value
from charl.ops.contract import PRODUCTS
from charl.types.types import Tensor


def transposed_views(function: Function) -> dict[Value, tuple[int, ...]]:
    """The results of transposes that are views, with the axis of the operand that each of their
    axes is."""
    found: dict[Value, tuple[int, ...]] = {}
    for statement in function.body.walk():
        if statement.op.name == "transpose":
            (result,) = statement.results
            assert isinstance(result.type, Tensor)
            n = len(result.type.shape)
            given = statement.attributes.get("permutation")
            order = reversed(range(n)) if given is None else (axis % n for axis in given)
            if n:
                found[result] = tuple(order)
    if found:
        _drop_used_otherwise(function.body, found)
    return found


def _drop_used_otherwise(body: Block, views: dict[Value, tuple[int, ...]]) -> None:
    """Takes away what is a result of a block, or an operand of anything but a product."""
    for result in body.results:
        views.pop(result, None)
    for statement in body.walk():
        if statement.op is not SWEEP and statement.op.name not in PRODUCTS:
            for operand in statement.operands:
                views.pop(operand, None)
        for block in statement.blocks:
            for result in block.results:
                views.pop(result, None)
