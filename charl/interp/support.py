"""What generated code calls: failed checks, scans, constants, the count that means ownership."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from charl.core.control import CHECK
from charl.core.ir import Statement
from charl.diagnostics.diagnostic import CharlError, Diagnostic, Label, error
from charl.ops.layouts import Leaf
from charl.ops.show import show
from charl.records import replace
from charl.types.dtypes import DType
from charl.types.types import Tensor, Type


def _count_of_an_owned_local() -> int:
    """What `sys.getrefcount` says of an object that only one local variable holds."""
    local = object()
    return sys.getrefcount(local)


OWNED = _count_of_an_owned_local()


def reporter(statement: Statement) -> Callable[..., NoReturn]:
    """A function of the operands to show, which raises what a `check` or `fail` says."""
    failure = failure_of(statement, "E0509", "this check failed")
    shown = statement.operands[1:] if statement.op is CHECK else statement.operands

    layouts = [Leaf(v.type) for v in shown]

    def failed(*operands: Any) -> NoReturn:
        texts = [show(x, layout=layout) for x, layout in zip(operands, layouts)]
        raise CharlError(filled(failure, texts))

    return failed


def shape_reporter(statement: Statement) -> Callable[..., NoReturn]:
    """For `ensure_shape`: `{0}` is the size found, `{1}` the size wanted, `{2}` the axis."""
    failure = failure_of(statement, "E0511", "axis {2} has size {0}, not {1}")

    def failed(array: Any, *sizes: int) -> NoReturn:
        axis = next(i for i, (m, n) in enumerate(zip(array.shape, sizes)) if m != n)
        raise CharlError(filled(failure, [str(n) for n in (array.shape[axis], sizes[axis], axis)]))

    return failed


def failure_of(statement: Statement, code: str, message: str) -> Diagnostic:
    """What a check says: its attribute `failure`, or its `code`, `message` and `helps`."""
    given = statement.attributes
    if "failure" in given:
        failure: Diagnostic = given["failure"]
        return failure
    helps = tuple(given.get("helps", ()))
    return error(given.get("code", code), given.get("message", message), None, helps=helps)


def filled(failure: Diagnostic, shown: Sequence[str]) -> Diagnostic:
    """The diagnostic with the texts of operands for `{0}`, `{1}`... in its own."""

    def fill(text: str) -> str:
        for position, operand in enumerate(shown):
            text = text.replace(f"{{{position}}}", operand)
        return text

    def relabel(label: Label) -> Label:
        return Label(label.span, fill(label.text))

    return replace(
        failure,
        message=fill(failure.message),
        primary=None if failure.primary is None else relabel(failure.primary),
        secondary=tuple(map(relabel, failure.secondary)),
        helps=tuple(map(fill, failure.helps)),
        notes=tuple(map(fill, failure.notes)),
    )


def scan_runner(statement: Statement) -> Callable[..., tuple[Any, ...]]:
    """The loop of a `scan` over the leading axis: each result is the combination of the result
    before it with the next element, the first (with `reverse`: last) element being its own."""
    count: int = statement.attributes["count"]
    reverse = bool(statement.attributes.get("reverse", False))

    def run(combine: Callable[..., Any], *operands: Any) -> tuple[Any, ...]:
        arrays, free = operands[:count], operands[count:]
        results = tuple(np.empty_like(array) for array in arrays)
        length = len(arrays[0])
        order = range(length - 1, -1, -1) if reverse else range(length)
        total: tuple[Any, ...] = ()
        for place in order:
            element = tuple(_element(array, place) for array in arrays)
            if total:
                combined = combine(*total, *element, *free)
                element = combined if count > 1 else (combined,)
            total = element
            for result, value in zip(results, total):
                result[place] = value
        return results

    return run


def _element(array: Any, place: int) -> Any:
    """An element along the leading axis as a value of the interpreter."""
    element = array[place]
    is_python_number = array.ndim == 1 and array.dtype.char in "?bhilqd"
    return element.item() if is_python_number else element


def constant_value(value: Any, type: Type) -> Any:
    """A constant as a value of the interpreter; arrays of constants are never overwritten, as the
    global that holds them counts as an owner."""
    if not isinstance(type, Tensor):
        return value
    assert isinstance(type.dtype, DType)
    if type.shape:
        array = np.array(value, type.dtype.numpy)
        array.flags.writeable = False
        return array
    if type.dtype.is_float and type.dtype.bits < 64:
        return type.dtype.numpy.type(value)
    return {"bool": bool, "int": int, "float": float}[type.dtype.kind](value)
