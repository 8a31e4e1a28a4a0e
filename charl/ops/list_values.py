"""The meaning of the list ops on Python lists, and the faults of indices and slices.

Functions named `*_in_place` overwrite their first operand and return it; `on_copy` makes the pure
form of one. `slice_range` serves strings too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from charl.core.op import Fault
from charl.types.types import Type


def _out_of_bounds(index: int, length: int, last: int | None = None) -> Fault:
    """Fault E0502; `last` is the greatest valid index, one past the end for an insertion."""
    last = length - 1 if last is None else last
    if length == 0 and last < 0:
        return Fault("E0502", f"index {index} is out of bounds: the list is empty")
    plural = "element" if length == 1 else "elements"
    helps = [f"valid indices are 0 to {last}" if last else "the only valid index is 0"]
    if length:
        helps[0] += f", and -{length} to -1 from the end" if length > 1 else ", or -1 from the end"
    message = f"index {index} is out of bounds: the list has {length} {plural}"
    return Fault("E0502", message, helps=tuple(helps))


def make(*elements: Any, element: Type) -> list[Any]:
    return list(elements)


def get(xs: list[Any], i: int) -> Any:
    try:
        return xs[i]
    except IndexError:
        raise _out_of_bounds(i, len(xs)) from None


def set_in_place(xs: list[Any], i: int, value: Any) -> list[Any]:
    try:
        xs[i] = value
    except IndexError:
        raise _out_of_bounds(i, len(xs)) from None
    return xs


def push_in_place(xs: list[Any], value: Any) -> list[Any]:
    xs.append(value)
    return xs


def pop_in_place(xs: list[Any]) -> tuple[list[Any], Any]:
    if not xs:
        raise Fault("E0502", "an empty list has no last element to take out")
    value = xs.pop()
    return xs, value


def insert_in_place(xs: list[Any], i: int, value: Any) -> list[Any]:
    if not -len(xs) <= i <= len(xs):
        raise _out_of_bounds(i, len(xs), last=len(xs))
    xs.insert(i, value)
    return xs


def remove_in_place(xs: list[Any], i: int) -> tuple[list[Any], Any]:
    try:
        value = xs.pop(i)
    except IndexError:
        raise _out_of_bounds(i, len(xs)) from None
    return xs, value


def reverse_in_place(xs: list[Any]) -> list[Any]:
    xs.reverse()
    return xs


def concat_in_place(left: list[Any], right: list[Any]) -> list[Any]:
    left.extend(right)
    return left


def slice_range(length: int, start: int, stop: int, step: int, what: str) -> range:
    """The places `start..stop step`, all within the length, or fault E0502.

    Ends are counted from the front: whoever reads `xs[-2..]` has added the length. A stop of -1
    ends before the first element, a stop past the last step is no harm. `what` is `list` or `text`.
    """
    if step == 0:
        raise Fault("E0502", "the step of a slice cannot be 0")
    places = range(start, stop, step)
    if places:
        lowest, highest = min(places[0], places[-1]), max(places[0], places[-1])
        inside = lowest >= 0 and highest < length
    else:  # it stands before or behind an element
        lowest = highest = start
        inside = 0 <= start <= length if step > 0 else -1 <= start < length
    if inside:
        return places
    unit = "element" if what == "list" else "character"
    size = f"{length} {unit}{'' if length == 1 else 's'}"
    if lowest < 0:
        message = f"the slice begins {-lowest} before the start of the {what}, which has {size}"
    else:
        message = f"the slice reaches index {highest}, but the {what} has {size}"
    raise Fault("E0502", message, helps=("a slice is never cut short: bound it with `minimum`",))


def take_slice(xs: list[Any], start: int, stop: int, step: int) -> list[Any]:
    return [xs[place] for place in slice_range(len(xs), start, stop, step, "list")]


def slice_set_in_place(
    xs: list[Any], values: list[Any], start: int, stop: int, step: int
) -> list[Any]:
    places = slice_range(len(xs), start, stop, step, "list")
    if len(places) != len(values):
        message = f"a slice of {len(places)} elements cannot take {len(values)} values"
        raise Fault("E0502", message)
    for place, value in zip(places, values):
        xs[place] = value
    return xs


def zeros_like(value: Any) -> Any:
    """Zeros of the structure of a run-time value; see `ops/boxes.py` for those of a box."""
    match value:
        case None:  # the payload of another variant than the element's
            return None
        case tuple():
            return ()
        case list():
            return [zeros_like(x) for x in value]
        case np.ndarray():
            return np.zeros_like(value)
        case _:
            return type(value)(0)


def _add(left: Any, right: Any) -> Any:
    if left is None or right is None:
        return right if left is None else left
    if isinstance(left, list | tuple):
        longer: Any = left if len(left) >= len(right) else right
        together: Any = type(left)([_add(a, b) for a, b in zip(left, right)])
        return together + longer[len(together) :]
    return left + right


def add_structures(left: Any, right: Any) -> Any:
    """Lists, or cotangents of boxes, added field by field."""
    with np.errstate(all="ignore"):
        return _add(left, right)


def add_at_in_place(xs: list[Any], i: int, value: Any) -> list[Any]:
    with np.errstate(all="ignore"):
        return set_in_place(xs, i, _add(get(xs, i), value))


def on_copy(in_place: Callable[..., Any]) -> Callable[..., Any]:
    """The pure form of an op, from the one that overwrites its first operand."""

    def evaluate(xs: list[Any], *operands: Any, **attributes: Any) -> Any:
        return in_place(xs.copy(), *operands, **attributes)

    return evaluate
