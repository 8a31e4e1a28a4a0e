"""Patterns that always fit: taking values apart in `let` and in parameters."""

from __future__ import annotations

from charl.check import late, tree
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.check.pattern_tests import PatternTest, tuple_items
from charl.check.variables import bind_variable
from charl.syntax import ast
from charl.types import types
from charl.types.types import BROKEN, NEVER


@late.destructure.define
def destructure(frame: Frame, pattern: ast.Pattern, value: tree.Expr) -> list[tree.Statement]:
    """Bind the names of a pattern that always matches."""
    match pattern:
        case ast.WildcardPattern():
            return [tree.Evaluate(pattern.span, value)]
        case ast.NamePattern(name="_"):
            return [tree.Evaluate(pattern.span, value)]
        case ast.NamePattern():
            return [bind_variable(frame, pattern, value)]
        case ast.TuplePattern(items=items):
            return _destructure_tuple(frame, pattern, items, value)
        case ast.ConstructorPattern():
            return _destructure_struct(frame, pattern, value)
    frame.error("E0250", "this pattern may not match: use `match`", pattern.span)
    return []


def _destructure_tuple(
    frame: Frame, pattern: ast.Pattern, items: tuple[ast.Pattern, ...], value: tree.Expr
) -> list[tree.Statement]:
    kind = resolve(value.type)
    if kind in (BROKEN, NEVER):
        return [
            s
            for item in items
            for s in destructure(frame, item, tree.Constant(item.span, BROKEN, None))
        ]
    if isinstance(kind, types.Variable):  # an element of a list that is still empty
        taken_apart = types.Tuple(tuple(types.Variable() for _ in items))
        kind.bound = taken_apart
        kind = taken_apart
    parts = tuple_items(kind)
    if parts is None or len(parts) != len(items):
        frame.error(
            "E0251",
            f"this pattern has {len(items)} names, and the value is {types.show(kind)}",
            pattern.span,
        )
        unknown = tree.Constant(pattern.span, BROKEN, None)
        return [s for item in items for s in destructure(frame, item, unknown)]
    if isinstance(value, tree.Make):
        statements: list[tree.Statement] = []
        bound: list[tuple[ast.Pattern, tree.Expr]] = []
        for item, part in zip(items, value.items):
            let, read = frame.temporary("item", part)
            statements.append(let)
            bound.append((item, read))
        return statements + [s for item, read in bound for s in destructure(frame, item, read)]
    let, read = frame.temporary("tuple", value)
    statements = [let]
    for i, (item, part_type) in enumerate(zip(items, parts)):
        statements += destructure(frame, item, tree.Get(item.span, part_type, read, i))
    return statements


def _destructure_struct(
    frame: Frame, pattern: ast.ConstructorPattern, value: tree.Expr
) -> list[tree.Statement]:
    let, read = frame.temporary("value", value)
    test = PatternTest(frame, [])
    condition = test.of(pattern, read)
    if condition is not None:
        frame.error("E0250", "this pattern may not match: use `match`", pattern.span)
    return [let, *test.bind()]
