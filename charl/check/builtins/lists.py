"""Lists that grow and shrink, and `map`.

`xs.push(x)` as a method changes the variable it is called on: it is checked as the assignment of
the new list to that place. `push(xs, x)` as a function gives the new list. `map` over lists becomes
a loop; over structs, one application for each float leaf.
"""

from __future__ import annotations

from charl.check import late, tree
from charl.check.arithmetic import as_list
from charl.check.assignment import assign_place
from charl.check.builtins.arguments import take_arguments
from charl.check.declarations import Builtin
from charl.check.dispatch import broken, check_expr
from charl.check.frame import Frame
from charl.check.function_values import call_value
from charl.check.indexing import int_index
from charl.check.infer import coerce, final, mismatch, resolve
from charl.check.leaves import Leafwise, over_leaves
from charl.check.literals import list_make
from charl.check.measures import list_length
from charl.check.naming import is_place
from charl.check.rules import apply_op, supplied_expr
from charl.check.signatures import Supplied
from charl.core.op import REGISTRY
from charl.diagnostics.diagnostic import error
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, types
from charl.types.types import BROKEN, INT, NEVER, UNIT, List, Tensor, Type


def _list_value(frame: Frame, slot: Supplied, name: str) -> tree.Expr | None:
    value = as_list(supplied_expr(frame, slot))
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
    value = as_list(supplied_expr(frame, slot, kind.element))
    return coerce(frame, value, kind.element, f"the elements are {types.show(kind.element)}")


def _store(
    frame: Frame, slot: Supplied, new: tree.Expr, node: ast.Call
) -> list[tree.Statement] | None:
    """`xs.push(v)` updates the variable; `push(xs, v)` of something else gives a new list."""
    if isinstance(slot.value, ast.Expr) and is_place(slot.value) and _is_method(node, slot.value):
        return assign_place(frame, slot.value, new)
    return None


def _is_method(node: ast.Call, first: ast.Expr) -> bool:
    """Written as `xs.push(v)`: the callee's name stands after its first argument."""
    return isinstance(node.callee, ast.Name) and first.span.start < node.callee.span.start


def _push(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = take_arguments(frame, node, ["xs", "value"], 2)
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
    slots = take_arguments(frame, node, ["xs"], 1)
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
    slots = take_arguments(frame, node, ["xs", "index", "value"], 3)
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
    slots = take_arguments(frame, node, ["xs", "index"], 2)
    if slots is None or slots[0] is None or slots[1] is None:
        return broken(node)
    xs = _list_value(frame, slots[0], "remove")
    if xs is None or not isinstance(slots[1].value, ast.Expr):
        return broken(node)
    index = int_index(frame, slots[1].value)
    return _take(frame, node, slots[0], "list_remove", xs, (index,))


def _map(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """`map(f, a, b...)`: over the elements of lists, or the float leaves of structs and tensors."""
    return _mapped(frame, node, "map", over_elements=True)


def _map_leaves(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """`map_leaves(f, a, b...)`: over the float leaves, those inside the elements of lists too."""
    return _mapped(frame, node, "map_leaves", over_elements=False)


def _mapped(frame: Frame, node: ast.Call, name: str, over_elements: bool) -> tree.Expr:
    if len(node.arguments) < 2:
        return frame.error(
            "E0221", f"`{name}` needs a function and something to map over", node.span
        )
    function, *values = (check_expr(frame, a.value) for a in node.arguments)
    if not _is_function(function) and _is_function(values[0]):
        function, values[0] = values[0], function  # `xs |> map(f)`, `xs.map(f)`
    values = [as_list(value) for value in values]
    kinds = [resolve(v.type) for v in values]
    if BROKEN in (resolve(function.type), *kinds):
        return broken(node)
    let, read = frame.temporary("function", function)

    applied: list[Type] = []

    def apply(inner: Frame, *leaves: tree.Expr) -> tree.Expr:
        made = call_value(inner, read, [Supplied(leaf) for leaf in leaves], node.span)
        applied.append(made.type)
        return made

    if over_elements and isinstance(kinds[0], List):
        result = _map_list(frame, apply, values, node.span)
    else:
        result = over_leaves(frame, apply, values, node.span)
    if over_elements and not applied and result.type != BROKEN:
        return frame.error(
            "E0326",
            f"`map` goes over lists and floats, and {types.show(kinds[0])} holds none",
            values[0].span,
            f"this is {types.show(kinds[0])}",
        )
    return tree.Block(node.span, result.type, (let,), result)


def _is_function(value: tree.Expr) -> bool:
    return isinstance(resolve(value.type), types.Closure | types.Closures | types.Function)


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
    length = list_length(lists[0], span)
    for other in lists[1:]:
        same = apply_op(frame, REGISTRY["eq"], [length, list_length(other, span)], {}, span)
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


@late.widen_list.define
def widen_list(frame: Frame, value: tree.Expr, element: types.Closures) -> tree.Expr:
    """A list whose elements, known functions, are seen as some of several."""
    span = value.span
    if isinstance(value, tree.Apply) and value.op.name == "list_make":
        items = [tree.Widen(item.span, element, item) for item in value.operands]
        return list_make(span, element, list(items))
    return _map_list(frame, lambda inner, item: tree.Widen(span, element, item), [value], span)


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


BUILTINS = (
    Builtin("push", _push, "xs.push(x): append; push(xs, x): a new list with x at its end."),
    Builtin("pop", _pop, "xs.pop(): take the last element; pop(xs): (the rest, the last)."),
    Builtin("insert", _insert, "xs.insert(i, x): insert before index i."),
    Builtin("remove", _remove, "xs.remove(i): take out the element at index i."),
    Builtin("map", _map, "map(f, a, b...): over elements of lists, or float leaves of structs."),
    Builtin("map_leaves", _map_leaves, "map_leaves(f, a, b...): over all float leaves of values."),
)
