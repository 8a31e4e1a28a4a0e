"""Instances: a function checked for one tuple of argument types.

A call asks for the instance of its canonical argument types; the first to ask checks the body.
While a function without a written result type is still being checked, a recursive call has type
`never` (the neutral element of joins); when that happened the body is checked again with the type
found, until it does not change. Recursion that would need ever new versions because sizes change
from call to call is cut by forgetting the constants: one version then serves all sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from charl.check import late, tree
from charl.check.bindings import Bindings
from charl.check.canonical import Canonical
from charl.check.declarations import (
    Enum,
    FieldOf,
    Function,
    Static,
    StaticType,
    Struct,
)
from charl.check.dispatch import check_expr
from charl.check.finish import finish_instance
from charl.check.frame import MAXIMUM_DEPTH, Frame, Progress, Session
from charl.check.infer import coerce, final, join, resolve
from charl.check.names import changed_names
from charl.check.signatures import parameter_name, signature_of
from charl.diagnostics import diagnostic
from charl.diagnostics.diagnostic import Label
from charl.records import field, record
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, types
from charl.types.dims import Dim, Symbol
from charl.types.types import NEVER, Type

SAME_FUNCTION_DEPTH = 12
"""So many nested versions of one function for constant sizes, and the constants are forgotten."""


LARGEST_TYPES = 200
"""Argument types of a recursion with more parts than this are taken to grow without end."""


def _weight(type: Type) -> int:
    """The number of parts of a type."""
    match type:
        case types.Tuple(items) | types.Closure(_, items):
            return 1 + sum(map(_weight, items))
        case types.Struct(_, _, fields):
            return 1 + sum(map(_weight, fields))
        case types.List(element) | types.Array(element, _):
            return 1 + _weight(element)
    return 1


@record
class Actual:
    """What an instance is asked for: run-time argument types in order, with what is known of the
    int arguments that serve as sizes (`sizes[i]`: a dim, a tuple of dims for a fixed-size list, or
    None), const arguments by name, captured types, and what `..` or explicit generics stand for."""

    arguments: tuple[Type, ...]
    sizes: tuple[Any, ...]
    constants: tuple[tuple[str, Static | StaticType], ...] = ()
    captured: tuple[Type, ...] = ()


@record(frozen=False, eq=False)
class Found:
    """An instance, and what its symbols stand for at the place that asked."""

    progress: Progress
    sizes: dict[Symbol, Dim]
    values: list[Symbol | None] = field(default_factory=list)


def find_instance(frame: Frame, function: Function, actual: Actual, span: Span) -> Found | None:
    """The instance for these arguments, checked now if it is new; None after a report."""
    if not function.checked:
        late.check_definition(frame, function)
    if function.broken:
        return None
    open_versions = _open_versions(frame, function)
    canonical = Canonical(frame.session, constants=open_versions < SAME_FUNCTION_DEPTH)
    listed = canonical.types((*actual.arguments, *actual.captured))
    count = len(actual.arguments)
    sizes = tuple(_canonical_size(canonical, s) for s in actual.sizes)
    key = (
        function,
        listed,
        sizes,
        tuple((n, _constant_key(s)) for n, s in actual.constants),
        frame.ambient,
        frame.generic,
    )
    progress = frame.session.instances.get(key)
    if progress is None:
        if (
            len(frame.uses) >= MAXIMUM_DEPTH
            or open_versions > 2 * SAME_FUNCTION_DEPTH
            or (open_versions > 2 and sum(map(_weight, listed)) > LARGEST_TYPES)
        ):
            frame.error(
                "E0332",
                f"`{function.name}` would need endlessly many versions of itself",
                span,
                "each call here has arguments of a new type",
            )
            return None
        canonical_actual = Actual(listed[:count], sizes, actual.constants, listed[count:])
        progress = _check_instance(frame, function, canonical_actual, key, span)
    elif not progress.finished:
        progress.used = True
    frame.session.calls.setdefault(frame.instance, []).append(progress.instance)
    symbols = [dims.as_symbol(p.dim) for p in progress.instance.parameters]
    return Found(progress, canonical.sizes, symbols)


def _open_versions(frame: Frame, function: Function) -> int:
    """How many versions of the function are being checked around this call."""
    return sum(1 for use in frame.uses if use.what == function.name)


def _canonical_size(canonical: Canonical, size: Any) -> Any:
    if size is None:
        return None
    if isinstance(size, tuple):
        return tuple(_canonical_size(canonical, s) for s in size)
    return canonical.dim(size)


def _constant_key(entry: Static | StaticType) -> Any:
    return (type(entry.value).__name__, entry.value) if isinstance(entry, Static) else entry.type


def _check_instance(
    frame: Frame, function: Function, actual: Actual, key: Any, span: Span
) -> Progress:
    session = frame.session
    instance = tree.Instance(
        session.unique_name(function.name), function.name, function.span, [], []
    )
    progress = Progress(instance, function)
    session.instances[key] = progress
    found: Type | None = None
    before = (len(session.diagnostics), set(session.reported))
    for _ in range(4):
        progress.used = False
        _check_body(frame, function, actual, instance, found, span)
        assert instance.result is not None
        if not progress.used or instance.result in (found, NEVER, types.BROKEN):
            break
        found = instance.result
        del session.diagnostics[before[0] :]
        session.reported.clear()
        session.reported.update(before[1])
    progress.finished = True
    return progress


def _check_body(
    caller: Frame,
    function: Function,
    actual: Actual,
    instance: tree.Instance,
    result: Type | None,
    span: Span | None,
) -> None:
    """Check the body for these arguments; fills in the instance. Without a span it is checked at
    its definition, and no use is shown with its errors."""
    uses = caller.uses
    if span is not None:
        uses = (diagnostic.Frame(function.name, span), *uses)
    frame = Frame(
        caller.session,
        function.module,
        instance,
        [dict(function.statics), {}],
        ambient=caller.ambient,
        uses=uses,
        generic=caller.generic,
        assigned=may_change(caller.session, function.body),
        owner=function,
    )
    instance.parameters, instance.captured = [], []
    names = frame.scopes[0]
    for name, entry in actual.constants:
        names[name] = entry
    _bind_generics(frame, function, actual)
    statements = _bind_parameters(frame, function, actual)
    signature = signature_of(frame, function)
    bindings = bindings_for(frame, function, actual, instance)
    written = None if signature.result is None else bindings.apply(signature.result)
    instance.result = frame.result = written or result or NEVER
    if written is None and result is None:
        frame.result = None
    body = check_expr(frame, function.body, written)
    _finish_result(frame, function, body, written, statements)
    if not frame.generic:
        finish_instance(frame)


def check_generically(caller: Frame, function: Function, actual: Actual) -> None:
    """Check a definition once, with its generic sizes rigid; nothing of it is kept."""
    instance = tree.Instance(function.name, function.name, function.span, [], [])
    frame = Frame(caller.session, function.module, instance, [], generic=True)
    frame.session.calls.setdefault(instance, [])
    _check_body(frame, function, actual, instance, None, None)


def may_change(session: Session, body: ast.Node) -> frozenset[str]:
    """Variables that are assigned inside, or handed to a `mut` parameter."""
    assigned, passed = changed_names(body)
    return assigned | {name for callee, name in passed if callee in session.in_out}


def bindings_for(
    frame: Frame, function: Function, actual: Actual, instance: tree.Instance
) -> Bindings:
    """What the generic names of the signature stand for inside the instance."""
    signature = signature_of(frame, function)
    bindings = Bindings()
    annotations = _run_time_annotations(function, signature.parameters)
    for name, symbol in signature.values.items():
        for variable in instance.parameters:
            if variable.name == name and variable.dim is not None:
                bindings.dims[symbol] = variable.dim
    for name, entry in actual.constants:
        if name in signature.values and isinstance(entry, Static):
            bindings.dims[signature.values[name]] = entry.value
    for step in (bindings.match, bindings.solve):
        for annotation, argument in zip(annotations, actual.arguments):
            if annotation is not None:
                step(annotation, argument)
    return bindings


def _run_time_annotations(
    function: Function, annotations: Sequence[Type | None]
) -> list[Type | None]:
    """The annotations of the parameters that exist at run time (const ones do not)."""
    offset = 0 if function.owner is None else 1
    kept = list(annotations[:offset])
    kept += [a for p, a in zip(function.parameters, annotations[offset:]) if not p.const]
    return kept


def _bind_generics(frame: Frame, function: Function, actual: Actual) -> None:
    """Make the generic names of the signature visible in the body."""
    signature = signature_of(frame, function)
    bindings = Bindings()
    for step in (bindings.match, bindings.solve):
        for annotation, argument in zip(
            _run_time_annotations(function, signature.parameters), actual.arguments
        ):
            if annotation is not None:
                step(annotation, argument)
    names = frame.scopes[0]
    for name, symbol in signature.dims.items():
        if symbol in bindings.dims:
            names[name] = Static(bindings.dims[symbol], types.INT)
    for name, parameter in signature.types.items():
        if parameter in bindings.types:
            names[name] = StaticType(bindings.types[parameter])
    if bindings.rest is not None:
        names[".."] = Static(bindings.rest)


def _bind_parameters(frame: Frame, function: Function, actual: Actual) -> list[tree.Statement]:
    """Variables for the parameters and captures; statements that take tuple patterns apart."""
    instance, names = frame.instance, frame.scopes[1]
    statements: list[tree.Statement] = []
    in_out: list[int] = []
    position = 0
    if function.owner is not None:
        variable = tree.Variable("self", actual.arguments[0], function.span)
        instance.parameters.append(variable)
        names["self"] = variable
        _bind_fields(frame, function.owner, variable)
        if function.mutable:
            in_out.append(0)
        position = 1
    for parameter in function.parameters:
        if parameter.const:
            continue
        kind, size = actual.arguments[position], actual.sizes[position]
        variable = tree.Variable(parameter_name(parameter), kind, parameter.span)
        if kind == types.INT and variable.name not in frame.assigned:
            variable.dim = size if size is not None else dims.symbol(variable.name)
        elif isinstance(size, tuple) and variable.name not in frame.assigned:
            variable.known = size
        instance.parameters.append(variable)
        if parameter.mutable:
            in_out.append(position)
        match parameter.pattern:
            case ast.NamePattern(name=name):
                names[name] = variable
            case ast.TuplePattern() as pattern:
                read = tree.Read(parameter.span, kind, variable)
                statements += late.destructure(frame, pattern, read)
        position += 1
    instance.in_out = tuple(in_out)
    for name, kind in zip(function.captures, actual.captured):
        variable = tree.Variable(name, kind, function.span)
        if kind == types.INT and name not in frame.assigned:
            variable.dim = dims.symbol(name)
        instance.captured.append(variable)
        names.setdefault(name, variable)
    if function.recursive_name is not None:
        statements.append(_bind_itself(frame, function, names))
    return statements


def _bind_itself(frame: Frame, function: Function, names: dict[str, Any]) -> tree.Statement:
    """A nested function sees itself by its name."""
    assert function.recursive_name is not None
    captured = frame.instance.captured
    kind = types.Closure(function, tuple(v.type for v in captured))
    value = tree.MakeClosure(
        function.span, kind, tuple(tree.Read(function.span, v.type, v) for v in captured)
    )
    variable = tree.Variable(function.recursive_name, kind, function.span)
    names.setdefault(function.recursive_name, variable)
    return tree.Let(function.span, variable, value)


def _bind_fields(frame: Frame, owner: Struct | Enum, variable: tree.Variable) -> None:
    """The fields of `self` are visible by their names, below the parameters."""
    if isinstance(owner, Struct):
        frame.scopes.insert(
            1, {name: FieldOf(variable, i) for i, name in enumerate(owner.field_names)}
        )


def _finish_result(
    frame: Frame,
    function: Function,
    body: tree.Expr,
    written: Type | None,
    statements: list[tree.Statement],
) -> None:
    """Bring the body and every `return` to one type, the result type."""
    instance = frame.instance
    context = "this is the result"
    secondary: tuple[Label, ...] = ()
    if written is not None and function.result is not None:
        secondary = (Label(function.result.span, f"the result is declared as {written}"),)
        context = ""
    if written is not None:
        if resolve(body.type) == types.UNIT and written != types.UNIT and not frame.returns:
            frame.error(
                "E0303",
                f"`{function.name}` should yield {types.show(written)}, but its body yields "
                "nothing",
                function.span,
                secondary=secondary,
                helps=("the last expression of the body is its result",),
            )
        elif written == types.UNIT:
            body = tree.Block(body.span, types.UNIT, (tree.Evaluate(body.span, body),), None)
        else:
            body = coerce(frame, body, written, context, secondary)
        for item in frame.returns:
            item.value = coerce(frame, item.value, written, context, secondary)
        result = _refined(written, body, frame.returns)
    else:
        parts = [body, *(r.value for r in frame.returns)]
        result, parts = join(frame, parts, "the results of this function")
        body = parts[0]
        for item, value in zip(frame.returns, parts[1:]):
            item.value = value
    result = final(types.map_dims(resolve(result), frame.simplify))
    instance.result = result
    body_type = result if resolve(body.type) != NEVER else NEVER
    instance.body = tree.Block(body.span, body_type, tuple(statements), body)


def _refined(written: Type, body: tree.Expr, returns: Sequence[tree.Return]) -> Type:
    """A written `?` or `fn` in the result takes what the body gives, when there is one exit."""
    if returns or resolve(body.type) in (NEVER, types.BROKEN):
        return written
    return resolve(body.type)


def result_at(found: Found, result: Type, actual_dims: Sequence[Dim | None]) -> Type:
    """An instance's type as seen by the caller: its symbols replaced by the caller's sizes, sizes
    that only the callee knows by fresh symbols."""
    values = dict(found.sizes)
    for symbol, dim in zip(found.values, actual_dims):
        if symbol is not None and symbol not in values:
            values[symbol] = dims.symbol("?") if dim is None else dim

    def seen(dim: Dim) -> Dim:
        if isinstance(dim, dims.Unknown):
            return dims.symbol("?")
        for symbol in dims.symbols(dim):
            if symbol not in values:
                values[symbol] = dims.symbol(symbol.name)
        return dims.substitute(dim, values)

    return open_outside_lists(result, seen)


def open_outside_lists(type: Type, change: Any) -> Type:
    """Change dims everywhere except that `?` inside a list stays: its elements may differ."""
    if isinstance(type, types.List):
        inside = lambda d: d if isinstance(d, dims.Unknown) else change(d)  # noqa: E731
        return types.List(types.map_dims(type.element, inside))
    match type:
        case types.Tuple(items):
            return types.Tuple(tuple(open_outside_lists(t, change) for t in items))
        case types.Struct(declaration, arguments, fields):
            changed = types.map_dims(types.Struct(declaration, arguments, ()), change)
            assert isinstance(changed, types.Struct)
            return types.Struct(
                declaration,
                changed.arguments,
                tuple(open_outside_lists(t, change) for t in fields),
            )
    return types.map_dims(type, change)
