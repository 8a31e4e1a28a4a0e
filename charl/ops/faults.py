"""The run-time errors several families share."""

from __future__ import annotations

from typing import Any

import numpy as np

from charl.core.op import Fault
from charl.types.dtypes import DType


def limits(dtype: DType) -> tuple[int, int]:
    """The least and the greatest integer of an integer dtype."""
    half = 1 << (dtype.bits - 1)
    return -half, half - 1


def overflow(what: str, dtype: DType) -> Fault:
    low, high = limits(dtype)
    return Fault(
        "E0503",
        f"`{what}` does not fit into {dtype}",
        helps=("use a wider dtype, or floats",) if dtype.bits < 64 else ("use floats",),
        notes=(f"{dtype} holds integers from {low} to {high}",),
    )


def division_by_zero(symbol: str) -> Fault:
    return Fault("E0504", f"integer division by zero in `{symbol}`")


def out_of_bounds(index: int, size: int, axis: int | None = None) -> Fault:
    where = "" if axis is None else f" of axis {axis}"
    notes = (f"indices run from 0 to {size - 1}, or from -{size} to -1 from the end",)
    return Fault(
        "E0501",
        f"index {index} is out of bounds for size {size}{where}",
        notes=notes if size else ("there is nothing to index",),
    )


def bad_value(message: str, *helps: str) -> Fault:
    return Fault("E0506", message, helps=helps)


def shape_text(array: Any) -> str:
    """A run-time shape as a user writes it."""
    return "[" + ", ".join(str(n) for n in np.shape(array)) + "]"
