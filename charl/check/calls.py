"""Calls: what is called, with which arguments, and which instance serves.

A call may name a function, a primitive, a builtin, a struct or model (a constructor), an enum
variant, a method, or any function value. `x.f(y)` and `x |> f(y)` are `f(x, y)` when `x` has no
member `f`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from charl.check import tree
from charl.check.annotations import fields_of_struct
from charl.check.bindings import REST, Bindings, hint
from charl.check.canonical import closed
from charl.check.declarations import (
    Builtin,
    Derived,
    Enum,
    Function,
    Logic,
    Module,
    OpFunction,
    Static,
    StaticType,
    Struct,
    Variant,
)
from charl.check.dispatch import HOOKS, check_expr, expression
from charl.check.frame import Frame
from charl.check.infer import coerce, final, join, resolve
from charl.check.instances import Actual, find_instance, result_at
from charl.check.known import Choice, known, known_dim
from charl.check.names import used_names
from charl.check.rules import call_op, is_none, supplied_expr
from charl.check.signatures import (
    Supplied,
    arrange,
    home,
    parameter_name,
    signature_of,
    written,
)
from charl.diagnostics.diagnostic import Label
from charl.diagnostics.suggest import nearest
from charl.records import record
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, types
from charl.types.dims import Dim
from charl.types.types import BROKEN, NEVER, Array, Closure, Closures, Tensor, Type


@record(eq=False)
class Checked(ast.Expr):
    """An expression that has been checked already, put back into the untyped tree."""

    expr: tree.Expr


@expression(Checked)
def _checked(frame: Frame, node: Checked, expected: Type | None) -> tree.Expr:
    return node.expr


@expression(ast.Call)
def check_call(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    callee = node.callee
    match callee:
        case ast.Name(name=name):
            entry = frame.look_up(name)
            if entry is None and name in _DTYPE_NAMES:
                return _call_dtype(frame, node)
            if entry is None:
                return unknown_name(frame, callee, "function")
            return call_entry(frame, entry, callee, node, expected)
        case ast.Field():
            return _call_member(frame, callee, node, expected)
        case ast.Index(base=ast.Name() | ast.Field() as base):
            entry = entry_of(frame, base)
            if isinstance(entry, Struct | Enum):
                return construct(frame, entry, callee.items, node, expected)
    return _call_computed(frame, callee, node)


def _call_computed(frame: Frame, callee: ast.Expr, node: ast.Call) -> tree.Expr:
    """A call of a value; a model that is stored somewhere may be updated there."""
    value = check_expr(frame, callee)
    place = callee if is_place(callee) else None
    return call_value(frame, value, written(node.arguments), node.span, place)


def entry_of(frame: Frame, node: ast.Expr) -> Any:
    """The declaration that a name or `module.name` stands for, None for values and unknowns."""
    match node:
        case ast.Name(name=name):
            return frame.look_up(name)
        case ast.Field(base=base, name=name):
            outer = entry_of(frame, base)
            if isinstance(outer, Module) and not name.name.startswith("_"):
                return HOOKS["member"](frame, outer, name.name)
    return None


def call_entry(
    frame: Frame, entry: Any, callee: ast.Expr, node: ast.Call, expected: Type | None
) -> tree.Expr:
    """A call of what a name stands for."""
    match entry:
        case Builtin():
            return entry.check(frame, node, expected)
        case OpFunction(op=op):
            return call_op(frame, op, written(node.arguments), node.span, expected)
        case Function():
            return call_function(frame, entry, written(node.arguments), node.span)
        case Struct() | Enum():
            return construct(frame, entry, (), node, expected)
        case Variant():
            return HOOKS["variant"](frame, entry, node, expected)  # type: ignore[no-any-return]
        case Logic(name=name):
            return frame.error(
                "E0801",
                f"`{name}` is a relation or logic block: these cannot be evaluated yet",
                node.span,
            )
        case Module(name=name):
            return frame.error("E0224", f"`{name}` is a module, not a function", callee.span)
        case StaticType(type=Tensor()):
            return _call_dtype(frame, node)
    return _call_computed(frame, callee, node)


_DTYPE_NAMES = frozenset(("int", "float", "bool", "int32", "int64", "float32", "float64"))


def _call_dtype(frame: Frame, node: ast.Call) -> tree.Expr:
    name = node.callee.span.text
    argument = node.arguments[0].value.span.text if node.arguments else "x"
    return frame.error(
        "E0225",
        f"`{name}` is a type, not a function",
        node.callee.span,
        helps=(f"write `{argument} as {name}`; `parse_int` and `parse_float` read text",),
    )


def construct(
    frame: Frame,
    entry: Struct | Enum,
    arguments: Sequence[ast.Expr],
    node: ast.Call,
    expected: Type | None,
) -> tree.Expr:
    if isinstance(entry, Enum):
        return frame.error(
            "E0226",
            f"`{entry.name}` is an enum: name one of its variants",
            node.callee.span,
            helps=tuple(f"for example `{v.name.name}`" for v in entry.variants[:1]),
        )
    result: tree.Expr = HOOKS["construct"](frame, entry, arguments, node, expected)
    return result


def _call_member(
    frame: Frame, callee: ast.Field, node: ast.Call, expected: Type | None
) -> tree.Expr:
    """`module.f(x)`, `Enum.Variant(x)`, a field that holds a function, a method, or `f(x, ...)`."""
    name = callee.name.name
    entry = entry_of(frame, callee.base) if isinstance(callee.base, ast.Name | ast.Field) else None
    if isinstance(entry, Module):
        member = HOOKS["member"](frame, entry, name)
        if member is None:
            return HOOKS["no_member"](frame, entry, callee.name)  # type: ignore[no-any-return]
        return call_entry(frame, member, callee, node, expected)
    if isinstance(entry, Enum):
        variant = HOOKS["variant_of"](frame, entry, callee.name)
        return (
            variant
            if isinstance(variant, tree.Expr)
            else HOOKS["variant"](frame, variant, node, expected)
        )
    base = check_expr(frame, callee.base)
    kind = resolve(base.type)
    if kind == BROKEN:
        return base
    if name.isdigit():
        item = check_expr(frame, ast.Field(callee.span, Checked(base.span, base), callee.name))
        return call_value(frame, item, written(node.arguments), node.span, place=callee)
    if isinstance(kind, types.Struct) and name in kind.declaration.field_names:
        index = kind.declaration.field_names.index(name)
        field = tree.Get(callee.span, fields_of_struct(frame, kind)[index], base, index)
        return call_value(
            frame,
            field,
            written(node.arguments),
            node.span,
            place=callee,
        )
    method = (
        kind.declaration.methods.get(name) if isinstance(kind, types.Struct | types.Enum) else None
    )
    if method is not None:
        receiver = Supplied(callee.base if method.mutable else base)
        return call_function(frame, method, [receiver, *written(node.arguments)], node.span)
    function = frame.look_up(name)
    if function is None or isinstance(function, Struct | Enum | Module):
        return _no_member(frame, kind, callee)
    first: ast.Expr = callee.base if is_place(callee.base) else Checked(callee.base.span, base)
    call = ast.Call(
        node.span,
        ast.Name(callee.name.span, name),
        (ast.Argument(callee.base.span, None, first), *node.arguments),
    )
    return check_call(frame, call, expected)


def is_place(node: ast.Expr) -> bool:
    """Whether a value can be assigned there: a variable, or a part of one."""
    while isinstance(node, ast.Field | ast.Index):
        node = node.base
    return isinstance(node, ast.Name)


def _no_member(frame: Frame, kind: Type, callee: ast.Field) -> tree.Expr:
    name = callee.name.name
    members: list[str] = []
    if isinstance(kind, types.Struct):
        members = [*kind.declaration.field_names, *kind.declaration.methods]
    elif isinstance(kind, types.Enum):
        members = list(kind.declaration.methods)
    near = nearest(name, [*members, *frame.visible_names()])
    return frame.error(
        "E0230",
        f"{types.show(kind)} has no method `{name}`, and there is no function of that name",
        callee.name.span,
        helps=(f"did you mean `{near}`?",) if near else (),
    )


def unknown_name(frame: Frame, node: ast.Name, what: str = "name") -> tree.Expr:
    """Report a name that is not there, or not there yet."""
    later = frame.module.pending.get(node.name)
    if later is not None:
        return frame.error(
            "E0204",
            f"`{node.name}` is used before the line that gives it a value",
            node.span,
            secondary=(Label(later, "it gets its value here"),),
        )
    near = nearest(node.name, frame.visible_names())
    helps = (f"did you mean `{near}`?",) if near else ()
    owner = HOOKS["module_with"](frame, node.name)
    if not near and owner is not None:
        helps = (f"`from {owner} import {node.name}` brings it in",)
    return frame.error(
        "E0201",
        f"there is no {what} named `{node.name}`",
        node.span,
        "not found in this scope",
        helps=helps,
    )


# --- Functions -----------------------------------------------------------------------------------


def call_function(
    frame: Frame,
    function: Function,
    supplied: Sequence[Supplied],
    span: Span,
    closure: tree.Expr | None = None,
    checkpoint: bool = False,
) -> tree.Expr:
    """A call of a declared function, method or lambda. A method's first argument is `self`."""
    receiver: list[Supplied] = []
    if function.owner is not None:
        receiver, supplied = [supplied[0]], supplied[1:]
    slots = arrange(frame, function.name, function.parameters, supplied, span)
    if slots is None:
        for item in supplied:
            supplied_expr(frame, item)
        return tree.Constant(span, BROKEN, None)
    return _Call(frame, function, receiver, slots, span, closure, checkpoint).check()


