"""Making types agree: resolution of variables, unification, coercion, and joins.

Inference is local. Two things can be unknown for a while: the dtype of a numeric literal
(`DTypeVariable`) and the element type of an empty list (`Variable`). Both are bound by the first
use that fixes them. Sizes are never inferred backwards: two sizes are equal by their normal form,
provably different (an error), or left to a run-time check (`EnsureShape`).
"""

from __future__ import annotations

from charl.check import late, tree
from charl.check.frame import Frame
from charl.diagnostics.diagnostic import Diagnostic, Label, error
from charl.records import replace
from charl.source import Span
from charl.types import dims, dtypes, types
from charl.types.dims import UNKNOWN, Dim, Unknown, Verdict
from charl.types.dtypes import DType
from charl.types.types import (
    BROKEN,
    NEVER,
    Array,
    Closure,
    Closures,
    DTypeVariable,
    Enum,
    List,
    Struct,
    Tensor,
    Tuple,
    Type,
    Variable,
    resolve_dtype,
)


def resolve(type: Type) -> Type:
    """The type with variables at its top followed."""
    if isinstance(type, Tensor):  # most types are, and of a known dtype
        if isinstance(type.dtype, DType):
            return type
        dtype = resolve_dtype(type.dtype)
        return type if dtype is type.dtype else Tensor(dtype, type.shape)
    if isinstance(type, Variable) and type.bound is not None:
        return resolve(type.bound)
    return type


def final(type: Type) -> Type:
    """The type with every variable followed and literals nobody fixed given their default."""
    if isinstance(type, Tensor):  # most types are
        if isinstance(type.dtype, DType):
            return type
        return Tensor(default_dtype(resolve_dtype(type.dtype)), type.shape)
    match type:
        case List(element):
            return List(final(element))
        case Array(element, length):
            return Array(final(element), length)
        case Tuple(items):
            return Tuple(tuple(final(t) for t in items)) if items else type
        case Struct(declaration, arguments, fields):
            return Struct(
                declaration,
                tuple(final(a) if isinstance(a, Type) else a for a in arguments),
                tuple(final(t) for t in fields),
            )
        case Enum(declaration, arguments, variants, recursive):
            return Enum(
                declaration,
                tuple(final(a) if isinstance(a, Type) else a for a in arguments),
                tuple(tuple(final(t) for t in payload) for payload in variants),
                recursive,
            )
        case Closure(function, captured):
            return Closure(function, tuple(final(t) for t in captured))
        case Closures(options):
            return Closures(tuple(final(c) for c in options))  # type: ignore[misc]
        case Variable(bound) if bound is not None:
            return final(bound)
    return type


def default_dtype(dtype: DType | DTypeVariable) -> DType:
    """The dtype itself, or what a literal becomes when nothing asks: float64 or int64."""
    if isinstance(dtype, DTypeVariable):
        default = dtype.default
        if default is not None and dtype.float_only and not default.is_float:
            default = dtypes.FLOAT32  # a tensor of integers, used where only floats can be
        dtype.bound = default or (dtypes.FLOAT64 if dtype.float_only else dtypes.INT64)
        return dtype.bound if isinstance(dtype.bound, DType) else default_dtype(dtype.bound)
    return dtype


def has_variables(type: Type) -> bool:
    """Whether some part of the type is not known yet."""
    match type:
        case Tensor():
            return not isinstance(resolve_dtype(type.dtype), DType)
        case Variable(bound):
            return bound is None or has_variables(bound)
        case List(element) | Array(element, _):
            return has_variables(element)
        case Tuple(items):
            return any(has_variables(t) for t in items)
        case Struct(_, arguments, fields):
            return any(isinstance(a, Type) and has_variables(a) for a in (*arguments, *fields))
        case Enum(_, arguments, _, _):
            return any(isinstance(a, Type) and has_variables(a) for a in arguments)
        case Closure(_, captured):
            return any(has_variables(t) for t in captured)
    return False


def has_holes(type: Type) -> bool:
    """Whether some part is the type of what was reported about, or of what a generic check cannot
    know: nothing more can be said of it."""
    match resolve(type):
        case List(element) | Array(element, _):
            return has_holes(element)
        case Tuple(items):
            return any(has_holes(t) for t in items)
        case Struct(_, arguments, _) | Enum(_, arguments, _, _):
            return any(isinstance(a, Type) and has_holes(a) for a in arguments)
        case kind:
            return kind == BROKEN


