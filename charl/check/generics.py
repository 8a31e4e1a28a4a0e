"""Generic names of structs, enums and aliases: what each stands for, and which types recur.

`struct Pair[T, N] { a: T, b: float32[N] }` does not say that `T` is a type and `N` a dimension:
where they stand in the fields says it.
"""

from __future__ import annotations

from charl.check.declarations import Alias, Entry, Enum, Module, Static, StaticType, Struct
from charl.check.frame import Frame
from charl.syntax import ast
from charl.types.dims import Dim
from charl.types.types import Type


def generic_kinds(frame: Frame, declaration: Struct | Enum | Alias) -> dict[str, str]:
    """For each generic name of a declaration: does it stand for a `type` or a `dim`?"""
    if declaration.kinds is None:
        kinds = dict.fromkeys((g.name for g in declaration.node.generics), "dim")
        declaration.kinds = kinds
        home = declaring_frame(frame, declaration.module)
        for written in _written_types(declaration):
            find_kinds(home, kinds, written)
    return declaration.kinds


def _written_types(declaration: Struct | Enum | Alias) -> list[ast.TypeExpr]:
    match declaration.node:
        case ast.Enum(variants=variants):
            return [t for variant in variants for _, t in variant.payload]
        case ast.TypeAlias(type=written):
            return [written]
        case ast.Struct(fields=fields) | ast.Model(fields=fields):
            return [f.type for f in fields if f.type is not None]


def find_kinds(frame: Frame, kinds: dict[str, str], node: ast.Node) -> None:
    """Mark the generic names that stand where a type must stand."""
    match node:
        case ast.NamedType(path=path, arguments=arguments):
            name = path[-1].name
            if len(path) == 1 and name in kinds:
                kinds[name] = "type"
            head = frame.look_up(name)
            inner: list[str] = []
            if isinstance(head, Struct | Enum | Alias):
                inner = list(generic_kinds(frame, head).values())
            for position, argument in enumerate(arguments or ()):
                wants_type = inner[position : position + 1] == ["type"]
                if isinstance(argument, ast.Name) and argument.name in kinds and wants_type:
                    kinds[argument.name] = "type"
                elif isinstance(argument, ast.TypeExpr):
                    find_kinds(frame, kinds, argument)
        case ast.ListType(element=element):
            find_kinds(frame, kinds, element)
        case ast.TupleType(items=items):
            for item in items:
                find_kinds(frame, kinds, item)
        case ast.FunctionType(parameters=parameters, result=result):
            for part in (*(parameters or ()), *((result,) if result else ())):
                find_kinds(frame, kinds, part)


def as_type(node: ast.Node) -> ast.TypeExpr:
    """A type written where an expression was read: `Pair[float32, 3]` in a call."""
    match node:
        case ast.TypeExpr():
            return node
        case ast.Name(name=name):
            return ast.NamedType(node.span, (ast.Identifier(node.span, name),), None)
        case ast.Field(base=ast.Name(name=module), name=name):
            return ast.NamedType(node.span, (ast.Identifier(node.span, module), name), None)
        case ast.Index(base=base, items=items):
            inner = as_type(base)
            if isinstance(inner, ast.NamedType):
                return ast.NamedType(node.span, inner.path, items)
        case ast.ListLiteral(items=(element,)):
            return ast.ListType(node.span, as_type(element), None)
        case ast.TupleLiteral(items=items):
            return ast.TupleType(node.span, tuple(as_type(i) for i in items))
    return ast.NamedType(node.span, (ast.Identifier(node.span, node.span.text),), None)


def generic_entries(
    frame: Frame, declaration: Struct | Enum | Alias, arguments: tuple[Type | Dim, ...]
) -> dict[str, Entry]:
    """What a declaration's generic names stand for, given its arguments."""
    return {
        name: StaticType(argument) if isinstance(argument, Type) else Static(argument)
        for name, argument in zip(generic_kinds(frame, declaration), arguments)
    }


def is_recursive(declaration: Struct | Enum) -> bool:
    """Whether a value of the type can contain another of it: such values are boxed."""
    if declaration.recursive is None:
        declaration.recursive = False
        declaration.recursive = _reaches(declaration, declaration, set())
    return declaration.recursive


def contains_itself(declaration: Struct) -> bool:
    """Whether a struct holds another of its type in each value, by way of structs and tuples only:
    such a value could never be finished."""
    seen: set[int] = set()
    pending = [declaration]
    while pending:
        current = pending.pop()
        heads: set[str] = set()
        for field in current.fields:
            if field.type is not None:
                _heads_in(field.type, heads)
        for name in heads:
            entry = dict.get(current.module.names, name)
            if entry is declaration:
                return True
            if isinstance(entry, Struct) and id(entry) not in seen:
                seen.add(id(entry))
                pending.append(entry)
    return False


def _heads_in(node: ast.TypeExpr, names: set[str]) -> None:
    """The types of which a value of this type holds one at least."""
    match node:
        case ast.NamedType(path=(only,)):
            names.add(only.name)
        case ast.TupleType(items=items):
            for item in items:
                _heads_in(item, names)


def _reaches(start: Struct | Enum, goal: Struct | Enum, seen: set[int]) -> bool:
    names: set[str] = set()
    for written in _written_types(start):
        _names_in(written, names)
    for name in names:
        entry = start.module.names.get(name)
        if entry is goal:
            return True
        if isinstance(entry, Struct | Enum) and id(entry) not in seen:
            seen.add(id(entry))
            if _reaches(entry, goal, seen):
                return True
    return False


def _names_in(node: ast.Node, names: set[str]) -> None:
    match node:
        case ast.NamedType(path=path, arguments=arguments):
            names.add(path[-1].name)
            for argument in arguments or ():
                _names_in(argument, names)
        case ast.Name(name=name):
            names.add(name)
        case ast.ListType(element=element):
            _names_in(element, names)
        case ast.TupleType(items=items):
            for item in items:
                _names_in(item, names)


def declaring_frame(frame: Frame, module: Module) -> Frame:
    """A frame that looks names up in a declaration's own module and nowhere else."""
    return Frame(frame.session, module, frame.instance, [], uses=frame.uses)
