"""Structs and models: how their values are made.

A struct is made by naming its fields. A model initialises itself: its `init` if it has one, else
the default of each field; a field of model type without a default initialises itself in turn, and
the `layers` are made by their expressions. `seed: n` draws the initial values from their own stream
and leaves the program's stream as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from charl.check import late, tree
from charl.check.annotations import (
    Scope,
    resolve_arguments,
    resolve_type,
)
from charl.check.arithmetic import as_list
from charl.check.bindings import Bindings, hint
from charl.check.declarations import Function, Struct
from charl.check.dispatch import broken, check_expr, check_statement, expression
from charl.check.frame import Frame
from charl.check.generics import generic_entries, generic_kinds, is_recursive
from charl.check.infer import coerce, final, resolve
from charl.check.names import changed_names
from charl.check.rules import apply_op
from charl.check.signatures import Supplied, arrange, home, written
from charl.core.op import REGISTRY
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, types
from charl.types.dims import Dim
from charl.types.types import BROKEN, INT, Type


def construct(
    frame: Frame,
    struct: Struct,
    arguments: Sequence[ast.Expr],
    node: ast.Call,
    expected: Type | None,
) -> tree.Expr:
    """A value of a struct or model from its constructor call."""
    supplied = written(node.arguments)
    seed = None
    if struct.is_model:
        seeds = [s for s in supplied if s.name is not None and s.name.name == "seed"]
        if seeds and "seed" not in struct.field_names and not _takes_seed(struct):
            seed = seeds[0]
            supplied = [s for s in supplied if s is not seed]
    given: tuple[Type | Dim, ...] | None = None
    if arguments:
        given = resolve_arguments(Scope(frame), struct, tuple(arguments), node.span)
        if given is None:
            return broken(node)
    wanted = None if expected is None else resolve(expected)
    if given is None and isinstance(wanted, types.Struct) and wanted.declaration is struct:
        given = wanted.arguments
    node_of = struct.node
    if isinstance(node_of, ast.Model) and node_of.initialiser is not None:
        value = _by_init(frame, struct, node_of.initialiser, given, supplied, node)
    else:
        value = _by_fields(frame, struct, given, supplied, node)
    return value if seed is None else _seeded(frame, value, seed, node.span)


def _takes_seed(struct: Struct) -> bool:
    node = struct.node
    return (
        isinstance(node, ast.Model)
        and node.initialiser is not None
        and any(
            isinstance(p.pattern, ast.NamePattern) and p.pattern.name == "seed"
            for p in node.initialiser.parameters
        )
    )


def _seeded(frame: Frame, value: tree.Expr, seed: Supplied, span: Span) -> tree.Expr:
    """Draw from the seed's own stream, then go on with the program's."""
    assert isinstance(seed.value, ast.Expr)
    number = coerce(frame, check_expr(frame, seed.value, INT), INT, "a seed is an int")
    if BROKEN in (resolve(number.type), resolve(value.type)):
        return value
    state = apply_op(frame, REGISTRY["random_state"], [], {}, span)
    keep, before = frame.temporary("state", state)
    start = apply_op(frame, REGISTRY["seed"], [number], {}, span)
    let, read = frame.temporary("model", value)
    back = apply_op(frame, REGISTRY["set_random_state"], [before], {}, span)
    statements = (keep, tree.Evaluate(span, start), let, tree.Evaluate(span, back))
    return tree.Block(span, value.type, statements, read)


def _by_fields(
    frame: Frame,
    struct: Struct,
    given: tuple[Type | Dim, ...] | None,
    supplied: Sequence[Supplied],
    node: ast.Call,
) -> tree.Expr:
    """Fields from the arguments, from their defaults, or initialising themselves."""
    fields = struct.fields
    parameters = tuple(
        ast.Parameter(
            f.span, ast.NamePattern(f.span, f.name.name), f.type, f.default or _absent(struct, f)
        )
        for f in fields
    )
    slots = arrange(frame, struct.name, parameters, supplied, node.span)
    if slots is None:
        for item in supplied:
            if isinstance(item.value, ast.Expr):
                check_expr(frame, item.value)
        return broken(node)
    bindings = Bindings()
    annotations = _annotations(frame, struct, given)
    values: list[tree.Expr | None] = []
    for slot, annotation in zip(slots, annotations):
        if slot is None or not isinstance(slot.value, ast.Expr):
            values.append(None)
            continue
        wished = None if annotation is None else hint(bindings.apply(annotation))
        value = check_expr(frame, slot.value, wished)
        if annotation is not None:
            bindings.match(annotation, value.type)
        values.append(value)
    arguments = given if given is not None else _found_arguments(frame, struct, bindings, node)
    if arguments is None:
        return broken(node)
    return _assemble(frame, struct, arguments, values, node.span)


def _absent(struct: Struct, field: ast.FieldDeclaration) -> ast.Expr | None:
    """A model's field of model type needs no argument: it initialises itself."""
    if struct.is_model and isinstance(field.type, ast.NamedType):
        return ast.ErrorExpr(field.span)
    return None


