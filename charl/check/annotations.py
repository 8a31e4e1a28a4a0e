"""Written types: from `ast.TypeExpr` to `Type`.

In a signature a dimension name that is not otherwise bound is generic: it becomes a rigid symbol of
the signature, which a call binds (see `bindings`). A declared struct or enum with arguments is
made once for each tuple of arguments.
"""

from __future__ import annotations

from collections.abc import Callable

from charl.check import late, tree
from charl.check.bindings import REST
from charl.check.declarations import (
    Alias,
    Entry,
    Enum,
    Module,
    Signature,
    Static,
    StaticType,
    Struct,
)
from charl.check.frame import Frame
from charl.check.generics import (
    as_type,
    declaring_frame,
    generic_entries,
    generic_kinds,
    is_recursive,
)
from charl.check.known import known_dim
from charl.diagnostics.suggest import nearest
from charl.records import field, record
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, dtypes, types
from charl.types.dims import UNKNOWN, Dim, Polynomial, Symbol, Unknown
from charl.types.types import BROKEN, Type

DTYPES = dtypes.BY_NAME


@record(frozen=False, eq=False)
class Scope:
    """Where a type is written. `signature` collects generic names when they may be introduced;
    `values` are int parameters that may serve as sizes in it."""

    frame: Frame
    signature: Signature | None = None
    values: frozenset[str] = frozenset()
    generics: dict[str, Entry] = field(default_factory=dict)
    rest: tuple[Dim, ...] | None = None

    def look_up(self, name: str) -> Entry | None:
        if name in self.generics:
            return self.generics[name]
        return self.frame.look_up(name)


def resolve_type(scope: Scope, node: ast.TypeExpr) -> Type:
    """The type that is written, or BROKEN after a report."""
    match node:
        case ast.NamedType():
            return _named_type(scope, node)
        case ast.ListType(element=element, size=None):
            return types.List(resolve_type(scope, element))
        case ast.ListType(element=element, size=size):
            assert size is not None
            length = resolve_dim(scope, size)
            if not isinstance(length, int):
                scope.frame.error(
                    "E0211", "the length of a fixed-size list must be a known number", size.span
                )
                return BROKEN
            return types.Array(resolve_type(scope, element), length)
        case ast.TupleType(items=items):
            return types.Tuple(tuple(resolve_type(scope, t) for t in items))
        case ast.FunctionType(parameters=None):
            return types.Function(None, None)
        case ast.FunctionType(parameters=parameters, result=result):
            assert parameters is not None
            return types.Function(
                tuple(resolve_type(scope, p) for p in parameters),
                types.UNIT if result is None else resolve_type(scope, result),
            )
    return BROKEN


def _named_type(scope: Scope, node: ast.NamedType) -> Type:
    name = node.path[-1].name
    if len(node.path) == 1:
        if name in DTYPES:
            return types.Tensor(DTYPES[name], _shape(scope, node))
        if name == "string" and node.arguments is None:
            return types.STRING
        if scope.signature is not None and name in scope.signature.types:
            generic = scope.signature.types[name]
            if node.arguments is None:
                return generic
            return types.GenericTensor(generic, _shape(scope, node))
    entry = look_up_path(scope, node.path)
    match entry:
        case None:
            return BROKEN
        case StaticType(type=type):
            return _apply_static(scope, type, node)
        case Struct() | Enum() | Alias():
            arguments = _type_arguments(scope, entry, node)
            return BROKEN if arguments is None else instantiate(scope.frame, entry, arguments)
    known = "a dimension" if isinstance(entry, Static) else "not a type"
    scope.frame.error("E0203", f"`{name}` is {known}, and a type is needed here", node.span)
    return BROKEN


def _apply_static(scope: Scope, type: Type, node: ast.NamedType) -> Type:
    """A generic type that an instance has bound: `T`, or `T[N]` when it is a dtype."""
    if node.arguments is None:
        return type
    if isinstance(type, types.Tensor) and not type.shape:
        return types.Tensor(type.dtype, _shape(scope, node))
    scope.frame.error("E0203", f"{types.show(type)} takes no sizes", node.span)
    return BROKEN


