"""Every op of the registry on its samples: generated code gives what `evaluate` gives.

The code differs by whether an operand is needed afterwards (it may be overwritten when it is not),
so each sample runs both ways; what the caller holds is never overwritten.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import charl.ops  # noqa: F401  (fills the registry)
from charl.core.builder import Builder
from charl.core.ir import Block, Function, Program, Value
from charl.core.op import REGISTRY, Effect, Fault, Kind, Op, Sample
from charl.diagnostics.diagnostic import CharlError
from charl.interp.run import call_function
from charl.ops.samples import types_of
from charl.types.types import INT, Box, Type

PURE = [
    op
    for op in REGISTRY.values()
    if op.samples is not None and op.effect is not Effect.EFFECT and op.evaluate is not None
]


def kinds_of(op: Op, sample: Sample) -> list[Type]:
    if any(isinstance(x, tuple) for x in sample.operands):
        return [Box("box") for _ in sample.operands]
    return types_of(op, sample)


def program_of(op: Op, sample: Sample, *, keep: bool) -> Program:
    """A function of the sample's operands; with `keep` it returns them too. Sizes are known, as
    many rules need that."""
    block = Block(tuple(Value(kind) for kind in kinds_of(op, sample)))
    b = Builder(block)
    sizes = [p for p in op.parameters if p.kind is Kind.DIMS]
    operands = [
        b.constant(x) if sizes and parameter.type == INT else parameter
        for x, parameter in zip(sample.operands, block.parameters)
    ]
    results = b.emit(op, operands, dict(sample.attributes))
    block.results = (*results, *block.parameters) if keep else results
    return Program({"f": Function("f", block)}, "f")


def assert_same(found: Any, expected: Any) -> None:
    assert type(found) is type(expected) or isinstance(expected, np.floating)
    if isinstance(found, list | tuple):
        assert len(found) == len(expected)
        for left, right in zip(found, expected):
            assert_same(left, right)
    elif isinstance(found, np.ndarray):
        assert found.dtype == expected.dtype and found.shape == expected.shape
        assert np.ascontiguousarray(found).tobytes() == np.ascontiguousarray(expected).tobytes()
    else:
        assert found == expected or found != found


@pytest.mark.parametrize("op", PURE, ids=lambda op: op.name)
@pytest.mark.parametrize("keep", [False, True], ids=["dying", "kept"])
def test_an_op_gives_what_its_evaluation_gives(op: Op, keep: bool) -> None:
    assert op.samples is not None
    for sample in op.samples():
        program = program_of(op, sample, keep=keep)
        bound = op.bind(kinds_of(op, sample), sample.attributes)
        try:
            with np.errstate(all="ignore"):
                expected = bound(*copy.deepcopy(sample.operands))
        except Fault as fault:
            with pytest.raises(CharlError) as caught:
                call_function(program, "f", copy.deepcopy(sample.operands))
            assert caught.value.diagnostics[0].message == fault.message
            continue
        arguments = list(copy.deepcopy(sample.operands))
        found = call_function(program, "f", arguments)
        count = len(found) - (len(arguments) if keep else 0)
        assert_same(found[:count], (expected,) if count == 1 else expected)
        assert_same(arguments, list(sample.operands))
        if keep:
            assert_same(list(found[count:]), list(sample.operands))