def _annotations(
    frame: Frame, struct: Struct, given: tuple[Type | Dim, ...] | None
) -> list[Type | None]:
    """The written types of the fields: with the given arguments, or generic."""
    inner = home(frame, struct.module)
    if given is None:
        symbols: list[Type | Dim] = [
            types.Parameter(name, struct) if what == "type" else _generic(struct, name)
            for name, what in generic_kinds(frame, struct).items()
        ]
        given = tuple(symbols)
    scope = Scope(inner, generics=generic_entries(frame, struct, given))
    return [None if f.type is None else resolve_type(scope, f.type) for f in struct.fields]


_GENERIC: dict[tuple[int, str], dims.Polynomial] = {}


def _generic(struct: Struct, name: str) -> dims.Polynomial:
    """The rigid symbol of a struct's generic size, one per declaration."""
    return _GENERIC.setdefault((id(struct), name), dims.symbol(name, rigid=True))


def _found_arguments(
    frame: Frame, struct: Struct, bindings: Bindings, node: ast.Call
) -> tuple[Type | Dim, ...] | None:
    """Generic arguments read off the given fields."""
    found: list[Type | Dim] = []
    for name, what in generic_kinds(frame, struct).items():
        value: Type | Dim | None
        if what == "type":
            value = bindings.types.get(types.Parameter(name, struct))
        else:
            symbol = dims.as_symbol(_generic(struct, name))
            value = bindings.dims.get(symbol) if symbol is not None else None
        if value is None:
            frame.error(
                "E0404",
                f"the arguments do not say what `{name}` of `{struct.name}` is",
                node.span,
                helps=(f"write `{struct.name}[{', '.join(generic_kinds(frame, struct))}](...)`",),
            )
            return None
        found.append(value)
    return tuple(final(a) if isinstance(a, Type) else a for a in found)


def _field_frame(frame: Frame, struct: Struct, arguments: tuple[Type | Dim, ...]) -> Frame:
    """Where defaults and layers are checked: the struct's module and its generic names."""
    inner = home(frame, struct.module)
    inner.scopes[0].update(generic_entries(frame, struct, arguments))
    return inner


def _assemble(
    frame: Frame,
    struct: Struct,
    arguments: tuple[Type | Dim, ...],
    values: Sequence[tree.Expr | None],
    span: Span,
) -> tree.Expr:
    """The struct from the values at hand; the rest are defaults, in order."""
    inner = _field_frame(frame, struct, arguments)
    annotations = _annotations(frame, struct, arguments)
    items: list[tree.Expr] = []
    for field, annotation, value in zip(struct.fields, annotations, values):
        if value is None:
            value = _default(inner, struct, field, annotation, span)
        value = as_list(value)
        if annotation is not None:
            value = coerce(
                frame, value, annotation, f"`{field.name.name}` is {types.show(annotation)}"
            )
        items.append(value)
    items += [check_expr(inner, layer) for layer in struct.layers]
    if any(resolve(i.type) == BROKEN for i in items):
        return tree.Constant(span, BROKEN, None)
    kinds = tuple(
        _kept_type(i.type, a) for i, a in zip(items, [*annotations, *[None] * len(items)])
    )
    kind = types.Struct(struct, arguments, () if is_recursive(struct) else kinds)
    return tree.Make(span, kind, tuple(items))


