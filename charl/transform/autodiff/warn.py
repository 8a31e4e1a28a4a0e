"""What a user is told about a gradient: W0401, W0402 and E0491.

A gradient that can only be zero is a mistake more often than not. `y` may not depend on an x at all
(W0401), or every way from x to y may pass through something without a gradient, which is then named
(W0402). Where one x of the program became several values (the leaves of a struct), the attribute
`groups` of the statement holds how many values each x became, and an x is complained about only
when none of its leaves has a gradient.

A value that a loop carries depends on what earlier iterations made of x; a gradient inside the
loop cannot follow it there, and says so rather than leave that part out (E0491).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from charl.core.clone import free_values
from charl.core.ir import Block, Statement, Value
from charl.diagnostics.diagnostic import Diagnostic, Label, error
from charl.transform.autodiff.activity import carried
from charl.transform.autodiff.state import Differentiation

Visible = Sequence[tuple[Block, int]]
OPERATORS = {
    "floor_div": "//",
    "mod": "%",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "cast": "as",
    "list_length": "len",
    "dim": "len",
}


def about(
    state: Differentiation, gradient: Statement, visible: Visible, useful: set[Value]
) -> Iterator[Diagnostic]:
    """The diagnostics for one gradient; `useful` are the values that it reaches."""
    y, *xs = gradient.operands
    start = 0
    for size in gradient.attributes.get("groups", (1,) * len(xs)):
        group = xs[start : start + size]
        start += size
        if group and not any(x in useful for x in group):
            yield without_path(state, gradient, visible, y, group)
    yield from earlier_iterations(state, gradient, visible)


def without_path(
    state: Differentiation, gradient: Statement, visible: Visible, y: Value, xs: Sequence[Value]
) -> Diagnostic:
    what = f"`{y.name}`" if y.name else "the result"
    statements = [s for block, stop in visible for s in block.statements[:stop]]
    cut = find_cut(state, statements, set(xs), {y}, frozenset())
    if cut is None:
        wrt = f"`{xs[0].name}`" if xs[0].name else "what it is taken with respect to"
        return error(
            "W0401",
            f"this gradient is zero: {what} does not depend on {wrt}",
            gradient.span,
            "always zero",
            helps=("take the gradient with respect to a value that the result is computed from",),
        )
    name = OPERATORS.get(cut.op.name, cut.op.surface or cut.op.name)
    return error(
        "W0402",
        f"this gradient is zero: every way to {what} passes through `{name}`",
        gradient.span,
        "always zero",
        secondary=() if cut.span is None else (Label(cut.span, "no gradient passes here"),),
        notes=(f"`{name}` has no gradient: {cut.op.no_gradient}",) if cut.op.no_gradient else (),
    )


def find_cut(
    state: Differentiation,
    statements: Sequence[Statement],
    xs: set[Value],
    ys: set[Value],
    entered: frozenset[str],
) -> Statement | None:
    """The first statement on a way from xs to ys, of whatever kind, that a gradient stops at.

    `entered` are the functions that the search is already in.
    """
    reached, varied = set(xs), set(xs)
    state.activity.vary(statements, varied)
    for statement in statements:
        if any(v in reached for v in used(statement)):
            reached.update(statement.results)
    if not ys & reached:
        return None
    wanted = set(ys)
    for statement in reversed(statements):
        if any(r in wanted for r in statement.results):
            wanted.update(used(statement))
    for statement in statements:
        on_the_way = any(r in wanted and r in reached for r in statement.results)
        passes = any(r in varied and r in wanted for r in statement.results)
        if on_the_way and not passes and any(v in varied for v in used(statement)):
            cut = inside(state, statement, varied, wanted, entered)
            if cut is not None:
                return cut
    return None


def used(statement: Statement) -> Sequence[Value]:
    return (*statement.operands, *free_values(*statement.blocks))


def inside(
    state: Differentiation,
    statement: Statement,
    varied: set[Value],
    wanted: set[Value],
    entered: frozenset[str],
) -> Statement | None:
    """The statement in nested blocks or a called function at which it stops, else this one; None
    for a call of a function that does not use what it is given."""
    name = str(statement.attributes.get("function"))
    if statement.op.name == "call" and name not in entered:
        body = state.functions[name].body
        xs = {p for p, v in zip(body.parameters, statement.operands) if v in varied}
        ys = {r for r, v in zip(body.results, statement.results) if v in wanted}
        return find_cut(state, body.statements, xs, ys, entered | {name})
    for block in statement.blocks:
        for inner in block.statements:
            stops = not any(r in varied for r in inner.results)
            if inner.results and stops and any(v in varied for v in used(inner)):
                return inside(state, inner, varied, set(inner.results), entered)
    return statement


def earlier_iterations(
    state: Differentiation, gradient: Statement, visible: Visible
) -> Iterator[Diagnostic]:
    """E0491 for a path from an x through a value that an enclosing loop carries."""
    y, *xs = gradient.operands
    for depth, (block, stop) in enumerate(visible[:-1]):
        loop = block.statements[stop]
        if loop.op.name not in ("for", "while"):
            continue
        outside = set(xs) & defined_before(visible[: depth + 1])
        for around, limit in visible[: depth + 1]:
            state.activity.vary(around.statements[:limit], outside)
        state.activity.vary([loop], outside)
        through = {p for p in carried(loop)[1] if p in outside and p not in xs}
        for around, limit in visible[depth + 1 :]:
            state.activity.vary(around.statements[:limit], through)
        if y in through:
            yield error(
                "E0491",
                "this gradient would have to go back into earlier iterations of the loop around it",
                gradient.span,
                "depends on a value that the loop changes",
                secondary=() if loop.span is None else (Label(loop.span, "this loop"),),
                helps=(
                    "take the gradient of a function that holds the whole loop",
                    "or cut the path with `stop_gradient`",
                ),
            )
            return


def defined_before(visible: Visible) -> set[Value]:
    found: set[Value] = set()
    for block, stop in visible:
        found.update(block.parameters)
        found.update(r for s in block.statements[:stop] for r in s.results)
    return found
