"""`for` loops: every iterable becomes one counted loop with element bindings in front.

Iterables are ranges, tensors (along their first axis), lists, strings (characters), fixed-size
lists, and `enumerate`, `zip`, `progress`, `parameters` and `reversed` around them.
"""

from __future__ import annotations

from collections.abc import Callable

from charl.check import tree
from charl.check.arithmetic import as_list, binary
from charl.check.dispatch import check_expr, statement
from charl.check.frame import Frame
from charl.check.infer import coerce, resolve
from charl.check.known import known
from charl.check.leaves import unrolled
from charl.check.let import fix_integers
from charl.check.measures import list_length, size_expr
from charl.check.patterns import destructure
from charl.check.rules import apply_op
from charl.core.op import REGISTRY
from charl.diagnostics.diagnostic import error
from charl.records import field, record
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, types
from charl.types.types import BROKEN, INT, NEVER, STRING, UNIT, List, Tensor, Type


@record(frozen=False, eq=False)
class Iteration:
    """How to go through something: statements before, bounds, and the element at an index."""

    start: tree.Expr
    stop: tree.Expr
    step: tree.Expr
    element: Callable[[tree.Expr], tree.Expr]
    before: list[tree.Statement] = field(default_factory=list)
    each: list[tree.Statement] = field(default_factory=list)
    after: list[tree.Statement] = field(default_factory=list)


@statement(ast.For)
def check_for(frame: Frame, node: ast.For) -> list[tree.Statement]:
    leaves = unrolled(frame, node)
    if leaves is not None:
        return leaves
    with frame.scope():
        plan = iteration(frame, node.iterable)
        if plan is None:
            frame.loops += 1
            with frame.scope():
                destructure(frame, node.pattern, tree.Constant(node.span, BROKEN, None))
                check_expr(frame, node.body)
            frame.loops -= 1
            return []
        index = tree.Variable("index", INT, node.pattern.span)
        index.dim = dims.symbol("i")
        if isinstance(node.pattern, ast.NamePattern):
            index.name = node.pattern.name
        read = tree.Read(node.pattern.span, INT, index)
        frame.loops += 1
        with frame.scope():
            element = plan.element(read)
            if (
                element is read
                and isinstance(node.pattern, ast.NamePattern)
                and node.pattern.name not in frame.assigned
            ):
                frame.bind(node.pattern.name, index)
                bindings: list[tree.Statement] = []
            else:
                bindings = destructure(frame, node.pattern, element)
            inner = check_expr(frame, node.body)
        frame.loops -= 1
    body = tree.Block(
        node.body.span, UNIT, (*plan.each, *bindings, tree.Evaluate(node.body.span, inner)), None
    )
    loop = tree.For(node.span, index, plan.start, plan.stop, plan.step, body)
    return [*plan.before, loop, *plan.after]


def iteration(frame: Frame, node: ast.Expr) -> Iteration | None:
    """The plan for an iterable; None after a report."""
    if isinstance(node, ast.Call) and isinstance(node.callee, ast.Name):
        special = SPECIAL.get(node.callee.name)
        entry = frame.look_up(node.callee.name)
        if special is not None and (entry is None or not isinstance(entry, tree.Variable)):
            return special(frame, node)
    value = check_expr(frame, node)
    return over_value(frame, value, node.span)


def over_value(frame: Frame, value: tree.Expr, span: Span) -> Iteration | None:
    fix_integers(value.type)  # a loop binds its variable as `let` does
    kind = resolve(value.type)
    zero, one = tree.Constant(span, INT, 0), tree.Constant(span, INT, 1)
    if isinstance(kind, types.Range):
        return _over_range(frame, value, span)
    if isinstance(kind, types.Array):
        value = as_list(value)
        kind = resolve(value.type)
    let, read = frame.temporary("items", value)
    match kind:
        case Tensor(shape=shape) if shape:
            stop = size_expr(shape[0], read, 0, span)
            return Iteration(
                zero,
                stop,
                one,
                lambda i: apply_op(frame, REGISTRY["index"], [read, i], {}, span),
                [let],
            )
        case List(element):
            length = list_length(read, span)
            return Iteration(
                zero,
                length,
                one,
                lambda i: tree.Apply(
                    span, frame.opened(resolve(element)), REGISTRY["list_get"], (read, i), {}
                ),
                [let],
            )
        case types.String():
            length = list_length(read, span)
            return Iteration(
                zero,
                length,
                one,
                lambda i: tree.Apply(span, STRING, REGISTRY["string_index"], (read, i), {}),
                [let],
            )
    if kind not in (BROKEN, NEVER):
        _not_iterable(frame, kind, span)
    return None