def look_up_path(scope: Scope, path: tuple[ast.Identifier, ...]) -> Entry | None:
    """The entry of `a.b.Name`, reported when there is none."""
    entry = scope.look_up(path[0].name)
    if entry is None:
        names = [*scope.frame.visible_names(), *DTYPES, "string"]
        near = nearest(path[0].name, names)
        scope.frame.error(
            "E0202",
            f"there is no type named `{path[0].name}`",
            path[0].span,
            "not found in this scope",
            helps=(f"did you mean `{near}`?",) if near else (),
        )
        return None
    for part in path[1:]:
        members = entry.names if isinstance(entry, Module) else {}
        if part.name not in members or part.name.startswith("_"):
            near = nearest(part.name, [n for n in members if not n.startswith("_")])
            scope.frame.error(
                "E0202",
                f"there is no type named `{part.name}` in `{path[0].name}`",
                part.span,
                helps=(f"did you mean `{near}`?",) if near else (),
            )
            return None
        entry = members[part.name]
    return entry


def _shape(scope: Scope, node: ast.NamedType) -> tuple[Dim, ...]:
    shape: list[Dim] = []
    for position, argument in enumerate(node.arguments or ()):
        if isinstance(argument, ast.RestDims):
            if scope.rest is not None:
                shape.extend(scope.rest)
            elif position == 0 and scope.signature is not None:
                shape.append(dims.of(REST))
            else:
                scope.frame.error(
                    "E0212",
                    "`..` stands for leading dimensions in a signature, first in the brackets",
                    argument.span,
                )
                shape.append(UNKNOWN)
        else:
            shape.append(resolve_dim(scope, argument))
    return tuple(shape)


def resolve_dim(scope: Scope, node: ast.TypeArgument) -> Dim:
    """A dimension: an integer, a name, `?`, or arithmetic on these."""
    match node:
        case ast.UnknownDim():
            return UNKNOWN
        case ast.IntLiteral(value=value):
            return value
        case ast.Name(name=name):
            return _named_dim(scope, name, node.span)
        case ast.NamedType(path=(only,), arguments=None):
            return _named_dim(scope, only.name, node.span)
        case ast.Unary(operator="-", operand=operand):
            inner = resolve_dim(scope, operand)
            return UNKNOWN if isinstance(inner, Unknown) else -inner
        case ast.Binary(operator=operator) if operator in DIM_OPERATORS:
            left, right = resolve_dim(scope, node.left), resolve_dim(scope, node.right)
            if isinstance(left, Unknown) or isinstance(right, Unknown):
                return UNKNOWN
            return DIM_OPERATORS[operator](left, right)
    scope.frame.error(
        "E0213",
        "a dimension is an integer, a name, `?`, or arithmetic on these",
        node.span,
        helps=("`+ - * // %` and parentheses are allowed",),
    )
    return UNKNOWN


DIM_OPERATORS: dict[str, Callable[[int | Polynomial, int | Polynomial], int | Polynomial]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
}


def _named_dim(scope: Scope, name: str, span: Span) -> Dim:
    signature = scope.signature
    if signature is not None:
        if name in scope.values:
            return dims.of(signature.values.setdefault(name, Symbol(name, rigid=True)))
        if name in signature.dims:
            return dims.of(signature.dims[name])
    entry = scope.look_up(name)
    match entry:
        case Static(value=value) if isinstance(value, int | Polynomial):
            return value
        case tree.Variable():
            size = known_dim(tree.Read(span, entry.type, entry))
            if size is not None and (signature is None or not entry.is_global or entry.known):
                if signature is not None and entry.is_global:
                    signature.bound[name] = entry.span
                return size
    if signature is not None and not isinstance(entry, Static | StaticType | Struct | Enum):
        return dims.of(signature.dims.setdefault(name, Symbol(name, rigid=True)))
    if entry is None:
        near = nearest(name, scope.frame.visible_names())
        scope.frame.error(
            "E0210",
            f"there is no dimension named `{name}`",
            span,
            "not found in this scope",
            helps=(f"did you mean `{near}`?",)
            if near
            else (
                f"a struct or model lists its sizes behind its name: `struct Point[{name}] {{ }}`",
                "`?` is a size that only the run knows",
            ),
        )
    else:
        scope.frame.error(
            "E0211",
            f"`{name}` is not a size known before the run",
            span,
            helps=("write `?` for a size that only the run knows",),
        )
    return UNKNOWN


