"""`format`: a number, a string, or every element of a tensor written by a format spec.

    spec = [[fill] align] [sign] ["0"] [width] [","] ["." precision] [type]
    align = "<" | ">" | "^" | "="    sign = "+" | "-" | " "    type = d e f g s %

The meaning is Python's (Format Specification Mini-Language), checked before the program runs. A
narrow float without type and precision is written in the shortest form of its own dtype.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.op import Kind, Op, Parameter, RuleContext, Sample, declare
from charl.ops.expect import expect_count
from charl.ops.show import show_number, show_tensor, shown_places
from charl.types.dtypes import DType
from charl.types.types import (
    STRING,
    DTypeVariable,
    List,
    String,
    Tensor,
    Type,
    Typed,
    resolve_dtype,
)

_SPEC = re.compile(
    r"(?:(?P<fill>.)?(?P<align>[<>^=]))?(?P<sign>[-+ ])?(?P<zero>0)?(?P<width>[0-9]+)?"
    r"(?P<comma>,)?(?:\.(?P<precision>[0-9]+))?(?P<type>[a-zA-Z%])?",
    re.DOTALL,
)
_TYPES = "defgs%"
_MOST_WIDTH, _MOST_PRECISION = 10_000, 1_000
GRAMMAR = "[[fill]align][sign][0][width][,][.precision][d|e|f|g|s|%]"


def parse_format_spec(spec: str, type: Type) -> str | None:
    """What is wrong with a spec for values of this type, as a sentence; None when all is well."""
    if not spec:
        return None
    found = _SPEC.fullmatch(spec)
    if found is None:
        return f"`{spec}` is not a format: one is written {GRAMMAR}"
    letter = found["type"] or ""
    if letter not in _TYPES:
        return f"`{letter}` is not a format type: there are d, e, f, g, s and %"
    if int(found["width"] or 0) > _MOST_WIDTH:
        return f"a width of {found['width']} is too large: at most {_MOST_WIDTH}"
    if int(found["precision"] or 0) > _MOST_PRECISION:
        return f"a precision of {found['precision']} is too large: at most {_MOST_PRECISION}"
    while isinstance(type, List):
        if isinstance(type.element, String):
            return "a list of strings takes no format; use `join`"
        type = type.element
    match type:
        case String():
            return _wrong_for_text(found, letter, "a string")
        case Tensor(dtype, _):
            kind = _kind(resolve_dtype(dtype))
            return (
                _wrong_for_text(found, letter, "a bool")
                if kind == "bool"
                else _wrong_for_number(found, letter, kind)
            )
    return f"a format needs a number or a string, but this is {type}"


def _kind(dtype: DType | DTypeVariable) -> str:
    if isinstance(dtype, DTypeVariable):
        return "float" if dtype.float_only else "int"
    return dtype.kind


def _wrong_for_number(found: re.Match[str], letter: str, kind: str) -> str | None:
    if letter == "s":
        return "`s` is the format of strings, but this is a number"
    if kind == "float" and letter == "d":
        return "`d` is the format of integers, but this is a float; `.0f` rounds"
    if kind == "float":
        return None
    if found["precision"] is not None and letter in ("", "d"):
        return f"an integer has no digits after its point; use `.{found['precision']}f`"
    return None


def _wrong_for_text(found: re.Match[str], letter: str, what: str) -> str | None:
    if letter not in ("", "s"):
        return f"`{letter}` is a format of numbers, but this is {what}"
    for part, shown in (("sign", "a sign"), ("zero", "a leading 0"), ("comma", "`,`")):
        if found[part] is not None:
            return f"{shown} is for numbers, but this is {what}"
    if found["align"] == "=":
        return f"`=` aligns numbers, but this is {what}"
    return None


def format_value(value: Any, spec: str) -> str:
    """A value of the interpreter by a checked spec."""
    if isinstance(value, list):
        places = shown_places(len(value), len(value) > 1000)
        parts = ("..." if p is None else format_value(value[p], spec) for p in places)
        return f"[{', '.join(parts)}]"
    if isinstance(value, np.ndarray):
        return show_tensor(value, lambda element: _format(element, spec))
    return _format(value, spec)


def _format(value: Any, spec: str) -> str:
    match value:
        case str():
            return format(value, spec)
        case bool() | np.bool_():
            return format(show_number(value), spec)
        case int() | np.integer():
            return format(int(value), spec)
        case float():
            return format(float(value), spec)
    found = _SPEC.fullmatch(spec)
    shortest = found is not None and found["type"] is None and found["precision"] is None
    return format(float(show_number(value)) if shortest else float(value), spec)


def _rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    expect_count(ctx, operands, 1)
    wrong = parse_format_spec(attributes["spec"], operands[0].type)
    if wrong is not None:
        ctx.fail(wrong, (0,))
    return (STRING,)


declare(
    Op(
        "format",
        "A value written by a format spec (`.3f`, `>8`, `,d`...).",
        (Parameter("value", Kind.VALUE), Parameter("spec", Kind.TEXT)),
        _rule,
        format_value,
        no_gradient="text does not vary smoothly",
        samples=lambda: [
            Sample((3.14159,), {"spec": ".2f"}),
            Sample((42,), {"spec": "05d"}),
            Sample(("ab",), {"spec": "*^6"}),
            Sample((np.array([[1.0, 2.5]]),), {"spec": ".1e"}),
        ],
        surface="format",
    )
)
