"""Every op on tensors that is not elementwise, compiled, on variations of its samples: in every
dtype of floats; with NaN, infinities, denormals, both zeros and the extremes of integers among the
elements; with a size that is 0, 1 or no multiple of a vector's width; on operands that begin in the
middle of a tensor, or are its transpose. Sizes are known to the compiler, and then to the run only.
All of it against the op's own evaluation: integers exactly, floats up to roundings, errors by their
words.

A new op is tried by the samples of its declaration.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from test_native_edges import FOLDS, special
from test_native_ops import OPS, assert_close

from charl.core.builder import Builder, MalformedCore
from charl.core.ir import Block, Function, Program, Value
from charl.core.op import Fault, Kind, Op, Sample
from charl.diagnostics.diagnostic import CharlError
from charl.ops.samples import types_of
from charl.records import record
from charl.runtime.machine import NativeMachine
from charl.types import dims, dtypes
from charl.types.dtypes import DType
from charl.types.types import INT, Tensor

SIZES = (0, 1, 33)  # in the place of each size of a sample
SHIFT = 3  # where an operand begins in a longer tensor, along each axis
NARROWER = (dtypes.FLOAT32, dtypes.FLOAT16, dtypes.BFLOAT16)
MOST_SAMPLES = 4  # of an op that are varied: those of different shapes and dtypes
# Of NaN they say nothing certain, and nothing unique of a matrix with rows that are alike.
FACTORS = {"cholesky", "eigh", "inverse", "qr", "slogdet", "solve", "svd", "triangular_solve"}


def is_tensor(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.ndim > 0


VARIED = [
    op
    for op in OPS
    if op.samples is not None
    and not op.elementwise
    and op not in FOLDS
    and any(map(is_tensor, op.samples()[0].operands))
    and not any(isinstance(x, str | list | tuple) for x in op.samples()[0].operands)
]


@record
class Layout:
    """How an operand lies in what is passed for it: `lay` gives that, `take` the op of Core that
    makes the operand of it."""

    lay: Callable[[Any], Any]
    take: Callable[[Builder, Value, Any], Value]


def shifted(x: Any) -> Any:
    wide = np.zeros([n + SHIFT for n in x.shape], x.dtype)
    wide[(slice(SHIFT, None),) * x.ndim] = x
    return wide


def unshifted(b: Builder, given: Value, x: Any) -> Value:
    begins = [b.constant(SHIFT) for _ in x.shape]
    counts = [b.constant(n) for n in x.shape]
    return b("slice", given, *begins, *counts, steps=(1,) * x.ndim)


def retransposed(b: Builder, given: Value, x: Any) -> Value:
    return b("transpose", given, permutation=tuple(reversed(range(x.ndim))))


PLAIN = Layout(lambda x: x, lambda b, given, x: given)
LAYOUTS = {
    "as it is": PLAIN,
    "shifted": Layout(shifted, unshifted),
    "transposed": Layout(lambda x: np.ascontiguousarray(x.T), retransposed),
}


# --- Variations of a sample ----------------------------------------------------------------------


def chosen(op: Op) -> list[Sample]:
    """Samples of different shapes and dtypes, each of a few."""
    assert op.samples is not None
    found: dict[Any, Sample] = {}
    for sample in op.samples():
        if any(map(is_tensor, sample.operands)):
            key = [(x.shape, x.dtype.name) for x in sample.operands if is_tensor(x)]
            found.setdefault((*key, repr(sample.attributes)), sample)
    return list(found.values())[:MOST_SAMPLES]


def is_index(op: Op, position: int) -> bool:
    """Whether an operand's elements are places rather than numbers."""
    parameters = [p for p in op.parameters if not p.kind.is_attribute]
    return parameters[min(position, len(parameters) - 1)].dtype.startswith("int")


def with_specials(op: Op, sample: Sample, turn: int) -> Sample:
    def changed(position: int, x: Any) -> Any:
        if not is_tensor(x) or is_index(op, position):
            return x
        dtype = dtypes.BY_NAME[x.dtype.name]
        return special(dtype, x.size, turn + 4 * position).reshape(x.shape)

    operands = tuple(changed(n, x) for n, x in enumerate(sample.operands))
    return Sample(operands, sample.attributes, False)


def in_dtype(sample: Sample, dtype: DType) -> Sample:
    """The sample with its floats in another dtype."""

    def changed(x: Any) -> Any:
        return x.astype(dtype.numpy) if is_tensor(x) and x.dtype.kind == "f" else x

    return Sample(tuple(map(changed, sample.operands)), sample.attributes, False)


