"""A call of a declared function: from arguments to the instance that serves.

Arguments are matched against the signature, which binds its generic names; `const` arguments are
evaluated while checking and choose the instance; `mut` parameters are written back to the places
they came from after the call.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from charl.check import late, tree
from charl.check.ambient import static
from charl.check.bindings import REST, Bindings, hint
from charl.check.canonical import closed
from charl.check.declarations import (
    Function,
    Static,
    StaticType,
)
from charl.check.dispatch import check_expr
from charl.check.frame import Frame
from charl.check.infer import coerce, final, resolve
from charl.check.instances import Actual, find_instance, result_at
from charl.check.known import Choice, known, known_dim
from charl.check.literals import list_argument
from charl.check.names import used_names
from charl.check.naming import is_place
from charl.check.rules import is_none, supplied_expr
from charl.check.signatures import Supplied, arrange, home, parameter_name, signature_of
from charl.diagnostics.diagnostic import Label
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, types
from charl.types.dims import Dim
from charl.types.types import BROKEN, NEVER, Array, Closure, Closures, Type


@late.call_function.define
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
            secondary = (
                Label(parameter.span, f"`{self.function.name}` declares it here"),
                *(
                    Label(span, f"`{size}` is this number, no size of the function's own")
                    for size, span in self.signature.bound.items()
                    if re.search(rf"\b{size}\b", parameter.span.text)
                ),
            )
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
            if place is None:
                continue  # a value made on the way: nobody can see it change
            if not is_place(place):
                self.frame.error(
                    "E0247",
                    f"`{variable.name}` of `{self.function.name}` is changed, so it needs a "
                    "variable",
                    place.span,
                    "this cannot be changed",
                    helps=("bind it first: `let x = ...`",),
                )
                continue
            read = tree.Read(self.span, variable.type, variable)
            statements += late.assign_place(self.frame, place, read)
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
        return list_argument(frame, node)
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
        entry = static(where, node)
        if entry is not None:
            return entry
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
