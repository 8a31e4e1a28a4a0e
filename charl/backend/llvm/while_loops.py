"""Loops with a condition.

They look after every turn whether the user has pressed Ctrl-C, unless they are known to be over
soon: by their ranges (`duration.py`), or because a guard has asked how many turns are left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from charl.backend.llvm.control import Carried, block_registers, initial, poll
from charl.backend.llvm.duration import is_brief, is_plain
from charl.backend.llvm.functions import FunctionWriter, writer
from charl.backend.llvm.guarded import two_versions
from charl.core.ir import Statement, Value
from charl.transform.guards import Guard, guard_of


@writer("while")
def _while(w: FunctionWriter, s: Statement) -> None:
    first, stays = initial(w, s, s.blocks[1].parameters)
    brief = is_brief(w, s)
    guard = guard_for(w, s, brief)
    if guard is None:
        turns_of(w, s, first, stays, polls=not brief).give(s.results)
        return
    short = brief or guard.turns is not None
    two_versions(
        w,
        s,
        guard,
        (),
        lambda free: turns_of(w, s, first, stays, polls=not (short if free else brief)),
    )


def guard_for(w: FunctionWriter, s: Statement, brief: bool) -> Guard | None:
    """The guard of a plain loop that would gain by it."""
    condition, body = s.blocks
    if not (is_plain(w, condition) and is_plain(w, body)):
        return None
    if any(x.op.name == "fail" for x in condition.walk()):
        return None
    guard = guard_of(s, w.ranges)
    if guard is None or (brief and not guard.safe and not guard.inside):
        return None
    return guard


def turns_of(
    w: FunctionWriter,
    s: Statement,
    first: Sequence[str],
    stays: Mapping[Value, str],
    *,
    polls: bool,
) -> Carried:
    """All turns of a loop; what they leave."""
    condition, body = s.blocks
    head, inner, end = (w.text.label(x) for x in ("while", "turn", "while.end"))
    before = w.text.here
    w.text.place(head)
    carried = Carried(w, body.parameters, stays)
    symbols = w.scope()
    carried.give(condition.parameters)
    w.block(condition)
    if not w.text.reached:
        carried.fill([(first, before)])
        return carried
    goes_on = w.of(condition.results[0])
    w.restore(symbols)
    w.text.branch(goes_on, inner, end)
    w.text.place(inner)
    carried.bind()
    w.block(body)
    incoming = [(first, before)]
    if w.text.reached:
        names = block_registers(w, body, body.parameters)
        if polls:
            poll(w)
        incoming.append((names, w.text.here))
        w.text.jump(head)
    w.restore(symbols)
    carried.fill(incoming)
    w.text.place(end)
    return carried