def sizes_of(sample: Sample) -> set[int]:
    return {n for x in sample.operands if is_tensor(x) for n in x.shape}


def resized(sample: Sample, old: int, new: int) -> Sample:
    """The sample with another size in the place of one, everywhere; elements stay in order."""

    def changed(x: Any) -> Any:
        if type(x) is int:
            return new if x == old else x
        if not is_tensor(x):
            return x
        for axis, size in enumerate(x.shape):
            if size == old:
                x = x.take(np.arange(new) * max(old, 1) // max(new, 1), axis) if old else x
        return x if old else np.zeros([new if n == old else n for n in x.shape], x.dtype)

    return Sample(tuple(map(changed, sample.operands)), sample.attributes, False)


def variations(op: Op) -> Iterator[tuple[Sample, Sample, Layout]]:
    """The sample whose sizes the types name, the variation, and how its operands lie."""
    factor = op.name in FACTORS
    for sample in chosen(op):
        # What the operands of a gradient may be follows from the sizes of several.
        sizes = [] if op.name.endswith("_gradient") else sorted(sizes_of(sample))
        for layout in LAYOUTS.values():
            yield sample, sample, layout
        for old in sizes:
            for new in SIZES[:2] if factor else SIZES:
                yield sample, resized(sample, old, new), PLAIN
        if factor:
            continue
        for old in sizes:
            yield sample, resized(sample, old, SIZES[-1]), LAYOUTS["shifted"]
        for turn in (0, 6):
            yield sample, with_specials(op, sample, turn), PLAIN
        for dtype in NARROWER:
            narrower = in_dtype(sample, dtype)
            yield sample, with_specials(op, narrower, 0), PLAIN
            for old in sizes[-1:]:
                yield sample, resized(narrower, old, SIZES[-1]), PLAIN


# --- Running -------------------------------------------------------------------------------------


def function(op: Op, name: str, origin: Sample, sample: Sample, layout: Layout, known: bool) -> Any:
    """The op on the sample's operands as Core; None where the rule does not admit it."""
    kinds = types_of(op, sample)
    sizes = any(p.kind is Kind.DIMS for p in op.parameters)
    named = sizes_of(origin)
    block = Block()
    b = Builder(block)
    parameters, operands = [], []
    for kind, first, x in zip(kinds, origin.operands, sample.operands):
        if known and sizes and kind == INT:
            operands.append(b.constant(x))
            continue
        dim = dims.symbol(f"n{first}") if not known and kind == INT and first in named else None
        value = Value(kind, dim)
        if is_tensor(x):
            shape = layout.lay(x).shape
            if not known:
                shape = tuple(dims.symbol(f"n{n}") for n in layout.lay(first).shape)
            value = Value(Tensor(dtypes.BY_NAME[x.dtype.name], shape))
        parameters.append(value)
        operands.append(layout.take(b, value, x) if is_tensor(x) else value)
    block.parameters = tuple(parameters)
    try:
        block.results = b.emit(op, operands, dict(sample.attributes))
    except (MalformedCore, AssertionError):
        return None
    return Function(name, block)


@pytest.mark.parametrize("known", [True, False], ids=["known", "dynamic"])
@pytest.mark.parametrize("op", VARIED, ids=lambda op: op.name)
def test_variations_of_the_samples(op: Op, known: bool) -> None:
    functions: dict[str, Function] = {}
    cases = []
    for origin, sample, layout in variations(op):
        if not known and layout is not PLAIN:
            continue
        name = f"f{len(functions)}"
        made = function(op, name, origin, sample, layout, known)
        if made is not None:
            functions[name] = made
            cases.append((name, sample, layout))
    if not cases and not known:
        pytest.skip("the rule asks for sizes that are known")
    machine = NativeMachine(Program(functions, "f0"), list(functions))
    for name, sample, layout in cases:
        check(op, machine, name, sample, layout, known)


def check(
    op: Op, machine: NativeMachine, name: str, sample: Sample, layout: Layout, known: bool
) -> None:
    sizes = known and any(p.kind is Kind.DIMS for p in op.parameters)
    kinds = types_of(op, sample)
    given = [
        layout.lay(x) if is_tensor(x) else x
        for x, kind in zip(sample.operands, kinds)
        if not (sizes and kind == INT)
    ]
    try:
        with np.errstate(all="ignore"):
            expected = op.bind(kinds, sample.attributes)(*copy.deepcopy(sample.operands))
    except Fault as fault:
        with pytest.raises(CharlError) as caught:
            machine.call(name, given)
        assert caught.value.diagnostics[0].message == fault.message, sample
        return
    found = machine.call(name, given)
    assert_close(found, (expected,) if len(found) == 1 else expected)
