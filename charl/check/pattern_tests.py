"""What a pattern asks of a value, and what it binds: a condition and variables.

The condition is None for a pattern that always fits. Bindings are made once the whole pattern is
known to fit, so that a pattern that fails binds nothing.
"""

from __future__ import annotations

from charl.check import tree
from charl.check.annotations import fields_of_struct, payloads_of_enum
from charl.check.comparison import compare
from charl.check.declarations import Enum, Variant
from charl.check.frame import Frame
from charl.check.infer import coerce, resolve
from charl.check.known import Choice, known
from charl.check.naming import entry_of
from charl.check.rules import apply_op
from charl.check.variables import bind_variable
from charl.core.op import REGISTRY
from charl.diagnostics.diagnostic import Label
from charl.source import Span
from charl.syntax import ast
from charl.types import types
from charl.types.types import BOOL, BROKEN, INT, NEVER, STRING, Tensor, Type


def tuple_items(kind: Type) -> tuple[Type, ...] | None:
    if isinstance(kind, types.Tuple):
        return kind.items
    return (kind.element,) * kind.length if isinstance(kind, types.Array) else None


def both(first: tree.Expr, second: tree.Expr) -> tree.Expr:
    return tree.If(first.span, BOOL, first, second, tree.Constant(first.span, BOOL, False))


