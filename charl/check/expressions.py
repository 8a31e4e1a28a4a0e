"""Expressions: literals, names, fields, collections, casts, blocks, branches, closures."""

from __future__ import annotations

from typing import Any

from charl.check import tree
from charl.check.annotations import fields_of_struct
from charl.check.calls import check_call, entry_of, unknown_name
from charl.check.declarations import (
    Builtin,
    Enum,
    FieldOf,
    Function,
    Logic,
    Module,
    OpFunction,
    Static,
    StaticType,
    Struct,
    Variant,
)
from charl.check.dispatch import HOOKS, broken, check_expr, check_statement, expression
from charl.check.frame import Frame
from charl.check.infer import coerce, join, mismatch, resolve, unify_dtypes
from charl.check.known import Choice, known
from charl.check.names import used_names
from charl.check.rules import apply_op
from charl.core.op import REGISTRY, Kind
from charl.diagnostics.suggest import nearest
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, dtypes, types
from charl.types.dtypes import DType
from charl.types.types import (
    BOOL,
    BROKEN,
    INT,
    NEVER,
    STRING,
    UNIT,
    Array,
    Closure,
    DTypeVariable,
    List,
    Tensor,
    Type,
    resolve_dtype,
)

# --- Literals ------------------------------------------------------------------------------------


@expression(ast.IntLiteral, ast.FloatLiteral)
def _number(
    frame: Frame, node: ast.IntLiteral | ast.FloatLiteral, expected: Type | None
) -> tree.Expr:
    kind = frame.literal(isinstance(node, ast.FloatLiteral))
    wanted = None if expected is None else resolve(expected)
    if isinstance(wanted, Tensor) and isinstance(resolve_dtype(wanted.dtype), DType):
        unify_dtypes(kind.dtype, wanted.dtype)
    return tree.Constant(node.span, kind, node.value)


@expression(ast.BoolLiteral)
def _boolean(frame: Frame, node: ast.BoolLiteral, expected: Type | None) -> tree.Expr:
    return tree.Constant(node.span, BOOL, node.value)


@expression(ast.StringLiteral)
def _string(frame: Frame, node: ast.StringLiteral, expected: Type | None) -> tree.Expr:
    return tree.Constant(node.span, STRING, node.value)


@expression(ast.FormatString)
def _format_string(frame: Frame, node: ast.FormatString, expected: Type | None) -> tree.Expr:
    parts: list[tree.Expr] = []
    for part in node.parts:
        if isinstance(part, str):
            parts.append(tree.Constant(node.span, STRING, part))
            continue
        value = check_expr(frame, part.value)
        if part.spec:
            value = apply_op(frame, REGISTRY["format"], [value], {"spec": part.spec}, part.span)
        elif resolve(value.type) not in (STRING, BROKEN):
            value = tree.Show(part.span, STRING, value)
        parts.append(value)
    if not parts:
        return tree.Constant(node.span, STRING, "")
    result = parts[0]
    for following in parts[1:]:
        result = apply_op(frame, REGISTRY["string_concat"], [result, following], {}, node.span)
    return result


@expression(ast.ListLiteral)
def check_list(frame: Frame, node: ast.ListLiteral, expected: Type | None) -> tree.Expr:
    wanted = None if expected is None else resolve(expected)
    if isinstance(wanted, Tensor):
        return tensor_literal(frame, node, wanted)
    element = wanted.element if isinstance(wanted, List | Array) else None
    items = [check_expr(frame, item, element) for item in node.items]
    if element is not None:
        items = [coerce(frame, i, element, "an element of this list") for i in items]
    elif items:
        element, items = join(frame, items, "the elements of this list")
        if element == BROKEN:
            return broken(node)
    if isinstance(wanted, Array):
        if wanted.length != len(items):
            return frame.error(
                "E0301",
                f"expected {wanted.length} elements, found {len(items)}",
                node.span,
                f"this should be {types.show(wanted)}",
            )
        return tree.Make(node.span, wanted, tuple(items))
    kind: Type = types.Variable() if element is None else element
    return list_make(node.span, kind, items)


def list_make(span: Span, element: Type, items: list[tree.Expr]) -> tree.Expr:
    op = REGISTRY["list_make"]
    return tree.Apply(span, List(element), op, tuple(items), {"element": element})


