"""Every elementwise op, reduction and running fold on edge operands, compiled: no elements and one,
sizes that are no multiple of a vector's width, elements that begin in the middle of a tensor, NaN,
infinities, denormals, both zeros, the extremes of integers. All of it against the op's own
evaluation: integers exactly, floats up to a few units in the last place, errors by their words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import charl.ops  # noqa: F401  (fills the registry)
from charl.core.builder import Builder, MalformedCore
from charl.core.ir import Block, Function, Program, Value
from charl.core.op import REGISTRY, Fault, Op
from charl.diagnostics.diagnostic import CharlError
from charl.records import record
from charl.runtime.machine import NativeMachine
from charl.types import dtypes
from charl.types.dtypes import DType
from charl.types.types import Tensor

FLOATS = (dtypes.FLOAT64, dtypes.FLOAT32, dtypes.FLOAT16, dtypes.BFLOAT16)
SIZES = (0, 1, 33)
SHORT = (7,)  # of the dtypes that are less at home
AT_HOME = {dtypes.FLOAT64, dtypes.FLOAT32, dtypes.INT64, dtypes.INT32}
OFFSET = 3  # where a slice begins

# In units in the last place. NumPy itself is off by some in the narrow dtypes and in `pow`.
ULPS = 4
LOOSER = {"lgamma": 64}  # the interpreter's is off by 40 between 2 and 3, native code's by 12

ZEROS_OF_ANY_SIGN = ("minimum", "maximum")

ELEMENTWISE = [
    op for op in REGISTRY.values() if op.elementwise and op.name not in ("cast", "polygamma")
]
FOLDS = [
    REGISTRY[name]
    for name in (
        "reduce_sum", "reduce_prod", "reduce_min", "reduce_max", "reduce_any", "reduce_all",
        "argmin", "argmax", "cumsum", "cumprod", "cummax", "sort",
    )
]  # fmt: skip


def special(dtype: DType, count: int, turn: int) -> Any:
    """So many elements, beginning with another one for each operand (`turn`)."""
    numbers: list[float]
    if dtype == dtypes.BOOL:
        numbers = [0, 1, 1]
    elif dtype.is_int:
        low, high = -(1 << (dtype.bits - 1)), (1 << (dtype.bits - 1)) - 1
        numbers = [1, 2, -1, 3, low, high, 0, 7, -5, low + 1, high - 1]
    else:
        tiny = float(np.finfo(np.float32).tiny if dtype.bits == 16 else np.finfo(dtype.numpy).tiny)
        inf, nan = float("inf"), float("nan")
        numbers = [1.0, -0.0, 0.5, 0.0, inf, -1.5, nan, -inf, 2.0, tiny, tiny / 4, -tiny / 8, 3.0]
        numbers += [1e-3, 30.0, -80.0, 1e4, 0.1]
    every = np.array(numbers, np.float64 if dtype.is_float else object).astype(dtype.numpy)
    return np.resize(np.roll(every, -turn), count) if count else every[:0]


@record
class Case:
    """A function of the program, and what it is called with."""

    name: str
    dtype: DType
    given: tuple[Any, ...]
    operands: tuple[Any, ...]
    attributes: dict[str, Any]


def operand_count(op: Op) -> int:
    return sum(not p.kind.is_attribute for p in op.parameters)


def elementwise_cases(op: Op) -> Iterator[Case]:
    """For every dtype and size; the last of each begins inside a longer tensor."""
    for dtype in dtypes.ALL:
        for size in SIZES if dtype in AT_HOME else SHORT:
            for shift in (0, 1) if operand_count(op) == 2 and size == SIZES[-1] else (0,):
                operands = tuple(
                    special(dtype, size, i * (1 + 3 * shift)) for i in range(operand_count(op))
                )
                yield Case("", dtype, operands, operands, {})
        if dtype in AT_HOME:
            wide = tuple(special(dtype, 33 + OFFSET, i) for i in range(operand_count(op)))
            yield Case("", dtype, wide, tuple(x[OFFSET:] for x in wide), {})


def fold_cases(op: Op) -> Iterator[Case]:
    names = {p.name for p in op.parameters}
    for dtype in dtypes.ALL:
        for shape in ((1, 1), (3, 33), (33, 3), (17, 9), (1, 7)) if dtype in AT_HOME else ((3, 9),):
            for axis in (0, 1):
                for turn in (0, 5):
                    x = special(dtype, shape[0] * shape[1], turn).reshape(shape)
                    if "sum" in op.name or "prod" in op.name:
                        x = np.where(np.abs(x.astype(np.float64)) < 1e4, x, dtype.numpy.type(1))
                    attributes: dict[str, Any] = {"axis": axis}
                    if "keep_dims" in names:
                        one = op.name.startswith("arg")
                        attributes = {"axis": axis if one else (axis,), "keep_dims": False}
                    attributes |= {n: turn == 5 for n in ("reverse", "descending") if n in names}
                    yield Case(
                        "", dtype, (x.astype(dtype.numpy),), (x.astype(dtype.numpy),), attributes
                    )


def compiled(op: Op, cases: Iterator[Case]) -> tuple[NativeMachine, list[Case]]:
    """One program with a function for each case that the op's rule admits."""
    functions: dict[str, Function] = {}
    kept = []
    for case in cases:
        block = Block(tuple(Value(Tensor(case.dtype, x.shape)) for x in case.given))
        b = Builder(block)
        values = list(block.parameters)
        if case.given and len(case.given[0]) != len(case.operands[0]):
            one, many = b.constant(OFFSET), b.constant(len(case.operands[0]))
            values = [b("slice", v, one, many, steps=(1,)) for v in values]
        try:
            block.results = b.emit(op, values, case.attributes)
        except (MalformedCore, AssertionError):
            continue
        name = f"f{len(functions)}"
        functions[name] = Function(name, block)
        kept.append(Case(name, case.dtype, case.given, case.operands, case.attributes))
    return NativeMachine(Program(functions, "f0"), list(functions)), kept