def unify_dtypes(a: DType | DTypeVariable, b: DType | DTypeVariable) -> bool:
    """Make two dtypes the same; false when they cannot be."""
    a, b = resolve_dtype(a), resolve_dtype(b)
    if a is b:
        return True
    if isinstance(a, DTypeVariable):
        if isinstance(b, DTypeVariable):
            b.float_only = b.float_only or a.float_only
            b.default = b.default or a.default
        elif b.kind == "bool" or (a.float_only and not b.is_float):
            return False
        a.bound = b
        return True
    if isinstance(b, DTypeVariable):
        return unify_dtypes(b, a)
    return a == b


def unify(frame: Frame, a: Type, b: Type) -> bool:
    """Make two types the same without any conversion; `b` may leave sizes open with `?`."""
    a, b = resolve(a), resolve(b)
    if a is b or BROKEN in (a, b):
        return True
    if isinstance(a, Variable):
        a.bound = b
        return True
    if isinstance(b, Variable):
        b.bound = a
        return True
    match a, b:
        case ((Closure() | Closures() | Struct()), types.Function()):
            return True  # the known function stands where any of that form may
        case Tensor(), Tensor():
            return unify_dtypes(a.dtype, b.dtype) and _same_sizes(frame, a.shape, b.shape)
        case List(first), List(second):
            return unify(frame, first, second)
        case Array(first, length), Array(second, other):
            return length == other and unify(frame, first, second)
        case Tuple(), Tuple():
            return len(a.items) == len(b.items) and all(
                unify(frame, x, y) for x, y in zip(a.items, b.items)
            )
        case Struct(), Struct():
            return _unify_declared(frame, a, b) and all(
                unify(frame, x, y) for x, y in zip(a.fields, b.fields)
            )
        case Enum(), Enum():
            return _unify_declared(frame, a, b)
        case Closure(), Closure():
            return a.function is b.function and all(
                unify(frame, x, y) for x, y in zip(a.captured, b.captured)
            )
    return a == b


def meet(frame: Frame, left: tree.Expr, right: tree.Expr) -> tuple[Type, Type]:
    """The types of two operands; one that nothing has told yet is that of the other."""
    a, b = resolve(left.type), resolve(right.type)
    if isinstance(a, Variable) or isinstance(b, Variable):
        unify(frame, a, b)
        return resolve(a), resolve(b)
    return a, b


def _unify_declared(frame: Frame, a: Struct | Enum, b: Struct | Enum) -> bool:
    """Whether two structs or enums are of one declaration, with arguments that agree."""
    return (
        a.declaration is b.declaration
        and len(a.arguments) == len(b.arguments)
        and all(_unify_argument(frame, x, y) for x, y in zip(a.arguments, b.arguments))
    )


def _unify_argument(frame: Frame, a: Type | Dim, b: Type | Dim) -> bool:
    if isinstance(a, Type) or isinstance(b, Type):
        return isinstance(a, Type) and isinstance(b, Type) and unify(frame, a, b)
    return _same_sizes(frame, (a,), (b,))


def _same_sizes(frame: Frame, a: tuple[Dim, ...], b: tuple[Dim, ...]) -> bool:
    return len(a) == len(b) and all(
        isinstance(y, Unknown) or (not isinstance(x, Unknown) and x == y)
        for x, y in zip(map(frame.simplify, a), map(frame.simplify, b))
    )


def coerce(
    frame: Frame,
    expr: tree.Expr,
    target: Type,
    context: str = "",
    secondary: tuple[Label, ...] = (),
) -> tree.Expr:
    """The expression as a value of the target type, with a run-time check of sizes where they
    cannot be proven equal; reports when it cannot be. `context` completes "... needs X here"."""
    found, wanted = resolve(expr.type), resolve(target)
    if found == BROKEN and isinstance(wanted, Variable):
        wanted.bound = BROKEN  # a list of such elements is not one that nothing was put into
    if found is wanted or found in (NEVER, BROKEN) or wanted in (BROKEN, NEVER):
        return expr
    if isinstance(expr, tree.Block) and expr.result is not None:
        inner = coerce(frame, expr.result, target, context, secondary)
        return tree.Block(expr.span, inner.type, expr.statements, inner)
    match found, wanted:
        case Tensor(), Tensor():
            return _coerce_tensor(frame, expr, found, wanted, context, secondary)
        case _, types.Function():
            return _coerce_function(frame, expr, wanted, context, secondary)
        case ((Closure() | Closures()), (Closure() | Closures())):
            return _coerce_closure(frame, expr, found, wanted, context, secondary)
        case Tuple(), Tuple() if len(found.items) == len(wanted.items) and found != wanted:
            return _coerce_items(frame, expr, wanted.items, wanted, context, secondary)
        case Tuple(), Array() if len(found.items) == wanted.length:
            return _coerce_items(
                frame, expr, (wanted.element,) * wanted.length, wanted, context, secondary
            )
        case Struct(), Struct() if _accepts_functions(found, wanted):
            return expr
    if not unify(frame, found, wanted):
        return mismatch(frame, expr, target, context, secondary)
    return expr