def list_argument(frame: Frame, node: ast.ListLiteral) -> tree.Expr:
    """A list literal given to a template: sizes keep their number and values, as a fixed list."""
    items = [check_expr(frame, item) for item in node.items]
    if all(known(i) is not None and _is_int(i) for i in items):
        for item in items:
            kind = resolve(item.type)
            assert isinstance(kind, Tensor)
            unify_dtypes(kind.dtype, dtypes.INT64)
        return tree.Make(node.span, Array(INT, len(items)), tuple(items))
    element, items = join(frame, items, "the elements of this list")
    return broken(node) if element == BROKEN else list_make(node.span, element, items)


def _is_int(item: tree.Expr) -> bool:
    kind = resolve(item.type)
    if not isinstance(kind, Tensor) or kind.shape:
        return False
    dtype = resolve_dtype(kind.dtype)
    return dtype == dtypes.INT64 or (isinstance(dtype, DTypeVariable) and not dtype.float_only)


def tensor_literal(frame: Frame, node: ast.ListLiteral, wanted: Tensor | None) -> tree.Expr:
    """A rectangular bracket literal as a tensor: float32 when any element has a point, else int64,
    unless the context asks for a dtype."""
    rows: list[tree.Expr] = []
    hint = wanted.dtype if wanted is not None else None
    for item in node.items:
        if isinstance(item, ast.ListLiteral):
            rows.append(tensor_literal(frame, item, wanted))
        else:
            scalar = None if hint is None else Tensor(hint)
            rows.append(check_expr(frame, item, scalar))
    kinds = [resolve(r.type) for r in rows]
    if not rows:
        dtype = hint if hint is not None else dtypes.FLOAT32
        return _constant_tensor(node.span, Tensor(dtype, (0,)), [])
    for row, kind in zip(rows, kinds):
        if kind == BROKEN:
            return row
        if not isinstance(kind, Tensor):
            return frame.error(
                "E0316",
                "a tensor holds numbers or booleans",
                row.span,
                f"this is {types.show(kind)}",
            )
    first = kinds[0]
    assert isinstance(first, Tensor)
    for row, kind in zip(rows[1:], kinds[1:]):
        assert isinstance(kind, Tensor)
        if len(kind.shape) != len(first.shape) or kind.shape != first.shape:
            return frame.error(
                "E0317",
                "the rows of this tensor differ in length",
                row.span,
                f"this is {types.show(kind)}",
                helps=(f"the first row is {types.show(first)}",),
            )
        if not unify_dtypes(first.dtype, kind.dtype):
            return frame.error(
                "E0315",
                "the elements of a tensor have one dtype",
                row.span,
                f"this is {types.show(Tensor(kind.dtype))}, the first is "
                f"{types.show(Tensor(first.dtype))}",
            )
    dtype = resolve_dtype(first.dtype)
    if hint is not None and isinstance(resolve_dtype(hint), DTypeVariable):
        unify_dtypes(first.dtype, hint)
        dtype = resolve_dtype(first.dtype)
    if isinstance(dtype, DTypeVariable):
        dtype.default = dtypes.FLOAT32 if dtype.float_only else dtypes.INT64
    result = Tensor(first.dtype, (len(rows), *first.shape))
    values = [_literal_value(r) for r in rows]
    if None not in values:
        return _constant_tensor(node.span, result, values)
    return apply_op(frame, REGISTRY["stack"], rows, {"axis": 0}, node.span)


def _literal_value(row: tree.Expr) -> Any:
    match row:
        case tree.Constant(value=value):
            return value
        case tree.Apply(op=op, operands=(operand,)) if op.name == "neg":
            inner = _literal_value(operand)
            return None if inner is None else _negated(inner)
    return None


def _negated(value: Any) -> Any:
    return [_negated(v) for v in value] if isinstance(value, list) else -value


def _constant_tensor(span: Span, kind: Tensor, values: list[Any]) -> tree.Expr:
    """Nested Python lists for now; `finish` makes the array once the dtype is known."""
    return tree.Constant(span, kind, values)


@expression(ast.TupleLiteral)
def _tuple(frame: Frame, node: ast.TupleLiteral, expected: Type | None) -> tree.Expr:
    wanted = None if expected is None else resolve(expected)
    hints: tuple[Type | None, ...] = (None,) * len(node.items)
    if isinstance(wanted, types.Tuple) and len(wanted.items) == len(node.items):
        hints = wanted.items
    items = tuple(check_expr(frame, i, h) for i, h in zip(node.items, hints))
    return tree.Make(node.span, types.Tuple(tuple(i.type for i in items)), items)