class _Call:
    """One call on its way from arguments to an instance."""

    def __init__(
        self,
        frame: Frame,
        function: Function,
        receiver: list[Supplied],
        slots: list[Supplied | None],
        span: Span,
        closure: tree.Expr | None,
        checkpoint: bool,
    ) -> None:
        self.frame, self.function, self.span = frame, function, span
        self.closure, self.checkpoint = closure, checkpoint
        self.signature = signature_of(frame, function)
        self.bindings = Bindings()
        self.values: list[tree.Expr] = []
        self.annotations: list[Type | None] = []
        self.parameters: list[ast.Parameter | None] = []
        self.places: list[ast.Expr | None] = []
        self.constants: list[tuple[str, Static | StaticType]] = []
        self.before: list[tree.Statement] = []
        self.sound = True
        offset = len(receiver)
        for item in receiver:
            self._run_time(None, self.signature.parameters[0], item)
        for parameter, annotation, slot in zip(
            function.parameters, self.signature.parameters[offset:], slots
        ):
            if parameter.const:
                self._constant(parameter, slot)
            else:
                self._run_time(parameter, annotation, slot)

    def _constant(self, parameter: ast.Parameter, slot: Supplied | None) -> None:
        name = parameter_name(parameter)
        entry = constant_argument(self.frame, self.function, parameter, slot, dict(self.constants))
        if entry is None:
            self.sound = False
            return
        self.constants.append((name, entry))
        if isinstance(entry, Static) and name in self.signature.values:
            self.bindings.dims[self.signature.values[name]] = entry.value

    def _run_time(
        self, parameter: ast.Parameter | None, annotation: Type | None, slot: Supplied | None
    ) -> None:
        frame, place = self.frame, None
        if slot is None:
            assert parameter is not None and parameter.default is not None
            expected = None if annotation is None else hint(self.bindings.apply(annotation))
            inner = home(frame, self.function.module, self.function)
            inner.scopes[0].update(self.constants)
            inner.scopes[0].update(self._earlier(parameter.default))
            value = check_expr(inner, parameter.default, expected)
        else:
            expected = None if annotation is None else hint(self.bindings.apply(annotation))
            if not isinstance(slot.value, tree.Expr):
                place = slot.value
            value = argument_expr(frame, slot, expected)
        if annotation is not None:
            self.bindings.match(annotation, value.type)
            self._bind_value(parameter, value)
        self.values.append(value)
        self.annotations.append(annotation)
        self.parameters.append(parameter)
        self.places.append(place)

    def _earlier(self, default: ast.Expr) -> dict[str, tree.Variable]:
        """Earlier parameters that a default mentions, as variables bound before the call."""
        found: dict[str, tree.Variable] = {}
        for index, parameter in enumerate(self.parameters):
            name = "" if parameter is None else parameter_name(parameter)
            if name in used_names(default):
                let, read = self.frame.temporary(name, self.values[index])
                let.variable.dim = known_dim(self.values[index])
                self.before.append(let)
                self.values[index] = read
                found[name] = let.variable
        return found

    def _bind_value(self, parameter: ast.Parameter | None, value: tree.Expr) -> None:
        if parameter is None:
            return
        symbol = self.signature.values.get(parameter_name(parameter))
        if symbol is not None:
            size = known_dim(value)
            if size is not None:
                self.bindings.dims[symbol] = size

    def check(self) -> tree.Expr:
        frame = self.frame
        for annotation, value in zip(self.annotations, self.values):
            if annotation is not None:
                self.bindings.solve(annotation, value.type)
        self.values = [
            self._fitted(i, value, annotation)
            for i, (value, annotation) in enumerate(zip(self.values, self.annotations))
        ]
        kinds = [resolve(v.type) for v in self.values]
        if not self.sound or BROKEN in kinds:
            return tree.Constant(self.span, BROKEN, None)
        if NEVER in kinds:
            statements = tuple(tree.Evaluate(v.span, v) for v in self.values)
            return tree.Block(self.span, NEVER, statements, None)
        taken_at_word = self.function.is_annotated and self.signature.result is not None
        if frame.generic and taken_at_word and not _has_closures(self.values):
            return self._opaque()
        return self._instance()

    def _fitted(self, index: int, value: tree.Expr, annotation: Type | None) -> tree.Expr:
        """The argument as its parameter wants it."""
        if annotation is None:
            return value
        parameter = self.parameters[index]
        wanted = self.bindings.apply(annotation)
        secondary: tuple[Label, ...] = ()
        if parameter is not None and not parameter.span.source.library:
            secondary = (Label(parameter.span, f"`{self.function.name}` declares it here"),)
        name = "self" if parameter is None else parameter_name(parameter)
        found = coerce(
            self.frame,
            value,
            wanted,
            f"`{name}` of `{self.function.name}` is {types.show(annotation)}",
            secondary,
        )
        if resolve(value.type) == types.INT and name in self.signature.values:
            return self._sized(name, found)
        return found

    def _sized(self, name: str, value: tree.Expr) -> tree.Expr:
        """An int that serves as a size gets a symbol when only the run knows it."""
        symbol = self.signature.values[name]
        if symbol in self.bindings.dims:
            return value
        let, read = self.frame.temporary(name, value)
        let.variable.dim = dims.symbol(name)
        self.bindings.dims[symbol] = let.variable.dim
        self.before.append(let)
        return read

    def _opaque(self) -> tree.Expr:
        """While a generic definition is checked, an annotated callee is taken at its word."""
        assert self.signature.result is not None
        result = self.bindings.apply(self.signature.result)
        bound = {s: dims.symbol(s.name) for s in self._unbound(result)}
        return tree.Constant(self.span, self.frame.opened(types.substitute(result, bound)), None)

    def _unbound(self, result: Type) -> set[Any]:
        found: set[Any] = set()
        own = {*self.signature.dims.values(), *self.signature.values.values(), REST}

        def see(dim: Dim) -> Dim:
            found.update(s for s in dims.symbols(dim) if s in own)
            return dim

        types.map_dims(result, see)
        return found - {s for d in self.bindings.dims.values() for s in dims.symbols(d)}

    def _instance(self) -> tree.Expr:
        frame, function = self.frame, self.function
        arguments = tuple(closed(frame, final(v.type)) for v in self.values)
        for value, kind in zip(self.values, arguments):
            if _is_open(kind):
                return frame.error(
                    "E0304",
                    "the element type of this list is not known yet",
                    value.span,
                    helps=("say it where the list is made: `let xs: [float32] = []`",),
                )
        captured: tuple[Type, ...] = ()
        if self.closure is not None:
            kind = resolve(self.closure.type)
            assert isinstance(kind, Closure)
            captured = tuple(closed(frame, final(t)) for t in kind.captured)
        sizes = tuple(self._size(i, kind) for i, kind in enumerate(arguments))
        actual = Actual(arguments, sizes, tuple(self.constants), captured)
        found = find_instance(frame, function, actual, self.span)
        if found is None:
            if function.broken and self.signature.result is not None:
                return self._opaque()
            return tree.Constant(self.span, BROKEN, None)
        instance = found.progress.instance
        assert instance.result is not None
        seen = [known_dim(v) for v in self.values]
        result = result_at(found, instance.result, seen)
        if result == BROKEN:
            return tree.Constant(self.span, BROKEN, None)
        updates = tuple(
            tree.Variable(f"{instance.parameters[i].name}", arguments[i], self.span)
            for i in instance.in_out
        )
        call: tree.Expr = tree.Call(
            self.span, result, instance, tuple(self.values), self.closure, updates, self.checkpoint
        )
        if updates:
            call = self._write_back(call, updates, instance.in_out)
        if self.before:
            call = tree.Block(self.span, call.type, tuple(self.before), call)
        return call

    def _size(self, index: int, kind: Type) -> Any:
        """What the instance may rely on about an int, or a fixed-size list of ints."""
        parameter = self.parameters[index]
        if parameter is None:
            return None
        if kind == types.INT and parameter_name(parameter) in self.signature.values:
            if self.annotations[index] is None:
                return None
            size = known_dim(self.values[index])
            return None if size is None else self.frame.simplify(size)
        if isinstance(kind, Array) and kind.element == types.INT:
            value = known(self.values[index])
            return value if isinstance(value, tuple) else None
        return None

    def _write_back(
        self, call: tree.Expr, updates: tuple[tree.Variable, ...], in_out: tuple[int, ...]
    ) -> tree.Expr:
        """Assign the final values of in-out parameters to the places they came from."""
        let, result = self.frame.temporary("result", call)
        statements: list[tree.Statement] = [let]
        for variable, position in zip(updates, in_out):
            place = self.places[position]
            if place is None or not is_place(place):
                continue
            read = tree.Read(self.span, variable.type, variable)
            statements += HOOKS["assign"](self.frame, place, read)
        kind = resolve(call.type)
        if kind == types.UNIT:
            return tree.Block(self.span, kind, (*statements,), None)
        return tree.Block(self.span, call.type, tuple(statements), result)


