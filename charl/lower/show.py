"""From types to layouts: how `show` puts the leaves of a value together again."""

from __future__ import annotations

from collections.abc import Sequence

from charl.lower.layout import fields_of, is_boxed, leaves_of, parts_of, payloads_of, resolved
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
)
from charl.records import field, record
from charl.types import dims
from charl.types.types import (
    Array,
    Closure,
    Closures,
    Enum,
    List,
    Range,
    Struct,
    Tuple,
    Type,
    map_dims,
    show,
)


@record
class Boxes:
    """The boxed types of a program that are shown, filled in as layouts are made: `table` says
    what the tags of each mean, by a name of its own."""

    table: dict[str, Sequence[Variant | Record]] = field(default_factory=dict)
    names: dict[Type, str] = field(default_factory=dict)

    def name(self, type: Type) -> str:
        if type not in self.names:
            # Types of two modules may share a name.
            shown = show(type)
            taken = sum(name.partition("'")[0] == shown for name in self.names.values())
            self.names[type] = shown + "'" * taken
        return self.names[type]


def layout_of(type: Type, boxes: Boxes) -> Layout:
    """How the leaves of a value of `type` are shown."""
    match resolved(type):
        case Tuple(()):
            return UNIT
        case Tuple(items):
            return TupleLayout(tuple(layout_of(item, boxes) for item in items))
        case Array() as array:
            return ArrayLayout(tuple(layout_of(item, boxes) for item in parts_of(array)))
        case List(element):
            return ListLayout(layout_of(element, boxes))
        case Range():
            return RangeLayout()
        case Struct() | Enum() as boxed if is_boxed(boxed):
            return _box(boxed, boxes)
        case Struct() as struct:
            return _record(struct, boxes)
        case Enum() as enum:
            return EnumLayout(enum.declaration.name, _variants(enum, boxes))
        case Closure() as closure:
            return ConstantLayout(show(closure), len(leaves_of(closure)))
        case Closures(options) as several:
            if len(leaves_of(several)) == 1:
                return EnumLayout("fn", tuple((show(option), ()) for option in options))
            return ConstantLayout(show(several), len(leaves_of(several)))
        case leaf:
            return Leaf(map_dims(leaf, lambda dim: dim if isinstance(dim, int) else dims.UNKNOWN))


def _box(type: Struct | Enum, boxes: Boxes) -> Layout:
    name = boxes.name(type)
    if name not in boxes.table:
        boxes.table[name] = ()
        match type:
            case Struct():
                boxes.table[name] = (_record(type, boxes),)
            case Enum():
                boxes.table[name] = _variants(type, boxes)
    return BoxLayout(name, boxes.table)


def _record(struct: Struct, boxes: Boxes) -> Record:
    names: tuple[str, ...] = struct.declaration.field_names
    layouts = [layout_of(field, boxes) for field in fields_of(struct)]
    return Record(struct.declaration.name, tuple(zip(names, layouts)))


def _variants(enum: Enum, boxes: Boxes) -> tuple[Variant, ...]:
    names = [variant.name.name for variant in enum.declaration.variants]
    payloads = payloads_of(enum)
    return tuple(
        (name, tuple(layout_of(part, boxes) for part in payload))
        for name, payload in zip(names, payloads)
    )