# --- Names and fields ----------------------------------------------------------------------------


@expression(ast.Name)
def check_name(frame: Frame, node: ast.Name, expected: Type | None) -> tree.Expr:
    entry = frame.look_up(node.name)
    if entry is None:
        if node.name in dtypes.BY_NAME:
            return frame.error(
                "E0203",
                f"`{node.name}` is a type, and a value is needed here",
                node.span,
            )
        return unknown_name(frame, node)
    return value_of(frame, entry, node, expected)


def value_of(frame: Frame, entry: Any, node: ast.Expr, expected: Type | None) -> tree.Expr:
    """What a name stands for, as a value."""
    span = node.span
    match entry:
        case tree.Variable():
            return _read(frame, entry, span)
        case Static():
            return static_value(frame, entry, span)
        case FieldOf(variable=variable, index=index):
            struct = variable.type
            assert isinstance(struct, types.Struct)
            kind = fields_of_struct(frame, struct)[index]
            return tree.Get(span, kind, tree.Read(span, struct, variable), index)
        case Function():
            return tree.MakeClosure(span, Closure(entry), ())
        case OpFunction():
            return tree.MakeClosure(span, Closure(op_function(frame, entry)), ())
        case Variant():
            call = ast.Call(span, node, ())
            if not entry.enum.variants[entry.index].payload:
                return HOOKS["variant"](frame, entry, call, expected)  # type: ignore[no-any-return]
            return tree.MakeClosure(span, Closure(HOOKS["variant_function"](frame, entry)), ())
        case Struct():
            return frame.error("E0203", f"`{entry.name}` is a type: call it to make a value", span)
        case Builtin(name=name):
            return frame.error(
                "E0228",
                f"`{name}` is part of the language and cannot be passed on",
                span,
                helps=(f"wrap it: `|x| {name}(x)`",),
            )
        case Logic(name=name):
            return frame.error("E0801", f"`{name}` cannot be evaluated yet", span)
        case Module(name=name):
            return frame.error("E0224", f"`{name}` is a module: name one of its members", span)
    name = node.span.text
    return frame.error("E0203", f"`{name}` is a type, and a value is needed here", span)


def _read(frame: Frame, variable: tree.Variable, span: Span) -> tree.Expr:
    if variable.is_global and not frame.is_top and variable not in frame.instance.globals:
        frame.instance.globals.append(variable)
    kind = resolve(variable.type)
    opened = frame.opened(kind) if isinstance(kind, Tensor) else kind
    return tree.Read(span, opened, variable)


def static_value(frame: Frame, entry: Static, span: Span) -> tree.Expr:
    """A size or const parameter as a value."""
    value = entry.value
    match value:
        case bool():
            return tree.Constant(span, BOOL, value)
        case int() | float():
            kind = entry.type if entry.type is not None else INT
            return tree.Constant(span, kind, value)
        case str():
            return tree.Constant(span, STRING, value)
        case dims.Polynomial():
            return tree.SizeOf(span, INT, value)
        case Choice(tag=tag) if isinstance(entry.type, types.Enum):
            return tree.Variant(span, entry.type, tag, ())
        case tuple():
            items = tuple(static_value(frame, Static(v, INT), span) for v in value)
            return tree.Make(span, Array(INT, len(items)), items)
    return frame.error("E0229", "this stands for nothing that has a value", span)


def op_function(frame: Frame, entry: OpFunction) -> Function:
    """A primitive as a function value: `|x| op(x)`, one per session."""
    op = entry.op
    found = frame.session.lambdas.get(op.name)
    if found is not None:
        return found
    prelude = frame.session.prelude
    assert prelude is not None and op.surface is not None
    span = Span(prelude.source, 0, 0)
    names = [p.name for p in op.parameters if not p.kind.is_attribute and p.kind is not Kind.DIMS]
    parameters = tuple(
        ast.Parameter(span, ast.NamePattern(span, name), None, None) for name in names
    )
    body = ast.Call(
        span,
        ast.Name(span, op.surface),
        tuple(ast.Argument(span, None, ast.Name(span, name)) for name in names),
    )
    function = Function(op.surface, prelude, span, parameters, None, body, doc=op.doc)
    function.statics = {op.surface: entry}
    frame.session.lambdas[op.name] = function
    return function


