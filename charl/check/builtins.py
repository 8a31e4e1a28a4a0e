"""Functions of the language itself: those whose types no declaration could say.

Each is one function here and one entry of `BUILTINS`; `doc` is what `:doc` shows.
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.check import derived, tree
from charl.check.annotations import Scope, resolve_type
from charl.check.calls import call_value, is_place
from charl.check.declarations import Builtin
from charl.check.dispatch import HOOKS, broken, check_expr
from charl.check.expressions import list_make, tensor_literal
from charl.check.frame import Frame
from charl.check.indexing import int_index, list_length, size_expr
from charl.check.infer import coerce, final, mismatch, resolve, unify_dtypes
from charl.check.known import known, known_dim
from charl.check.leaves import Leafwise, count_leaves, leaves_of, over_leaves
from charl.check.operators import as_list, binary
from charl.check.rules import (
    apply_op,
    dtype_argument,
    sizes_of,
    supplied_expr,
    tensor_expr,
)
from charl.check.signatures import Supplied, unknown_argument
from charl.core.op import REGISTRY
from charl.diagnostics.diagnostic import Label, error
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
    List,
    Tensor,
    Type,
    resolve_dtype,
)


def _arguments(
    frame: Frame, node: ast.Call, names: Sequence[str], required: int
) -> list[Supplied | None] | None:
    """Arguments by position and name; None after a report."""
    shown = node.callee.span.text
    slots: list[Supplied | None] = [None] * len(names)
    position = 0
    for argument in node.arguments:
        item = Supplied(argument.value, argument.name)
        if argument.name is not None:
            if argument.name.name not in names:
                unknown_argument(frame, shown, argument.name, names)
                return None
            slots[names.index(argument.name.name)] = item
        elif position < len(names):
            slots[position] = item
            position += 1
        else:
            frame.error(
                "E0220",
                f"`{shown}` takes {len(names)} argument{'s' if len(names) != 1 else ''}, and "
                f"{len(node.arguments)} are given",
                argument.span,
            )
            return None
    for name, slot in zip(names[:required], slots):
        if slot is None:
            frame.error("E0221", f"`{shown}` needs `{name}`, which is not given", node.span)
            return None
    return slots


# --- Showing -------------------------------------------------------------------------------------


def shown(value: tree.Expr) -> tree.Expr:
    if resolve(value.type) == STRING:
        return value
    return tree.Show(value.span, STRING, value)


def _print(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    parts: list[tree.Expr] = []
    end = "\n"
    for argument in node.arguments:
        value = check_expr(frame, argument.value)
        if argument.name is not None:
            fixed = known(value)
            if argument.name.name != "end" or not isinstance(fixed, str):
                unknown_argument(frame, "print", argument.name, ["end"])
                return broken(node)
            end = fixed
            continue
        if resolve(value.type) == BROKEN:
            return value
        if parts:
            parts.append(tree.Constant(node.span, STRING, " "))
        parts.append(shown(value))
    text: tree.Expr = parts[0] if parts else tree.Constant(node.span, STRING, "")
    for part in parts[1:]:
        text = apply_op(frame, REGISTRY["string_concat"], [text, part], {}, node.span)
    return apply_op(frame, REGISTRY["print"], [text], {"end": end}, node.span)


def _str(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["value"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    value = supplied_expr(frame, slots[0])
    return value if resolve(value.type) == BROKEN else shown(value)


def abort(frame: Frame, message: str | tree.Expr, span: Span) -> tree.Expr:
    """Stop the program with a message; has type never."""
    operands: tuple[tree.Expr, ...] = ()
    text = message if isinstance(message, str) else "{0}"
    if isinstance(message, tree.Expr):
        operands = (message,)
    failure = error("E0512", text, span, "stopped here")
    stop = tree.Require(span, tree.Constant(span, BOOL, False), operands, failure)
    return tree.Block(span, NEVER, (stop,), None)


def _abort(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["message"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    message = coerce(frame, supplied_expr(frame, slots[0], STRING), STRING, "a message is text")
    return abort(frame, message, node.span)


def _equal(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["a", "b"], 2)
    if slots is None or slots[0] is None or slots[1] is None:
        return broken(node)
    left, right = supplied_expr(frame, slots[0]), supplied_expr(frame, slots[1])
    result = HOOKS["equal_values"](frame, left, right, node.span)
    if result is None:
        HOOKS["compare"](frame, "==", left, right, node.span)
        return broken(node)
    return result  # type: ignore[no-any-return]


def _assert_close(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """Every pair of float leaves differs by at most `tolerance * (1 + |b|)`."""
    slots = _arguments(frame, node, ["a", "b", "tolerance"], 2)
    if slots is None or slots[0] is None or slots[1] is None:
        return broken(node)
    left = supplied_expr(frame, slots[0])
    given = slots[1].value
    kind = resolve(left.type)
    if isinstance(given, ast.ListLiteral) and isinstance(kind, Tensor):
        right = tensor_literal(frame, given, Tensor(kind.dtype))
    else:
        right = supplied_expr(frame, slots[1], kind)
    tolerance: tree.Expr = tree.Constant(node.span, types.FLOAT, 1e-6)
    if slots[2] is not None:
        tolerance = coerce(
            frame, supplied_expr(frame, slots[2], types.FLOAT), types.FLOAT, "a tolerance"
        )
    if BROKEN in (resolve(left.type), resolve(right.type)):
        return broken(node)
    close = HOOKS["library"](frame, "_is_close", [left, right, tolerance], node.span)
    if close is None or resolve(close.type) == BROKEN:
        return broken(node)
    failure = error("E0509", "these are not close: {0} and {1}", node.span, "asserted here")
    check = tree.Require(node.span, close, (shown(left), shown(right)), failure)
    return tree.Block(node.span, UNIT, (check,), None)


# --- Sizes ---------------------------------------------------------------------------------------


def _len(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["x"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    value = supplied_expr(frame, slots[0])
    match resolve(value.type):
        case Tensor(shape=shape) if shape:
            let, read = frame.temporary("x", value)
            return _after(let, size_expr(shape[0], read, 0, node.span))
        case List() | types.String():
            return list_length(frame, value, node.span)
        case types.Tuple(items):
            return tree.Constant(node.span, INT, len(items))
        case types.Array(_, length):
            return tree.Constant(node.span, INT, length)
        case types.Range():
            let, read = frame.temporary("range", value)
            start, stop, step = (tree.Get(node.span, INT, read, i) for i in range(3))
            one = tree.Constant(node.span, INT, 1)
            distance = binary(
                frame, "-", binary(frame, "-", stop, start, node.span), one, node.span
            )
            count = binary(
                frame, "+", binary(frame, "//", distance, step, node.span), one, node.span
            )
            return tree.Block(node.span, INT, (let,), count)
        case kind if kind in (BROKEN, NEVER):
            return value
        case kind:
            return frame.error(
                "E0327",
                f"{types.show(kind)} has no length",
                value.span,
                f"this is {types.show(kind)}",
            )


def _after(let: tree.Let, result: tree.Expr) -> tree.Expr:
    """A result computed after a binding; a mere reading needs none, unless it is that of a
    variable with `?` sizes: only the reading tells what they are."""
    if isinstance(let.value, tree.Read) and let.value.type == let.value.variable.type:
        return result
    return tree.Block(result.span, result.type, (let,), result)


def shape_of(frame: Frame, value: tree.Expr, kind: Tensor, span: Span) -> tree.Expr:
    """The sizes of a tensor as a fixed-size list."""
    let, read = frame.temporary("x", value)
    sizes = tuple(size_expr(d, read, a, span) for a, d in enumerate(kind.shape))
    return _after(let, tree.Make(span, types.Array(INT, len(sizes)), sizes))


def _tensor_argument(frame: Frame, slot: Supplied) -> tuple[tree.Expr, Tensor] | None:
    value = tensor_expr(frame, slot)
    kind = resolve(value.type)
    if isinstance(kind, Tensor):
        return value, kind
    if kind not in (BROKEN, NEVER):
        frame.error("E0313", "a tensor is needed here", value.span, f"this is {types.show(kind)}")
    return None


def _shape(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["x"], 1)
    found = None if slots is None or slots[0] is None else _tensor_argument(frame, slots[0])
    if found is None:
        return broken(node)
    value, kind = found
    return shape_of(frame, value, kind, node.span)


def _size(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["x", "axis"], 1)
    found = None if slots is None or slots[0] is None else _tensor_argument(frame, slots[0])
    if found is None or slots is None:
        return broken(node)
    value, kind = found
    if slots[1] is not None:
        axis = known(supplied_expr(frame, slots[1]))
        rank = len(kind.shape)
        if not isinstance(axis, int) or not -rank <= axis < rank:
            return frame.error(
                "E0206",
                f"the axis must be a known number from {-rank} to {rank - 1}",
                slots[1].span,
            )
        let, read = frame.temporary("x", value)
        return _after(let, size_expr(kind.shape[axis], read, axis % rank, node.span))
    let, read = frame.temporary("x", value)
    total: tree.Expr = tree.Constant(node.span, INT, 1)
    for axis, dim in enumerate(kind.shape):
        total = binary(frame, "*", total, size_expr(dim, read, axis, node.span), node.span)
    return _after(let, total)


# --- Making tensors ------------------------------------------------------------------------------


def filled(frame: Frame, value: tree.Expr, sizes: list[tree.Expr], span: Span) -> tree.Expr:
    if not sizes:
        return value
    return apply_op(frame, REGISTRY["broadcast"], [value, *sizes], {"axes": ()}, span)


def _dtype(
    frame: Frame, slot: Supplied | None, expected: Type | None
) -> DType | types.DTypeVariable | None:
    """The dtype asked for: by argument, else by the context, else float32; None after a report."""
    if slot is not None:
        found = dtype_argument(frame, slot)
        return found if isinstance(found, DType) else None
    wanted = None if expected is None else resolve(expected)
    if isinstance(wanted, Tensor):
        dtype = resolve_dtype(wanted.dtype)
        if isinstance(dtype, DType):
            return dtype
    return dtypes.FLOAT32


def _constant_filled(number: int) -> Builtin:
    name = "ones" if number else "zeros"

    def check(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
        slots = _arguments(frame, node, ["shape", "dtype"], 1)
        if slots is None or slots[0] is None:
            return broken(node)
        sizes = sizes_of(frame, slots[0])
        dtype = _dtype(frame, slots[1], expected)
        if sizes is None or dtype is None:
            return broken(node)
        value = tree.Constant(node.span, Tensor(dtype), _number(number, dtype))
        return filled(frame, value, sizes, node.span)

    doc = f"{name}(shape, dtype: float32): a tensor of {name}."
    return Builtin(name, check, doc)


def _number(number: int, dtype: DType | types.DTypeVariable) -> int | bool:
    return bool(number) if dtype == dtypes.BOOL else number


def _full(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["shape", "value", "dtype"], 2)
    if slots is None or slots[0] is None or slots[1] is None:
        return broken(node)
    sizes = sizes_of(frame, slots[0])
    wanted = None if expected is None else resolve(expected)
    hint: Type | None = Tensor(wanted.dtype) if isinstance(wanted, Tensor) else None
    if slots[2] is not None:
        dtype = dtype_argument(frame, slots[2])
        hint = Tensor(dtype) if isinstance(dtype, DType) else None
    value = supplied_expr(frame, slots[1], hint)
    kind = resolve(value.type)
    if sizes is None or kind == BROKEN:
        return broken(node)
    if not isinstance(kind, Tensor) or kind.shape:
        return mismatch(frame, value, Tensor(dtypes.FLOAT32), "one number fills the tensor")
    if hint is None and isinstance(resolve_dtype(kind.dtype), types.DTypeVariable):
        variable = resolve_dtype(kind.dtype)
        assert isinstance(variable, types.DTypeVariable)
        variable.default = dtypes.FLOAT32 if variable.float_only else dtypes.INT64
    elif hint is not None:
        value = coerce(frame, value, hint)
    return filled(frame, value, sizes, node.span)


def _like(name: str, number: int | None) -> Builtin:
    def check(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
        names = ["x"] if number is not None else ["x", "value"]
        slots = _arguments(frame, node, names, len(names))
        if slots is None or slots[0] is None:
            return broken(node)
        value = tensor_expr(frame, slots[0])
        kind = resolve(value.type)
        if kind in (BROKEN, NEVER):
            return value
        given = None if number is not None or slots[-1] is None else slots[-1]

        def fill(inner: Frame, leaf: tree.Expr) -> tree.Expr:
            leaf_kind = resolve(leaf.type)
            assert isinstance(leaf_kind, Tensor)
            scalar = Tensor(leaf_kind.dtype)
            if given is None:
                dtype = resolve_dtype(leaf_kind.dtype)
                one: tree.Expr = tree.Constant(node.span, scalar, _number(number or 0, dtype))
            else:
                one = coerce(inner, supplied_expr(inner, given, scalar), scalar)
            sizes = [size_expr(d, leaf, a, node.span) for a, d in enumerate(leaf_kind.shape)]
            return filled(inner, one, sizes, node.span)

        if isinstance(kind, Tensor):
            let, read = frame.temporary("x", value)
            result = fill(frame, read)
            return tree.Block(node.span, result.type, (let,), result)
        return over_leaves(frame, fill, [value], node.span)

    what = "the given value" if number is None else "ones" if number else "zeros"
    arguments = "x, value" if number is None else "x"
    return Builtin(
        name, check, f"{name}({arguments}): {what} in the shape and dtype of x, or of its leaves."
    )


def _tensor(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["values", "dtype"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    wanted = None if expected is None else resolve(expected)
    hint = wanted if isinstance(wanted, Tensor) else None
    if slots[1] is not None:
        dtype = dtype_argument(frame, slots[1])
        if not isinstance(dtype, DType):
            return broken(node)
        hint = Tensor(dtype)
    given = slots[0].value
    if isinstance(given, ast.ListLiteral):
        return tensor_literal(frame, given, hint)
    value = supplied_expr(frame, slots[0])
    kind = resolve(value.type)
    match kind:
        case Tensor():
            return value
        case List():
            return _stack_list(frame, value, kind, node)
        case types.Array() | types.Tuple():
            count = kind.length if isinstance(kind, types.Array) else len(kind.items)
            parts = [kind.element] * count if isinstance(kind, types.Array) else list(kind.items)
            let, read = frame.temporary("items", value)
            items = [tree.Get(node.span, t, read, i) for i, t in enumerate(parts)]
            made = apply_op(frame, REGISTRY["stack"], items, {"axis": 0}, node.span)
            return tree.Block(node.span, made.type, (let,), made)
    if kind in (BROKEN, NEVER):
        return value
    return frame.error(
        "E0316",
        "a tensor is made of numbers or booleans",
        value.span,
        f"this is {types.show(kind)}",
    )


def _stack_list(frame: Frame, value: tree.Expr, kind: List, node: ast.Call) -> tree.Expr:
    """A growing list of numbers or of tensors of one shape as a tensor with one more axis."""
    element = resolve(final(kind.element))
    if not isinstance(element, Tensor):
        return frame.error(
            "E0316",
            "a tensor is made of numbers or booleans",
            value.span,
            f"this is {types.show(kind)}",
        )
    inner = tuple(dims.symbol("?") if isinstance(d, dims.Unknown) else d for d in element.shape)
    result = Tensor(element.dtype, (dims.symbol("?"), *inner))
    return tree.Apply(node.span, result, REGISTRY["list_stack"], (value,), {})


def _to_list(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["x"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    value = supplied_expr(frame, slots[0])
    kind = resolve(value.type)
    if isinstance(kind, Tensor) and kind.shape:
        return apply_op(frame, REGISTRY["list_unstack"], [value], {}, node.span)
    value = as_list(frame, value)
    if isinstance(resolve(value.type), List) or kind in (BROKEN, NEVER):
        return value
    return frame.error("E0325", f"{types.show(kind)} has no elements", value.span)


# --- Lists ---------------------------------------------------------------------------------------


def _list_value(frame: Frame, slot: Supplied, name: str) -> tree.Expr | None:
    value = as_list(frame, supplied_expr(frame, slot))
    kind = resolve(value.type)
    if isinstance(kind, List):
        return value
    if kind not in (BROKEN, NEVER):
        helps: tuple[str, ...] = ()
        if isinstance(kind, Tensor):
            helps = ("tensors do not grow: `concat` makes a longer one",)
        frame.error(
            "E0328",
            f"`{name}` works on lists",
            value.span,
            f"this is {types.show(kind)}",
            helps=helps,
        )
    return None


def _element(frame: Frame, xs: tree.Expr, slot: Supplied) -> tree.Expr:
    kind = resolve(xs.type)
    assert isinstance(kind, List)
    value = as_list(frame, supplied_expr(frame, slot, kind.element))
    return coerce(frame, value, kind.element, f"the elements are {types.show(kind.element)}")


def _store(
    frame: Frame, slot: Supplied, new: tree.Expr, node: ast.Call
) -> list[tree.Statement] | None:
    """`xs.push(v)` updates the variable; `push(xs, v)` of something else gives a new list."""
    if isinstance(slot.value, ast.Expr) and is_place(slot.value) and _is_method(node, slot.value):
        return HOOKS["assign"](frame, slot.value, new)  # type: ignore[no-any-return]
    return None


def _is_method(node: ast.Call, first: ast.Expr) -> bool:
    """Written as `xs.push(v)`: the callee's name stands after its first argument."""
    return isinstance(node.callee, ast.Name) and first.span.start < node.callee.span.start


