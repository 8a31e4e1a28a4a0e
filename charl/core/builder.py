"""Builder: appends statements to a block, typing each by its op's rule.

`b("add", x, y)` emits one statement and returns its result (a tuple when there are several).
Python numbers among the operands become scalar constants of the dtype of the first tensor operand.
Sizes are ordinary int64 scalars; `b.size(x, axis)` gives one, a constant whenever it is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from charl.core.ir import Block, Statement, Value
from charl.core.op import REGISTRY, Op
from charl.source import Span
from charl.types import dims, types
from charl.types.dims import Dim, Verdict
from charl.types.dtypes import DType
from charl.types.types import Tensor, Type


class MalformedCore(Exception):
    """Core that breaks its own rules: a fault of the compiler, never of the program."""


class CoreContext:
    """The rule context of Core: sizes that provably differ are a fault of the compiler."""

    def equal(self, left: Dim, right: Dim, why: str, operands: tuple[int, ...] = ()) -> Dim:
        if dims.compare(left, right) is Verdict.DIFFERENT:
            raise MalformedCore(f"{why}: {dims.show(left)} and {dims.show(right)}")
        return left if isinstance(left, int) else right if isinstance(right, int) else left

    def fail(self, why: str, operands: tuple[int, ...] = (), help: str = "") -> NoReturn:
        raise MalformedCore(why)

    def unknown(self, name: str) -> Dim:
        return dims.symbol(name)


CONTEXT = CoreContext()


class Builder:
    """Appends to `block`; `span` is given to every statement until it is changed."""

    def __init__(self, block: Block, span: Span | None = None) -> None:
        self.block = block
        self.span = span
        self._constants: dict[tuple[Any, ...], Value] = {}

    def __call__(self, op: str | Op, *operands: Value | float, **attributes: Any) -> Any:
        """Emit; one result is returned bare, several as a tuple, none as ()."""
        results = self.emit(op, operands, attributes)
        return results[0] if len(results) == 1 else results

    def emit(
        self,
        op: str | Op,
        operands: Sequence[Value | float],
        attributes: dict[str, Any] | None = None,
        blocks: tuple[Block, ...] = (),
        result_types: Sequence[Type] | None = None,
    ) -> tuple[Value, ...]:
        """Emit a statement; `result_types` overrides the rule (for `call`, `undefined`...)."""
        op = REGISTRY[op] if isinstance(op, str) else op
        values = self._values(operands)
        attributes = attributes or {}
        if result_types is None:
            result_types = op.rule(CONTEXT, values, attributes)
        dim = result_dim(op, values, attributes)
        results = tuple(Value(t, dim) for t in result_types)
        statement = Statement(op, values, attributes, blocks, results, self.span)
        self.block.statements.append(statement)
        return results

    def constant(self, value: Any, type: Type | None = None) -> Value:
        """A constant; Python ints are int64, floats float64, bools bool, unless `type` says."""
        if type is None:
            type = _type_of(value)
        key = _constant_key(value, type)
        if key is not None and key in self._constants:
            return self._constants[key]
        result: Value = self.emit("constant", (), {"value": value, "type": type})[0]
        if key is not None:
            self._constants[key] = result
        return result

    def scalar(self, value: float, dtype: DType) -> Value:
        """A scalar constant of a dtype."""
        return self.constant(value, Tensor(dtype))

    def size(self, value: Value, axis: int) -> Value:
        """The size of one axis as an int64 scalar; a constant when it is known."""
        assert isinstance(value.type, Tensor)
        axis %= len(value.type.shape)
        known = value.type.shape[axis]
        if isinstance(known, int):
            return self.constant(known)
        result: Value = self("dim", value, axis=axis)
        return result

    def sizes(self, value: Value) -> tuple[Value, ...]:
        assert isinstance(value.type, Tensor)
        return tuple(self.size(value, axis) for axis in range(len(value.type.shape)))

    def zeros_like(self, value: Value) -> Value:
        """Zeros of the type and run-time shape of `value`; for a list, a list of zeros; for a box
        its cotangent zero."""
        if isinstance(value.type, types.Box):
            nothing: Value = self("box_zeros", name=value.type.name)
            return nothing
        if isinstance(value.type, types.List):
            result: Value = self("list_zeros_like", value)
            return result
        return self.fill_like(0, value)

    def fill_like(self, number: float, value: Value) -> Value:
        """A tensor of the shape and dtype of `value` filled with one number."""
        assert isinstance(value.type, Tensor) and isinstance(value.type.dtype, DType)
        scalar = self.scalar(number, value.type.dtype)
        if not value.type.shape:
            return scalar
        result: Value = self("broadcast", scalar, *self.sizes(value), axes=())
        return result

    @contextmanager
    def at(self, span: Span | None) -> Iterator[None]:
        """Give a span to what is emitted inside."""
        before, self.span = self.span, span or self.span
        yield
        self.span = before

    def _values(self, operands: Sequence[Value | float]) -> tuple[Value, ...]:
        if all(isinstance(v, Value) for v in operands):
            return tuple(operands)  # type: ignore[arg-type]
        dtype = next(
            v.type.dtype for v in operands if isinstance(v, Value) and isinstance(v.type, Tensor)
        )
        assert isinstance(dtype, DType)
        return tuple(v if isinstance(v, Value) else self.scalar(v, dtype) for v in operands)


def result_dim(op: Op, operands: Sequence[Value], attributes: dict[str, Any]) -> Dim | None:
    """The dim that the results of an op are equal to, where that is known."""
    if op.name == "dim":  # the one op whose dim stands in its operand's type
        tensor = operands[0].type
        assert isinstance(tensor, Tensor)
        known = tensor.shape[attributes["axis"]]
        return None if isinstance(known, dims.Unknown) else known
    if op.dim is None:
        return None
    found = op.dim(*(v.dim for v in operands), **attributes)
    # An overflow is for the run to report.
    return None if isinstance(found, int) and not -(2**63) <= found < 2**63 else found


def _type_of(value: Any) -> Type:
    match value:
        case bool():
            return types.BOOL
        case int():
            return types.INT
        case float():
            return types.FLOAT
        case str():
            return types.STRING
    raise MalformedCore(f"a constant of {type(value).__name__} needs a type")


def _constant_key(value: Any, type: Type) -> tuple[Any, ...] | None:
    """Constants are shared within a builder's block; arrays are not. -0.0 and 0.0 differ."""
    return None if isinstance(value, np.ndarray) else (repr(value), type)
