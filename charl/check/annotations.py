"""Written types: from `ast.TypeExpr` to `Type`, and matching them against argument types.

In a signature a dimension name that is not otherwise bound is generic: it becomes a rigid symbol of
the signature. `match` then compares an annotation with the type of an argument and finds what each
generic name stands for: names that occur alone bind first, and a polynomial with one unknown is
solved for it; everything else is compared afterwards (by `coerce`).
"""

from __future__ import annotations

from collections.abc import Callable

from charl.check import tree
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
from charl.check.dispatch import HOOKS
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.check.known import known_dim
from charl.diagnostics.suggest import nearest
from charl.records import field, record
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, dtypes, types
from charl.types.dims import UNKNOWN, Dim, Polynomial, Symbol, Unknown
from charl.types.types import BROKEN, Type

DTYPES = dtypes.BY_NAME

REST = Symbol("..", rigid=True)
"""Stands for `..` at the head of a shape in a signature; bound to several dims when matched."""


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
            helps=(f"did you mean `{near}`?",) if near else (),
        )
    else:
        scope.frame.error(
            "E0211",
            f"`{name}` is not a size known before the run",
            span,
            helps=("write `?` for a size that only the run knows",),
        )
    return UNKNOWN


# --- Structs, enums and aliases with arguments ----------------------------------------------------


def generic_kinds(frame: Frame, declaration: Struct | Enum | Alias) -> dict[str, str]:
    """For each generic name of a declaration: does it stand for a `type` or a `dim`?"""
    if declaration.kinds is None:
        kinds = dict.fromkeys((g.name for g in declaration.node.generics), "dim")
        declaration.kinds = kinds
        home = _home(frame, declaration.module)
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
    found = HOOKS["layer_types"](scope.frame, declaration, arguments)
    return tuple(found[i] if t is None else t for i, t in enumerate(written))


def _home(frame: Frame, module: Module) -> Frame:
    """A frame that looks names up in a declaration's own module and nowhere else."""
    return Frame(frame.session, module, frame.instance, [], uses=frame.uses)


def _declared_scope(
    frame: Frame, declaration: Struct | Enum | Alias, arguments: tuple[Type | Dim, ...]
) -> Scope:
    """Where the types inside a declaration are resolved, its generic names bound."""
    home = _home(frame, declaration.module)
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


# --- Matching annotations against arguments ------------------------------------------------------


