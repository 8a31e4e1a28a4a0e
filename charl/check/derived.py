"""Gradients as functions of functions: `grad`, `value_and_grad`, `autograd`, `checkpoint`,
`custom_grad`.

`grad(f)` is a closure that captures `f`; calling it finds the instance of `f` for the arguments and
asks for its gradient. Reverse mode itself is a transformation of Core.
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.check import late, tree
from charl.check.annotations import fields_of_struct, payloads_of_enum
from charl.check.declarations import Builtin, Derived, Function
from charl.check.dispatch import broken, check_expr
from charl.check.frame import Frame
from charl.check.function_values import call_value
from charl.check.infer import final, resolve
from charl.check.known import known
from charl.check.signatures import Supplied
from charl.source import Span
from charl.syntax import ast
from charl.types import types
from charl.types.types import BROKEN, NEVER, Closure, Closures, Tensor, Type


def derived_function(frame: Frame, kind: str, wrt: tuple[int, ...], single: bool) -> Derived:
    """The one `Derived` of these parameters in the session: closures compare by identity."""
    key = (kind, wrt, single)
    found = frame.session.derived.get(key)
    if found is None:
        found = frame.session.derived[key] = Derived(kind, wrt, single)
    return found


def _function_argument(frame: Frame, node: ast.Call, name: str) -> tree.Expr | None:
    if not node.arguments:
        frame.error("E0221", f"`{name}` needs a function", node.span)
        return None
    value = check_expr(frame, node.arguments[0].value)
    kind = resolve(value.type)
    if isinstance(kind, Closure | Closures | types.Struct | types.Function):
        return value
    if kind not in (BROKEN, NEVER):
        frame.error(
            "E0401", f"`{name}` needs a function", value.span, f"this is {types.show(kind)}"
        )
    return None


def _wrt(frame: Frame, node: ast.Call, name: str) -> tuple[tuple[int, ...], bool] | None:
    """The positions of `wrt:`, and whether it is one position."""
    for argument in node.arguments[1:]:
        label = argument.name.name if argument.name is not None else ""
        if label != "wrt":
            frame.error(
                "E0223",
                f"`{name}` has no parameter named `{label}`"
                if label
                else f"`{name}` takes a function, and `wrt: position`",
                argument.span,
            )
            return None
        value = argument.value
        items = value.items if isinstance(value, ast.ListLiteral | ast.TupleLiteral) else None
        found = [known(check_expr(frame, i)) for i in (items if items is not None else [value])]
        if not all(isinstance(p, int) and not isinstance(p, bool) and p >= 0 for p in found):
            frame.error(
                "E0402",
                "`wrt` is the position of an argument, counted from 0, or a list of them",
                value.span,
            )
            return None
        return tuple(p for p in found if isinstance(p, int)), items is None
    return (0,), True


def _make(kind: str) -> Builtin:
    def check(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
        function = _function_argument(frame, node, kind)
        wrt = _wrt(frame, node, kind)
        if function is None or wrt is None:
            return broken(node)
        derived = derived_function(frame, kind, *wrt)
        return tree.MakeClosure(node.span, Closure(derived, (function.type,)), (function,))

    docs = {
        "grad": "grad(f, wrt: 0): the function that gives the gradient of the scalar f(...) with "
        "respect to an argument.",
        "value_and_grad": "value_and_grad(f, wrt: 0): the function that gives (f(...), gradient); "
        "when f returns a tuple its first item is differentiated.",
    }
    return Builtin(kind, check, docs[kind])


def _checkpoint(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    function = _function_argument(frame, node, "checkpoint")
    if function is None:
        return broken(node)
    derived = derived_function(frame, "checkpoint", (0,), True)
    return tree.MakeClosure(node.span, Closure(derived, (function.type,)), (function,))


def _custom_grad(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    if len(node.arguments) != 2:
        return frame.error(
            "E0221",
            "`custom_grad` needs a function and its reverse rule",
            node.span,
            helps=("`custom_grad(f, |x, y, dy| ...)`: arguments, result, gradient of the result",),
        )
    function = _function_argument(frame, node, "custom_grad")
    backward = check_expr(frame, node.arguments[1].value)
    if function is None or resolve(backward.type) == BROKEN:
        return broken(node)
    derived = derived_function(frame, "custom_grad", (0,), True)
    kind = Closure(derived, (function.type, backward.type))
    return tree.MakeClosure(node.span, kind, (function, backward))


def _autograd(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """`autograd(f, x)`: the gradient of f at x; `autograd(y, x)`, `autograd(y, [x, w])`: of a value
    computed above."""
    if len(node.arguments) != 2:
        return frame.error(
            "E0221", "`autograd` needs a value or function, and what to differentiate by", node.span
        )
    first = check_expr(frame, node.arguments[0].value)
    kind = resolve(first.type)
    by = node.arguments[1].value
    if isinstance(kind, Closure | Closures):
        derived = derived_function(frame, "grad", (0,), True)
        closure = tree.MakeClosure(node.span, Closure(derived, (first.type,)), (first,))
        return call_derived(frame, derived, closure, [Supplied(by)], node.span)
    if kind in (BROKEN, NEVER):
        return first
    first.type = final(first.type)
    if not _is_float_scalar(first.type):
        return _not_scalar(frame, first)
    items = by.items if isinstance(by, ast.ListLiteral | ast.TupleLiteral) else None
    values = tuple(check_expr(frame, i) for i in (items if items is not None else (by,)))
    for value in values:
        value.type = final(value.type)
        if resolve(value.type) == BROKEN:
            return value
        if not _holds_floats(frame, value.type):
            return _no_floats(frame, value.type, value.span)
    result: Type = values[0].type if items is None else types.Tuple(tuple(v.type for v in values))
    frame.session.takes_gradients = True
    return tree.GradientOf(node.span, result, first, values, items is None)


def _is_float_scalar(kind: Type) -> bool:
    return (
        isinstance(kind, Tensor) and not kind.shape and bool(getattr(kind.dtype, "is_float", False))
    )


def _holds_floats(frame: Frame, type: Type) -> bool:
    """Whether some part of a value can be differentiated by."""
    seen: set[Type] = set()
    pending = [type]
    while pending:
        part = resolve(pending.pop())
        if part in seen:
            continue
        seen.add(part)
        match part:
            case Tensor(dtype, _):
                if getattr(types.resolve_dtype(dtype), "is_float", True):
                    return True
            case types.List(element) | types.Array(element, _):
                pending.append(element)
            case types.Tuple(items):
                pending += items
            case types.Struct():
                pending += fields_of_struct(frame, part)
            case types.Enum():
                pending += [t for payload in payloads_of_enum(frame, part) for t in payload]
            case types.String() | types.Range():
                pass
            case _:
                return True
    return False


def _no_floats(frame: Frame, type: Type, span: Span) -> tree.Expr:
    shown = types.show(resolve(type))
    return frame.error(
        "E0408",
        f"there is no gradient with respect to {shown}, which holds no floats",
        span,
        f"this is {shown}",
        helps=("`wrt: 1` differentiates by the second argument",),
    )


def _not_scalar(frame: Frame, value: tree.Expr) -> tree.Expr:
    return frame.error(
        "E0403",
        "only a float scalar has a gradient",
        value.span,
        f"this is {types.show(resolve(value.type))}",
        helps=("reduce it first, for example with `sum` or `mean`",),
    )


@late.call_derived.define
def call_derived(
    frame: Frame,
    derived: Derived,
    callee: tree.Expr,
    supplied: Sequence[Supplied],
    span: Span,
) -> tree.Expr:
    """A call of `grad(f)` and its like."""
    kind = resolve(callee.type)
    assert isinstance(kind, Closure)
    statements: list[tree.Statement] = []
    if isinstance(callee, tree.MakeClosure):
        parts: list[tree.Expr] = list(callee.captured)
    else:
        let, read = frame.temporary("function", callee)
        statements.append(let)
        parts = [tree.Get(span, t, read, i) for i, t in enumerate(kind.captured)]
    result = _call_as_function(frame, parts[0], supplied, span)
    if resolve(result.type) in (BROKEN, NEVER):
        return result
    match derived.kind:
        case "checkpoint":
            result = _with_call(result, _marked)
        case "custom_grad":
            result = _custom_call(frame, result, parts[1], span)
        case _:
            result = _gradient(frame, derived, result, span)
    if not statements:
        return result
    return tree.Block(span, result.type, tuple(statements), result)


def _call_as_function(
    frame: Frame, callee: tree.Expr, supplied: Sequence[Supplied], span: Span
) -> tree.Expr:
    """A call of a function value that is one call of an instance in the end: what is not a
    declared function (a derivative, a model, one of several) is wrapped into one."""
    kind = resolve(callee.type)
    if isinstance(kind, Closure) and isinstance(kind.function, Function):
        return call_value(frame, callee, supplied, span)
    count = len(supplied)
    function = frame.session.lambdas.get(("wrapped", count))
    if function is None:
        assert frame.session.prelude is not None
        place = Span(frame.session.prelude.source, 0, 0)
        names = [f"x{i}" for i in range(count)]
        body = ast.Call(
            place,
            ast.Name(place, "f"),
            tuple(ast.Argument(place, None, ast.Name(place, n)) for n in names),
        )
        parameters = tuple(
            ast.Parameter(place, ast.NamePattern(place, n), None, None) for n in names
        )
        function = Function(
            "derivative", frame.session.prelude, place, parameters, None, body, captures=("f",)
        )
        function.checked = True
        frame.session.lambdas["wrapped", count] = function
    closure = tree.MakeClosure(span, Closure(function, (callee.type,)), (callee,))
    return call_value(frame, closure, supplied, span)


def _marked(call: tree.Call) -> tree.Expr:
    call.checkpoint = True
    return call


def _with_call(result: tree.Expr, change: object) -> tree.Expr:
    """Change the call inside the blocks that bind its arguments and write back its updates."""
    assert callable(change)
    if isinstance(result, tree.Call | tree.GradientCall):
        return change(result)  # type: ignore[no-any-return]
    if isinstance(result, tree.Block):
        statements = list(result.statements)
        for item in statements:
            if isinstance(item, tree.Let) and _call_in(item.value) is not None:
                changed = _with_call(item.value, change)
                item.value, item.variable.type = changed, changed.type
                if isinstance(result.result, tree.Read) and result.result.variable is item.variable:
                    result.result.type = result.type = changed.type
                return result
        if result.result is not None:
            inner = _with_call(result.result, change)
            return tree.Block(result.span, inner.type, tuple(statements), inner)
    return result


def _call_in(expr: tree.Expr) -> tree.Call | None:
    match expr:
        case tree.Call():
            return expr
        case tree.Block(statements=statements, result=result):
            for item in statements:
                if isinstance(item, tree.Let) and (found := _call_in(item.value)) is not None:
                    return found
            return None if result is None else _call_in(result)
    return None


def _gradient(frame: Frame, derived: Derived, result: tree.Expr, span: Span) -> tree.Expr:
    call = _call_in(result)
    if call is None:
        # After an error, or in a definition, which takes its callees at their word.
        return tree.Constant(span, BROKEN, None)
    kind = resolve(call.type)
    scalar = kind.items[0] if isinstance(kind, types.Tuple) and kind.items else kind
    if not _is_float_scalar(final(scalar)):
        return _not_scalar(frame, tree.Constant(span, scalar, None))
    if any(p >= len(call.arguments) for p in derived.wrt):
        return frame.error(
            "E0402",
            f"`wrt` asks for argument {max(derived.wrt)}, and the function has "
            f"{len(call.arguments)}, counted from 0",
            span,
        )
    kinds = [call.arguments[p].type for p in derived.wrt]
    for position, kind in zip(derived.wrt, kinds):
        if not _holds_floats(frame, kind):
            return _no_floats(frame, kind, call.arguments[position].span)
    gradient: Type = kinds[0] if derived.single else types.Tuple(tuple(kinds))
    with_value = derived.kind == "value_and_grad"
    whole: Type = types.Tuple((call.type, gradient)) if with_value else gradient
    frame.session.takes_gradients = True

    def change(inner: tree.Call) -> tree.Expr:
        return tree.GradientCall(span, whole, inner, derived.wrt, with_value)

    return _with_call(result, change)


def _custom_call(frame: Frame, result: tree.Expr, backward: tree.Expr, span: Span) -> tree.Expr:
    call = _call_in(result)
    if call is None:
        return result
    reads = [Supplied(a) for a in call.arguments]
    stand_in = tree.Constant(span, call.type, None)
    reverse = call_value(frame, backward, [*reads, Supplied(stand_in), Supplied(stand_in)], span)
    inner = _call_in(reverse)
    if inner is None:
        return tree.Constant(span, BROKEN, None)
    wanted = [a.type for a in call.arguments]
    expected: Type = wanted[0] if len(wanted) == 1 else types.Tuple(tuple(wanted))
    if final(inner.type) != final(expected):
        return frame.error(
            "E0406",
            "the reverse rule must give one gradient for each argument",
            backward.span,
            f"it gives {types.show(final(inner.type))}, and {types.show(final(expected))} "
            "is needed",
        )

    def change(found: tree.Call) -> tree.Expr:
        return tree.CustomCall(
            span,
            found.type,
            found.instance,
            found.closure,
            inner.instance,
            backward,
            found.arguments,
        )

    return _with_call(result, change)


BUILTINS = (
    _make("grad"),
    _make("value_and_grad"),
    Builtin(
        "autograd",
        _autograd,
        "autograd(y, x): the gradient of a value y computed above with respect to x, or to each of "
        "[x, w]; autograd(f, x): the gradient of f at x.",
    ),
    Builtin(
        "checkpoint",
        _checkpoint,
        "checkpoint(f): f, recomputed in the reverse pass instead of storing its intermediates.",
    ),
    Builtin(
        "custom_grad",
        _custom_grad,
        "custom_grad(f, |x, y, dy| ...): f with its own reverse rule, which gives the gradient of "
        "each argument from the arguments, the result, and the gradient of the result.",
    ),
)
