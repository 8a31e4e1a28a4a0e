"""Elements that are taken out, changed and put back: `xs[i].push(v)`, `grid[i][j] = v`.

    %a = list_get %xs, %i          Lowered, an update deep in a list reads the element, updates it
    %b = list_push %a, %v          and sets it again. While the list still holds the element, it
    %ys = list_set %xs, %i, %b     has two owners, and every update would copy it.

Where nothing between the two touches the list, and the list dies with the `list_set`, the element
may be moved out of it: the list holds None for a while that nobody can see. `find_borrowed` names
such `list_get`s; the generated code still looks whether the list is owned.
"""

from __future__ import annotations

from charl.core.clone import free_values
from charl.core.ir import Block, Function, Statement, Value
from charl.interp.liveness import Plan, owns_memory

Place = tuple[Value | None, str]


def find_borrowed(function: Function, plan: Plan) -> set[Statement]:
    """The `list_get` statements whose element may leave the list until it is set again."""
    found: set[Statement] = set()
    _search(function.body, plan, found)
    return found


def _search(block: Block, plan: Plan, found: set[Statement]) -> None:
    """`out` are elements read before, by list and index, whose list was not touched since."""
    out: dict[Place, Statement] = {}
    for statement in block.statements:
        for inner in statement.blocks:
            _search(inner, plan, found)
        if statement in plan.dead or statement.op.name == "list_length":
            continue
        place = _place(statement, plan)
        if statement.op.name == "list_set" and place in out:
            xs = plan.canonical(statement.operands[0])
            if xs in plan.dying.get(statement, ()):
                found.add(out[place])
        touched = {plan.canonical(v) for v in statement.operands}
        touched.update(plan.canonical(v) for v in free_values(*statement.blocks))
        out = {key: get for key, get in out.items() if key[0] not in touched}
        if statement.op.name == "list_get" and owns_memory(statement.results[0].type):
            out[place] = statement


def _place(statement: Statement, plan: Plan) -> Place:
    """The list and the index that a `list_get` or `list_set` is about."""
    if statement.op.name not in ("list_get", "list_set"):
        return (None, "")
    xs, index, *_ = statement.operands
    return (plan.canonical(xs), plan.reference(index))
