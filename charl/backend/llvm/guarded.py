"""A loop written twice, behind what `transform/guards.py` says is to be looked at once.

What the guard needs is looked at before the first turn; then either version runs from there to the
end: the one without the checks that the guard spares, or the one that checks at every turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from charl.backend.llvm import lists
from charl.backend.llvm.control import Carried
from charl.backend.llvm.functions import FunctionWriter
from charl.backend.llvm.layout import held_in, register_types
from charl.core.ir import Statement, Value
from charl.transform.guards import MOST_TURNS, Guard, Inside
from charl.transform.ranges import Check
from charl.types import dims
from charl.types.dims import Dim


def two_versions(
    w: FunctionWriter,
    s: Statement,
    guard: Guard,
    conditions: Sequence[str],
    write: Callable[[bool], Carried],
) -> None:
    """Both versions of a loop; `write` writes one, free of checks or not. `conditions` must hold
    beside the guard for the free one."""
    free, checked, after = (w.text.label(x) for x in ("free", "checked", "after"))
    holds, spared = guarded(w, s, guard, conditions)
    w.text.branch(holds, free, checked)
    ends = []
    for label, checks in ((free, spared), (checked, frozenset[Check]())):
        w.text.place(label)
        before, w.spared = w.spared, checks
        carried = write(label == free)
        w.spared = before
        w.failures = {}  # what was written for one version does not know the other's registers
        ends.append((carried.names, w.text.here))
        w.text.jump(after)
    w.text.place(after)
    place = 0
    for value, parameter in zip(s.results, carried.parameters):
        names = []
        for type in register_types(parameter.type):
            names.append(w.text.phi(type, [(found[place], label) for found, label in ends]))
            place += 1
        w.bind(value, held_in(names, value.type))


def guarded(
    w: FunctionWriter, s: Statement, guard: Guard, conditions: Sequence[str]
) -> tuple[str, frozenset[Check]]:
    """Whether the guard holds, and the checks that it spares."""
    symbols = w.scope()
    w.symbols.update({symbol: w.of(value) for symbol, value in guard.names.items()})
    spared = set(guard.safe)
    asked: dict[str, list[Inside]] = {}  # by the size
    for inside in guard.inside:
        size = size_of(w, s, inside.size)
        if size is not None and all(map(w.knows, (*inside.least, *inside.most))):
            asked.setdefault(size, []).append(inside)
            spared.add(inside.check)
    found = list(conditions)
    # Of one symbol alone, no sum can overflow: it need not be small for that.
    sums: list[Dim] = []

    def ask(comparison: str, dim: Dim, other: str) -> None:
        if dims.as_symbol(dim) is None:
            sums.append(dim)
        found.append(w.text.let(f"icmp {comparison} i64 {w.size(dim)}, {other}"))

    for size, insides in asked.items():
        for least in extremes((x for i in insides for x in i.least), greatest=False):
            if not (isinstance(least, int) and least >= 0):
                ask("sge", least, "0")
        for most in extremes((x for i in insides for x in i.most), greatest=True):
            ask("slt", most, size)
    if guard.turns is not None:
        if w.knows(guard.turns):
            ask("sle", guard.turns, str(MOST_TURNS))
        else:
            found.append("false")
    small = dict.fromkeys(w.of(v) for v in guard.small)
    small.update(dict.fromkeys(w.symbols[x] for dim in sums for x in dims.symbols(dim)))
    for name in small:
        if not is_literal(name):
            shifted = w.text.let(f"add i64 {name}, {guard.bound}")
            found.append(w.text.let(f"icmp ule i64 {shifted}, {2 * guard.bound}"))
    w.restore(symbols)
    holds = "true"
    for condition in found:
        holds = w.text.let(f"and i1 {holds}, {condition}")
    return holds, frozenset(spared)


def size_of(w: FunctionWriter, s: Statement, size: Dim | Value) -> str | None:
    """The register of a size, or of the length of a list; None where it is not known."""
    if isinstance(size, Value):
        parameters = s.blocks[-1].parameters
        carried = parameters[len(parameters) - len(s.results) :]
        stays = dict(zip(s.operands[len(s.operands) - len(s.results) :], carried))
        return lists.parts(w, stays.get(size, size))[0]
    return w.size(size) if w.knows(size) else None


def extremes(found: Iterable[Dim], *, greatest: bool) -> list[Dim]:
    """Those of which no other is known to be greater, or less."""
    kept: list[Dim] = []
    for dim in found:
        if not any(beyond(other, dim, greatest) for other in kept):
            kept = [other for other in kept if not beyond(dim, other, greatest)]
            kept.append(dim)
    return kept


def beyond(a: Dim, b: Dim, greatest: bool) -> bool:
    """Whether a is at least as great as b, or at most: for all values of their symbols."""
    if isinstance(a, dims.Unknown) or isinstance(b, dims.Unknown):
        return False
    apart = a - b if greatest else b - a
    return isinstance(apart, int) and apart >= 0


def is_literal(register: str) -> bool:
    return register.lstrip("-").isdecimal()
