"""What holds for every primitive: complete declarations, rules that say what evaluation does,
evaluation that does not care how arrays lie in memory, gradients that agree with differences."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest
from evaluation import derivative, is_float, run

import charl.ops
from charl import draws
from charl.core.builder import Builder
from charl.core.ir import Block
from charl.core.op import REGISTRY, Effect, Op, Sample
from charl.ops.samples import type_of, types_of
from charl.types.dtypes import BFLOAT16, FLOAT16, DType
from charl.types.types import Tensor

assert charl.ops

CONTROL = "charl.core.control"
OPS = [op for op in REGISTRY.values() if op.rule.__module__ != CONTROL and op.evaluate]
FAMILIES = """arithmetic compare contract conv cumulative declare elementwise factor gather index
    join linalg pool random reduce shape slicing sort special windows"""
TENSOR_MODULES = {f"charl.ops.{name}" for name in FAMILIES.split()}
# The families of tensors; lists, texts and files have tests of their own.
TENSOR_OPS = [
    op
    for op in OPS
    if op.rule.__module__ in TENSOR_MODULES and op.name not in ("random_state", "set_random_state")
]


def cases(ops: list[Op], smooth_only: bool = False) -> list[Any]:
    found = []
    for op in ops:
        for number, sample in enumerate(op.samples() if op.samples else ()):
            if smooth_only and not (sample.smooth and op.gradient):
                continue
            found.append(pytest.param(op, sample, id=f"{op.name}-{number}"))
    return found


@pytest.fixture(autouse=True)
def fresh_randomness() -> None:
    draws.reset()


class TestDeclarations:
    @pytest.mark.parametrize("op", REGISTRY.values(), ids=str)
    def test_an_op_without_evaluation_is_control(self, op: Op) -> None:
        assert op.evaluate is not None or op.rule.__module__ == CONTROL or op.samples is None

    @pytest.mark.parametrize("op", OPS, ids=str)
    def test_is_complete(self, op: Op) -> None:
        assert op.doc and op.doc.endswith((".", "...")), "the documentation is sentences"
        assert (op.gradient is None) == bool(op.no_gradient), "a gradient, or why there is none"
        assert op.effect is not Effect.EFFECT or op.gradient is None

    @pytest.mark.parametrize("op", TENSOR_OPS, ids=str)
    def test_has_samples(self, op: Op) -> None:
        assert op.samples is not None and len(op.samples()) > 0


def same(left: Any, right: Any) -> bool:
    if isinstance(left, tuple):
        return all(same(a, b) for a, b in zip(left, right, strict=True))
    left, right = np.asarray(left), np.asarray(right)
    if left.dtype != right.dtype:
        return False
    if left.dtype.name == "bfloat16":  # which NumPy does not know for a float
        left, right = left.astype("float32"), right.astype("float32")
    return np.array_equal(left, right, equal_nan=left.dtype.kind == "f")


def close(left: Any, right: Any) -> bool:
    """Equal but for the order of summation."""
    if isinstance(left, tuple):
        return all(close(a, b) for a, b in zip(left, right, strict=True))
    left, right = np.asarray(left), np.asarray(right)
    if left.dtype.kind != "f":
        return same(left, right)
    tolerance = 32 * np.finfo(left.dtype).eps
    return np.allclose(left, right, rtol=tolerance, atol=tolerance, equal_nan=True)


def evaluated(op: Op, sample: Sample) -> Any:
    assert op.evaluate is not None
    draws.reset()
    return op.evaluate(*sample.operands, **sample.attributes)


class TestEvaluation:
    @pytest.mark.parametrize("op, sample", cases(TENSOR_OPS))
    def test_gives_what_the_rule_says(self, op: Op, sample: Sample) -> None:
        """Dtypes, shapes, Python scalars for rank 0, no warnings, operands left alone; and `bind`
        agrees with `evaluate`."""
        kinds = types_of(op, sample)
        b = Builder(Block())
        operands = [b.constant(v, kind) for v, kind in zip(sample.operands, kinds)]
        results = b.emit(op, operands, dict(sample.attributes))
        before = copy.deepcopy(sample.operands)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            values = evaluated(op, sample)
        assert same(before, sample.operands)

        draws.reset()
        with np.errstate(all="ignore"):
            bound = op.bind(kinds, sample.attributes)(*sample.operands)
        assert same(values, bound)
        if len(results) == 1:
            bound = (bound,)
        for result, value in zip(results, bound, strict=True):
            self.check(result.type, value)

    @staticmethod
    def check(kind: Any, value: Any) -> None:
        assert isinstance(kind, Tensor) and isinstance(kind.dtype, DType)
        found = type_of(value)
        assert isinstance(found, Tensor)
        assert len(found.shape) == len(kind.shape)
        assert all(d == e for d, e in zip(kind.shape, found.shape) if isinstance(d, int))
        if kind.shape:
            assert isinstance(value, np.ndarray) and value.dtype == kind.dtype.numpy
        elif kind.dtype.is_int:
            assert type(value) is int
        elif kind.dtype.kind == "bool":
            assert type(value) is bool
        elif kind.dtype.name == "float64":
            assert isinstance(value, float)
        else:
            assert isinstance(value, np.generic) and value.dtype == kind.dtype.numpy

    @pytest.mark.parametrize("dtype", [FLOAT16, BFLOAT16], ids=str)
    @pytest.mark.parametrize("op", TENSOR_OPS, ids=str)
    def test_knows_the_narrow_floats(self, op: Op, dtype: DType) -> None:
        assert op.samples is not None
        narrow = lambda v: np.asarray(v).astype(dtype.numpy)[()] if is_float(v) else v  # noqa: E731
        for sample in op.samples():
            with np.errstate(all="ignore"):
                operands = tuple(narrow(v) for v in sample.operands)
            self.test_gives_what_the_rule_says(op, Sample(operands, sample.attributes))

    @pytest.mark.parametrize("op, sample", cases(TENSOR_OPS))
    def test_does_not_depend_on_memory_layout(self, op: Op, sample: Sample) -> None:
        if op.name in ("svd", "qr", "eigh"):
            pytest.skip("factors are determined up to signs")
        views = [strange(v) if isinstance(v, np.ndarray) else v for v in sample.operands]
        plain = evaluated(op, sample)
        assert close(plain, evaluated(op, Sample(tuple(views), sample.attributes)))

    @pytest.mark.parametrize("op, sample", cases([op for op in TENSOR_OPS if op.in_place]))
    def test_in_place_gives_the_same(self, op: Op, sample: Sample) -> None:
        first = sample.operands[0]
        if not isinstance(first, np.ndarray):
            pytest.skip("a scalar has no place")
        expected = evaluated(op, sample)
        if expected.shape != first.shape:
            pytest.skip("the first operand is stretched")
        owned = first.copy()
        assert op.in_place is not None
        with np.errstate(all="ignore"):
            result = op.in_place(owned, *sample.operands[1:], **sample.attributes)
        assert result is owned and same(result, expected)

    @pytest.mark.parametrize(
        "op, sample",
        [
            case
            for case in cases([op for op in TENSOR_OPS if op.elementwise])
            if not any(np.ndim(v) for v in case.values[1].operands)
        ],
    )
    def test_scalars_are_like_tensors_of_one_element(self, op: Op, sample: Sample) -> None:
        kinds = types_of(op, sample)
        one = [np.array([v], k.dtype.numpy) for v, k in zip(sample.operands, kinds)]
        tensor = evaluated(op, Sample(tuple(one), sample.attributes))
        try:
            value = np.array([evaluated(op, sample)]).astype(tensor.dtype)
        except charl.ops.elementwise.Fault as fault:
            assert fault.code in ("E0503", "E0504", "E0506"), (
                "scalars are checked where tensors wrap"
            )
            return
        if tensor.dtype.kind == "f":
            size = 4 * np.finfo(tensor.dtype).eps
            assert np.allclose(value, tensor, rtol=size, atol=size, equal_nan=True)
        else:
            assert np.array_equal(value, tensor)


def strange(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same array, elements apart and backwards in memory."""
    wide = np.zeros([2 * n for n in array.shape], array.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in array.shape)]
    view = view[tuple(slice(None, None, -1) for _ in array.shape)]
    view[...] = array
    return view