def _has_closures(values: Sequence[tree.Expr]) -> bool:
    return any(isinstance(resolve(v.type), Closure | Closures) for v in values)


def _is_open(kind: Type) -> bool:
    match kind:
        case types.Variable():
            return True
        case types.List(element) | Array(element, _):
            return _is_open(element)
        case types.Tuple(items):
            return any(_is_open(t) for t in items)
        case types.Struct(_, _, fields):
            return any(_is_open(t) for t in fields)
        case types.Enum(_, arguments, _, _):
            return any(isinstance(a, Type) and _is_open(a) for a in arguments)
    return False


def argument_expr(frame: Frame, slot: Supplied, expected: Type | None) -> tree.Expr:
    """An argument; a list of known sizes given to a template keeps its length and its sizes."""
    if isinstance(slot.value, tree.Expr):
        return slot.value
    node = slot.value
    if isinstance(node, ast.ListLiteral) and expected is None and node.items:
        return HOOKS["list_argument"](frame, node)  # type: ignore[no-any-return]
    return check_expr(frame, node, expected)


def constant_argument(
    frame: Frame,
    function: Function,
    parameter: ast.Parameter,
    slot: Supplied | None,
    earlier: dict[str, Static | StaticType],
) -> Static | StaticType | None:
    """The value of a `const` parameter, whose default may mention earlier ones; None after a
    report."""
    name = parameter_name(parameter)
    node = slot.value if slot is not None else parameter.default
    where = frame
    if slot is None:
        where = home(frame, function.module, function)
        where.scopes[0].update(earlier)
    if isinstance(node, ast.Expr):
        if is_none(where, node):
            return Static(Choice(1))
        entry = HOOKS["static"](where, node)
        if entry is not None:
            return entry  # type: ignore[no-any-return]
    annotation = signature_of(frame, function).parameters[
        function.parameters.index(parameter) + (1 if function.owner is not None else 0)
    ]
    assert node is not None
    if isinstance(node, ast.ListLiteral) and annotation is None:
        expr = argument_expr(where, Supplied(node), None)
    else:
        expr = node if isinstance(node, tree.Expr) else check_expr(where, node, annotation)
    if annotation is not None:
        expr = coerce(frame, expr, annotation, f"`{name}` of `{function.name}`")
    value = known(expr)
    if value is not None and not (isinstance(value, tuple) and None in value):
        if isinstance(value, dims.Polynomial):
            value = frame.simplify(value)
        return Static(value, final(expr.type))
    if resolve(expr.type) != BROKEN:
        frame.error(
            "E0206",
            f"`{name}` of `{function.name}` must be known before the run",
            expr.span,
            "only the run knows this value",
            helps=("give a literal, a `const`, or a `const` parameter",),
        )
    return None