def _type_arguments(
    scope: Scope, declaration: Struct | Enum | Alias, node: ast.NamedType
) -> tuple[Type | Dim, ...] | None:
    return resolve_arguments(scope, declaration, node.arguments or (), node.span)


def resolve_arguments(
    scope: Scope,
    declaration: Struct | Enum | Alias,
    written: tuple[ast.TypeArgument, ...] | tuple[ast.Expr, ...],
    span: Span,
) -> tuple[Type | Dim, ...] | None:
    """The arguments in `Pair[float32, N]`, each a type or a dim as the declaration uses it."""
    kinds = generic_kinds(scope.frame, declaration)
    if len(kinds) != len(written):
        wanted = f"{_named(len(kinds))} in brackets" if kinds else "nothing in brackets"
        scope.frame.error(
            "E0214",
            f"`{declaration.name}` takes {wanted}, and {_count(len(written))} here",
            span,
            helps=(f"write `{declaration.name}[{', '.join(kinds)}]`",) if kinds else (),
        )
        return None
    arguments: list[Type | Dim] = []
    for kind, argument in zip(kinds.values(), written):
        if kind == "type":
            arguments.append(resolve_type(scope, as_type(argument)))
        else:
            arguments.append(resolve_dim(scope, argument))
    return tuple(arguments)


def _named(count: int) -> str:
    return "one argument" if count == 1 else f"{count} arguments"


def _count(count: int) -> str:
    return "one stands" if count == 1 else f"{count} stand"


def instantiate(
    frame: Frame, declaration: Struct | Enum | Alias, arguments: tuple[Type | Dim, ...]
) -> Type:
    """The type `Name[arguments]`."""
    scope = _declared_scope(frame, declaration, arguments)
    match declaration:
        case Alias():
            return resolve_type(scope, declaration.node.type)
        case Enum():
            if is_recursive(declaration):
                return types.Enum(declaration, arguments, (), True)
            payloads = tuple(
                tuple(resolve_type(scope, t) for _, t in variant.payload)
                for variant in declaration.variants
            )
            return types.Enum(declaration, arguments, payloads, False)
        case Struct():
            if is_recursive(declaration):
                return types.Struct(declaration, arguments, ())
            return types.Struct(declaration, arguments, _field_types(scope, declaration, arguments))


def _field_types(
    scope: Scope, declaration: Struct, arguments: tuple[Type | Dim, ...]
) -> tuple[Type, ...]:
    """The written types of the fields; fields and layers without one take the type of the
    expression that makes them (`models.layer_types`)."""
    written = [
        resolve_type(scope, f.type) if f.type is not None else None for f in declaration.fields
    ]
    written += [None] * len(declaration.layers)
    if None not in written:
        return tuple(t for t in written if t is not None)
    found = late.layer_types(scope.frame, declaration, arguments)
    return tuple(found[i] if t is None else t for i, t in enumerate(written))


def _declared_scope(
    frame: Frame, declaration: Struct | Enum | Alias, arguments: tuple[Type | Dim, ...]
) -> Scope:
    """Where the types inside a declaration are resolved, its generic names bound."""
    home = declaring_frame(frame, declaration.module)
    return Scope(home, generics=generic_entries(frame, declaration, arguments))


def fields_of_struct(frame: Frame, struct: types.Struct) -> tuple[Type, ...]:
    """The types of a struct's fields, also of a recursive one."""
    if struct.fields or not is_recursive(struct.declaration):
        return struct.fields
    scope = _declared_scope(frame, struct.declaration, struct.arguments)
    return _field_types(scope, struct.declaration, struct.arguments)


def payloads_of_enum(frame: Frame, enum: types.Enum) -> tuple[tuple[Type, ...], ...]:
    """The payload types of each variant, also of a recursive enum."""
    if not enum.recursive:
        return enum.variants
    scope = _declared_scope(frame, enum.declaration, enum.arguments)
    return tuple(
        tuple(resolve_type(scope, t) for _, t in variant.payload)
        for variant in enum.declaration.variants
    )
