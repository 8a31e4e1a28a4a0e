"""Single ops, compiled: a program with one function for each of some calls of primitives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import charl.ops  # noqa: F401  (enters the primitives)
from charl.core.builder import Builder
from charl.core.ir import Block, Function, Program, Value
from charl.core.op import REGISTRY
from charl.records import field, record
from charl.runtime.machine import NativeMachine
from charl.types import dims, dtypes
from charl.types.types import Tensor, Type

BY_NUMPY = {dtype.numpy: dtype for dtype in dtypes.ALL}


@record
class Call:
    """A primitive with operands. The sizes of `dynamic` calls are known only when they run;
    `transposed[i]` is a permutation that makes operand i from what is passed."""

    op: str
    operands: tuple[Any, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    dynamic: bool = False
    transposed: tuple[tuple[int, ...] | None, ...] = ()

    def order(self, index: int) -> tuple[int, ...] | None:
        return self.transposed[index] if index < len(self.transposed) else None

    def given(self, index: int) -> Any:
        """What is passed for an operand: the array whose transpose it is."""
        order = self.order(index)
        x = self.operands[index]
        return x if order is None else np.ascontiguousarray(x.transpose(np.argsort(order)))


def type_of(value: Any, dynamic: bool) -> Type:
    if isinstance(value, int):
        return Tensor(dtypes.INT64, ())
    array = np.asarray(value)
    shape = tuple(dims.symbol(f"n{i}") if dynamic else n for i, n in enumerate(array.shape))
    return Tensor(BY_NUMPY[array.dtype], shape)


def function(call: Call, name: str) -> Function:
    values, parameters = [], []
    block = Block()
    b = Builder(block)
    for index, operand in enumerate(call.operands):
        if isinstance(operand, int) and not call.dynamic:
            values.append(b.constant(operand))
            continue
        dim = dims.symbol("s") if isinstance(operand, int) else None
        value = Value(type_of(call.given(index), call.dynamic), dim)
        parameters.append(value)
        order = call.order(index)
        values.append(value if order is None else b("transpose", value, permutation=order))
    block.parameters = tuple(parameters)
    block.results = b.emit(call.op, values, call.attributes)
    return Function(name, block)


def run(calls: Sequence[Call]) -> list[Any]:
    """The result of each call, natively."""
    functions = {f"call{n}": function(call, f"call{n}") for n, call in enumerate(calls)}
    machine = NativeMachine(Program(functions, "call0"), list(functions))
    found = []
    for name, call in zip(functions, calls):
        given = [
            call.given(i)
            for i, x in enumerate(call.operands)
            if call.dynamic or not isinstance(x, int)
        ]
        results = machine.call(name, given)
        found.append(results[0] if len(results) == 1 else results)
    return found


def interpreted(call: Call) -> Any:
    return REGISTRY[call.op].evaluate(*call.operands, **call.attributes)


def assert_same_for_any_threads(program: str) -> None:
    """A Python program, run with several numbers of threads, prints the same."""
    printed = set()
    for threads in ("1", "2", "3"):
        env = dict(os.environ, CHARL_THREADS=threads)
        run = subprocess.run(
            [sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=120
        )
        assert run.returncode == 0, run.stderr
        printed.add(run.stdout)
    assert len(printed) == 1


def assert_agrees(call: Call, found: Any, ulps: float) -> None:
    """Within so many units in the last place of the largest element; whole numbers exactly."""
    expected = interpreted(call)
    if not isinstance(expected, tuple):
        expected, found = (expected,), (found,)
    assert len(found) == len(expected), call
    for one, other in zip(found, expected):
        assert_near(call, np.asarray(one), np.asarray(other), ulps)


def assert_near(call: Call, found: Any, expected: Any, ulps: float) -> None:
    assert found.shape == expected.shape, call
    assert found.dtype == expected.dtype, call
    if expected.dtype.kind in "iub":
        np.testing.assert_array_equal(found, expected, err_msg=repr(call))
        return
    numbers = expected[~np.isnan(expected)]
    largest = np.max(np.abs(numbers), initial=0.0)
    largest = largest if np.isfinite(largest) else 1e3
    eps = float(np.finfo(expected.dtype).eps) if expected.dtype.kind == "f" else 2.0**-7
    np.testing.assert_allclose(
        found.astype("float64"),
        expected.astype("float64"),
        rtol=ulps * eps,
        atol=ulps * eps * float(largest),
        equal_nan=True,
        err_msg=repr(call),
    )