@expression(ast.Field)
def check_field(frame: Frame, node: ast.Field, expected: Type | None) -> tree.Expr:
    name = node.name.name
    entry = entry_of(frame, node.base)
    if isinstance(entry, Module):
        member = HOOKS["member"](frame, entry, name)
        if member is None:
            return HOOKS["no_member"](frame, entry, node.name)  # type: ignore[no-any-return]
        return value_of(frame, member, node, expected)
    if isinstance(entry, Enum):
        variant = HOOKS["variant_of"](frame, entry, node.name)
        if isinstance(variant, tree.Expr):
            return variant
        return value_of(frame, variant, node, expected)
    base = check_expr(frame, node.base)
    kind = resolve(base.type)
    match kind:
        case types.Struct(declaration=declaration):
            names = declaration.field_names
            if name in names:
                index = names.index(name)
                return tree.Get(node.span, fields_of_struct(frame, kind)[index], base, index)
        case types.Tuple(items) if name.isdigit():
            if int(name) < len(items):
                return tree.Get(node.span, items[int(name)], base, int(name))
            return frame.error(
                "E0231",
                f"this tuple has {len(items)} items, counted from 0",
                node.name.span,
                f"there is no item {name}",
            )
        case Array(element, length) if name.isdigit() and int(name) < length:
            return tree.Get(node.span, element, base, int(name))
        case Tensor() if name == "shape":
            return HOOKS["shape_of"](frame, base, kind, node.span)  # type: ignore[no-any-return]
        case _ if kind in (BROKEN, NEVER):
            return base
    return _no_field(frame, kind, node)


def _no_field(frame: Frame, kind: Type, node: ast.Field) -> tree.Expr:
    name = node.name.name
    names: list[str] = []
    if isinstance(kind, types.Struct):
        names = list(kind.declaration.field_names)
        if name in kind.declaration.methods:
            return frame.error(
                "E0232",
                f"`{name}` is a method: call it",
                node.name.span,
                helps=(f"write `{node.span.text}()`",),
            )
    near = nearest(name, names)
    helps: tuple[str, ...] = (f"did you mean `{near}`?",) if near else ()
    if not near and names:
        helps = (f"its fields are {', '.join(f'`{n}`' for n in names)}",)
    return frame.error(
        "E0231", f"{types.show(kind)} has no field `{name}`", node.name.span, helps=helps
    )


# --- Casts ---------------------------------------------------------------------------------------


@expression(ast.Cast)
def _cast(frame: Frame, node: ast.Cast, expected: Type | None) -> tree.Expr:
    wanted = HOOKS["cast_type"](frame, node.type)
    hint = wanted if isinstance(wanted, Tensor) else None
    if isinstance(node.value, ast.ListLiteral) and isinstance(wanted, Tensor):
        value = tensor_literal(frame, node.value, None)
    else:
        value = check_expr(frame, node.value, hint if _is_literal(node.value, wanted) else None)
    kind = resolve(value.type)
    if BROKEN in (wanted, kind) or kind == NEVER:
        return value if kind in (BROKEN, NEVER) else broken(node)
    if not isinstance(wanted, Tensor) or not isinstance(kind, Tensor):
        return mismatch(frame, value, wanted, f"{types.show(kind)} cannot be converted")
    if wanted.shape and len(wanted.shape) != len(kind.shape):
        return mismatch(frame, value, wanted)
    dtype = resolve_dtype(wanted.dtype)
    assert isinstance(dtype, DType)
    if wanted.shape:
        value = coerce(frame, value, Tensor(kind.dtype, wanted.shape))
    if resolve_dtype(kind.dtype) == dtype:
        return value
    return apply_op(frame, REGISTRY["cast"], [value], {"dtype": dtype}, node.span)


def _is_literal(node: ast.Expr, wanted: Type) -> bool:
    """`1 as float32` is a float32 literal; `2.5 as int` is a conversion."""
    if isinstance(node, ast.Unary):
        return _is_literal(node.operand, wanted)
    is_float = isinstance(wanted, Tensor) and getattr(wanted.dtype, "kind", "") == "float"
    return isinstance(node, ast.IntLiteral) or (isinstance(node, ast.FloatLiteral) and is_float)


