"""Items that leave their list while they are changed.

`grid[i][j] = v` reads row i of the grid, changes it, and puts it back. Held by both the grid and
the statement that changes it, the row would have to be copied every time. But where nothing looks
at the grid between the change and the putting back, and the grid ends there, the row may leave it
for that while: if nobody else holds the grid, a list without elements takes its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from charl.core.clone import free_values
from charl.core.ir import Block, Function, Statement, Value
from charl.transform.ownership import Ownership
from charl.types.types import List

# A list and the index of the item that leaves it.
Left = tuple[Value, Value]


def items_taken_out(function: Function, plan: Ownership) -> dict[Statement, Left]:
    """The statements that change a list which then goes back to where it was read."""
    found: dict[Statement, Left] = {}
    for block in _blocks(function.body):
        for place, get in enumerate(block.statements):
            if get.op.name == "list_get" and isinstance(get.results[0].type, List):
                change = _comes_back(get, block.statements[place + 1 :], plan)
                if change is not None:
                    found[change] = (get.operands[0], get.operands[1])
    return found


def _blocks(block: Block) -> Iterator[Block]:
    yield block
    for statement in block.statements:
        for inner in statement.blocks:
            yield from _blocks(inner)


def _comes_back(get: Statement, later: Sequence[Statement], plan: Ownership) -> Statement | None:
    """The statement at which the item, its first operand, ends, if the list is then not looked at
    before it is put together again."""
    (xs, index), (item,) = get.operands, get.results
    change = None
    for statement in later:
        if change is None:
            if item in plan.dying.get(statement, ()):
                if statement.operands.count(item) > 1 or statement.operands[0] is not item:
                    return None
                change = statement
            elif xs in plan.dying.get(statement, ()):
                return None
            else:
                continue
        puts_back = statement.op.name == "list_set" and statement.operands[:2] == (xs, index)
        if puts_back:
            return change if xs in plan.dying.get(statement, ()) else None
        if xs in statement.operands or xs in free_values(*statement.blocks):
            return None
    return None