# --- Function values -----------------------------------------------------------------------------


def call_value(
    frame: Frame,
    callee: tree.Expr,
    supplied: Sequence[Supplied],
    span: Span,
    place: ast.Expr | None = None,
) -> tree.Expr:
    """A call of a value: a closure, one of several closures, or a model (its `forward`)."""
    kind = resolve(callee.type)
    match kind:
        case Closure(function=Function() as function):
            return call_function(frame, function, supplied, span, callee)
        case Closure(function=Derived() as derived):
            return HOOKS["derived"](frame, derived, callee, supplied, span)  # type: ignore[no-any-return]
        case Closures():
            return _call_one_of(frame, callee, kind, supplied, span)
        case types.Function(result=result):
            return _call_unknown(frame, kind, result, supplied, span)
        case types.Struct(declaration=Struct() as declaration):
            method = declaration.methods.get("forward") or HOOKS["forward"](frame, kind)
            if method is not None:
                where = place if place is not None else _place_of(callee)
                receiver = (
                    Supplied(where) if method.mutable and where is not None else Supplied(callee)
                )
                return call_function(frame, method, [receiver, *supplied], span)
    if kind in (BROKEN, NEVER):
        for item in supplied:
            supplied_expr(frame, item)
        return callee
    return frame.error(
        "E0227", f"{types.show(kind)} cannot be called", callee.span, "this is not a function"
    )