def _kept_type(found: Type, annotation: Type | None) -> Type:
    """A field's type: as written, except that functions are the known ones that were given."""
    found = resolve(found)
    if annotation is None or isinstance(found, types.Closure | types.Closures | types.Struct):
        return found
    if _mentions_functions(annotation):
        return found
    return _with_unknown(found, annotation)


def _mentions_functions(annotation: Type) -> bool:
    match annotation:
        case types.Function():
            return True
        case types.List(element) | types.Array(element, _):
            return _mentions_functions(element)
        case types.Tuple(items):
            return any(map(_mentions_functions, items))
    return False


def _with_unknown(found: Type, annotation: Type) -> Type:
    """A written `?` stays open: the field may be assigned values of other sizes."""
    if isinstance(annotation, types.Tensor) and any(
        isinstance(d, dims.Unknown) for d in annotation.shape
    ):
        return annotation
    return found


def _default(
    inner: Frame,
    struct: Struct,
    field: ast.FieldDeclaration,
    annotation: Type | None,
    span: Span,
) -> tree.Expr:
    if field.default is not None:
        return check_expr(inner, field.default, annotation)
    if isinstance(annotation, types.Struct) and annotation.declaration.is_model:
        call = ast.Call(span, ast.Name(span, annotation.declaration.name), ())
        declaration: Struct = annotation.declaration
        return construct(inner, declaration, (), call, annotation)
    return inner.error(
        "E0221",
        f"`{struct.name}` needs `{field.name.name}`, which is not given and has no default",
        span,
    )


def initial_value(frame: Frame, kind: types.Struct, index: int, span: Span) -> tree.Expr | None:
    """What a field begins with where nothing is given; None where its declaration does not say."""
    struct: Struct = kind.declaration
    inner = _field_frame(frame, struct, kind.arguments)
    if index >= len(struct.fields):
        return check_expr(inner, struct.layers[index - len(struct.fields)])
    field = struct.fields[index]
    if field.default is None:
        return None
    annotation = _annotations(frame, struct, kind.arguments)[index]
    return _default(inner, struct, field, annotation, span)


def _by_init(
    frame: Frame,
    struct: Struct,
    initialiser: ast.Initialiser,
    given: tuple[Type | Dim, ...] | None,
    supplied: Sequence[Supplied],
    node: ast.Call,
) -> tree.Expr:
    """Call `init`, a function whose body assigns the fields like local variables."""
    kinds = generic_kinds(frame, struct)
    if kinds and given is None:
        return frame.error(
            "E0404",
            f"`{struct.name}` needs its sizes in brackets",
            node.span,
            helps=(f"write `{struct.name}[{', '.join(kinds)}](...)`",),
        )
    arguments = given or ()
    function = _init_function(frame, struct, initialiser, arguments)
    return late.call_function(frame, function, supplied, node.span)


def _init_function(
    frame: Frame,
    struct: Struct,
    initialiser: ast.Initialiser,
    arguments: tuple[Type | Dim, ...],
) -> Function:
    key = (id(initialiser), arguments)
    found = frame.session.lambdas.get(key)
    if found is None:
        body = _InitBody(initialiser.span, struct, arguments, initialiser.body)
        found = Function(
            struct.name,
            struct.module,
            initialiser.span,
            initialiser.parameters,
            None,
            body,
            statics=dict(generic_entries(frame, struct, arguments)),
        )
        frame.session.lambdas[key] = found
    return found


