"""Which values a `match` leaves out, and which arms are never reached.

The usefulness algorithm of L. Maranget, "Warnings for pattern matching" (JFP 17, 2007): a matrix of
pattern rows is specialised by the constructors of its first column. Enums, booleans, tuples and
structs have finitely many constructors; numbers and strings have more than any match can list.
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.check.annotations import fields_of_struct, payloads_of_enum
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.records import record
from charl.syntax import ast
from charl.types import types
from charl.types.types import BOOL, Type


@record
class Constructor:
    """`key` tells constructors of one type apart; `shown` prints one with its arguments."""

    key: object
    name: str
    arguments: tuple[Type, ...] = ()

    def shown(self, arguments: Sequence[str]) -> str:
        if self.name == "tuple":
            return f"({', '.join(arguments)})"
        return f"{self.name}({', '.join(arguments)})" if arguments else self.name


Row = tuple[ast.Pattern | None, ...]
"""None is a pattern that matches everything."""


def missing_and_unreachable(
    frame: Frame, subject: Type, arms: Sequence[tuple[ast.Pattern, bool]]
) -> tuple[list[str], list[int]]:
    """Examples of uncovered values (at most three), and the arms that earlier ones cover."""
    rows: list[Row] = []
    unreachable = []
    for index, (pattern, guarded) in enumerate(arms):
        if _witness(frame, rows, (pattern,), (subject,)) is None:
            unreachable.append(index)
        if not guarded:
            rows.append((pattern,))
    missing: list[str] = []
    while len(missing) < 3:
        witness = _witness(frame, rows, (None,), (subject,))
        if witness is None:
            break
        missing.append(witness[0])
        top = _top_constructor(subject, witness[0])
        if top is None:
            break
        rows.append((top,))
    return missing, unreachable


def _top_constructor(subject: Type, witness: str) -> ast.Pattern | None:
    """A pattern for everything with the witness's outermost constructor, to look for another."""
    kind = resolve(subject)
    if not isinstance(kind, types.Enum):
        return None
    name = witness.partition("(")[0]
    node = kind.declaration.node
    payload = next(v.payload for v in node.variants if v.name.name == name)
    wild = ast.WildcardPattern(node.span)
    return ast.ConstructorPattern(
        node.span, (ast.Identifier(node.span, name),), tuple((None, wild) for _ in payload)
    )


def _witness(
    frame: Frame, rows: Sequence[Row], row: Row, kinds: tuple[Type, ...]
) -> list[str] | None:
    """A value vector that `row` matches and no row of `rows` does, shown; None if there is none."""
    if not kinds:
        return None if rows else []
    first, rest = row[0], row[1:]
    kind = resolve(kinds[0])
    if isinstance(first, ast.OrPattern):
        for option in first.options:
            found = _witness(frame, rows, (option, *rest), kinds)
            if found is not None:
                return found
        return None
    rows = _expand_alternatives(rows)
    own = _constructor(frame, first, kind)
    if own is not None:
        return _specialised(frame, rows, row, kinds, own)
    used = {c.key: c for r in rows if (c := _constructor(frame, r[0], kind)) is not None}
    every = _all_constructors(frame, kind)
    if every is not None and all(c.key in used for c in every):
        for constructor in every:
            found = _specialised(frame, rows, row, kinds, constructor)
            if found is not None:
                return found
        return None
    default = [r[1:] for r in rows if _constructor(frame, r[0], kind) is None]
    found = _witness(frame, default, rest, kinds[1:])
    if found is None:
        return None
    unused = [c for c in every or () if c.key not in used]
    shown = unused[0].shown(["_"] * len(unused[0].arguments)) if unused and used else "_"
    if unused and not used and every is not None:
        shown = unused[0].shown(["_"] * len(unused[0].arguments))
    return [shown, *found]


