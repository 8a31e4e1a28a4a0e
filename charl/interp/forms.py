"""Ops written out as Python: what costs a call elsewhere is one expression here.

`TEMPLATES` holds scalar expressions by op and kind of number; `{0}` is the first operand. Integer
results are checked against their width unless intervals show that they fit: an interval is kept
for every int (`Intervals`), exact for constants, from the bounds for loop indices, non-negative
for sizes. When a check fails, or when Python raises (an index out of bounds, a division by zero),
the op's own evaluation runs on the same operands and says what is wrong, so that no message is
written twice.

`FORMS` are the ops that need more than an expression: element access and updates, lists, boxes.
An update in place is guarded by a look at the reference count: `OWNED` references mean that the
variable is the only owner. A view's data belong to its base, so arrays with a base are copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from charl.core.ir import Statement, Value
from charl.types import dtypes
from charl.types.dtypes import DType
from charl.types.types import Tensor, Type

if TYPE_CHECKING:
    from charl.interp.emit import Emitter

Interval = tuple[int, int]

# The floats that NumPy accumulates in their own precision.
WIDE = (dtypes.FLOAT32, dtypes.FLOAT64)

_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_ARITHMETIC = {"add": "+", "sub": "-", "mul": "*"}
_CHECKED = {*_ARITHMETIC, "neg", "floor_div"}

TEMPLATES: dict[tuple[str, str], str] = {
    ("neg", "int"): "-{0}",
    ("neg", "float64"): "-{0}",
    ("neg", "narrow"): "-{0}",
    ("div", "narrow"): "{0} / {1}",
    ("not", "bool"): "not {0}",
    ("and", "bool"): "{0} and {1}",
    ("or", "bool"): "{0} or {1}",
    ("xor", "bool"): "{0} != {1}",
    ("bit_and", "int"): "{0} & {1}",
    ("bit_or", "int"): "{0} | {1}",
    ("bit_xor", "int"): "{0} ^ {1}",
    ("bit_not", "int"): "~{0}",
    ("floor_div", "int"): "{0} // {1}",
    ("mod", "int"): "{0} % {1}",
    ("minimum", "int"): "{0} if {0} <= {1} else {1}",
    ("maximum", "int"): "{0} if {0} >= {1} else {1}",
}
for _name, _sign in _ARITHMETIC.items():
    for _kind in ("int", "float64", "narrow"):
        TEMPLATES[_name, _kind] = f"{{0}} {_sign} {{1}}"
for _name, _sign in _COMPARISONS.items():
    for _kind in ("int", "float64", "bool"):
        TEMPLATES[_name, _kind] = f"{{0}} {_sign} {{1}}"
    TEMPLATES[_name, "narrow"] = f"bool({{0}} {_sign} {{1}})"

# Functions of the math module and where they raise no exception; elsewhere the op says what IEEE
# says. NaN lies outside every range.
GUARDED: dict[str, tuple[Callable[[float], float], str]] = {
    "exp": (math.exp, "{0} < 709.0"),
    "log": (math.log, "{0} > 0.0"),
    "log1p": (math.log1p, "{0} > -1.0"),
    "sqrt": (math.sqrt, "{0} >= 0.0"),
    "sin": (math.sin, "-1e9 < {0} < 1e9"),
    "cos": (math.cos, "-1e9 < {0} < 1e9"),
    "tanh": (math.tanh, "-1e9 < {0} < 1e9"),
}

# The sizes of tensors, lists and strings: more than any memory holds, far from overflowing.
SIZES: Interval = (0, 1 << 48)
# Within these bounds a Python int is quick to compare.
QUICK = 1 << 29


def bounds(dtype: DType) -> Interval:
    half = 1 << (dtype.bits - 1)
    return (-half, half - 1)


class Intervals:
    """The least and greatest value that each rank-0 int may have."""

    def __init__(self) -> None:
        self._known: dict[Value, Interval] = {}

    def of(self, value: Value) -> Interval:
        return self._known.get(value) or bounds(_dtype(value.type))

    def learn(self, value: Value, interval: Interval) -> None:
        self._known[value] = interval

    def computed(self, op: str, operands: Sequence[Value]) -> Interval | None:
        """The interval of an op's exact result; None where nothing better is known."""
        match op, [self.of(v) for v in operands]:
            case "neg", [(a, b)]:
                return (-b, -a)
            case "add", [(a, b), (c, d)]:
                return (a + c, b + d)
            case "sub", [(a, b), (c, d)]:
                return (a - d, b - c)
            case "mul", [(a, b), (c, d)]:
                corners = (a * c, a * d, b * c, b * d)
                return (min(corners), max(corners))
            case "floor_div", [(a, b), (c, d)] if c > 0:
                return (min(a // c, a // d), max(b // c, b // d))
            case "floor_div", [(a, b), _]:
                return (min(a, -b), max(b, -a))
            case "mod", [_, (c, d)] if c > 0:
                return (0, d - 1)
            case "minimum", [(a, b), (c, d)]:
                return (min(a, c), min(b, d))
            case "maximum", [(a, b), (c, d)]:
                return (max(a, c), max(b, d))
        return None


def scalar_form(e: Emitter, s: Statement) -> bool:
    """An elementwise op on rank-0 operands as an expression, when there is a template for it."""
    if not s.op.elementwise or any(v.rank for v in s.results):
        return False
    name, operands = s.op.name, [e.reference(v) for v in s.operands]
    if name == "select":
        e.assign(s, f"{operands[1]} if {operands[0]} else {operands[2]}")
        return True
    dtype = _dtype(s.operands[0].type)
    kind = dtype.name if dtype == dtypes.FLOAT64 else "narrow" if dtype.is_float else dtype.kind
    if name == "cast":
        return _cast(e, s, dtype, operands[0])
    if name == "div" and kind == "float64":
        fallback = e.evaluation(s)
        a, b = operands
        e.assign(s, f"{a} / {b} if {b} else {fallback}({a}, {b})")
        return True
    if kind == "float64" and name in GUARDED:
        function, test = GUARDED[name]
        fast, (x,) = e.surroundings.keep(function, name), operands
        e.assign(s, f"{fast}({x}) if {test.format(x)} else {e.evaluation(s)}({x})")
        return True
    template = TEMPLATES.get((name, kind))
    if template is None:
        return False
    text = template.format(*operands)
    interval = e.intervals.computed(name, s.operands) if kind == "int" else None
    if interval is not None and name in _CHECKED:
        _checked(e, s, text, interval, bounds(dtype))
        return True
    if interval is not None:
        e.intervals.learn(s.results[0], interval)
    e.assign(s, text)
    return True


def _checked(e: Emitter, s: Statement, text: str, interval: Interval, fits: Interval) -> None:
    """Integer arithmetic; the op's own evaluation reports what does not fit."""
    (low, high), (least, most) = interval, fits
    e.intervals.learn(s.results[0], (max(low, least), min(high, most)))
    if least <= low and high <= most:
        e.assign(s, text)
        return
    target, report = e.target(s), e.evaluation(s)
    operands = [e.reference(v) for v in s.operands]
    # When an operand's variable is the target, the report still needs the operand.
    into = "t" if target in operands else target
    test = f"-{QUICK} < ({into} := {text}) < {QUICK}"
    if most <= QUICK:
        outside = f"not {least} <= ({into} := {text}) <= {most}"
    else:
        outside = f"not {test} and not {least} <= {into} <= {most}"
    e.put(f"if {outside}: {report}({', '.join(operands)})", s)
    if into != target:
        e.put(f"{target} = {into}", s)


def _cast(e: Emitter, s: Statement, source: DType, operand: str) -> bool:
    target: DType = s.attributes["dtype"]
    pythonic = source.is_int or source.kind == "bool"
    if target == dtypes.FLOAT64 and (pythonic or source.bits >= 16):
        e.assign(s, f"float({operand})")
    elif target.is_int and source.kind == "bool":
        e.intervals.learn(s.results[0], (0, 1))
        e.assign(s, f"int({operand})")
    elif target.is_int and source.is_int and target.bits >= source.bits:
        e.intervals.learn(s.results[0], e.intervals.of(s.operands[0]))
        e.assign(s, operand)
    else:
        return False
    return True


# --- Forms of single ops -------------------------------------------------------------------------


def _dim(e: Emitter, s: Statement) -> bool:
    e.intervals.learn(s.results[0], SIZES)
    axis = s.attributes["axis"] % s.operands[0].rank
    operand = e.reference(s.operands[0])
    e.assign(s, f"len({operand})" if axis == 0 else f"{operand}.shape[{axis}]")
    return True


def _length(e: Emitter, s: Statement) -> bool:
    e.intervals.learn(s.results[0], SIZES)
    e.assign(s, f"len({e.reference(s.operands[0])})")
    return True


def _index(e: Emitter, s: Statement) -> bool:
    x, *indices = s.operands
    places = ", ".join(e.reference(i) for i in indices)
    dtype = _dtype(x.type)
    if not indices:
        return False
    if len(indices) == x.rank and (not dtype.is_float or dtype == dtypes.FLOAT64):
        e.assign(s, f"{e.reference(x)}.item({places})")
    else:
        # A view would count as an owner of all of x, and an update of x would copy it.
        part = ".copy()" if len(indices) < x.rank and e.is_updated(x.type) else ""
        e.assign(s, f"{e.reference(x)}[{places}]{part}")
    return True


def _index_update(e: Emitter, s: Statement) -> bool:
    _, value, *indices = s.operands
    if not indices:
        return False
    target = e.own(s)
    e.put(f"{target}[{', '.join(e.reference(i) for i in indices)}] = {e.reference(value)}", s)
    return True


def _index_add(e: Emitter, s: Statement) -> bool:
    x, value, *indices = s.operands
    if not indices:
        return False
    target, places = e.own(s), ", ".join(e.reference(i) for i in indices)
    if len(indices) < x.rank:
        e.put(f"t = {target}[{places}]; t += {e.reference(value)}; t = None", s)
    else:
        e.put(f"{target}[{places}] += {e.reference(value)}", s)
    return True


def _list_make(e: Emitter, s: Statement) -> bool:
    e.assign(s, f"[{', '.join(e.reference(v) for v in s.operands)}]")
    return True


def _list_get(e: Emitter, s: Statement) -> bool:
    xs, index = (e.reference(v) for v in s.operands)
    e.assign(s, f"{xs}[{index}]")
    if s in e.borrowed:
        e.put(f"if {e.owned(s.operands[0])}: {xs}[{index}] = None", s)
    return True


def _list_set(e: Emitter, s: Statement) -> bool:
    target = e.own(s)
    e.put(f"{target}[{e.reference(s.operands[1])}] = {e.reference(s.operands[2])}", s)
    return True


def _list_push(e: Emitter, s: Statement) -> bool:
    e.put(f"{e.own(s)}.append({e.reference(s.operands[1])})", s)
    return True


def _box_make(e: Emitter, s: Statement) -> bool:
    fields = "".join(f"{e.reference(v)}, " for v in s.operands)
    e.assign(s, f"({s.attributes['tag']}, {fields})")
    return True


def _box_tag(e: Emitter, s: Statement) -> bool:
    e.assign(s, f"{e.reference(s.operands[0])}[0]")
    return True


def _box_field(e: Emitter, s: Statement) -> bool:
    e.assign(s, f"{e.reference(s.operands[0])}[{s.attributes['index'] + 1}]")
    return True


def _select(e: Emitter, s: Statement) -> bool:
    """A choice between whole tensors."""
    condition, *choices = s.operands
    if condition.rank or any(e.plan.canonical(v).type != s.results[0].type for v in choices):
        return False
    first, second = (e.reference(v) for v in choices)
    e.assign(s, f"{first} if {e.reference(condition)} else {second}")
    return True


def _transpose(e: Emitter, s: Statement) -> bool:
    x = s.operands[0]
    if x.rank == 0:
        return False
    backwards = tuple(range(x.rank))[::-1]
    order: Sequence[int] = s.attributes.get("permutation") or backwards
    moved = ".T" if tuple(order) == backwards else f".transpose({', '.join(map(str, order))})"
    e.assign(s, f"{e.reference(x)}{moved}")
    return True


def _reshape(e: Emitter, s: Statement) -> bool:
    """NumPy takes a size of -1 for a question, so sizes must be known not to be negative."""
    x, *sizes = s.operands
    if not sizes or x.rank == 0 or any(e.intervals.of(n)[0] < 0 for n in sizes):
        return False
    e.assign(s, f"{e.reference(x)}.reshape({', '.join(e.reference(n) for n in sizes)})")
    return True


def _gather(e: Emitter, s: Statement) -> bool:
    x, indices = s.operands
    if indices.rank == 0:
        return False
    e.assign(s, f"{e.reference(x)}.take({e.reference(indices)}, {s.attributes.get('axis', 0)})")
    return True


def _matmul(e: Emitter, s: Statement) -> bool:
    if s.operands[0].rank != 2 or _dtype(s.operands[0].type) not in WIDE:
        return False
    e.assign(s, " @ ".join(e.reference(v) for v in s.operands))
    return True


def _reduction(ufunc: np.ufunc) -> Callable[[Emitter, Statement], bool]:
    def form(e: Emitter, s: Statement) -> bool:
        (x,) = s.operands
        axis = s.attributes.get("axis")
        keep = bool(s.attributes.get("keep_dims", False))
        if x.rank == 0 or _dtype(x.type) not in WIDE or axis == ():
            return False
        reduce = e.surroundings.keep(ufunc.reduce, ufunc.__name__)
        scalar = not s.results[0].rank and _dtype(x.type) == dtypes.FLOAT64
        places = f"{axis}, None, None, True" if keep else f"{axis}"
        e.assign(s, f"{reduce}({e.reference(x)}, {places}){'.item()' if scalar else ''}")
        return True

    return form


FORMS: dict[str, Callable[[Emitter, Statement], bool]] = {
    "dim": _dim,
    "list_length": _length,
    "string_length": _length,
    "index": _index,
    "index_update": _index_update,
    "index_add": _index_add,
    "list_make": _list_make,
    "list_get": _list_get,
    "list_set": _list_set,
    "list_push": _list_push,
    "box_make": _box_make,
    "box_tag": _box_tag,
    "box_field": _box_field,
    "select": _select,
    "transpose": _transpose,
    "reshape": _reshape,
    "gather": _gather,
    "matmul": _matmul,
    "reduce_sum": _reduction(np.add),
    "reduce_prod": _reduction(np.multiply),
    "reduce_min": _reduction(np.minimum),
    "reduce_max": _reduction(np.maximum),
}


def _dtype(type: Type) -> DType:
    assert isinstance(type, Tensor) and isinstance(type.dtype, DType)
    return type.dtype
