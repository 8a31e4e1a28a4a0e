"""Counted loops.

Where `guards` finds what would make a loop free of checks, it is written twice (`guarded.py`).

A loop looks now and then whether the user has pressed Ctrl-C: at every turn where a turn is long,
every few thousand turns of a plain loop, so that LLVM sees one, and never in nests of loops that
are over soon (see `duration.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from charl.backend.llvm.control import Carried, block_registers, initial, poll
from charl.backend.llvm.duration import PLAIN_TURNS, is_brief, is_plain
from charl.backend.llvm.functions import FunctionWriter, writer
from charl.backend.llvm.guarded import is_literal, two_versions
from charl.backend.llvm.layout import Held
from charl.backend.llvm.module import WRITTEN_OUT
from charl.core.ir import Block, Statement, Value
from charl.records import record
from charl.transform.guards import guard_of

# Small counters that step no further than this do not overflow within that many turns.
LARGEST_STEP = 1 << 40


@record
class Start:
    """How a loop begins: the registers of its bounds and of what it carries; `stays` are pointers
    that all turns share."""

    low: str
    high: str
    step: str
    first: Sequence[str]
    stays: Mapping[Value, str]


@writer("for")
def _for(w: FunctionWriter, s: Statement) -> None:
    low, high, step = (w.of(v) for v in s.operands[:3])
    (body,) = s.blocks
    start = Start(low, high, step, *initial(w, s, body.parameters[1:]))
    plain = is_plain(w, body) and (not is_literal(step) or 0 < abs(int(step)) <= LARGEST_STEP)
    guard = guard_of(s, w.ranges) if plain else None
    if guard is None:
        turns_of(w, s, start, free=False).give(s.results)
        return
    conditions = []
    if not is_literal(step):
        less = w.text.let(f"sub i64 {step}, 1")
        conditions.append(w.text.let(f"icmp ult i64 {less}, {LARGEST_STEP}"))
    two_versions(w, s, guard, conditions, lambda free: turns_of(w, s, start, free=free))


# --- Turns ---------------------------------------------------------------------------------------


@record
class Count:
    """What a loop counts: from `low` by `step` as long as it has not reached `high`. The counter of
    the program is `origin` + `scale` times that."""

    low: str
    high: str
    step: str
    origin: str = "0"
    scale: str = "1"

    @property
    def downwards(self) -> bool:
        return self.step.startswith("-")

    def goes_on(self, w: FunctionWriter, index: str, end: str) -> str:
        return w.text.let(f"icmp {'sgt' if self.downwards else 'slt'} i64 {index}, {end}")

    def counter(self, w: FunctionWriter, index: str) -> str:
        if self.scale == "1":
            return index
        gone = w.text.let(f"mul i64 {index}, {self.scale}")
        return w.text.let(f"add i64 {self.origin}, {gone}")


def count_of(w: FunctionWriter, start: Start, *, free: bool) -> Count:
    """The counter itself is counted where it cannot overflow, because it counts by one or a guard
    holds; elsewhere turns are, so that the loop ends whatever its step is."""
    if start.step == "1" or free:
        return Count(start.low, start.high, start.step)
    call = w.declare("charl_turns", "i64", ["i64", "i64", "i64"])
    bounds = f"i64 {start.low}, i64 {start.high}, i64 {start.step}"
    turns = w.text.let(f"call i64 {call}({bounds})")
    return Count("0", turns, "1", start.low, start.step)


def turns_of(w: FunctionWriter, s: Statement, start: Start, *, free: bool) -> Carried:
    """All turns of a loop; what they leave."""
    (body,) = s.blocks
    count = count_of(w, start, free=free)
    head, turn, end = (w.text.label(x) for x in ("for", "turn", "for.end"))
    before = w.text.here
    w.text.place(head)
    index, gap = w.text.open_phi("i64")
    carried = Carried(w, body.parameters[1:], start.stays)
    w.text.branch(count.goes_on(w, index, count.high), turn, end)
    w.text.place(turn)
    if is_brief(w, s):
        following, names = turn_of(w, body, count, index, carried)
    elif is_plain(w, body):
        following, names = stretch(w, body, count, index, carried)
        poll(w)
    else:
        poll(w)
        following, names = turn_of(w, body, count, index, carried)
    incoming, values = [(count.low, before)], [(start.first, before)]
    if w.text.reached:
        incoming.append((following, w.text.here))
        values.append((names, w.text.here))
        w.text.jump(head, WRITTEN_OUT if s in w.written_out else "")
    w.text.fill(gap, incoming)
    carried.fill(values)
    w.text.place(end)
    return carried


def turn_of(
    w: FunctionWriter, body: Block, count: Count, index: str, carried: Carried
) -> tuple[str, Sequence[str]]:
    """One turn: the next index, and the registers of what is carried to it."""
    symbols = w.scope()
    w.bind(body.parameters[0], Held(count.counter(w, index)))
    carried.bind()
    w.block(body)
    names = block_registers(w, body, body.parameters[1:]) if w.text.reached else []
    w.restore(symbols)
    return w.text.let(f"add nsw i64 {index}, {count.step}"), names


def stretch(
    w: FunctionWriter, body: Block, count: Count, index: str, carried: Carried
) -> tuple[str, Sequence[str]]:
    """As many turns as there are between two looks, at least one; the same as of one turn."""
    ends = (index, count.high) if count.downwards else (count.high, index)
    left = w.text.let(f"sub i64 {ends[0]}, {ends[1]}")
    step = count.step.lstrip("-")
    most = w.text.let(f"mul i64 {step}, {PLAIN_TURNS}")
    few = w.text.let(f"icmp ult i64 {left}, {most}")
    way = w.text.let(f"select i1 {few}, i64 {left}, i64 {most}")
    pause = w.text.let(f"{'sub' if count.downwards else 'add'} i64 {index}, {way}")
    before, turn, after = w.text.here, w.text.label("turn"), w.text.label("pause")
    w.text.place(turn)
    place, gap = w.text.open_phi("i64")
    within = Carried(w, carried.parameters, carried.stays)
    following, names = turn_of(w, body, count, place, within)
    incoming = [(index, before)]
    values: list[tuple[Sequence[str], str]] = [(carried.names, before)]
    if w.text.reached:
        incoming.append((following, w.text.here))
        values.append((names, w.text.here))
        w.text.branch(count.goes_on(w, following, pause), turn, after)
    w.text.fill(gap, incoming)
    within.fill(values)
    if len(incoming) > 1:
        w.text.place(after)
    return following, names