def _place_of(callee: tree.Expr) -> ast.Expr | None:
    """The variable that a callee was read from, so that a `mut` method can update it."""
    if isinstance(callee, tree.Read):
        return ast.Name(callee.span, callee.variable.name)
    return None


def _call_unknown(
    frame: Frame,
    kind: types.Function,
    result: Type | None,
    supplied: Sequence[Supplied],
    span: Span,
) -> tree.Expr:
    """A call of a parameter written `fn(A) -> B`, while its function is checked generically."""
    parameters = kind.parameters
    for index, item in enumerate(supplied):
        wanted = parameters[index] if parameters is not None and index < len(parameters) else None
        expr = supplied_expr(frame, item, wanted)
        if wanted is not None:
            coerce(frame, expr, wanted)
    if parameters is not None and len(parameters) != len(supplied):
        return frame.error(
            "E0220",
            f"this function takes {len(parameters)} arguments, and {len(supplied)} are given",
            span,
        )
    return tree.Constant(span, BROKEN if result is None else frame.opened(result), None)


def _call_one_of(
    frame: Frame,
    callee: tree.Expr,
    kind: Closures,
    supplied: Sequence[Supplied],
    span: Span,
) -> tree.Expr:
    """A call of one of several functions: each option is checked with the same arguments."""
    statements: list[tree.Statement] = []
    arguments: list[Supplied] = []
    for item in supplied:
        let, read = frame.temporary("argument", supplied_expr(frame, item))
        statements.append(let)
        arguments.append(Supplied(read, item.name))
    results: list[tree.Expr] = []
    for option in kind.options:
        stand_in = tree.MakeClosure(callee.span, option, ())
        results.append(call_value(frame, stand_in, arguments, span))
    result, _ = join(frame, results, "the functions that may be called here")
    if result == BROKEN or not all(isinstance(r, tree.Call) for r in results):
        return tree.Constant(span, BROKEN, None)
    cases = tuple(
        (option, r.instance) for option, r in zip(kind.options, results) if isinstance(r, tree.Call)
    )
    values = tuple(a.value for a in arguments if isinstance(a.value, tree.Expr))
    call = tree.CallOneOf(span, frame.opened(result), callee, cases, values)
    return tree.Block(span, call.type, tuple(statements), call)


def accepts(frame: Frame, expr: tree.Expr, wanted: types.Function) -> bool:
    """Whether a function value can be called as `fn(A) -> B` says."""
    kind = resolve(expr.type)
    if wanted.parameters is None:
        return isinstance(kind, Closure | Closures | types.Struct | types.Function)
    if isinstance(kind, Closures):
        return all(accepts(frame, tree.MakeClosure(expr.span, o, ()), wanted) for o in kind.options)
    if not isinstance(kind, Closure | types.Struct):
        return False
    if isinstance(kind, Closure) and isinstance(kind.function, Function):
        required = [p for p in kind.function.parameters if p.default is None]
        return len(required) <= len(wanted.parameters) <= len(kind.function.parameters)
    return True


HOOKS["accepts"] = accepts
HOOKS["call_value"] = call_value
HOOKS["call_function"] = call_function
