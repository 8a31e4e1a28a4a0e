"""`show`: the text of any value, as `print` writes it.

Floats take the shortest form that reads back to the same number in their own dtype (`0.1` for the
float32 nearest to 0.1), with an exponent below 1e-4 and from 1e16 on. Strings are bare at the top
and quoted inside anything, written as Charl reads them. Past 1,000 elements, axes and lists longer
than 6 keep 3 elements at each end; past 1,000 boxes the rest of a recursive value is `...`.

The text is made with an explicit stack, so a chain of any length can be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from charl.core.op import Kind, Op, Parameter, RuleContext, Sample, declare
from charl.ops.layouts import (
    UNIT,
    ArrayLayout,
    BoxLayout,
    ConstantLayout,
    EnumLayout,
    Layout,
    Leaf,
    ListLayout,
    RangeLayout,
    Record,
    TupleLayout,
    Variant,
    leaf_count,
    split_leaves,
)
from charl.types.types import (
    BOOL,
    FLOAT,
    FLOAT32,
    INT,
    STRING,
    Box,
    Handle,
    List,
    String,
    Tensor,
    Type,
    Typed,
)

LIMIT = 1000
ENDS = 3

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
_ESCAPES_BY_CODE = {ord(c): escape for c, escape in _ESCAPES.items()} | {
    code: f"\\u{{{code:x}}}" for code in (*range(32), 127) if chr(code) not in _ESCAPES
}

# A piece of the text to come: finished, or a layout with its leaves and whether it is elided.
Piece: TypeAlias = "str | tuple[Layout, Sequence[Any], bool]"


def show(*leaves: Any, layout: Layout) -> str:
    """The text of the value that `layout` makes of the leaves."""
    if isinstance(layout, Leaf):
        if isinstance(layout.type, String):
            return str(leaves[0])
        if isinstance(layout.type, Tensor) and not layout.type.shape:
            return show_number(leaves[0])
    written: list[str] = []
    stack: list[Piece] = [(layout, leaves, False)]
    boxes = 0
    while stack:
        piece = stack.pop()
        if isinstance(piece, str):
            written.append(piece)
            continue
        if isinstance(piece[0], BoxLayout):
            boxes += 1
            if boxes > LIMIT:
                written.append("...")
                continue
        stack.extend(reversed(_pieces(*piece)))
    return "".join(written)


def _pieces(layout: Layout, leaves: Sequence[Any], elide: bool) -> Sequence[Piece]:
    match layout:
        case Leaf(List(element)):
            return _pieces(ListLayout(Leaf(element)), leaves, elide)
        case Leaf(type):
            return (_show_leaf(leaves[0], type, elide),)
        case Record(name, fields):
            names = [f"{field}: " for field, _ in fields]
            return _row(f"{name}(", names, [part for _, part in fields], leaves, elide, ")")
        case TupleLayout(items):
            return _row(
                "(", [""] * len(items), items, leaves, elide, ",)" if len(items) == 1 else ")"
            )
        case ArrayLayout(items):
            return _row("[", [""] * len(items), items, leaves, elide, "]")
        case RangeLayout():
            start, stop, step = leaves
            return (f"{start}..{stop}" if step == 1 else f"{start}..{stop} step {step}",)
        case ListLayout(element):
            elide = elide or _size(leaves[0], LIMIT) > LIMIT
            inner = leaves[: leaf_count(element)]
            return _listed(
                [
                    "..." if place is None else (element, [xs[place] for xs in inner], elide)
                    for place in shown_places(len(leaves[0]), elide)
                ]
            )
        case EnumLayout(_, variants):
            payloads = [part for _, payload in variants for part in payload]
            first = sum(len(payload) for _, payload in variants[: leaves[0]])
            parts = split_leaves(payloads, leaves[1:])
            variant = variants[leaves[0]]
            live = [leaf for part in parts[first : first + len(variant[1])] for leaf in part]
            return _variant(variant, live, elide)
        case BoxLayout(name, table):
            tag, *fields = leaves[0]
            record = table[name][tag]
            if isinstance(record, Record):
                return _pieces(record, fields, elide)
            return _variant(record, fields, elide)
        case ConstantLayout(text):
            return (text,)


def _row(
    opening: str,
    names: Sequence[str],
    layouts: Sequence[Layout],
    leaves: Sequence[Any],
    elide: bool,
    closing: str,
) -> list[Piece]:
    """`opening`, each name with its value, commas between, `closing`."""
    pieces: list[Piece] = [opening]
    for name, layout, part in zip(names, layouts, split_leaves(layouts, leaves)):
        if len(pieces) > 1:
            pieces.append(", ")
        pieces += [name, (layout, part, elide)]
    pieces.append(closing)
    return pieces


def _variant(variant: Variant, leaves: Sequence[Any], elide: bool) -> Sequence[Piece]:
    name, payload = variant
    if not payload:
        return (name,)
    return _row(f"{name}(", [""] * len(payload), payload, leaves, elide, ")")


def _listed(elements: Sequence[Piece]) -> list[Piece]:
    pieces: list[Piece] = ["["]
    for element in elements:
        pieces += [", ", element] if len(pieces) > 1 else [element]
    pieces.append("]")
    return pieces


def _show_leaf(value: Any, type: Type, elide: bool) -> str:
    match type:
        case String():
            return quote(value)
        case Handle(kind):
            return f"<{kind}>"
        case Box(name):
            return f"<{name}>"
        case _:
            return show_tensor(value, show_number, elide)


# --- Numbers, tensors and strings ----------------------------------------------------------------


def show_number(value: Any) -> str:
    """A scalar of any dtype; an int or bool may be Python's or NumPy's."""
    match value:
        case bool() | np.bool_():
            return "true" if value else "false"
        case int() | np.integer():
            return str(int(value))
        case float():
            return float.__repr__(value)
        case np.floating():
            # NumPy's digits are the shortest; where it puts the exponent differs by version.
            return float.__repr__(float(str(value)))
        case np.ndarray():
            return show_number(value[()])
    return _shortest(value)


def _shortest(value: Any) -> str:
    """The shortest decimal that reads back, for a dtype NumPy does not know (bfloat16): the
    fewest digits whose nearest number in that dtype is the value."""
    wide = float(value)
    for digits in range(1, 18):
        text = f"{wide:.{digits}g}"
        if wide != wide or type(value)(float(text)) == value:
            return float.__repr__(float(text))
    return float.__repr__(wide)


def show_tensor(value: Any, number: Callable[[Any], str], elide: bool = False) -> str:
    """A tensor as nested brackets; `number` writes one element."""
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return number(value)
    elide = elide or _size(value, LIMIT) > LIMIT
    places = shown_places(len(value), elide)
    inner = (
        "..." if place is None else show_tensor(value[place], number, elide) for place in places
    )
    return f"[{', '.join(inner)}]"


def shown_places(length: int, elide: bool) -> Sequence[int | None]:
    """The places along an axis that are written; None stands for those left out."""
    if not elide or length <= 2 * ENDS:
        return range(length)
    return [*range(ENDS), None, *range(length - ENDS, length)]


def _size(value: Any, limit: int) -> int:
    """How many elements and inner brackets would be written; may stop counting past the limit."""
    match value:
        case np.ndarray():
            size = 1
            for n in value.shape:
                size *= max(n, 1)
            return size
        case list():
            total = 0
            for element in value:
                total += max(_size(element, limit), 1)
                if total > limit:
                    break
            return total
        case _:
            return 1


def quote(text: str) -> str:
    """A string as Charl reads it."""
    return f'"{text.translate(_ESCAPES_BY_CODE)}"'


# --- Declaration ---------------------------------------------------------------------------------


def _rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    wanted = leaf_count(attributes["layout"])
    if len(operands) != wanted:
        ctx.fail(f"a layout of {wanted} leaves was given {len(operands)} values")
    return (STRING,)


def _samples() -> list[Sample]:
    point = Record("Point", (("x", Leaf(FLOAT)), ("label", Leaf(STRING))))
    option = EnumLayout("Option", (("Some", (Leaf(INT),)), ("None", ())))
    row = np.array([1.0, 0.1], np.float32)
    return [
        Sample((0.1,), {"layout": Leaf(FLOAT)}),
        Sample((True,), {"layout": Leaf(BOOL)}),
        Sample(("bare",), {"layout": Leaf(STRING)}),
        Sample((row,), {"layout": Leaf(Tensor(FLOAT32.dtype, (2,)))}),
        Sample((1.0, "a"), {"layout": point}),
        Sample(([1.0, 2.0], ["a", "b"]), {"layout": ListLayout(point)}),
        Sample((0, 3), {"layout": option}),
        Sample((), {"layout": UNIT}),
    ]


SHOW = declare(
    Op(
        "show",
        "The text of a value, its parts given as leaves that `layout` puts together.",
        (Parameter("leaves", Kind.TENSORS),),
        _rule,
        show,
        no_gradient="text does not vary smoothly",
        samples=_samples,
    )
)

__all__ = [
    "SHOW",
    "UNIT",
    "ArrayLayout",
    "BoxLayout",
    "ConstantLayout",
    "EnumLayout",
    "Layout",
    "Leaf",
    "ListLayout",
    "RangeLayout",
    "Record",
    "TupleLayout",
    "leaf_count",
    "quote",
    "show",
    "show_number",
    "show_tensor",
]