@record(frozen=False, eq=False)
class Bindings:
    """What generic names stand for in one call."""

    dims: dict[Symbol, Dim] = field(default_factory=dict)
    types: dict[types.Parameter, Type] = field(default_factory=dict)
    rest: tuple[Dim, ...] | None = None

    def apply(self, type: Type) -> Type:
        """The annotation with generic names replaced; names without a binding stay."""
        match type:
            case types.Parameter() if type in self.types:
                return self.types[type]
            case types.GenericTensor(dtype, shape):
                bound = self.types.get(dtype)
                inner = self._shape(shape)
                if isinstance(bound, types.Tensor):
                    return types.Tensor(bound.dtype, inner)
                return types.GenericTensor(dtype, inner)
            case types.Tensor(dtype, shape):
                return types.Tensor(dtype, self._shape(shape)) if shape else type
            case types.List(element):
                return types.List(self.apply(element))
            case types.Array(element, length):
                return types.Array(self.apply(element), length)
            case types.Tuple(items):
                return types.Tuple(tuple(self.apply(t) for t in items))
            case types.Struct(declaration, arguments, fields):
                return types.Struct(
                    declaration, self._arguments(arguments), tuple(self.apply(t) for t in fields)
                )
            case types.Enum(declaration, arguments, variants, recursive):
                payloads = tuple(tuple(self.apply(t) for t in p) for p in variants)
                return types.Enum(declaration, self._arguments(arguments), payloads, recursive)
            case types.Function(parameters, result) if parameters is not None:
                return types.Function(
                    tuple(self.apply(p) for p in parameters),
                    None if result is None else self.apply(result),
                )
        return type

    def _arguments(self, arguments: tuple[Type | Dim, ...]) -> tuple[Type | Dim, ...]:
        return tuple(
            self.apply(a) if isinstance(a, Type) else dims.substitute(a, self.dims)
            for a in arguments
        )

    def _shape(self, shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
        result: list[Dim] = []
        for dim in shape:
            if dims.as_symbol(dim) is REST:
                result.extend(self.rest if self.rest is not None else (dim,))
            else:
                result.append(dims.substitute(dim, self.dims))
        return tuple(result)

    def match(self, annotation: Type, found: Type) -> None:
        """Bind what can be read off; disagreement is left to the coercion that follows."""
        found = resolve(found)
        match annotation, found:
            case types.Parameter(), _:
                self.types.setdefault(annotation, found)
            case types.GenericTensor(dtype, shape), types.Tensor():
                self.types.setdefault(dtype, types.Tensor(found.dtype))
                self._match_shape(shape, found.shape)
            case types.Tensor(_, shape), types.Tensor():
                self._match_shape(shape, found.shape)
            case (types.List(a), types.List(b)) | (types.Array(a, _), types.Array(b, _)):
                self.match(a, b)
            case types.Tuple(a), types.Tuple(b):
                for x, y in zip(a, b):
                    self.match(x, y)
            case (types.Struct() | types.Enum(), types.Struct() | types.Enum()):
                if annotation.declaration is found.declaration:
                    self._match_arguments(annotation.arguments, found.arguments)

    def _match_arguments(
        self, wanted: tuple[Type | Dim, ...], found: tuple[Type | Dim, ...]
    ) -> None:
        for x, y in zip(wanted, found):
            if isinstance(x, Type) and isinstance(y, Type):
                self.match(x, y)
            elif not isinstance(x, Type) and not isinstance(y, Type):
                self._match_shape((x,), (y,))

    def _match_shape(self, wanted: tuple[Dim, ...], found: tuple[Dim, ...]) -> None:
        if wanted and dims.as_symbol(wanted[0]) is REST:
            count = len(found) - len(wanted) + 1
            if count < 0:
                return
            if self.rest is None:
                self.rest = found[:count]
            wanted, found = wanted[1:], found[count:]
        if len(wanted) != len(found):
            return
        for dim, value in zip(wanted, found):
            name = dims.as_symbol(dim)
            if name is not None and name.rigid and name not in self.dims:
                self.dims[name] = value

    def solve(self, annotation: Type, found: Type) -> None:
        """After `match`: solve sizes like `2*N + 1` for a single name still unbound."""
        if not isinstance(annotation, types.Tensor | types.GenericTensor):
            return
        found = resolve(found)
        if not isinstance(found, types.Tensor) or len(found.shape) != len(annotation.shape):
            return
        for dim, value in zip(annotation.shape, found.shape):
            unbound = {s for s in dims.symbols(dim) if s.rigid and s not in self.dims}
            if len(unbound) == 1 and not isinstance(value, Unknown):
                (name,) = unbound
                solution = _solve(dims.substitute(dim, self.dims), name, value)
                if solution is not None:
                    self.dims[name] = solution


def hint(type: Type | None) -> Type | None:
    """An annotation whose generic names are not all bound, as a hint for a literal: what is not
    known may become anything."""
    match type:
        case types.Parameter():
            return types.Variable()
        case types.GenericTensor() | None:
            return None
        case types.Tensor(dtype, shape):
            known_shape = tuple(
                UNKNOWN if any(s.rigid for s in dims.symbols(d)) else d for d in shape
            )
            return types.Tensor(dtype, known_shape)
        case types.List(element):
            inner = hint(element)
            return types.List(types.Variable() if inner is None else inner)
        case types.Tuple(items):
            return types.Tuple(tuple(hint(t) or types.Variable() for t in items))
        case types.Enum(declaration, arguments, variants, recursive):
            changed = tuple(
                (hint(a) or types.Variable()) if isinstance(a, Type) else a for a in arguments
            )
            payloads = tuple(tuple(hint(t) or types.Variable() for t in p) for p in variants)
            return types.Enum(declaration, changed, payloads, recursive)
    return type


def _solve(dim: Dim, name: Symbol, value: int | Polynomial) -> int | Polynomial | None:
    """The value of `name` that makes a linear dim equal to `value`."""
    if not isinstance(dim, Polynomial):
        return None
    at_zero = dims.substitute(dim, {name: 0})
    at_one = dims.substitute(dim, {name: 1})
    at_two = dims.substitute(dim, {name: 2})
    if isinstance(at_zero, Unknown) or isinstance(at_one, Unknown) or isinstance(at_two, Unknown):
        return None
    slope = at_one - at_zero
    if not isinstance(slope, int) or slope == 0 or at_two - at_one != slope:
        return None
    rest = value - at_zero
    return rest // slope if rest % slope == 0 else None
