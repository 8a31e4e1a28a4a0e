"""What a Charl program's operations mean, written directly in Python and NumPy.

The random programs of `programs.py` come as twins: Charl text, and Python text that calls the
functions here. Values are Python's int (64 bits, checked), float, bool and str, NumPy scalars for
float32, arrays, and immutable `list`, `tuple`, `Record` and `Choice`: an update makes a new value,
as value semantics wants. What must stop a program raises `Stopped` with the code of the error.

`show` is what `print` shows, with each float between marks so that a comparison may be tolerant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

LOW, HIGH = -(2**63), 2**63 - 1


LARGEST = 10_000


class Stopped(Exception):
    """The program stops with this error code."""


class TooLarge(Exception):
    """A random program that doubles a list in a loop: not worth running."""


@dataclass(frozen=True)
class Record:
    name: str
    fields: tuple[tuple[str, Any], ...]

    def __getitem__(self, name: str) -> Any:
        return dict(self.fields)[name]

    def with_field(self, name: str, value: Any) -> Record:
        return replace(self, fields=tuple((n, value if n == name else v) for n, v in self.fields))


@dataclass(frozen=True)
class Choice:
    name: str
    payload: tuple[Any, ...]


def plain(x: Any) -> Any:
    """A NumPy result as a value: rank 0 is a scalar."""
    if isinstance(x, np.ndarray) and x.ndim == 0:
        x = x[()]
    if isinstance(x, np.bool_):
        return bool(x)
    if isinstance(x, np.integer):
        return checked(int(x))
    return float(x) if isinstance(x, np.float64) else x


def checked(x: int) -> int:
    if not LOW <= x <= HIGH:
        raise Stopped("E0503")
    return x


def is_int(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def _arithmetic(exact: Callable[[int, int], int], ufunc: Any) -> Callable[[Any, Any], Any]:
    def apply(a: Any, b: Any) -> Any:
        return checked(exact(a, b)) if is_int(a) and is_int(b) else plain(ufunc(a, b))

    return apply


add = _arithmetic(lambda a, b: a + b, np.add)
sub = _arithmetic(lambda a, b: a - b, np.subtract)
mul = _arithmetic(lambda a, b: a * b, np.multiply)
minimum = _arithmetic(min, np.minimum)
maximum = _arithmetic(max, np.maximum)


def neg(a: Any) -> Any:
    return checked(-a) if is_int(a) else plain(np.negative(a))


def absolute(a: Any) -> Any:
    return checked(abs(a)) if is_int(a) else plain(np.abs(a))


def div(a: Any, b: Any) -> Any:
    """True division; of ints in float64."""
    if np.asarray(a).dtype.kind == "i" and np.asarray(b).dtype.kind == "i":
        a, b = np.float64(a), np.float64(b)
    return plain(np.divide(a, b))


def _divides(b: Any) -> None:
    if np.asarray(b).dtype.kind == "i" and np.any(np.asarray(b) == 0):
        raise Stopped("E0504")


def floor_div(a: Any, b: Any) -> Any:
    _divides(b)
    return checked(a // b) if is_int(a) and is_int(b) else plain(np.floor_divide(a, b))


def mod(a: Any, b: Any) -> Any:
    _divides(b)
    return checked(a % b) if is_int(a) and is_int(b) else plain(np.mod(a, b))


def power(a: Any, b: Any) -> Any:
    return checked(a**b) if is_int(a) and is_int(b) else plain(np.power(a, b))


def cast(x: Any, dtype: str) -> Any:
    """`x as dtype`. A scalar float that no int64 holds stops the program."""
    if dtype == "int64" and isinstance(x, float | np.float32):
        if not np.isfinite(x) or not LOW <= float(x) < 2.0**63:
            raise Stopped("E0503")
        return int(x)
    return plain(np.asarray(x).astype(dtype))


def at(x: Any, *index: Any) -> Any:
    """`x[i, ...]`: negative indices count from the end, others out of bounds stop."""
    sizes = x.shape if isinstance(x, np.ndarray) else (len(x),)
    for i, size in zip(index, sizes):
        if is_int(i) and not -size <= i < size:
            raise Stopped("E0501" if isinstance(x, np.ndarray) else "E0502")
        if isinstance(i, np.ndarray) and i.dtype.kind == "i" and np.any((i < -size) | (i >= size)):
            raise Stopped("E0501")
    return plain(x[index]) if isinstance(x, np.ndarray) else x[index[0]]


def cut(x: Any, start: int, stop: int) -> Any:
    """`x[start..stop]`, whose ends must lie within the value."""
    if not 0 <= start <= len(x) or not 0 <= stop <= len(x) or start > stop:
        raise Stopped("E0501" if isinstance(x, np.ndarray) else "E0502")
    return x[start:stop]


def put(x: Any, i: int, value: Any) -> Any:
    at(x, i)
    if isinstance(x, np.ndarray):
        x = x.copy()
        x[i] = value
        return x
    return [*x[: i % len(x)], value, *x[i % len(x) + 1 :]]


def remove(xs: list[Any], i: int) -> list[Any]:
    at(xs, i)
    return [x for j, x in enumerate(xs) if j != i % len(xs)]


def insert(xs: list[Any], i: int, value: Any) -> list[Any]:
    return [*xs[:i], value, *xs[i:]]


def same(a: Any, b: Any) -> bool:
    """`==` of lists, tuples, structs and variants: one bool."""
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, Record):
        return all(same(x, y) for (_, x), (_, y) in zip(a.fields, b.fields))
    if isinstance(a, Choice):
        return a.name == b.name and same(a.payload, b.payload)
    return bool(np.all(np.asarray(a) == np.asarray(b)))


def reduce(name: str, x: Any, axis: int | None = None, keep_dims: bool = False) -> Any:
    functions = {
        "sum": np.sum, "prod": np.prod, "min": np.min, "max": np.max, "any": np.any, "all": np.all,
    }  # fmt: skip
    result = functions[name](np.asarray(x), axis=axis, keepdims=keep_dims)
    return plain(result.astype(np.asarray(x).dtype))


def mean(x: Any, axis: int | None = None) -> Any:
    total = reduce("sum", x, axis)
    return div(total, np.asarray(x).dtype.type(np.size(x) // max(np.size(total), 1)))


def joined(a: Any, b: Any) -> Any:
    if len(a) + len(b) > LARGEST:
        raise TooLarge
    return a + b


def sort_by(xs: Iterable[Any], key: Callable[[Any], Any]) -> list[Any]:
    return sorted(xs, key=key)


def fold(xs: Iterable[Any], start: Any, f: Callable[[Any, Any], Any]) -> Any:
    for x in xs:
        start = f(start, x)
    return start


# --- What is printed -----------------------------------------------------------------------------

FLOAT32, FLOAT64, END = "\x01", "\x02", "\x03"


def show(x: Any, inside: bool = False) -> str:
    match x:
        case bool():
            return "true" if x else "false"
        case int():
            return str(x)
        case float():
            return f"{FLOAT64}{x!r}{END}"
        case np.float32():
            return f"{FLOAT32}{float(x)!r}{END}"
        case str():
            return '"' + x.replace("\\", "\\\\").replace('"', '\\"') + '"' if inside else x
        case list():
            return f"[{', '.join(show(i, True) for i in x)}]"
        case tuple():
            return f"({', '.join(show(i, True) for i in x)}{',' if len(x) == 1 else ''})"
        case np.ndarray():
            return f"[{', '.join(show(plain(i)) for i in x)}]"
        case Record():
            inner = ", ".join(f"{n}: {show(v, True)}" for n, v in x.fields)
            return f"{x.name}({inner})"
        case Choice(name, payload):
            inner = ", ".join(show(v, True) for v in payload)
            return f"{name}({inner})" if payload else name
    raise TypeError(f"no value: {x!r}")


NUMBER = re.compile(r"-?(?:inf|nan|\d+\.\d+(?:e[+-]?\d+)?|\d+e[+-]?\d+)")


def differs(expected: str, found: str) -> str | None:
    """Where a printed text differs from what was expected, None when it does not."""
    position = 0
    for part in re.split(f"([{FLOAT32}{FLOAT64}][^{END}]*{END})", expected):
        if part[:1] in (FLOAT32, FLOAT64):
            match = NUMBER.match(found, position)
            if match is None:
                return f"no float at {found[position : position + 40]!r}, expected {part[1:-1]}"
            tolerance = 2e-5 if part[0] == FLOAT32 else 1e-10
            if not _close(float(part[1:-1]), float(match[0]), tolerance):
                return f"{match[0]} instead of {part[1:-1]}"
            position = match.end()
        elif not found.startswith(part, position):
            return f"{found[position : position + 60]!r} instead of {part[:60]!r}"
        else:
            position += len(part)
    return None if position == len(found) else f"{found[position : position + 60]!r} too much"


def _close(a: float, b: float, tolerance: float) -> bool:
    if np.isnan(a) or np.isnan(b):
        return bool(np.isnan(a) and np.isnan(b))
    return a == b or abs(a - b) <= tolerance * (1 + min(abs(a), abs(b)))


def run(text: str) -> tuple[str, str | None]:
    """What a Python twin prints, and the code of the error that stops it, if one does."""
    printed: list[str] = []
    names: dict[str, Any] = {
        **{name: value for name, value in globals().items() if not name.startswith("_")},
        "np": np,
        "out": lambda *values: printed.append(" ".join(show(v) for v in values) + "\n"),
    }
    with np.errstate(all="ignore"):
        try:
            exec(compile(text, "twin", "exec"), names)
        except Stopped as stop:
            return "".join(printed), str(stop)
    return "".join(printed), None