# --- Blocks and branches -------------------------------------------------------------------------


@expression(ast.Block)
def check_block(frame: Frame, node: ast.Block, expected: Type | None) -> tree.Expr:
    with frame.scope():
        return block_body(frame, node, expected)


def block_body(frame: Frame, node: ast.Block, expected: Type | None) -> tree.Expr:
    """A block in a scope that the caller has opened."""
    HOOKS["declare_local"](frame, node.statements)
    statements: list[tree.Statement] = []
    for item in node.statements:
        statements += check_statement(frame, item)
    result = None if node.result is None else check_expr(frame, node.result, expected)
    diverges = any(_diverges(s) for s in statements)
    kind = NEVER if diverges else UNIT if result is None else result.type
    return tree.Block(node.span, kind, tuple(statements), result)


def _diverges(item: tree.Statement) -> bool:
    match item:
        case tree.Return() | tree.Break() | tree.Continue():
            return True
        case tree.Evaluate(value=value) | tree.Let(value=value):
            return resolve(value.type) == NEVER
        case tree.While(condition=tree.Constant(value=True), body=body):
            return not leaves_loop(body)
    return False


def leaves_loop(node: tree.Expr | tree.Statement) -> bool:
    """Whether a `break` inside belongs to the loop around."""
    match node:
        case tree.Break():
            return True
        case tree.Block(statements=statements, result=result):
            inner = result is not None and leaves_loop(result)
            return inner or any(leaves_loop(s) for s in statements)
        case tree.If(then=then, otherwise=otherwise):
            return leaves_loop(then) or leaves_loop(otherwise)
        case tree.Evaluate(value=value) | tree.Let(value=value) | tree.Assign(value=value):
            return leaves_loop(value)
    return False


@expression(ast.If)
def check_if(frame: Frame, node: ast.If, expected: Type | None) -> tree.Expr:
    condition = condition_expr(frame, node.condition)
    fixed = known(condition)
    if isinstance(fixed, bool) and not isinstance(node.condition, ast.BoolLiteral):
        chosen = node.then if fixed else node.otherwise
        if chosen is None:
            return tree.Block(node.span, UNIT, (), None)
        return check_expr(frame, chosen, expected)
    with frame.scope():
        then = check_expr(frame, node.then, expected)
    if node.otherwise is None:
        return tree.If(
            node.span, UNIT, condition, _as_unit(then), tree.Block(node.span, UNIT, (), None)
        )
    with frame.scope():
        otherwise = check_expr(frame, node.otherwise, expected)
    kinds = {resolve(then.type), resolve(otherwise.type)}
    if UNIT in kinds and not kinds <= {UNIT, NEVER}:
        then, otherwise = _as_unit(then), _as_unit(otherwise)
    kind, (then, otherwise) = join(frame, [then, otherwise], "the branches of this `if`")
    return tree.If(node.span, kind, condition, then, otherwise)


def _as_unit(expr: tree.Expr) -> tree.Expr:
    """The expression for its effects only."""
    if resolve(expr.type) in (UNIT, NEVER):
        return expr
    return tree.Block(expr.span, UNIT, (tree.Evaluate(expr.span, expr),), None)


def condition_expr(frame: Frame, node: ast.Expr) -> tree.Expr:
    """A condition: one bool."""
    condition = check_expr(frame, node, BOOL)
    kind = resolve(condition.type)
    if kind == BOOL or kind in (BROKEN, NEVER):
        return condition
    helps: tuple[str, ...] = ()
    if isinstance(kind, Tensor) and kind.shape and resolve_dtype(kind.dtype) == dtypes.BOOL:
        helps = ("`any(...)` or `all(...)` makes one bool of many",)
    elif isinstance(kind, Tensor) and not kind.shape:
        helps = (f"compare it: `{node.span.text} != 0`",)
    return frame.error(
        "E0318",
        "a condition must be a bool",
        node.span,
        f"this is {types.show(kind)}",
        helps=helps,
    )


# --- Functions as values -------------------------------------------------------------------------


@expression(ast.Lambda)
def _lambda(frame: Frame, node: ast.Lambda, expected: Type | None) -> tree.Expr:
    used = used_names(node)
    return make_closure(
        frame, node, "closure", node.parameters, None, node.body, (), used, node.span, ""
    )