def _specialised(
    frame: Frame,
    rows: Sequence[Row],
    row: Row,
    kinds: tuple[Type, ...],
    constructor: Constructor,
) -> list[str] | None:
    kind = resolve(kinds[0])
    kept = [
        (*inner, *r[1:])
        for r in rows
        if (inner := _arguments(frame, r[0], kind, constructor)) is not None
    ]
    own = _arguments(frame, row[0], kind, constructor)
    if own is None:
        return None
    found = _witness(frame, kept, (*own, *row[1:]), (*constructor.arguments, *kinds[1:]))
    if found is None:
        return None
    count = len(constructor.arguments)
    return [constructor.shown(found[:count]), *found[count:]]


def _expand_alternatives(rows: Sequence[Row]) -> list[Row]:
    result: list[Row] = []
    for row in rows:
        if isinstance(row[0], ast.OrPattern):
            result += _expand_alternatives([(o, *row[1:]) for o in row[0].options])
        else:
            result.append(row)
    return result


def _all_constructors(frame: Frame, kind: Type) -> list[Constructor] | None:
    """Every constructor of a type, or None when there are too many to list."""
    match kind:
        case types.Enum(declaration=declaration):
            payloads = payloads_of_enum(frame, kind)
            return [
                Constructor(i, v.name.name, payloads[i]) for i, v in enumerate(declaration.variants)
            ]
        case types.Tuple(items):
            return [Constructor("tuple", "tuple", items)]
        case types.Struct(declaration=declaration):
            return [Constructor("struct", declaration.name, fields_of_struct(frame, kind))]
    if kind == BOOL:
        return [Constructor(True, "true"), Constructor(False, "false")]
    return None


def _constructor(frame: Frame, pattern: ast.Pattern | None, kind: Type) -> Constructor | None:
    """The constructor at the head of a pattern; None for patterns that match everything."""
    if pattern is None or isinstance(pattern, ast.WildcardPattern):
        return None
    every = _all_constructors(frame, kind)
    match pattern:
        case ast.LiteralPattern(value=value):
            if isinstance(value, bool):
                return Constructor(value, "true" if value else "false")
            return Constructor((type(value).__name__, value), repr(value))
        case ast.RangePattern(start=start, stop=stop, inclusive=inclusive):
            return Constructor(("range", start, stop, inclusive), f"{start}..{stop}")
        case ast.TuplePattern() if every:
            return every[0]
        case (
            ast.NamePattern(name=name)
            | ast.ConstructorPattern(path=(*_, ast.Identifier(name=name)))
        ):
            if isinstance(kind, types.Struct) and isinstance(pattern, ast.ConstructorPattern):
                return every[0] if every else None
            return (
                next((c for c in every or () if c.name == name), None)
                if isinstance(kind, types.Enum)
                else None
            )
    return None


def _arguments(
    frame: Frame, pattern: ast.Pattern | None, kind: Type, constructor: Constructor
) -> tuple[ast.Pattern | None, ...] | None:
    """The patterns of a constructor's arguments; None when the pattern is of another."""
    own = _constructor(frame, pattern, kind)
    if own is None:
        return (None,) * len(constructor.arguments)
    if own.key != constructor.key:
        return None
    count = len(constructor.arguments)
    match pattern:
        case ast.TuplePattern(items=items) if len(items) == count:
            return items
        case ast.ConstructorPattern(arguments=arguments):
            slots: list[ast.Pattern | None] = [None] * count
            names = _argument_names(kind, constructor)
            for position, (label, inner) in enumerate(arguments):
                index = position
                if label is not None and label.name in names:
                    index = names.index(label.name)
                if index < count:
                    slots[index] = inner
            return tuple(slots)
    return (None,) * count


def _argument_names(kind: Type, constructor: Constructor) -> list[str | None]:
    if isinstance(kind, types.Struct):
        return list(kind.declaration.field_names)
    if isinstance(kind, types.Enum) and isinstance(constructor.key, int):
        payload = kind.declaration.variants[constructor.key].payload
        return [name.name if name is not None else None for name, _ in payload]
    return []