SMOOTH = cases(TENSOR_OPS, smooth_only=True)
STEP = 3e-4


def directional(block: Block, arguments: list[Any], directions: list[Any]) -> float:
    """The derivative along a direction, by five points: the error is of order STEP^4."""
    total = 0.0
    for factor, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
        moved = []
        for x, v in zip(arguments, directions):
            at = np.asarray(x) + factor * STEP * np.asarray(v)
            moved.append(at if at.ndim else float(at))
        total += weight * float(run(block, moved)[0])
    return total / (12 * STEP)


@pytest.mark.parametrize("order", [1, 2], ids=["first", "second"])
@pytest.mark.parametrize("op, sample", SMOOTH)
def test_gradients_agree_with_differences(op: Op, sample: Sample, order: int) -> None:
    arguments = [v for v in sample.operands if is_float(v)]
    if any(isinstance(v, np.generic | np.ndarray) and v.dtype != "float64" for v in arguments):
        pytest.skip("differences need float64")
    scalar, gradient = derivative(op, sample, order)
    found = run(gradient, arguments)
    for x, g in zip(arguments, found, strict=True):
        assert np.shape(x) == np.shape(g)
    generator = np.random.Generator(np.random.PCG64(order))
    for _ in range(4):
        directions = [generator.uniform(-1, 1, np.shape(x)) for x in arguments]
        expected = directional(scalar, arguments, directions)
        actual = sum(float(np.sum(g * v)) for g, v in zip(found, directions))
        scale = 1 + sum(float(np.sum(np.abs(g * v))) for g, v in zip(found, directions))
        assert abs(actual - expected) < 1e-6 * scale


@pytest.mark.parametrize(
    "op", [op for op in TENSOR_OPS if op.gradient is not None and op.samples is not None], ids=str
)
def test_a_gradient_is_tried(op: Op) -> None:
    """An op with a gradient has a sample where it is smooth and not empty."""
    assert op.samples is not None
    assert any(
        s.smooth and any(is_float(v) and np.size(v) for v in s.operands) for s in op.samples()
    )
