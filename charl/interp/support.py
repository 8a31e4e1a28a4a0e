"""What generated code calls: failed checks, scans, constants, the count that means ownership."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from charl.core.ir import Statement
from charl.core.op import Fault
from charl.diagnostics.diagnostic import Label
from charl.ops.show import show_number, show_tensor
from charl.types.dtypes import DType
from charl.types.types import Tensor, Type


def _count_of_an_owned_local() -> int:
    """What `sys.getrefcount` says of an object that only one local variable holds."""
    local = object()
    return sys.getrefcount(local)


OWNED = _count_of_an_owned_local()


class Failed(Fault):
    """A check of the program itself, with the labels its lowering prepared."""

    def __init__(self, message: str, statement: Statement, code: str):
        given = statement.attributes
        helps, notes = tuple(given.get("helps", ())), tuple(given.get("notes", ()))
        super().__init__(given.get("code", code), message, helps, notes)
        self.label: str = given.get("label", "")
        self.labels: tuple[Label, ...] = tuple(given.get("labels", ()))


def reporter(statement: Statement) -> Callable[..., NoReturn]:
    """A function of the operands to show, which raises what a `check` or `fail` says."""
    message: str = statement.attributes["message"]

    def failed(*operands: Any) -> NoReturn:
        raise Failed(filled(message, operands), statement, "E0509")

    return failed


def shape_reporter(statement: Statement) -> Callable[..., NoReturn]:
    """For `ensure_shape`: `{0}` is the size found, `{1}` the size wanted, `{2}` the axis."""
    message: str = statement.attributes.get("message", "axis {2} has size {0}, not {1}")

    def failed(array: Any, *sizes: int) -> NoReturn:
        axis = next(i for i, (m, n) in enumerate(zip(array.shape, sizes)) if m != n)
        shown = (array.shape[axis], sizes[axis], axis)
        raise Failed(filled(message, shown), statement, "E0511")

    return failed


def filled(message: str, operands: tuple[Any, ...]) -> str:
    """The message with the operands as a user sees them for `{0}`, `{1}`..."""
    for position, operand in enumerate(operands):
        if (place := f"{{{position}}}") in message:
            shown = operand if isinstance(operand, str) else show_tensor(operand, show_number)
            message = message.replace(place, shown)
    return message


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
        return np.array(value, type.dtype.numpy)
    if type.dtype.is_float and type.dtype.bits < 64:
        return type.dtype.numpy.type(value)
    return {"bool": bool, "int": int, "float": float}[type.dtype.kind](value)