def _push(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["xs", "value"], 2)
    if slots is None or slots[0] is None or slots[1] is None:
        return broken(node)
    xs = _list_value(frame, slots[0], "push")
    if xs is None:
        return broken(node)
    value = _element(frame, xs, slots[1])
    new = tree.Apply(node.span, xs.type, REGISTRY["list_push"], (xs, value), {})
    stored = _store(frame, slots[0], new, node)
    return new if stored is None else tree.Block(node.span, UNIT, tuple(stored), None)


def _pop(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """`xs.pop()` takes the last element off the variable; `pop(xs)` gives (rest, last)."""
    slots = _arguments(frame, node, ["xs"], 1)
    xs = None if slots is None or slots[0] is None else _list_value(frame, slots[0], "pop")
    if xs is None or slots is None or slots[0] is None:
        return broken(node)
    return _take(frame, node, slots[0], "list_pop", xs, ())


def _take(
    frame: Frame,
    node: ast.Call,
    slot: Supplied,
    op: str,
    xs: tree.Expr,
    indices: tuple[tree.Expr, ...],
) -> tree.Expr:
    """Take an element off a list: off the variable, as a value; else (the rest, the element)."""
    kind = resolve(xs.type)
    assert isinstance(kind, List)
    element = frame.opened(resolve(kind.element))
    pair = types.Tuple((xs.type, element))
    both = tree.Apply(node.span, pair, REGISTRY[op], (xs, *indices), {})
    let, read = frame.temporary("taken", both)
    stored = _store(frame, slot, tree.Get(node.span, xs.type, read, 0), node)
    if stored is None:
        return both
    last = tree.Get(node.span, element, read, 1)
    return tree.Block(node.span, element, (let, *stored), last)


def _insert(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["xs", "index", "value"], 3)
    if slots is None or slots[0] is None or slots[1] is None or slots[2] is None:
        return broken(node)
    xs = _list_value(frame, slots[0], "insert")
    if xs is None or not isinstance(slots[1].value, ast.Expr):
        return broken(node)
    index = int_index(frame, slots[1].value)
    value = _element(frame, xs, slots[2])
    new = tree.Apply(node.span, xs.type, REGISTRY["list_insert"], (xs, index, value), {})
    stored = _store(frame, slots[0], new, node)
    return new if stored is None else tree.Block(node.span, UNIT, tuple(stored), None)


def _remove(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["xs", "index"], 2)
    if slots is None or slots[0] is None or slots[1] is None:
        return broken(node)
    xs = _list_value(frame, slots[0], "remove")
    if xs is None or not isinstance(slots[1].value, ast.Expr):
        return broken(node)
    index = int_index(frame, slots[1].value)
    return _take(frame, node, slots[0], "list_remove", xs, (index,))


# --- Over leaves ---------------------------------------------------------------------------------


def _map(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """`map(f, a, b...)`: over the elements of lists, or the float leaves of structs and tensors."""
    if len(node.arguments) < 2:
        return frame.error("E0221", "`map` needs a function and something to map over", node.span)
    function = check_expr(frame, node.arguments[0].value)
    values = [as_list(frame, check_expr(frame, a.value)) for a in node.arguments[1:]]
    kinds = [resolve(v.type) for v in values]
    if BROKEN in (resolve(function.type), *kinds):
        return broken(node)
    let, read = frame.temporary("function", function)

    def apply(inner: Frame, *leaves: tree.Expr) -> tree.Expr:
        return call_value(inner, read, [Supplied(leaf) for leaf in leaves], node.span)

    if isinstance(kinds[0], List):
        result = _map_list(frame, apply, values, node.span)
    else:
        result = over_leaves(frame, apply, values, node.span)
    return tree.Block(node.span, result.type, (let,), result)


def _map_list(frame: Frame, apply: Leafwise, values: list[tree.Expr], span: Span) -> tree.Expr:
    """A list of `f(a[i], b[i]...)`; the lists must be equally long."""
    lets: list[tree.Statement] = []
    lists: list[tree.Expr] = []
    for value in values:
        kind = resolve(value.type)
        if not isinstance(kind, List):
            return mismatch(frame, value, List(types.Variable()), "`map` goes over lists together")
        let, read = frame.temporary("list", value)
        lets.append(let)
        lists.append(read)
    length = list_length(frame, lists[0], span)
    for other in lists[1:]:
        same = apply_op(frame, REGISTRY["eq"], [length, list_length(frame, other, span)], {}, span)
        failure = error("E0506", "`map` needs lists of one length", span)
        lets.append(tree.Require(span, same, (), failure))
    index = tree.Variable("index", INT, span)
    at = tree.Read(span, INT, index)
    elements: list[tree.Expr] = []
    inner: list[tree.Statement] = []
    for source in lists:
        kind = resolve(source.type)
        assert isinstance(kind, List)
        element = frame.opened(resolve(kind.element))
        let, item = frame.temporary(
            "item", tree.Apply(span, element, REGISTRY["list_get"], (source, at), {})
        )
        inner.append(let)
        elements.append(item)
    made = apply(frame, *elements)
    if resolve(made.type) == BROKEN:
        return made
    if resolve(made.type) == UNIT:
        body = tree.Block(span, UNIT, (*inner, tree.Evaluate(span, made)), None)
        zero, one = tree.Constant(span, INT, 0), tree.Constant(span, INT, 1)
        loop = tree.For(span, index, zero, length, one, body)
        return tree.Block(span, UNIT, (*lets, loop), None)
    element_type = _forgotten(made.type, lists)
    out = tree.Variable("out", List(element_type), span)
    read_out = tree.Read(span, out.type, out)
    pushed = tree.Apply(span, out.type, REGISTRY["list_push"], (read_out, made), {})
    body = tree.Block(span, UNIT, (*inner, tree.Assign(span, out, pushed)), None)
    zero, one = tree.Constant(span, INT, 0), tree.Constant(span, INT, 1)
    lets.append(tree.Let(span, out, list_make(span, element_type, [])))
    lets.append(tree.For(span, index, zero, length, one, body))
    return tree.Block(span, out.type, tuple(lets), read_out)


def _forgotten(kind: Type, lists: list[tree.Expr]) -> Type:
    """Sizes that may change from element to element are unknown in the list's element type."""
    outside: set[dims.Symbol] = set()

    def note(dim: dims.Dim) -> dims.Dim:
        outside.update(dims.symbols(dim))
        return dim

    for read in lists:
        types.map_dims(read.type, note)

    def forget(dim: dims.Dim) -> dims.Dim:
        own = [s for s in dims.symbols(dim) if s not in outside and s.name == "?"]
        return dims.UNKNOWN if own else dim

    return types.map_dims(final(kind), forget)


def _parameters(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """As a value: a tuple of the float leaves."""
    slots = _arguments(frame, node, ["model"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    let, read = frame.temporary("model", supplied_expr(frame, slots[0]))
    leaves = [
        leaf
        for _, leaf in leaves_of(frame, read)
        if getattr(resolve_dtype(_tensor_type(leaf).dtype), "is_float", False)
    ]
    kind = types.Tuple(tuple(leaf.type for leaf in leaves))
    return tree.Block(node.span, kind, (let,), tree.Make(node.span, kind, tuple(leaves)))


def _tensor_type(leaf: tree.Expr) -> Tensor:
    kind = resolve(leaf.type)
    assert isinstance(kind, Tensor)
    return kind


def _count_parameters(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["model"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    let, read = frame.temporary("model", supplied_expr(frame, slots[0]))
    total = count_leaves(frame, read, node.span)
    return tree.Block(node.span, INT, (let,), total)


def _summary(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """A table of the leaves of a model: name, type, number of parameters."""
    slots = _arguments(frame, node, ["model"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    let, read = frame.temporary("model", supplied_expr(frame, slots[0]))
    kind = final(resolve(read.type))
    rows = [(name, final(leaf.type), leaf) for name, leaf in leaves_of(frame, read)]
    name_width = max([len(n) for n, _, _ in rows] + [9])
    type_width = max([len(types.show(t)) for _, t, _ in rows] + [4])
    parts: list[tree.Expr] = []

    def text(value: str) -> None:
        parts.append(tree.Constant(node.span, STRING, value))

    text(
        f"{types.show(kind)}\n  {'parameter':<{name_width}}  {'type':<{type_width}}  {'count':>9}\n"
    )
    for name, leaf_kind, leaf in rows:
        text(f"  {name:<{name_width}}  {types.show(leaf_kind):<{type_width}}  ")
        count = count_leaves(frame, leaf, node.span)
        parts.append(apply_op(frame, REGISTRY["format"], [count], {"spec": ">9,d"}, node.span))
        text("\n")
    text(f"  {'total':<{name_width}}  {'':<{type_width}}  ")
    total = count_leaves(frame, read, node.span)
    parts.append(apply_op(frame, REGISTRY["format"], [total], {"spec": ">9,d"}, node.span))
    result = parts[0]
    for part in parts[1:]:
        result = apply_op(frame, REGISTRY["string_concat"], [result, part], {}, node.span)
    return tree.Block(node.span, STRING, (let,), result)


def _save(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["model", "path"], 2)
    if slots is None or slots[0] is None or slots[1] is None:
        return broken(node)
    value = supplied_expr(frame, slots[0])
    path = coerce(frame, supplied_expr(frame, slots[1], STRING), STRING, "a path is text")
    let, read = frame.temporary("model", value)
    leaves = list(leaves_of(frame, read))
    names = tuple(name or "value" for name, _ in leaves)
    operands = [path, *(leaf for _, leaf in leaves)]
    saved = apply_op(frame, REGISTRY["save_tensors"], operands, {"names": names}, node.span)
    return tree.Block(node.span, UNIT, (let, tree.Evaluate(node.span, saved)), None)


def _load(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """`load(Type, path)`: a value of that type from a file that `save` wrote."""
    slots = _arguments(frame, node, ["type", "path"], 2)
    if slots is None or slots[0] is None or slots[1] is None:
        return broken(node)
    given = slots[0].value
    path = coerce(frame, supplied_expr(frame, slots[1], STRING), STRING, "a path is text")
    let, read = frame.temporary("path", path)
    if not isinstance(given, ast.Expr):
        return broken(node)
    kind = resolve_type(Scope(frame), HOOKS["as_type"](given))
    if kind == BROKEN:
        return broken(node)
    value = _loaded(frame, kind, read, "", node.span)
    return tree.Block(node.span, value.type, (let,), value)


def _loaded(frame: Frame, kind: Type, path: tree.Expr, name: str, span: Span) -> tree.Expr:
    kind = resolve(kind)
    match kind:
        case Tensor(dtype, shape):
            sizes = [size_expr(d, path, a, span) for a, d in enumerate(shape)]
            if any(isinstance(d, dims.Unknown) for d in shape):
                sizes = []
            attributes = {"name": name or "value", "dtype": dtype, "rank": len(shape)}
            value = apply_op(frame, REGISTRY["load_tensor"], [path, *sizes], attributes, span)
            return coerce(frame, value, kind)
        case types.Struct():
            names = kind.declaration.field_names
            items = tuple(
                _loaded(frame, t, path, f"{name}.{n}" if name else n, span)
                for n, t in zip(names, HOOKS["fields"](frame, kind))
            )
            return tree.Make(span, kind, items)
        case types.Tuple(parts):
            items = tuple(
                _loaded(frame, t, path, f"{name}.{i}" if name else str(i), span)
                for i, t in enumerate(parts)
            )
            return tree.Make(span, kind, items)
        case types.Closure(captured=()):
            return tree.MakeClosure(span, kind, ())
    return frame.error(
        "E0329", f"a value of type {types.show(kind)} cannot be loaded from a file", span
    )


# --- Randomness ----------------------------------------------------------------------------------


def _seed(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = _arguments(frame, node, ["value"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    value = coerce(frame, supplied_expr(frame, slots[0], INT), INT, "a seed is an int")
    return apply_op(frame, REGISTRY["seed"], [value], {}, node.span)


def _reshape(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """`reshape(x, shape)`, where one size may be `-1`: whatever is left."""
    slots = _arguments(frame, node, ["x", "shape"], 2)
    found = None if slots is None or slots[0] is None else _tensor_argument(frame, slots[0])
    if found is None or slots is None or slots[1] is None:
        return broken(node)
    value, kind = found
    sizes = sizes_of(frame, slots[1])
    if sizes is None:
        return broken(node)
    let, read = frame.temporary("x", value)
    open_axes = [i for i, s in enumerate(sizes) if known(s) == -1]
    if len(open_axes) > 1:
        return frame.error("E0321", "only one size can be left open with -1", slots[1].span)
    if open_axes:
        count: tree.Expr = tree.Constant(node.span, INT, 1)
        for axis, dim in enumerate(kind.shape):
            count = binary(frame, "*", count, size_expr(dim, read, axis, node.span), node.span)
        for i, size in enumerate(sizes):
            if i != open_axes[0]:
                count = _divided(frame, count, size, node.span)
        sizes[open_axes[0]] = count
    shaped = apply_op(frame, REGISTRY["reshape"], [read, *sizes], {}, node.span)
    return tree.Block(node.span, shaped.type, (let,), shaped)


def _divided(frame: Frame, count: tree.Expr, size: tree.Expr, span: Span) -> tree.Expr:
    if known_dim(size) == 1:
        return count
    return binary(frame, "//", count, size, span)


# --- Matrix products -----------------------------------------------------------------------------


def matrix_product(frame: Frame, left: tree.Expr, right: tree.Expr, span: Span) -> tree.Expr:
    """`a @ b`: matrices, batches of matrices, and vectors on either side."""
    a, b = resolve(left.type), resolve(right.type)
    if not isinstance(a, Tensor) or not isinstance(b, Tensor) or not a.shape or not b.shape:
        bad = left if not isinstance(a, Tensor) or not a.shape else right
        return frame.error(
            "E0313",
            "`@` multiplies matrices and vectors",
            bad.span,
            f"this is {types.show(resolve(bad.type))}",
        )
    if not unify_dtypes(a.dtype, b.dtype):
        HOOKS["different_dtypes"](frame, left, right, "`@`")
        return tree.Constant(span, BROKEN, None)
    if _chain_error(frame, left, right, a, b):
        return tree.Constant(span, BROKEN, None)
    lets: list[tree.Statement] = []
    if len(a.shape) == 1:
        left = _with_axis(frame, left, a, 0, lets, span)
    if len(b.shape) == 1:
        right = _with_axis(frame, right, b, 1, lets, span)
    left, right = _same_batch(frame, left, right, lets, span)
    result = apply_op(frame, REGISTRY["matmul"], [left, right], {}, span)
    kind = resolve(result.type)
    if isinstance(kind, Tensor):
        dropped = [len(kind.shape) - 2] if len(a.shape) == 1 else []
        dropped += [len(kind.shape) - 1] if len(b.shape) == 1 else []
        if dropped:
            let, read = frame.temporary("product", result)
            lets.append(let)
            kept = [i for i in range(len(kind.shape)) if i not in dropped]
            sizes = [size_expr(kind.shape[i], read, i, span) for i in kept]
            result = apply_op(frame, REGISTRY["reshape"], [read, *sizes], {}, span)
    return tree.Block(span, result.type, tuple(lets), result) if lets else result


def _chain_error(frame: Frame, left: tree.Expr, right: tree.Expr, a: Tensor, b: Tensor) -> bool:
    columns = frame.simplify(a.shape[-1])
    rows = frame.simplify(b.shape[0 if len(b.shape) == 1 else -2])
    if dims.compare(columns, rows) is not dims.Verdict.DIFFERENT:
        return False
    what = "elements" if len(a.shape) == 1 else "columns"
    frame.error(
        "E0312",
        "these matrices do not chain",
        right.span,
        f"this is {types.show(b)}: {dims.show(rows)} {'elements' if len(b.shape) == 1 else 'rows'}",
        secondary=(Label(left.span, f"this is {types.show(a)}: {dims.show(columns)} {what}"),),
        helps=_transposed(right, columns, b),
    )
    return True


def _transposed(right: tree.Expr, columns: dims.Dim, b: Tensor) -> tuple[str, ...]:
    """The mend, when the right side fits the other way round."""
    if len(b.shape) == 2 and b.shape[1] == columns and len(right.span.text) < 40:
        return (f"`transpose({right.span.text})` would fit",)
    return ()


def _with_axis(
    frame: Frame,
    value: tree.Expr,
    kind: Tensor,
    axis: int,
    lets: list[tree.Statement],
    span: Span,
) -> tree.Expr:
    let, read = frame.temporary("vector", value)
    lets.append(let)
    sizes = [size_expr(kind.shape[0], read, 0, span)]
    sizes.insert(axis, tree.Constant(span, INT, 1))
    return apply_op(frame, REGISTRY["reshape"], [read, *sizes], {}, span)


def _same_batch(
    frame: Frame,
    left: tree.Expr,
    right: tree.Expr,
    lets: list[tree.Statement],
    span: Span,
) -> tuple[tree.Expr, tree.Expr]:
    """Batches of equal rank: a single matrix on the right is shared by folding the batch into the
    rows (nothing is copied); a single matrix on the left is stretched."""
    a, b = resolve(left.type), resolve(right.type)
    if not isinstance(a, Tensor) or not isinstance(b, Tensor) or len(a.shape) == len(b.shape):
        return left, right
    if len(a.shape) < len(b.shape):
        batch = b.shape[: len(b.shape) - len(a.shape)]
        return tree.Stretch(span, Tensor(a.dtype, (*batch, *a.shape)), left), right
    batch = a.shape[: len(a.shape) - len(b.shape)]
    return left, tree.Stretch(span, Tensor(b.dtype, (*batch, *b.shape)), right)


HOOKS["shape_of"] = shape_of
HOOKS["matrix_product"] = matrix_product
HOOKS["abort"] = abort

BUILTINS = (
    *derived.BUILTINS,
    Builtin("print", _print, 'print(values..., end: "\\n"): values separated by spaces.'),
    Builtin("str", _str, "str(x): the text that print shows."),
    Builtin("abort", _abort, "abort(message): stop the program with an error."),
    Builtin("equal", _equal, "equal(a, b): one bool, whether two values are equal in every part."),
    Builtin(
        "assert_close",
        _assert_close,
        "assert_close(a, b, tolerance: 1e-6): stop unless all floats are close, absolutely or "
        "relatively.",
    ),
    Builtin("len", _len, "len(x): elements of a list, characters of a string, rows of a tensor."),
    Builtin("shape", _shape, "shape(x): the sizes of a tensor's axes."),
    Builtin("size", _size, "size(x, axis): the size of one axis; without axis, of all together."),
    _constant_filled(0),
    _constant_filled(1),
    Builtin("full", _full, "full(shape, value, dtype): a tensor filled with one number."),
    _like("zeros_like", 0),
    _like("ones_like", 1),
    _like("full_like", None),
    Builtin("tensor", _tensor, "tensor(list, dtype): a tensor of a list of numbers or tensors."),
    Builtin("to_list", _to_list, "to_list(x): the elements along the first axis as a list."),
    Builtin("push", _push, "xs.push(x): append; push(xs, x): a new list with x at its end."),
    Builtin("pop", _pop, "xs.pop(): take the last element; pop(xs): (the rest, the last)."),
    Builtin("insert", _insert, "xs.insert(i, x): insert before index i."),
    Builtin("remove", _remove, "xs.remove(i): take out the element at index i."),
    Builtin("map", _map, "map(f, a, b...): over elements of lists, or float leaves of structs."),
    Builtin("parameters", _parameters, "parameters(model): its float tensors, as a tuple."),
    Builtin("count_parameters", _count_parameters, "count_parameters(model): how many floats."),
    Builtin("summary", _summary, "summary(model): a table of its parameters, as text."),
    Builtin("save", _save, "save(model, path): write its tensors (.npz, .safetensors)."),
    Builtin("load", _load, "load(Type, path): a value that save has written."),
    Builtin("seed", _seed, "seed(n): fix every random draw from here on."),
    Builtin("reshape", _reshape, "reshape(x, shape): one size may be -1."),
)