def make_closure(
    frame: Frame,
    key: ast.Node,
    name: str,
    parameters: tuple[ast.Parameter, ...],
    result: ast.TypeExpr | None,
    body: ast.Expr,
    generics: tuple[ast.Generic, ...],
    used: frozenset[str],
    span: Span,
    recursive: str,
) -> tree.Expr:
    """A function made inside another: it captures the variables it uses by value."""
    captured: dict[str, tree.Expr] = {}
    statics: dict[str, Any] = {}
    for used_name in sorted(used - {recursive}):
        entry = _local(frame, used_name)
        match entry:
            case tree.Variable():
                captured[used_name] = tree.Read(span, resolve(entry.type), entry)
            case FieldOf():
                captured[used_name] = value_of(frame, entry, ast.Name(span, used_name), None)
            case Static(value=dims.Polynomial() as size):
                captured[used_name] = tree.SizeOf(span, INT, size)
            case Static() | StaticType():
                statics[used_name] = entry
            case Function() if _is_nested(frame, used_name):
                statics[used_name] = entry
    identity = (id(key), tuple(captured), tuple((n, _static_key(e)) for n, e in statics.items()))
    function = frame.session.lambdas.get(identity)
    if function is None:
        function = Function(
            name,
            frame.module,
            span,
            parameters,
            result,
            body,
            generics,
            captures=tuple(captured),
            statics=statics,
            recursive_name=recursive or None,
        )
        function.checked = True  # a function inside another is checked where it is called
        frame.session.lambdas[identity] = function
    kind = Closure(function, tuple(c.type for c in captured.values()))
    return tree.MakeClosure(span, kind, tuple(captured.values()))


def _is_nested(frame: Frame, name: str) -> bool:
    return any(name in scope for scope in frame.scopes)


def _local(frame: Frame, name: str) -> Any:
    for scope in reversed(frame.scopes):
        if name in scope:
            return scope[name]
    if frame.is_top and dict.__contains__(frame.module.names, name):
        return frame.module.names[name]
    return None


def _static_key(entry: Any) -> Any:
    return (entry.value, type(entry.value).__name__) if isinstance(entry, Static) else entry


@expression(ast.With)
def _with(frame: Frame, node: ast.With, expected: Type | None) -> tree.Expr:
    before = frame.ambient
    settings = dict(before)
    for name, value in node.settings:
        setting = HOOKS["setting"](frame, name, value)
        if setting is not None:
            settings[name.name] = setting
    frame.ambient = tuple(sorted(settings.items(), key=lambda item: item[0]))
    result = check_expr(frame, node.body, expected)
    frame.ambient = before
    return result


@expression(ast.ErrorExpr)
def _error(frame: Frame, node: ast.ErrorExpr, expected: Type | None) -> tree.Expr:
    return broken(node)


@expression(ast.Query)
def _query(frame: Frame, node: ast.Query, expected: Type | None) -> tree.Expr:
    return frame.error("E0801", "relations cannot be queried yet", node.span)


@expression(ast.Range)
def _range(frame: Frame, node: ast.Range, expected: Type | None) -> tree.Expr:
    """A range as a value: `(start, stop, step)`."""
    if node.start is None or node.stop is None:
        return broken(node)  # the parser lets only an index leave out an end
    start = coerce(frame, check_expr(frame, node.start, INT), INT, "a range counts in ints")
    stop = coerce(frame, check_expr(frame, node.stop, INT), INT, "a range counts in ints")
    step: tree.Expr = tree.Constant(node.span, INT, 1)
    if node.step is not None:
        step = coerce(frame, check_expr(frame, node.step, INT), INT, "a range counts in ints")
    if known(step) == 0:
        return frame.error("E0322", "the step of a range cannot be 0", node.span)
    if node.inclusive:
        one = tree.Constant(node.span, INT, 1)
        backwards = known(step)
        op = "sub" if isinstance(backwards, int) and backwards < 0 else "add"
        stop = apply_op(frame, REGISTRY[op], [stop, one], {}, node.span)
    return tree.Make(node.span, types.Range(dtypes.INT64), (start, stop, step))


HOOKS["list_argument"] = list_argument
HOOKS["call"] = check_call
