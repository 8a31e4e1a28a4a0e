"""Reductions as folds: what a loop over elements carries, how it goes on, and what comes out.

Sums of floats may be taken in any order, so that a loop adds in vector lanes: a backend knows them
by a loop that carries them. The order depends on nothing but the sizes. Sums of float16 and
bfloat16 are taken in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from charl.core.ir import Value
from charl.records import record
from charl.types.dtypes import FLOAT32, INT64, DType
from charl.types.types import Tensor

if TYPE_CHECKING:
    from charl.kernel.nest import Nest

INFINITY = float("inf")


@record
class Fold:
    """`initial` gives what the loop starts with, `step` takes in one element at an index, `result`
    makes the reduction's element of what the loop ends with. `needs_elements`: of nothing it is an
    error. `combine` is the op that joins two parts, where a reduction is that alone."""

    initial: Callable[[Nest, DType], Sequence[Value]]
    step: Callable[[Nest, Sequence[Value], Value, Sequence[Value]], Sequence[Value]]
    result: Callable[[Nest, Sequence[Value], DType], Value]
    needs_elements: bool = False
    combine: str = ""


def wide(dtype: DType) -> DType:
    """The dtype in which numbers of a dtype are accumulated."""
    return FLOAT32 if dtype.is_float and dtype.bits == 16 else dtype


def _associative(op: str, neutral: Callable[[DType], float], needs_elements: bool = False) -> Fold:
    def initial(k: Nest, dtype: DType) -> Sequence[Value]:
        return (k.constant(neutral(dtype), wide(dtype)),)

    def step(
        k: Nest, carried: Sequence[Value], element: Value, index: Sequence[Value]
    ) -> Sequence[Value]:
        (total,) = carried
        assert isinstance(total.type, Tensor) and isinstance(total.type.dtype, DType)
        if element.type != total.type:
            element = k("cast", element, dtype=total.type.dtype)
        return (k.emit(op, [total, element], {}),)

    def result(k: Nest, carried: Sequence[Value], dtype: DType) -> Value:
        (total,) = carried
        return total if wide(dtype) == dtype else k("cast", total, dtype=dtype)

    return Fold(initial, step, result, needs_elements, op)


def _lowest(dtype: DType) -> float:
    return -INFINITY if dtype.is_float else -(1 << (dtype.bits - 1))


def _highest(dtype: DType) -> float:
    return INFINITY if dtype.is_float else (1 << (dtype.bits - 1)) - 1


def _extreme_place(better: str, worst: Callable[[DType], float]) -> Fold:
    """Carried: the best element so far and its place in row-major order. The first of equal
    elements stays, and a NaN is better than all but an earlier NaN."""

    def initial(k: Nest, dtype: DType) -> Sequence[Value]:
        return (k.constant(worst(dtype), dtype), k.constant(-1, INT64), k.constant(0, INT64))

    def step(
        k: Nest, carried: Sequence[Value], element: Value, index: Sequence[Value]
    ) -> Sequence[Value]:
        best, place, count = carried
        takes = k(better, element, best)
        if isinstance(element.type, Tensor) and element.type.dtype.is_float:  # type: ignore[union-attr]
            takes = k("or", takes, k("is_nan", element))
            takes = k("and", takes, k("not", k("is_nan", best)))
        takes = k("or", takes, k("lt", place, 0))
        return (
            k("select", takes, element, best),
            k("select", takes, count, place),
            k("add", count, 1),
        )

    def result(k: Nest, carried: Sequence[Value], dtype: DType) -> Value:
        return carried[1]

    return Fold(initial, step, result, True)


FOLDS: dict[str, Fold] = {
    "reduce_sum": _associative("add", lambda dtype: 0),
    "reduce_prod": _associative("mul", lambda dtype: 1),
    "reduce_min": _associative("minimum", _highest, True),
    "reduce_max": _associative("maximum", _lowest, True),
    "reduce_any": _associative("or", lambda dtype: False),
    "reduce_all": _associative("and", lambda dtype: True),
    "argmin": _extreme_place("lt", _highest),
    "argmax": _extreme_place("gt", _lowest),
}
