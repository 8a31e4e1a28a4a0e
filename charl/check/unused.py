"""Warnings about what a file binds and never reads: variables (W0201, W0202) and imports (W0203).

One walk over the syntax tree, with the scopes of the blocks. A binding is read when its name occurs
in its scope in any other place than the left of `=`; where in time does not matter, so that what
a loop reads in its next round counts. In doubt a name counts as read: that of a method call may be
a function's, for `x.f(y)` is `f(x, y)`.

Nothing is said about the top level, whose names other files and Python may read, about parameters
and the variables of loops, patterns and closures, which are there for their place, nor about names
that start with `_`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from charl.check.declarations import Module
from charl.check.names import children, root_name, walk
from charl.diagnostics.diagnostic import Diagnostic, error
from charl.records import record
from charl.source import Span
from charl.syntax import ast
from charl.syntax.nesting import deep_recursion


@record(frozen=False, eq=False)
class Binding:
    """A variable of a block; `told` says whether it is told of when nothing reads it."""

    name: str
    span: Span
    told: bool
    read: bool = False
    assigned: bool = False


def walk_scopes(syntax: ast.Module) -> ScopeWalk:
    """The walk over a file: `found` are the warnings about variables; the blocks and the statements
    that are an expression, which it passes, are kept for other warnings."""
    walk = ScopeWalk()
    with deep_recursion():
        for statement in syntax.statements:
            walk.visit(statement)
    return walk


class ScopeWalk:
    def __init__(self) -> None:
        self.scopes: list[dict[str, Binding]] = []
        self.bindings: list[Binding] = []
        self.found: list[Diagnostic] = []
        self.blocks: list[ast.Block] = []
        self.values: list[ast.ExprStatement] = []

    def visit(self, node: ast.Node) -> None:
        rule = _RULES.get(type(node))
        if rule is not None:
            rule(self, node)
        else:
            self._each(children(node))

    def _name(self, node: ast.Name) -> None:
        self._read(node.name)

    def _value(self, node: ast.ExprStatement) -> None:
        self.values.append(node)
        self.visit(node.value)

    def _let(self, node: ast.Let) -> None:
        self._each(children(node))
        self._bind(node.pattern, told=True)

    def _for(self, node: ast.For) -> None:
        self.visit(node.iterable)
        self._inside([node.pattern], [node.body])

    def _arm(self, node: ast.Arm) -> None:
        self._inside([node.pattern], [node.guard, node.body])

    def _function(self, node: ast.Lambda | ast.Function | ast.Initialiser) -> None:
        if isinstance(node, ast.Function):
            self._bind(node.name, told=False)
        patterns = [p.pattern for p in node.parameters]
        self._each(x for p in node.parameters for x in (p.type, p.default))
        result = None if isinstance(node, ast.Initialiser) else _result_type(node)
        self._inside(patterns, [result, node.body])

    def _named_type(self, node: ast.NamedType) -> None:
        self._read(node.path[0].name)
        self._each(children(node))

    def _field(self, node: ast.Field) -> None:
        self._read(node.name.name)
        self.visit(node.base)

    def _each(self, nodes: Iterable[ast.Node | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def _block(self, node: ast.Block) -> None:
        self.blocks.append(node)
        self.scopes.append({})
        start = len(self.bindings)
        self._each(children(node))
        self.scopes.pop()
        self._tell(start)

    def _inside(self, patterns: Iterable[ast.Pattern], nodes: Iterable[ast.Node | None]) -> None:
        self.scopes.append({})
        for pattern in patterns:
            self._bind(pattern, told=False)
        self._each(nodes)
        self.scopes.pop()

    def _bind(self, node: ast.Pattern | ast.Identifier, told: bool) -> None:
        names = [n for n in walk(node) if isinstance(n, ast.NamePattern | ast.Identifier)]
        if not self.scopes:
            return
        alone = len(names) == 1  # of a tuple's items perhaps only one is of interest
        for name in names:
            tell = told and alone and not name.name.startswith("_")
            binding = Binding(name.name, name.span, tell)
            self.scopes[-1][name.name] = binding
            self.bindings.append(binding)

    def _assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        targets = node.target.items if isinstance(node.target, ast.TupleLiteral) else (node.target,)
        for target in targets:
            root = root_name(target)
            if root is None:
                self.visit(target)
                continue
            binding = self._look_up(root.name)
            if binding is not None:
                binding.assigned = True
            while isinstance(target, ast.Field | ast.Index):
                if isinstance(target, ast.Index):
                    self._each(target.items)
                target = target.base

    def _look_up(self, name: str) -> Binding | None:
        return next((scope[name] for scope in reversed(self.scopes) if name in scope), None)

    def _read(self, name: str) -> None:
        binding = self._look_up(name)
        if binding is not None:
            binding.read = True

    def _tell(self, start: int) -> None:
        """Report what was bound since `start` and never read."""
        for binding in self.bindings[start:]:
            if binding.told and not binding.read:
                self.found.append(_unused(binding))
        del self.bindings[start:]


# Every other node is only walked through.
_RULES: dict[type[ast.Node], Callable[[ScopeWalk, Any], None]] = {
    ast.Name: ScopeWalk._name,
    ast.Block: ScopeWalk._block,
    ast.ExprStatement: ScopeWalk._value,
    ast.Let: ScopeWalk._let,
    ast.Assign: ScopeWalk._assign,
    ast.For: ScopeWalk._for,
    ast.Arm: ScopeWalk._arm,
    ast.Lambda: ScopeWalk._function,
    ast.Function: ScopeWalk._function,
    ast.Initialiser: ScopeWalk._function,
    ast.NamedType: ScopeWalk._named_type,
    ast.Field: ScopeWalk._field,
}


def _result_type(node: ast.Lambda | ast.Function) -> ast.TypeExpr | None:
    return node.result if isinstance(node, ast.Function) else None


def _unused(binding: Binding) -> Diagnostic:
    name = binding.name
    if binding.assigned:
        return error(
            "W0202",
            f"`{name}` is assigned but never read",
            binding.span,
            "bound here",
            helps=(f"remove it, or name it `_{name}` if that is meant",),
        )
    return error(
        "W0201",
        f"`{name}` is never read",
        binding.span,
        "bound here",
        helps=(f"remove it, or name it `_{name}` if that is meant",),
    )


# --- Imports -------------------------------------------------------------------------------------


def unused_imports(module: Module) -> list[Diagnostic]:
    """Imports of names that occur nowhere else in a file that does something itself: one of
    declarations alone may import for those that import it."""
    statements = module.syntax.statements
    imports = [s for s in statements if isinstance(s, ast.Import)]
    if not imports or not any(isinstance(s, ast.ExprStatement | ast.For) for s in statements):
        return []
    mentioned = {
        name
        for statement in statements
        if not isinstance(statement, ast.Import)
        for node in walk(statement)
        for name in _names_in(node)
    }
    found: list[Diagnostic] = []
    for item in imports:
        bound = [item.alias or item.path[-1]]
        if item.names is not None:
            bound = [alias or name for name, alias in item.names]
        elif _does_something(module, bound[0].name):
            continue
        for identifier in bound:
            if identifier.name not in mentioned and not identifier.name.startswith("_"):
                found.append(
                    error(
                        "W0203",
                        f"`{identifier.name}` is imported but never used",
                        identifier.span,
                        helps=("remove the import",),
                    )
                )
    return found


def _names_in(node: ast.Node) -> tuple[str, ...]:
    match node:
        case ast.Name(name=name) | ast.NamePattern(name=name) | ast.Identifier(name=name):
            return (name,)
    return ()


def _does_something(module: Module, name: str) -> bool:
    """Whether a module that is imported runs code of its own, for which it may be imported."""
    entry = module.names.get(name)
    return isinstance(entry, Module) and any(
        not isinstance(s, ast.Item | ast.Let) or isinstance(s, ast.Fact | ast.Rule)
        for s in entry.syntax.statements
    )