def _accepts_functions(found: Struct, wanted: Struct) -> bool:
    """A struct whose fields are known functions where only `fn` types are asked for."""
    return found.declaration is wanted.declaration and any(
        isinstance(w, types.Function) and isinstance(f, Closure | Closures)
        for f, w in zip(found.fields, wanted.fields)
    )


def _coerce_items(
    frame: Frame,
    expr: tree.Expr,
    wanted: tuple[Type, ...],
    target: Type,
    context: str,
    secondary: tuple[Label, ...],
) -> tree.Expr:
    if isinstance(expr, tree.Make):
        items = tuple(
            coerce(frame, item, w, context, secondary) for item, w in zip(expr.items, wanted)
        )
        kind = Tuple(tuple(i.type for i in items)) if isinstance(target, Tuple) else target
        return tree.Make(expr.span, kind, items)
    let, read = frame.temporary("items", expr)
    types_found = resolve(expr.type)
    assert isinstance(types_found, Tuple)
    items = tuple(
        coerce(frame, tree.Get(expr.span, t, read, i), w, context, secondary)
        for i, (t, w) in enumerate(zip(types_found.items, wanted))
    )
    kind = Tuple(tuple(i.type for i in items)) if isinstance(target, Tuple) else target
    return tree.Block(expr.span, kind, (let,), tree.Make(expr.span, kind, items))


def _coerce_tensor(
    frame: Frame,
    expr: tree.Expr,
    found: Tensor,
    wanted: Tensor,
    context: str,
    secondary: tuple[Label, ...],
) -> tree.Expr:
    if len(found.shape) != len(wanted.shape) or not unify_dtypes(found.dtype, wanted.dtype):
        return mismatch(frame, expr, wanted, context, secondary)
    shape: list[Dim] = []
    to_check = False
    for have, want in zip(map(frame.simplify, found.shape), map(frame.simplify, wanted.shape)):
        verdict = dims.compare(have, want)
        if verdict is Verdict.DIFFERENT:
            return mismatch(frame, expr, wanted, context, secondary)
        if isinstance(want, Unknown) or verdict is Verdict.EQUAL:
            shape.append(have)
        elif isinstance(have, Unknown):
            shape.append(want)
            to_check = True
        else:
            frame.learn(have, want)
            shape.append(want)
            to_check = True
    if not to_check:
        return expr
    failure = error(
        "E0511",
        f"a size differs from what is needed here: {{0}} instead of {{1}}",  # noqa: F541
        expr.span,
        f"this is {types.show(found)}" + (f"; {context}" if context else ""),
        secondary=secondary,
    )
    return tree.EnsureShape(expr.span, Tensor(wanted.dtype, tuple(shape)), expr, failure)


def _coerce_function(
    frame: Frame,
    expr: tree.Expr,
    wanted: types.Function,
    context: str,
    secondary: tuple[Label, ...],
) -> tree.Expr:
    """A known function where `fn(A) -> B` is written: it keeps its own type, and must fit."""
    found = resolve(expr.type)
    if isinstance(found, types.Function) or late.accepts(frame, expr, wanted):
        return expr
    return mismatch(frame, expr, wanted, context, secondary)


def _coerce_closure(
    frame: Frame,
    expr: tree.Expr,
    found: Closure | Closures,
    wanted: Closure | Closures,
    context: str,
    secondary: tuple[Label, ...],
) -> tree.Expr:
    if isinstance(wanted, Closure):
        if isinstance(found, Closure) and unify(frame, found, wanted):
            return expr
        return frame.error(
            "E0330",
            "a function value cannot be replaced by another function here",
            expr.span,
            f"this is {types.show(found)}, but {types.show(wanted)} is kept here",
            secondary=secondary,
            helps=("put the functions that may occur into a list, or choose with `if`",),
        )
    if found == wanted:
        return expr
    options = (found,) if isinstance(found, Closure) else found.options
    if all(option in wanted.options for option in options):
        return tree.Widen(expr.span, wanted, expr)
    return mismatch(frame, expr, wanted, context, secondary)


def mismatch(
    frame: Frame,
    expr: tree.Expr,
    target: Type,
    context: str = "",
    secondary: tuple[Label, ...] = (),
) -> tree.Expr:
    """Report that an expression does not have the type that is needed."""
    found, wanted = final_shown(expr.type), final_shown(target)
    if has_holes(found):
        return tree.Constant(expr.span, BROKEN, None)
    frame.report(_mismatch(found, wanted, expr.span, context, secondary))
    return tree.Constant(expr.span, BROKEN, None)


def final_shown(type: Type) -> Type:
    """The type for a message: variables followed, but nothing decided."""
    return resolve(type)