@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_an_elementwise_op(op: Op) -> None:
    check(op, elementwise_cases(op))


@pytest.mark.parametrize("op", FOLDS, ids=lambda op: op.name)
def test_a_fold(op: Op) -> None:
    check(op, fold_cases(op))


def check(op: Op, cases: Iterator[Case]) -> None:
    machine, kept = compiled(op, cases)
    assert kept
    for case in kept:
        try:
            with np.errstate(all="ignore"):
                types = [Tensor(case.dtype, x.shape) for x in case.operands]
                expected = op.bind(types, case.attributes)(*case.operands)
        except Fault as fault:
            with pytest.raises(CharlError) as caught:
                machine.call(case.name, case.given)
            assert caught.value.diagnostics[0].message == fault.message, case
            continue
        found = machine.call(case.name, case.given)
        for left, right in zip(found, expected if len(found) > 1 else (expected,), strict=True):
            assert_same(op, case, np.asarray(left), np.asarray(right))


def assert_same(op: Op, case: Case, found: Any, expected: Any) -> None:
    assert found.dtype == expected.dtype and found.shape == expected.shape, case
    if found.dtype.kind not in "fV" and found.dtype.name not in ("bfloat16",):
        assert np.array_equal(found, expected), case
        return
    left, right = found.astype(np.float64), expected.astype(np.float64)
    assert np.array_equal(np.isnan(left), np.isnan(right)), (case, left, right)
    # Which of two zeros is the larger one, NumPy leaves to the order of its vectors.
    zeros = (left == 0) & (right == 0) & (op not in FOLDS and op.name not in ZEROS_OF_ANY_SIGN)
    assert np.array_equal(np.signbit(left[zeros]), np.signbit(right[zeros])), (case, left, right)
    known = ~np.isnan(right)
    eps = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
    least = {"float64": 5e-324, "float32": 1.5e-45, "float16": 6e-8, "bfloat16": 1e-40}
    name = found.dtype.name
    scale = np.abs(right[known])
    if op in FOLDS:
        finite = scale[np.isfinite(scale)]
        scale = np.where(np.isfinite(scale), finite.max(initial=0.0), scale)
    with np.errstate(invalid="ignore"):
        off = np.abs(left[known] - right[known])
        fine = (left[known] == right[known]) | (
            off <= LOOSER.get(op.name, ULPS) * (eps[name] * scale + least[name])
        )
    assert fine.all(), (case.dtype, case.operands, left[known][~fine], right[known][~fine])
