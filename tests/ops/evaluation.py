"""A small evaluator of straight-line Core, independent of the interpreter, and functions made of
one primitive: its results weighted into a scalar, and the first and second gradient of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Block, Value
from charl.core.op import Op, Sample
from charl.ops.samples import types_of
from charl.types import types
from charl.types.dims import symbol
from charl.types.types import Tensor


def constant_value(value: Any, kind: Any) -> Any:
    """A constant as the interpreter holds it."""
    if not isinstance(kind, Tensor) or isinstance(value, np.ndarray):
        return value
    if kind == types.FLOAT:
        return float(value)
    return kind.dtype.numpy.type(value) if kind.dtype.is_float else value


def run(block: Block, arguments: Sequence[Any]) -> list[Any]:
    """The results of a block of primitives and constants."""
    found = dict(zip(block.parameters, arguments, strict=True))
    with np.errstate(all="ignore"):
        for statement in block.statements:
            if statement.op.name == "constant":
                given = statement.attributes
                found[statement.results[0]] = constant_value(given["value"], given["type"])
                continue
            bound = statement.op.bind([v.type for v in statement.operands], statement.attributes)
            results = bound(*(found[v] for v in statement.operands))
            results = results if len(statement.results) != 1 else (results,)
            found.update(zip(statement.results, results, strict=True))
    return [found[v] for v in block.results]


def is_float(value: Any) -> bool:
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind == "f"
    return isinstance(value, float)


def operands_of(
    b: Builder, op: Op, sample: Sample, sizes_known: bool
) -> tuple[list[Value], list[Value]]:
    """The operands of a sample, and those of them that are floats: these become parameters of the
    block, the others constants. Sizes other than 1 may be kept from the types of parameters: equal
    sizes are then one symbol."""
    operands, free = [], []
    names: dict[int, Any] = {1: 1}
    for value, kind in zip(sample.operands, types_of(op, sample)):
        if is_float(value):
            if not sizes_known and isinstance(kind, Tensor):
                shape = tuple(names.setdefault(n, symbol(f"N{n}")) for n in kind.shape)
                kind = Tensor(kind.dtype, shape)
            operand = Value(kind)
            free.append(operand)
        else:
            operand = b.constant(value, kind)
        operands.append(operand)
    b.block.parameters = tuple(free)
    return operands, free


def weighted(b: Builder, results: Sequence[Value], seed: int) -> Value:
    """A scalar that depends on every element of every float result. Seed 0 stands for weights that
    do not depend on the shapes being known."""
    total = b.constant(0.0)
    generator = np.random.Generator(np.random.PCG64(seed))
    for result in results:
        kind = result.type
        if not (isinstance(kind, Tensor) and kind.dtype.is_float):
            continue
        if seed and all(isinstance(d, int) for d in kind.shape):
            weights = generator.uniform(0.5, 1.5, kind.shape)
            term = b("mul", result, b.constant(weights if kind.shape else float(weights), kind))
        else:  # a size only the run knows
            term = b("mul", result, b("sin", b("add", result, 0.3)))
        if kind.shape:
            term = b("reduce_sum", term, axis=None, keep_dims=False)
        total = b("add", total, term)
    return total


def reverse(b: Builder, y: Value, wanted: Sequence[Value]) -> list[Value]:
    """The cotangents of `wanted`, by the gradients of all statements so far."""
    statements = list(b.block.statements)
    cotangents: dict[Value, Value] = {y: b.constant(1.0)}
    for statement in reversed(statements):
        given = [cotangents.get(r) for r in statement.results]
        if statement.op.gradient is None or all(g is None for g in given):
            continue
        found = statement.op.gradient(b, statement, given)
        for operand, g in zip(statement.operands, found, strict=True):
            if g is None:
                continue
            assert str(g.type) == str(operand.type), statement.op
            before = cotangents.get(operand)
            cotangents[operand] = g if before is None else b("add", before, g)
    return [cotangents.get(v) or b.zeros_like(v) for v in wanted]


def derivative(
    op: Op, sample: Sample, order: int, seed: int = 1, sizes_known: bool = True
) -> tuple[Block, Block]:
    """A block with one scalar result, and one with its gradients: for order 1 the scalar is a
    weighted sum of the primitive's results, for order 2 of the gradients of that."""
    block = Block()
    b = Builder(block)
    operands, free = operands_of(b, op, sample, sizes_known)
    y = weighted(b, b.emit(op, operands, dict(sample.attributes)), seed)
    if order == 2:
        y = weighted(b, reverse(b, y, free), seed and seed + 1)
    scalar = Block(block.parameters, list(block.statements), (y,))
    gradients = reverse(b, y, free)
    return scalar, Block(block.parameters, list(block.statements), tuple(gradients))
