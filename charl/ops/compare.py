"""Comparisons, logic and bits: elementwise primitives whose results are not differentiable, and
`select`, which chooses by them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Value
from charl.core.op import Sample
from charl.ops import scalars
from charl.ops.declare import Cotangents, chosen, elementwise
from charl.ops.samples import NAN, Array, binary, bits, draw, edge, integers, sample, whole
from charl.types import dtypes


def _comparison_samples(with_bools: bool) -> Callable[[], Sequence[Sample]]:
    def samples() -> Sequence[Sample]:
        x, y = draw(3, 4).round(), draw(4, 3).T.round()
        found = (
            *binary()(),
            edge(x, y),
            *integers(),
            edge(3, 3),
        )
        return (*found, edge(bits(5), bits(5)), edge(True, False)) if with_bools else found

    return samples


def comparison(name: str, symbol: str, doc: str, array: np.ufunc, dtype: str) -> None:
    fast = getattr(operator, name)
    elementwise(
        name,
        doc,
        array,
        operands=("a", "b"),
        dtype=dtype,
        result=dtypes.BOOL,
        symbol=symbol,
        ints=scalars.unchecked(fast),
        float64=fast,
        narrow=lambda a, b: bool(fast(a, b)),
        bools=fast,
        no_gradient="its result is not a number",
        samples=_comparison_samples(dtype == "any"),
        surface=None,
    )


comparison("eq", "==", "Whether a and b are equal.", np.equal, "any")
comparison("ne", "!=", "Whether a and b differ.", np.not_equal, "any")
comparison("lt", "<", "Whether a is less than b.", np.less, "number")
comparison("le", "<=", "Whether a is at most b.", np.less_equal, "number")
comparison("gt", ">", "Whether a is greater than b.", np.greater, "number")
comparison("ge", ">=", "Whether a is at least b.", np.greater_equal, "number")


def logic(
    name: str, doc: str, array: np.ufunc, fast: Callable[..., Any], surface: str | None = None
) -> None:
    operands = ("a", "b") if array.nin == 2 else ("x",)

    def samples() -> Sequence[Sample]:
        some, other = bits(3, 4), ~bits(4, 3).T
        both = (edge(some, other), edge(some, True), edge(False, some), edge(True, False))
        return both if array.nin == 2 else (edge(some), edge(some[:0]), edge(True))

    elementwise(
        name,
        doc,
        array,
        operands=operands,
        dtype="bool",
        bools=fast,
        no_gradient="its result is not a number",
        samples=samples,
        surface=surface,
    )


logic("not", "Whether x is false.", np.logical_not, operator.not_)
logic("and", "Whether both are true.", np.logical_and, operator.and_)
logic("or", "Whether either is true.", np.logical_or, operator.or_)
logic("xor", "Whether exactly one is true.", np.logical_xor, operator.xor, "xor")


def bitwise(
    name: str,
    doc: str,
    array: Callable[..., Any],
    ints: scalars.Maker,
    samples: Callable[[], Sequence[Sample]] = integers,
    operands: Sequence[str] = ("a", "b"),
) -> None:
    elementwise(
        name,
        doc,
        array,
        operands=operands,
        dtype="int",
        ints=ints,
        no_gradient="it works on integers",
        samples=samples,
    )


def _shift(function: np.ufunc) -> Callable[..., Array]:
    """Shifts of tensors; NumPy defines shifts by the width and more."""

    def run(a: Any, b: Any) -> Any:
        amounts = np.asarray(b)
        if np.any(amounts < 0):
            dtype = dtypes.BY_NAME[amounts.dtype.name]
            raise scalars.bad_shift(int(amounts[amounts < 0].flat[0]), dtype)
        return function(a, b)

    return run


bitwise(
    "bit_not",
    "Every bit flipped.",
    np.invert,
    scalars.unchecked(operator.invert),
    lambda: (edge(whole(3, 4)), edge(whole(3, dtype="int8")), edge(5), edge(whole(0))),
    ("x",),
)
bitwise("bit_and", "Bits set in both.", np.bitwise_and, scalars.unchecked(operator.and_))
bitwise("bit_or", "Bits set in either.", np.bitwise_or, scalars.unchecked(operator.or_))
bitwise("bit_xor", "Bits set in one only.", np.bitwise_xor, scalars.unchecked(operator.xor))
bitwise(
    "shift_left",
    "a times 2 to the b; bits beyond the width are lost in tensors and an error for scalars.",
    _shift(np.left_shift),
    scalars.shift_left,
    lambda: integers(1, 7),
)
bitwise(
    "shift_right",
    "a divided by 2 to the b, rounded down.",
    _shift(np.right_shift),
    scalars.shift_right,
    lambda: integers(1, 7),
)


def _select_gradient(b: Builder, dy: Value, c: Value, x: Value, z: Value, y: Value) -> Cotangents:
    return (None, *chosen(b, dy, c))


def _select_samples() -> Sequence[Sample]:
    c, x, y = bits(3, 4), draw(3, 4), draw(4, 3).T
    return (
        sample(c, x, y),
        sample(c, x, 0.5),
        sample(c, 0.5, 0.25),
        sample(True, x, y),
        sample(False, 0.5, 0.25),
        sample(c[:0], x[:0], y[:0]),
        edge(c, x.astype("float32"), np.float32(2)),
        edge(c, np.float32(1), np.float32(2)),
        edge(c, whole(3, 4, dtype="int8"), 3),
        edge(c, 3, 4),
        edge(c, c, True),
        edge(np.array([True, False]), np.array([1.0, NAN]), np.array([NAN, 2.0])),
    )


elementwise(
    "select",
    "a where the condition holds, b elsewhere.",
    np.where,
    operands=("condition", "a", "b"),
    dtype=("bool", "T:any", "T:any"),
    ints=scalars.unchecked(scalars.either),
    float64=scalars.either,
    narrow=scalars.either,
    bools=scalars.either,
    gradient=_select_gradient,
    samples=_select_samples,
    surface="where",
)