class PatternTest:
    """The condition of a pattern, and the variables that it binds."""

    def __init__(self, frame: Frame, names: list[tuple[ast.NamePattern, tree.Expr]]) -> None:
        self.frame, self.names = frame, names

    def bind(self) -> list[tree.Statement]:
        return [bind_variable(self.frame, p, v) for p, v in self.names]

    def of(self, pattern: ast.Pattern, value: tree.Expr) -> tree.Expr | None:
        """The condition (None: always true); names are collected."""
        match pattern:
            case ast.WildcardPattern():
                return None
            case ast.NamePattern(name=name):
                variant = self._variant_named(name, value)
                if variant is not None:
                    return self._variant(pattern.span, variant, (), value)
                other = self.frame.look_up(name)
                if isinstance(other, Variant) and isinstance(resolve(value.type), types.Enum):
                    return self._misfit(pattern, value)
                if name != "_":
                    self.names.append((pattern, value))
                return None
            case ast.LiteralPattern(value=literal):
                return self._literal(pattern, literal, value)
            case ast.RangePattern():
                return self._range(pattern, value)
            case ast.TuplePattern(items=items):
                return self._tuple(pattern, items, value)
            case ast.OrPattern(options=options):
                return self._or(options, value)
            case ast.ConstructorPattern():
                return self._constructor(pattern, value)
        return None

    def _variant_named(self, name: str, value: tree.Expr) -> Variant | None:
        kind = resolve(value.type)
        if isinstance(kind, types.Enum):
            for index, variant in enumerate(kind.declaration.variants):
                if variant.name.name == name:
                    return Variant(kind.declaration, index)
        return None

    def _literal(
        self, pattern: ast.LiteralPattern, literal: int | float | str | bool, value: tree.Expr
    ) -> tree.Expr:
        frame, span = self.frame, pattern.span
        node: tree.Expr
        if isinstance(literal, str):
            node = tree.Constant(span, STRING, literal)
        elif isinstance(literal, bool):
            node = tree.Constant(span, BOOL, literal)
        else:
            node = tree.Constant(span, frame.literal(isinstance(literal, float)), literal)
        if isinstance(literal, bool) and resolve(value.type) == BOOL:
            if literal:
                return value
            return apply_op(frame, REGISTRY["not"], [value], {}, span)
        kind = resolve(value.type)
        undecided = kind in (BROKEN, NEVER) or isinstance(kind, types.Variable)
        if not undecided and isinstance(kind, Tensor) != isinstance(node.type, Tensor):
            return frame.error(
                "E0301",
                f"this pattern is {types.show(node.type)}, and the value {types.show(kind)}",
                span,
                "never matches",
                secondary=(Label(value.span, f"this is {types.show(kind)}"),),
            )
        return compare(frame, "==", value, node, span)

    def _range(self, pattern: ast.RangePattern, value: tree.Expr) -> tree.Expr:
        frame, span = self.frame, pattern.span
        low = tree.Constant(span, INT, pattern.start)
        high = tree.Constant(span, INT, pattern.stop)
        value = coerce(frame, value, INT, "a range of ints is matched here")
        above = compare(frame, "<=", low, value, span)
        below = compare(frame, "<=" if pattern.inclusive else "<", value, high, span)
        return both(above, below)

    def _tuple(
        self, pattern: ast.Pattern, items: tuple[ast.Pattern, ...], value: tree.Expr
    ) -> tree.Expr | None:
        parts = tuple_items(resolve(value.type))
        if parts is None or len(parts) != len(items):
            return self._misfit(pattern, value)
        return self._parts(
            [(p, tree.Get(p.span, t, value, i)) for i, (p, t) in enumerate(zip(items, parts))]
        )

    def _parts(self, parts: list[tuple[ast.Pattern, tree.Expr]]) -> tree.Expr | None:
        result: tree.Expr | None = None
        for pattern, value in parts:
            condition = self.of(pattern, value)
            if condition is not None:
                result = condition if result is None else both(result, condition)
        return result

    def _or(self, options: tuple[ast.Pattern, ...], value: tree.Expr) -> tree.Expr | None:
        result: tree.Expr | None = None
        for option in options:
            names = names_in(option)
            if names and not all(self._variant_named(n, value) for n in names):
                self.frame.error(
                    "E0252",
                    "alternatives of a pattern cannot bind names",
                    option.span,
                    helps=("write an arm for each alternative",),
                )
                self._bind_broken(option)
                return None
            condition = self.of(option, value)
            if condition is None:
                return None
            yes = tree.Constant(option.span, BOOL, True)
            result = (
                condition if result is None else tree.If(option.span, BOOL, result, yes, condition)
            )
        return result

    def _constructor(self, pattern: ast.ConstructorPattern, value: tree.Expr) -> tree.Expr | None:
        kind = resolve(value.type)
        name = pattern.path[-1].name
        if isinstance(kind, types.Struct) and kind.declaration.name == name:
            return self._struct(pattern, kind, value)
        variant = self._variant_named(name, value)
        if variant is None:
            return self._misfit(pattern, value)
        if len(pattern.path) == 2:
            owner = entry_of(self.frame, ast.Name(pattern.path[0].span, pattern.path[0].name))
            if isinstance(owner, Enum) and owner is not variant.enum:
                return self._misfit(pattern, value)
        return self._variant(pattern.span, variant, pattern.arguments, value)

    def _struct(
        self, pattern: ast.ConstructorPattern, kind: types.Struct, value: tree.Expr
    ) -> tree.Expr | None:
        names = kind.declaration.field_names
        fields = fields_of_struct(self.frame, kind)
        parts: list[tuple[ast.Pattern, tree.Expr]] = []
        for position, (label, inner) in enumerate(pattern.arguments):
            index = (
                position
                if label is None
                else (names.index(label.name) if label.name in names else -1)
            )
            if not 0 <= index < len(names):
                return self._misfit(pattern, value)
            parts.append((inner, tree.Get(inner.span, fields[index], value, index)))
        return self._parts(parts)

    def _variant(
        self,
        span: Span,
        variant: Variant,
        arguments: tuple[tuple[ast.Identifier | None, ast.Pattern], ...],
        value: tree.Expr,
    ) -> tree.Expr | None:
        kind = resolve(value.type)
        assert isinstance(kind, types.Enum)
        declared = variant.enum.variants[variant.index].payload
        payload = payloads_of_enum(self.frame, kind)[variant.index]
        if len(arguments) != len(payload):
            self.frame.error(
                "E0253",
                f"`{variant.name}` holds {len(payload)} values, and the pattern names "
                f"{len(arguments)}",
                span,
                helps=("`_` stands for a value that does not matter",),
            )
            for _, inner in arguments:
                self._bind_broken(inner)
            return None
        fixed = known(value)
        result: tree.Expr | None = None
        if isinstance(fixed, Choice):
            result = tree.Constant(span, BOOL, fixed.tag == variant.index)
        elif len(variant.enum.variants) > 1:
            tag = tree.Constant(span, INT, variant.index)
            result = compare(self.frame, "==", tree.VariantTag(span, INT, value), tag, span)
        names = [n.name if n is not None else None for n, _ in declared]
        parts: list[tuple[ast.Pattern, tree.Expr]] = []
        for position, (label, inner) in enumerate(arguments):
            index = (
                names.index(label.name) if label is not None and label.name in names else position
            )
            opened = self.frame.opened(payload[index])
            parts.append((inner, tree.VariantGet(inner.span, opened, value, variant.index, index)))
        rest = self._parts(parts)
        if rest is None:
            return result
        return rest if result is None else both(result, rest)

    def _misfit(self, pattern: ast.Pattern, value: tree.Expr) -> tree.Expr | None:
        kind = resolve(value.type)
        if kind != BROKEN:
            helps: tuple[str, ...] = ()
            if isinstance(kind, types.Enum):
                names = ", ".join(f"`{v.name.name}`" for v in kind.declaration.variants)
                helps = (f"the variants of {types.show(kind)} are {names}",)
            self.frame.error(
                "E0251", f"this pattern does not fit {types.show(kind)}", pattern.span, helps=helps
            )
        self._bind_broken(pattern)
        return None

    def _bind_broken(self, pattern: ast.Pattern) -> None:
        """The names of a pattern that has been reported about."""
        for name in _name_patterns(pattern):
            self.names.append((name, tree.Constant(name.span, BROKEN, None)))


def _name_patterns(pattern: ast.Pattern) -> list[ast.NamePattern]:
    match pattern:
        case ast.NamePattern(name=name):
            return [] if name == "_" else [pattern]
        case ast.TuplePattern(items=items) | ast.OrPattern(options=items):
            return [n for item in items for n in _name_patterns(item)]
        case ast.ConstructorPattern(arguments=arguments):
            return [n for _, item in arguments for n in _name_patterns(item)]
    return []


def names_in(pattern: ast.Pattern) -> list[str]:
    return [p.name for p in _name_patterns(pattern)]
