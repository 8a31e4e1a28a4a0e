"""Every op of the registry on its samples, compiled: the interpreter's results, exactly for
integers and a few roundings apart for floats, and the interpreter's errors."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charl.core.op import Fault, Op
from charl.diagnostics.diagnostic import CharlError
from charl.runtime.machine import NativeMachine

sys.path.append(str(Path(__file__).parent.parent / "interp"))
from test_ops import PURE, kinds_of, program_of

# How far the sum of a product's terms, taken in another order, may be off, in roundings.
ROUNDINGS = {"float64": 64, "float32": 64, "float16": 8, "bfloat16": 8}


def assert_close(found: Any, expected: Any) -> None:
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for left, right in zip(found, expected):
            assert_close(left, right)
        return
    left, right = np.asarray(found), np.asarray(expected)
    assert left.dtype == right.dtype and left.shape == right.shape
    if left.dtype.kind in "biuUO":
        assert np.array_equal(left, right)
        return
    wide = right.astype(np.float64)
    allowed = ROUNDINGS[right.dtype.name] * float(np.asarray(epsilon(right.dtype), np.float64))
    scale = np.max(np.abs(wide[np.isfinite(wide)]), initial=0.0)
    close = np.isclose(left.astype(np.float64), wide, rtol=allowed, atol=allowed * scale)
    assert np.all(close | (np.isnan(wide) & np.isnan(left.astype(np.float64)))), (found, expected)


def epsilon(dtype: np.dtype[Any]) -> float:
    return {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}[
        dtype.name
    ]


# The form of a box is told by the statements of its program, which a lone op has not; the pages on
# enums run them.
OPS = [op for op in PURE if not op.name.startswith("box_")]


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_an_op_gives_what_its_evaluation_gives(op: Op) -> None:
    assert op.samples is not None
    for sample in op.samples():
        program = program_of(op, sample, keep=False)
        bound = op.bind(kinds_of(op, sample), sample.attributes)
        machine = NativeMachine(program, ("f",))
        arguments = copy.deepcopy(sample.operands)
        try:
            with np.errstate(all="ignore"):
                expected = bound(*copy.deepcopy(sample.operands))
        except Fault as fault:
            with pytest.raises(CharlError) as caught:
                machine.call("f", arguments)
            assert caught.value.diagnostics[0].message == fault.message
            continue
        found = machine.call("f", arguments)
        assert_close(found, (expected,) if len(found) == 1 else expected)
        assert_close(arguments, sample.operands)