def _over_range(frame: Frame, value: tree.Expr, span: Span) -> Iteration:
    if isinstance(value, tree.Make):
        start, stop, step = value.items
        checks = [] if known(step) else [_not_zero(frame, step)]
        return Iteration(start, stop, step, lambda i: i, checks)
    let, read = frame.temporary("range", value)
    parts = [tree.Get(span, INT, read, i) for i in range(3)]
    return Iteration(parts[0], parts[1], parts[2], lambda i: i, [let])


def _not_iterable(frame: Frame, kind: Type, span: Span) -> None:
    helps: tuple[str, ...] = ()
    if isinstance(kind, Tensor):
        helps = (f"count with a range: `0..{span.text}`",)
    frame.error(
        "E0325",
        f"{types.show(kind)} cannot be looped over",
        span,
        f"this is {types.show(kind)}",
        helps=helps,
    )


def _not_zero(frame: Frame, step: tree.Expr) -> tree.Statement:
    zero = tree.Constant(step.span, INT, 0)
    moves = apply_op(frame, REGISTRY["ne"], [step, zero], {}, step.span)
    return tree.Require(
        step.span, moves, (), error("E0506", "the step of a range cannot be 0", step.span)
    )


def _one_argument(frame: Frame, node: ast.Call) -> ast.Expr | None:
    if len(node.arguments) >= 1:
        return node.arguments[0].value
    frame.error("E0221", f"`{node.callee.span.text}` needs something to loop over", node.span)
    return None


def _enumerate(frame: Frame, node: ast.Call) -> Iteration | None:
    """Pairs of a count from 0 and the element."""
    inner = _one_argument(frame, node)
    plan = None if inner is None else iteration(frame, inner)
    if plan is None:
        return None
    span, element, start, step = node.span, plan.element, plan.start, plan.step

    def pair(i: tree.Expr) -> tree.Expr:
        item = element(i)
        count = binary(frame, "//", binary(frame, "-", i, start, span), step, span)
        return tree.Make(span, types.Tuple((INT, item.type)), (count, item))

    return Iteration(start, plan.stop, step, pair, plan.before, plan.each, plan.after)


def _zip(frame: Frame, node: ast.Call) -> Iteration | None:
    """Tuples of elements side by side, as long as the shortest."""
    plans = [iteration(frame, a.value) for a in node.arguments]
    found = [p for p in plans if p is not None]
    if len(found) < len(plans) or not found:
        if not plans:
            frame.error("E0221", "`zip` needs something to loop over", node.span)
        return None
    span = node.span
    count = _count(frame, found[0], span)
    before = [s for p in found for s in p.before]
    for plan in found[1:]:
        other = _count(frame, plan, span)
        count = apply_op(frame, REGISTRY["minimum"], [count, other], {}, span)

    def items(i: tree.Expr) -> tree.Expr:
        parts = []
        for plan in found:
            moved = binary(frame, "+", plan.start, binary(frame, "*", i, plan.step, span), span)
            parts.append(plan.element(moved))
        return tree.Make(span, types.Tuple(tuple(p.type for p in parts)), tuple(parts))

    zero, one = tree.Constant(span, INT, 0), tree.Constant(span, INT, 1)
    each = [s for p in found for s in p.each]
    after = [s for p in found for s in p.after]
    return Iteration(zero, count, one, items, before, each, after)


def _count(frame: Frame, plan: Iteration, span: Span) -> tree.Expr:
    """How many elements a plan visits: `ceil((stop - start) / step)`, for positive steps."""
    distance = binary(frame, "-", plan.stop, plan.start, span)
    if isinstance(plan.step, tree.Constant) and plan.step.value == 1:
        return distance
    one = tree.Constant(span, INT, 1)
    rounded = binary(frame, "+", distance, binary(frame, "-", plan.step, one, span), span)
    return binary(frame, "//", rounded, plan.step, span)


def _progress(frame: Frame, node: ast.Call) -> Iteration | None:
    """The same elements, with a progress bar on the terminal."""
    inner = _one_argument(frame, node)
    plan = None if inner is None else iteration(frame, inner)
    if plan is None:
        return None
    span = node.span
    label: tree.Expr = tree.Constant(span, STRING, "")
    if len(node.arguments) > 1:
        label = coerce(
            frame, check_expr(frame, node.arguments[1].value, STRING), STRING, "the label"
        )
    start = apply_op(
        frame, REGISTRY["progress_start"], [_count(frame, plan, span), label], {}, span
    )
    let, handle = frame.temporary("progress", start)
    advance = apply_op(frame, REGISTRY["progress_advance"], [handle], {}, span)
    finish = apply_op(frame, REGISTRY["progress_finish"], [handle], {}, span)
    return Iteration(
        plan.start,
        plan.stop,
        plan.step,
        plan.element,
        [*plan.before, let],
        [tree.Evaluate(span, advance), *plan.each],
        [*plan.after, tree.Evaluate(span, finish)],
    )


SPECIAL = {"enumerate": _enumerate, "zip": _zip, "progress": _progress}