class _InitBody(ast.Expr):
    """The body of `init`, then the struct made of what it assigned."""

    __slots__ = ("arguments", "body", "struct")

    def __init__(
        self, span: Span, struct: Struct, arguments: tuple[Type | Dim, ...], body: ast.Block
    ) -> None:
        object.__setattr__(self, "span", span)
        object.__setattr__(self, "struct", struct)
        object.__setattr__(self, "arguments", arguments)
        object.__setattr__(self, "body", body)


@expression(_InitBody)
def _check_init(frame: Frame, node: Any, expected: Type | None) -> tree.Expr:
    """Each first assignment of a field at the top of the body is its binding."""
    struct: Struct = node.struct
    annotations = dict(
        zip((f.name.name for f in struct.fields), _annotations(frame, struct, node.arguments))
    )
    frame.assigned |= changed_names(node.body)[0]
    statements: list[tree.Statement] = []
    variables: dict[str, tree.Variable] = {}
    with frame.scope():
        items = list(node.body.statements)
        for item in items:
            target = item.target if isinstance(item, ast.Assign) else None
            name = target.name if isinstance(target, ast.Name) else ""
            if isinstance(item, ast.Assign) and name in annotations and name not in variables:
                annotation = annotations[name]
                value = as_list(check_expr(frame, item.value, annotation))
                if annotation is not None:
                    value = coerce(
                        frame, value, annotation, f"`{name}` is {types.show(annotation)}"
                    )
                variable = tree.Variable(name, value.type, item.span)
                variables[name] = variable
                frame.bind(name, variable)
                statements.append(tree.Let(item.span, variable, value))
                continue
            statements += check_statement(frame, item)
        if node.body.result is not None:
            statements.append(
                tree.Evaluate(node.body.result.span, check_expr(frame, node.body.result))
            )
        values = [
            tree.Read(node.span, variables[f.name.name].type, variables[f.name.name])
            if f.name.name in variables
            else None
            for f in struct.fields
        ]
        made = _assemble(frame, struct, node.arguments, values, node.span)
    return tree.Block(node.span, made.type, tuple(statements), made)


# --- Types of fields that are not written --------------------------------------------------------


@late.layer_types.define
def layer_types(
    frame: Frame, struct: Struct, arguments: tuple[Type | Dim, ...]
) -> tuple[Type, ...]:
    """The type of every field, where one is not written that of the expression that makes it."""
    found = struct.layer_types.get(arguments)
    if found is not None:
        return found
    struct.layer_types[arguments] = (BROKEN,) * len(struct.field_names)
    inner = _field_frame(frame, struct, arguments)
    inner.generic = True
    annotations = _annotations(frame, struct, arguments)
    kinds: list[Type] = []
    for field, annotation in zip(struct.fields, annotations):
        if annotation is not None or field.default is None:
            kinds.append(annotation if annotation is not None else BROKEN)
        else:
            kinds.append(final(check_expr(inner, field.default).type))
    inner.generic = False
    kinds += [final(check_expr(inner, layer).type) for layer in struct.layers]
    struct.layer_types[arguments] = tuple(kinds)
    return tuple(kinds)


def check_fields(frame: Frame, struct: Struct) -> None:
    """At the definition: the types of the fields, and the defaults of a type without generics."""
    generics = generic_kinds(frame, struct)
    arguments: tuple[Type | Dim, ...] = tuple(
        types.Parameter(name, struct) if what == "type" else _generic(struct, name)
        for name, what in generics.items()
    )
    annotations = _annotations(frame, struct, arguments)
    if generics:
        return
    inner = _field_frame(frame, struct, ())
    for field, annotation in zip(struct.fields, annotations):
        if field.default is not None:
            value = as_list(check_expr(inner, field.default, annotation))
            if annotation is not None:
                coerce(inner, value, annotation, f"`{field.name.name}` is {types.show(annotation)}")