def _mismatch(
    found: Type, wanted: Type, span: Span, context: str, secondary: tuple[Label, ...]
) -> Diagnostic:
    shown, needed = types.show(found), types.show(wanted)
    message = f"expected {needed}, found {shown}"
    helps: tuple[str, ...] = ()
    code = "E0301"
    if isinstance(found, Tensor) and isinstance(wanted, Tensor):
        same_rank = len(found.shape) == len(wanted.shape)
        if not same_rank or found.dtype == wanted.dtype:
            code = "E0310"
        if code == "E0301":
            helps = (f"convert it: `{span.text.strip()} as {_dtype_name(wanted)}`",)
            if "\n" in span.text or len(span.text) > 40:
                helps = (f"convert it with `as {_dtype_name(wanted)}`",)
        elif not found.shape:
            helps = ("`full(shape, value)` makes a tensor of one number",)
    elif isinstance(wanted, types.String):
        helps = ("`str(x)` makes a string of any value",)
    item = error(code, message, span, context or f"this is {shown}", secondary=secondary)
    return replace(item, helps=helps)


def _dtype_name(type: Tensor) -> str:
    return types.show(Tensor(type.dtype))


def join(frame: Frame, parts: list[tree.Expr], what: str) -> tuple[Type, list[tree.Expr]]:
    """The type that several alternatives have in common, and the alternatives converted to it."""
    live = [p for p in parts if resolve(p.type) not in (NEVER, BROKEN)]
    if not live:
        broken = any(resolve(p.type) == BROKEN for p in parts)
        return (BROKEN if broken else NEVER), parts
    common = resolve(live[0].type)
    for part in live[1:]:
        merged = _merge(frame, common, resolve(part.type))
        if merged is None:
            frame.error(
                "E0302",
                f"{what} have different types",
                result_span(part),
                f"this is {types.show(resolve(part.type))}",
                secondary=(Label(result_span(live[0]), f"this is {types.show(common)}"),),
            )
            return BROKEN, parts
        common = merged
    widened = [
        p if resolve(p.type) in (NEVER, BROKEN, common) else _widened(frame, p, common)
        for p in parts
    ]
    return common, widened


def _widened(frame: Frame, part: tree.Expr, common: Type) -> tree.Expr:
    """A function, or a list of functions, where several meet."""
    if isinstance(common, Closures):
        return tree.Widen(part.span, common, part)
    if isinstance(common, List) and isinstance(common.element, Closures):
        return late.widen_list(frame, part, common.element)
    return part


def result_span(expr: tree.Expr) -> Span:
    """The expression inside a block that gives its value."""
    while isinstance(expr, tree.Block) and expr.result is not None:
        expr = expr.result
    return expr.span


def _merge(frame: Frame, a: Type, b: Type) -> Type | None:
    """The least type of which both are; sizes that may differ become a fresh unknown."""
    match a, b:
        case Tensor(), Tensor():
            if len(a.shape) != len(b.shape) or not unify_dtypes(a.dtype, b.dtype):
                return None
            shape = [_merge_dim(frame, x, y) for x, y in zip(a.shape, b.shape)]
            return (
                None if None in shape else Tensor(a.dtype, tuple(d for d in shape if d is not None))
            )
        case ((Closure() | Closures()), (Closure() | Closures())):
            first = (a,) if isinstance(a, Closure) else a.options
            second = (b,) if isinstance(b, Closure) else b.options
            options = first + tuple(o for o in second if o not in first)
            return options[0] if len(options) == 1 else Closures(options)
        case Tuple(), Tuple() if len(a.items) == len(b.items):
            items = [_merge(frame, resolve(x), resolve(y)) for x, y in zip(a.items, b.items)]
            return None if None in items else Tuple(tuple(t for t in items if t is not None))
        case List(), List():
            inner = _merge(frame, resolve(a.element), resolve(b.element))
            return None if inner is None else List(_forget(inner, a.element))
    return a if unify(frame, a, b) else None


def _merge_dim(frame: Frame, a: Dim, b: Dim) -> Dim | None:
    a, b = frame.simplify(a), frame.simplify(b)
    verdict = dims.compare(a, b)
    if verdict is Verdict.EQUAL:
        return a
    return None if verdict is Verdict.DIFFERENT else dims.symbol("?")


def _forget(merged: Type, a: Type) -> Type:
    """Element sizes that differ between lists are unknown, not one fresh size."""
    if isinstance(merged, Tensor) and isinstance(resolve(a), Tensor):
        left = resolve(a)
        assert isinstance(left, Tensor)
        return Tensor(
            merged.dtype,
            tuple(m if m == d else UNKNOWN for m, d in zip(merged.shape, left.shape)),
        )
    return merged
